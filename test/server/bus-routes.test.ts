import assert from "node:assert/strict";
import { test } from "node:test";
import { openRig } from "./rig.ts";

test("answers what the buses hold, to who has the token", async () => {
  await using rig = await openRig();
  const url = `${rig.url}/api/v1/tiphys/bus`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${rig.token}` } });
  const { buses } = (await response.json()) as {
    buses: { name: string; streams: { name: string; messages: number }[] }[];
  };
  assert.deepEqual(
    buses.map(({ name, streams }) => [name, streams[0]?.name, streams[0]?.messages]),
    [["system", "events", 1]],
  );
  assert.equal((await fetch(url)).status, 401);
});

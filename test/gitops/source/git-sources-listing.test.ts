import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createTestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { waitFor } from "../../harness/wait.ts";
import { openSources } from "./rig.ts";

failOnLeakedChildren();

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** A Git server that takes requests and never answers. */
async function startHanging() {
  const open = new Set<ServerResponse>();
  const server = createServer((_request, response) => {
    open.add(response);
    response.on("close", () => open.delete(response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

test("a list may take as long as the setting says now; others go on", async () => {
  await using hanging = await startHanging();
  await using other = await createTestRepository();
  await other.commit({ a: "1" });
  let timeoutMs = 300;
  await using rig = await openSources({ listing: () => ({ timeoutMs, atOnce: 0 }) });
  const stuck = rig.sources.tips(`${hanging.url}/a.git`, soon());
  assert.ok((await rig.sources.tips(other.url, soon())).size > 0);
  await assert.rejects(stuck, { code: "TOOL_TIMEOUT", message: /git ls-remote.*0\.3 s/ });
  timeoutMs = 700;
  await assert.rejects(rig.sources.tips(`${hanging.url}/a.git`, soon()), { message: /0\.7 s/ });
});

for (const [atOnce, expected] of [
  [1, 1],
  [2, 2],
  [0, 3],
] as const) {
  test(`lists at once, where the limit is ${atOnce}: ${expected}`, async () => {
    await using hanging = await startHanging();
    const stop = new AbortController();
    await using rig = await openSources({ listing: () => ({ timeoutMs: 20_000, atOnce }) });
    const all = ["a", "b", "c"].map((name) =>
      assert.rejects(rig.sources.tips(`${hanging.url}/${name}.git`, stop.signal)),
    );
    await waitFor(`${expected} lists`, () => hanging.open.size >= expected);
    // Whoever is let in is there within this time, or never: those that wait hold no request.
    assert.equal(await rig.count("ls-remote"), expected);
    stop.abort(new Error("enough"));
    await Promise.all(all);
    assert.equal(await rig.count("ls-remote"), expected);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { connectAsync } from "mqtt";
import { emitterSource } from "../../../src/events/sources/emitter.ts";
import { mosquittoMissing, startMosquitto } from "../../harness/mosquitto.ts";
import { waitFor } from "../../harness/wait.ts";
import { runSource } from "./running-source.ts";

const skip = mosquittoMissing;

test("messages of a channel come with their topic; the key goes before the channel", { skip }, async () => {
  await using server = await startMosquitto({ user: "u", password: "p" });
  const spec = {
    broker: server.url,
    channelKey: "key",
    channelName: "orders",
    username: { name: "e", key: "u" },
    password: { name: "e", key: "p" },
    jsonBody: true,
    metadata: { m: "1" },
  };
  const secrets: Record<string, string> = { "e/u": "u", "e/p": "p" };
  await using source = await runSource(emitterSource, spec, {}, secrets);
  const client = await connectAsync(server.url.replace("tcp:", "mqtt:"), { username: "u", password: "p" });
  await client.publishAsync("key/orders/", '{"n":1}');
  await client.publishAsync("key/orders/", "no JSON");
  await client.publishAsync("other/orders/", '{"n":2}');
  await client.publishAsync("key/orders/", '{"n":3}');
  await waitFor("the events", () => source.context.emitted.length === 2);
  await client.endAsync();
  assert.deepEqual(source.data(), [
    { topic: "key/orders/", body: { n: 1 }, metadata: { m: "1" } },
    { topic: "key/orders/", body: { n: 3 }, metadata: { m: "1" } },
  ]);
  assert.equal(source.context.failed.count, 1);
  await server.kill();
  assert.match(String(await source.ended), /Emitter at tcp:/);
  await server.start();
  secrets["e/p"] = "wrong";
  await assert.rejects(runSource(emitterSource, spec, {}, secrets), { code: "SOURCE_FAILED" });
});

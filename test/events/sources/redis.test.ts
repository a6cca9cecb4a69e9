import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { redisSource } from "../../../src/events/sources/redis.ts";
import { redisMissing, startRedis } from "../../harness/redis-server.ts";
import { waitFor } from "../../harness/wait.ts";
import { runSource } from "./running-source.ts";

const options = { skip: redisMissing };

test("messages of channels are events of the exact shape, as text or JSON", options, async () => {
  await using server = await startRedis("sesame");
  const secrets = { "s/password": "sesame" };
  const spec = {
    hostAddress: server.address,
    password: { name: "s", key: "password" },
    namespace: "default",
    channels: ["a", "b"],
    metadata: { team: "x" },
  };
  await using text = await runSource(redisSource, spec, {}, secrets);
  await using json = await runSource(redisSource, { ...spec, jsonBody: true }, {}, secrets);
  const redis = new Redis(server.port, "127.0.0.1", { password: "sesame" });
  for (const [channel, body] of [
    ["a", '{"n":1}'],
    ["c", "{}"],
    ["b", "plain"],
  ] as const) {
    await redis.publish(channel, body);
  }
  redis.disconnect();
  await waitFor("the events", () => text.data().length === 2 && json.context.failed.count === 1);
  assert.deepEqual(text.data(), [
    { channel: "a", pattern: "", body: '{"n":1}', metadata: { team: "x" } },
    { channel: "b", pattern: "", body: "plain", metadata: { team: "x" } },
  ]);
  assert.deepEqual(json.data(), [{ channel: "a", pattern: "", body: { n: 1 }, metadata: { team: "x" } }]);
});

test("a wrong password and a lost connection are failures that say where", options, async () => {
  await using server = await startRedis("sesame");
  const spec = {
    hostAddress: server.address,
    password: { name: "s", key: "password" },
    namespace: "default",
    channels: ["a"],
  };
  await assert.rejects(runSource(redisSource, spec, {}, { "s/password": "wrong" }), (error: Error) => {
    assert.match(error.message, /^Redis at 127.0.0.1:\d+: WRONGPASS/);
    assert.doesNotMatch(error.message, /wrong$/);
    return true;
  });
  await using source = await runSource(redisSource, spec, {}, { "s/password": "sesame" });
  await server.kill();
  assert.match(String(await source.ended), /Redis at 127.0.0.1:\d+/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { systemClock } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { redisStreamSource } from "../../../src/events/sources/redis-stream.ts";
import { redisMissing, startRedis } from "../../harness/redis-server.ts";
import { waitFor } from "../../harness/wait.ts";
import { type RunningSource, runSource } from "./running-source.ts";
import { memoryState } from "./source-context.ts";

/** What becomes of the server or the stream while it is read up to 3, and which of the entries then come. */
const rows: readonly (readonly [
  what: string,
  wipe: (redis: Redis, stream: string) => Promise<unknown>,
  added: readonly (readonly [id: string, n: number])[],
  come: readonly number[],
])[] = [
  [
    "the whole server is wiped",
    (redis) => redis.flushall(),
    [
      ["*", 4],
      ["*", 5],
    ],
    [4, 5],
  ],
  ["the stream is gone, and the next one has ids of its own", (redis, stream) => redis.del(stream), [["1-1", 4]], [4]],
  ["the group alone is gone", (redis, stream) => redis.xgroup("DESTROY", stream, "argo-events-cg"), [["*", 4]], [4]],
];

test("entries of a stream that was not there yet, or was wiped, are read from the first one that was not", {
  skip: redisMissing,
}, async () => {
  await using server = await startRedis();
  const redis = new Redis(server.port, "127.0.0.1");
  const numbers = (source: RunningSource): unknown[] =>
    source.data().map(({ values }) => Number((values as JsonObject).n));
  const add = (stream: string, id: string, n: number) => redis.xadd(stream, id, "n", String(n));
  try {
    for (const [index, [what, wipe, added, come]] of rows.entries()) {
      const stream = `orders-${index}`;
      const spec: JsonObject = { hostAddress: server.address, streams: [stream] };
      const state = memoryState();
      let ms = 0;
      const clock = { ...systemClock, monotonicMs: () => (ms += 10_000) }; // so that each place is kept at once
      await assert.rejects(runSource(redisStreamSource, spec, { state }), {
        code: "SOURCE_FAILED",
        message: `Redis at ${server.address}: stream "${stream}" is not there; once it is, it is read from its first entry`,
      });
      await add(stream, "*", 1);
      await using first = await runSource(redisStreamSource, spec, { state, clock });
      await add(stream, "*", 2);
      await add(stream, "*", 3);
      await waitFor("all three", () => first.data().length === 3);
      assert.deepEqual(numbers(first), [1, 2, 3]);
      const lastId = String((await redis.xrevrange(stream, "+", "-", "COUNT", 1))[0]?.[0]);
      await waitFor("its place to be kept", async () => {
        const kept = (await state.entries("place/")).map(({ value }) => Buffer.from(value).toString());
        return kept.includes(lastId);
      });
      await wipe(redis, stream);
      assert.match(String(await first.ended), /SOURCE_FAILED|Redis at 127/, what);
      for (const [id, n] of added) await add(stream, id, n);
      await using second = await runSource(redisStreamSource, spec, { state });
      await waitFor(`what came since ${what}`, () => second.data().length === come.length);
      assert.deepEqual(numbers(second), come, what);
    }
  } finally {
    redis.disconnect();
  }
});

test("a group of a stream that was never looked for begins at its end", { skip: redisMissing }, async () => {
  await using server = await startRedis();
  const redis = new Redis(server.port, "127.0.0.1");
  await redis.xadd("orders", "*", "n", "1");
  await using source = await runSource(redisStreamSource, { hostAddress: server.address, streams: ["orders"] });
  await redis.xadd("orders", "*", "n", "2");
  redis.disconnect();
  await waitFor("the entry", () => source.data().length === 1);
  assert.deepEqual(source.data()[0]?.values, { n: "2" });
});

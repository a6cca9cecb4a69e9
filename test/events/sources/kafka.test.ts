import assert from "node:assert/strict";
import { test } from "node:test";
import { Admin, Producer } from "@platformatic/kafka";
import { systemClock } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { kafkaSource } from "../../../src/events/sources/kafka.ts";
import { createCommits } from "../../../src/events/sources/kafka-commits.ts";
import { kafkaMissing, startKafka } from "../../harness/kafka.ts";
import { waitFor } from "../../harness/wait.ts";
import { runSource } from "./running-source.ts";
import { recordedContext } from "./source-context.ts";

const offset = (value: number) => ({ topic: "t", partition: 0, offset: BigInt(value), leaderEpoch: 0 });

test("an offset is committed only when all before it are kept", async () => {
  const committed: number[] = [];
  const commits = createCommits(
    async (offsets) => void committed.push(...offsets.map((one) => Number(one.offset))),
    recordedContext({ clock: systemClock, log: silentLogger }),
  );
  const [first, second, third] = [1, 2, 3].map((value) => commits.begin(offset(value)));
  third?.();
  second?.();
  await commits.close();
  assert.deepEqual(committed, []);
  first?.();
  await commits.close();
  assert.deepEqual(committed, [4]);
});

test("one partition is read alone, tombstones are null, and what is not JSON is counted", {
  skip: kafkaMissing(),
}, async () => {
  await using server = await startKafka();
  const bootstrapBrokers = [server.address];
  const admin = new Admin({ clientId: "test", bootstrapBrokers });
  await admin.createTopics({ topics: ["orders"], partitions: 2, replicas: 1 });
  await admin.close();
  const spec: JsonObject = { url: server.address, topic: "orders", partition: "1", jsonBody: true };
  await using source = await runSource(kafkaSource, spec);
  const producer = new Producer({ clientId: "test", bootstrapBrokers });
  const message = (partition: number, value: string | undefined) => ({
    topic: "orders",
    partition,
    ...(value === undefined ? {} : { value: Buffer.from(value) }),
  });
  await producer.send({
    messages: [
      message(0, '{"n":0}'),
      message(1, '{"n":1}'),
      message(1, "no json"),
      message(1, undefined),
      message(1, '{"n":2}'),
    ],
    acks: -1,
  });
  await producer.close();
  await waitFor("the events", () => source.data().length === 3, 20_000);
  assert.deepEqual(
    source.data().map(({ partition, key, body, headers }) => ({ partition, key, body, headers })),
    [{ n: 1 }, null, { n: 2 }].map((body) => ({ partition: 1, key: "", body, headers: {} })),
  );
  assert.equal(source.context.failed.count, 1);
  assert.equal(source.context.emitted[0]?.id, `es:e:${server.address}:orders:1:0`);
});

const unsupported: readonly (readonly [string, JsonObject])[] = [
  ["schemaRegistry", { schemaRegistry: { url: "http://r" }, jsonBody: true }],
  ["awsMskIamAuth", { awsMskIamAuth: { region: "eu" } }],
  [
    "sasl.mechanism GSSAPI",
    { sasl: { mechanism: "GSSAPI", userSecret: { name: "s", key: "a" }, passwordSecret: { name: "s", key: "b" } } },
  ],
];
for (const [what, more] of unsupported) {
  test(`${what} is refused, rather than left out`, async () => {
    await assert.rejects(runSource(kafkaSource, { url: "127.0.0.1:1", topic: "t", partition: "0", ...more }), {
      name: "TerminalError",
      code: "SOURCE_UNSUPPORTED",
      message: `spec.kafka.e.${what} is not supported yet`,
    });
  });
}

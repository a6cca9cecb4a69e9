import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Admin, Consumer, type MessageToProduce, Producer } from "@platformatic/kafka";
import { instant, systemClock } from "../../../src/base/clock.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { kafkaSource } from "../../../src/events/sources/kafka.ts";
import { kafkaLogin } from "../../../src/events/sources/kafka-access.ts";
import { createCommits } from "../../../src/events/sources/kafka-commits.ts";
import type { KafkaSpec } from "../../../src/events/sources/kafka-spec.ts";
import { type SinkAnswer, startAnswering } from "../../harness/http-sink.ts";
import { type KafkaServer, kafkaMissing, startKafka, tokenOf } from "../../harness/kafka.ts";
import { waitFor } from "../../harness/wait.ts";
import { directFetch } from "./direct-fetch.ts";
import { type RunningSource, runSource } from "./running-source.ts";
import { memoryState, recordedContext } from "./source-context.ts";

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

const secretKey = (key: string) => ({ name: "s", key });
const plain = { mechanism: "PLAIN", userSecret: secretKey("user"), passwordSecret: secretKey("password") };

const secrets = { "s/user": "ann", "s/password": "sesame", "s/token": tokenOf("ann") };

/** In Confluent's format. */
function framed(id: number, value: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, value]);
}

const order = {
  type: "record",
  name: "shop.Order",
  fields: [
    { name: "n", type: "long" },
    { name: "color", type: ["null", "Color"] },
  ],
};
const color = { type: "enum", name: "shop.Color", symbols: ["red"] };
/** What a registry answers, by path. */
const registered: Readonly<Record<string, JsonObject>> = {
  "/schemas/ids/7": {
    schema: JSON.stringify(order),
    references: [{ name: "shop.Color", subject: "shop/color", version: 2 }],
  },
  "/subjects/shop%2Fcolor/versions/2": { schema: JSON.stringify(color) },
  "/schemas/ids/8": { schemaType: "JSON", schema: "{}" },
  "/schemas/ids/9": { schemaType: "PROTOBUF", schema: "" },
};
const unknown: SinkAnswer = { status: 404, body: '{"error_code":40403,"message":"Schema not found"}' };
const answerOf = (path: string): SinkAnswer => {
  const found = registered[path];
  return found ? { status: 200, body: JSON.stringify(found) } : unknown;
};

describe("a topic of Kafka", { skip: kafkaMissing() }, () => {
  let server: KafkaServer;
  const client = () => ({
    clientId: "test",
    bootstrapBrokers: [server.address],
    sasl: { mechanism: "PLAIN", username: "ann", password: "sesame" } as const,
  });
  const createTopic = async (topic: string, partitions: number): Promise<void> => {
    const admin = new Admin(client());
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
    await admin.close();
  };
  const send = async (messages: MessageToProduce<Buffer, Buffer, Buffer, Buffer>[]): Promise<void> => {
    const producer = new Producer(client());
    await producer.send({ messages, acks: -1 });
    await producer.close();
  };
  before(async () => {
    server = await startKafka({ user: "ann", password: "sesame" });
  });
  after(() => server[Symbol.asyncDispose]());

  test("one partition is read alone, tombstones are null, and what is not JSON is counted", async () => {
    await createTopic("orders", 2);
    const spec: JsonObject = { url: server.address, topic: "orders", partition: "1", jsonBody: true, sasl: plain };
    await using source = await runSource(kafkaSource, spec, {}, secrets);
    const message = (partition: number, value: string | undefined) => ({
      topic: "orders",
      partition,
      ...(value === undefined ? {} : { value: Buffer.from(value) }),
    });
    await send([
      message(0, '{"n":0}'),
      message(1, '{"n":1}'),
      message(1, "no json"),
      message(1, undefined),
      message(1, '{"n":2}'),
    ]);
    await waitFor("the events", () => source.data().length === 3, 20_000);
    assert.deepEqual(
      source.data().map(({ partition, key, body, headers }) => ({ partition, key, body, headers })),
      [{ n: 1 }, null, { n: 2 }].map((body) => ({ partition: 1, key: "", body, headers: {} })),
    );
    assert.equal(source.context.failed.count, 1);
    assert.equal(source.context.emitted[0]?.id, `es:e:${server.address}:orders:1:0`);
  });

  test("messages are read by the schemas of a registry, which loses none while it is away", async () => {
    await createTopic("framed", 1);
    let isAway = true;
    await using registry = await startAnswering(({ path }) => (isAway ? { status: 503 } : answerOf(path)));
    const spec: JsonObject = {
      url: server.address,
      topic: "framed",
      consumerGroup: { groupName: "g", oldest: true },
      jsonBody: true,
      sasl: { ...plain, mechanism: "OAUTHBEARER", passwordSecret: secretKey("token") },
      schemaRegistry: {
        url: `${registry.url}/`,
        auth: { username: secretKey("user"), password: secretKey("password") },
      },
    };
    const values: readonly (Buffer | undefined)[] = [
      framed(7, Buffer.from([0x02, 0x02, 0x00])),
      framed(8, Buffer.from('{"a":9007199254740993}')),
      framed(8, Buffer.from("{")),
      framed(9, Buffer.from("x")),
      framed(10, Buffer.from("x")),
      Buffer.from('{"n":1}'),
      Buffer.from([0, 0]),
      framed(7, Buffer.from([0x02, 0x04])),
      undefined,
      framed(7, Buffer.from([0x04, 0x00])),
    ];
    await send(values.map((value) => ({ topic: "framed", ...(value && { value }) })));

    const first = await runSource(kafkaSource, spec, { fetch: directFetch }, secrets);
    assert.match(
      String(await first.ended),
      /Kafka at 127.*: the schema registry at 127\.0\.0\.1:\d+ answered \/schemas\/ids\/7 with status 503$/,
    );
    assert.deepEqual(first.data(), []);
    isAway = false;
    await using source = await runSource(kafkaSource, spec, { fetch: directFetch }, secrets);
    await waitFor("the events", () => source.data().length === 4, 20_000);
    const bodies: readonly JsonValue[] = [
      { n: 1, color: { "shop.Color": "red" } },
      { a: 9007199254740993n },
      null,
      { n: 2, color: null },
    ];
    assert.deepEqual(
      source.data().map(({ body }) => body),
      bodies,
    );
    assert.equal(source.context.failed.count, 6);
    const asked = registry.requests.map(({ path }) => path).filter((path) => !path.endsWith("/10"));
    assert.equal(new Set(asked).size, asked.length - 1, `each once, but the one that was away: ${asked.join(" ")}`);
    const { authorization } = registry.requests[0]?.headers ?? {};
    assert.equal(authorization, `Basic ${Buffer.from("ann:sesame").toString("base64")}`);
  });

  test("what Kafka removed before it was read is told, what it has is read, also what came before a first message", async () => {
    await createTopic("kept", 1);
    const group = { groupName: "kept" };
    const spec: JsonObject = { url: server.address, topic: "kept", consumerGroup: group, jsonBody: true, sasl: plain };
    const state = memoryState();
    const sendAll = (numbers: readonly number[]) =>
      send(numbers.map((n) => ({ topic: "kept", value: Buffer.from(String(n)) })));
    const bodies = (source: RunningSource) => source.data().map(({ body }) => body);
    await sendAll([-1]);
    {
      await using before = await runSource(kafkaSource, spec, { state }, secrets);
      assert.deepEqual(bodies(before), []);
    }
    await sendAll([1, 2, 3]);
    {
      await using first = await runSource(kafkaSource, spec, { state }, secrets);
      await waitFor("what came meanwhile", () => first.data().length === 3);
      assert.deepEqual([bodies(first), first.context.lostEvents], [[1, 2, 3], []]);
    }
    await sendAll([4, 5, 6, 7]);
    const admin = new Admin(client());
    await admin.deleteRecords({ topics: [{ name: "kept", partitions: [{ partition: 0, offset: 6n }] }] });
    await admin.close();
    await using second = await runSource(kafkaSource, spec, { state }, secrets);
    await waitFor("what is left", () => second.data().length === 2);
    assert.deepEqual(bodies(second), [6, 7]);
    const told = 'topic "kept", partition 0: Kafka removed offsets 4 to 5 before they were read';
    assert.deepEqual(second.context.lostEvents, [[2, told]]);
  });

  test("a topic that is made again, also while it is read, is read from its start, with ids of its own", async () => {
    const admin = new Admin(client());
    await using _ends = { [Symbol.asyncDispose]: () => admin.close() };
    await createTopic("anew", 1);
    const group = { groupName: "anew", oldest: true };
    const spec: JsonObject = { url: server.address, topic: "anew", consumerGroup: group, jsonBody: true, sasl: plain };
    const state = memoryState();
    const sendAll = (numbers: readonly number[]) =>
      send(numbers.map((n) => ({ topic: "anew", value: Buffer.from(String(n)) })));
    const came = (source: RunningSource) =>
      source.context.emitted.map(({ id, data }) => [id, (data as JsonObject).body]);
    const id = (offset: number, mark = "") => `es:e:${server.address}:anew:0:${offset}${mark}`;
    await sendAll([1, 2]);
    const first = await runSource(kafkaSource, spec, { state }, secrets);
    await waitFor("the first", () => first.data().length === 2);
    assert.deepEqual(came(first), [
      [id(0), 1],
      [id(1), 2],
    ]);
    await admin.deleteTopics({ topics: ["anew"] });
    await waitFor("the topic to be gone", async () => !(await admin.listTopics()).includes("anew"));
    await createTopic("anew", 1);
    await sendAll([3, 4, 5]);
    assert.match(String(await first.ended), /Kafka at 127/);
    const metadata = await admin.metadata({ topics: ["anew"], forceUpdate: true });
    const mark = `:${metadata.topics.get("anew")?.id}`;
    {
      await using second = await runSource(kafkaSource, spec, { state }, secrets);
      await waitFor("what is new", () => second.data().length === 3);
      assert.deepEqual(
        came(second),
        [3, 4, 5].map((body, offset) => [id(offset, mark), body]),
      );
      const told = 'topic "anew" was deleted and made again: what was not read of the old one is gone';
      assert.deepEqual(second.context.lostEvents, [[0, told]]);
    }
    await sendAll([6]);
    await using third = await runSource(kafkaSource, spec, { state }, secrets);
    await waitFor("the next", () => third.data().length === 1);
    assert.deepEqual([came(third), third.context.lostEvents], [[[id(3, mark), 6]], []]);
  });

  test("a group is shared with what reads it by the same strategy", async () => {
    await createTopic("shared", 2);
    const other = new Consumer({ ...client(), groupId: "shared", protocols: [{ name: "range", version: 1 }] });
    await using _ends = { [Symbol.asyncDispose]: () => other.close(true) };
    (await other.consume({ topics: ["shared"], mode: "latest" })).resume();
    const group = { groupName: "shared" };
    const spec: JsonObject = { url: server.address, topic: "shared", consumerGroup: group, sasl: plain };
    await using source = await runSource(kafkaSource, spec, {}, secrets);
    assert.equal(source.context.isReady.value, true);
  });

  test("a token that the broker refuses is said by name", async () => {
    const sasl = { ...plain, mechanism: "OAUTHBEARER", passwordSecret: secretKey("token") };
    const spec: JsonObject = { url: server.address, topic: "orders", partition: "0", sasl };
    const expired = { ...secrets, "s/token": "not.a.token" };
    await assert.rejects(runSource(kafkaSource, spec, {}, expired), {
      code: "SOURCE_FAILED",
      message: /the broker refuses the token: .*invalid_token/,
    });
  });
});

const unsupported: readonly (readonly [string, JsonObject, object])[] = [
  [
    "a mechanism that the client does not have",
    { sasl: { ...plain, mechanism: "GSSAPI" } },
    { code: "SOURCE_UNSUPPORTED", message: "spec.kafka.e.sasl.mechanism GSSAPI is not supported yet" },
  ],
  [
    "a registry without a URL",
    { jsonBody: true, schemaRegistry: {} },
    {
      code: "MANIFEST_INVALID",
      message: 'spec.kafka.e.schemaRegistry.url: "" must be a URL, such as https://host:8081',
    },
  ],
  ["an identity of AWS that is not ours to give", { awsMskIamAuth: { region: "eu" } }, { code: "CREDENTIALS_FAILED" }],
];
for (const [what, more, error] of unsupported) {
  test(`${what} is refused, rather than left out`, async () => {
    await assert.rejects(runSource(kafkaSource, { url: "127.0.0.1:1", topic: "t", partition: "0", ...more }), {
      name: "TerminalError",
      ...error,
    });
  });
}

// The signature is botocore's, as in `test/base/aws-signature.test.ts`.
test("towards Amazon MSK the token is a signed URL of now, whatever sasl says", async () => {
  const surroundings = {
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  };
  const clock = { ...systemClock, now: () => instant(Date.UTC(2026, 0, 2, 3, 4, 5)) };
  const spec = { url: "u", topic: "t", sasl: plain, awsMskIamAuth: { region: "eu-west-1" } } as unknown as KafkaSpec;
  const login = await kafkaLogin(spec, recordedContext({ surroundings, clock }), new AbortController().signal);
  assert.equal(login?.mechanism, "OAUTHBEARER");
  assert.ok(typeof login?.token === "function");
  const url = new URL(Buffer.from(await login.token(), "base64url").toString());
  assert.equal(`${url.origin}${url.pathname}`, "https://kafka.eu-west-1.amazonaws.com/");
  const { Action, "X-Amz-Signature": signature, "User-Agent": agent } = Object.fromEntries(url.searchParams);
  assert.deepEqual(
    { Action, signature, agent },
    {
      Action: "kafka-cluster:Connect",
      signature: "7cc178453342e479def8e0e69cbff443ca929b5b0426af0f4b64554172c7195d",
      agent: "tiphys",
    },
  );
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Consumer, stringDeserializers } from "@platformatic/kafka";
import { silentLogger } from "../../../src/base/log.ts";
import { createClientPool } from "../../../src/events/triggers/client-pool.ts";
import { createKafkaTrigger } from "../../../src/events/triggers/kafka.ts";
import { createAvroEncoder } from "../../../src/events/triggers/kafka-avro.ts";
import type { ClientPool, Outcome, TriggerKind } from "../../../src/events/triggers/trigger.ts";
import { createFastClock } from "../../harness/fast-clock.ts";
import { startAnswering } from "../../harness/http-sink.ts";
import { type KafkaServer, kafkaMissing, startKafka, tokenOf } from "../../harness/kafka.ts";
import { firing, never, spanOfTrace, tracedEvents, triggerContext } from "./trigger-context.ts";

const at = (dest: string) => [{ src: { dependencyName: "dep", value: "7" }, dest }];
const payload = at("order.id");
const secrets = { "login/user": "u", "login/pass": "p4ss", "h/k": "hidden" };

async function fire<Spec, Plan>(
  kind: TriggerKind<Spec, Plan>,
  spec: object,
  key: string,
  clients: ClientPool,
  all: Record<string, string> = secrets,
): Promise<Outcome> {
  const context = triggerContext({ clients, clock: createFastClock(50) }, all);
  const fired = firing({ key, events: tracedEvents });
  const plan = await kind.plan(kind.schema.parse({ payload, ...spec }, "kind"), fired, context, never);
  assert.equal(JSON.stringify(plan).includes("hidden"), false);
  return kind.apply(plan, fired, context, never);
}

function openPool() {
  return createClientPool({ clock: triggerContext().clock, log: silentLogger });
}

const key = (name: string) => ({ name: "login", key: name });
const sasl = { userSecret: key("user"), passwordSecret: key("pass") };

describe("brokers that ask who it is", { skip: kafkaMissing() }, () => {
  let server: KafkaServer;
  const clients = openPool();
  const reader = () => ({
    clientId: "t",
    bootstrapBrokers: [server.address],
    sasl: { mechanism: "PLAIN", username: "u", password: "p4ss" } as const,
  });
  before(async () => {
    server = await startKafka({ user: "u", password: "p4ss" });
  });
  after(async () => {
    await clients[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test("confirmed, once for a firing, with key and headers", async () => {
    const kind = createKafkaTrigger();
    const valueFrom = { secretKeyRef: { name: "h", key: "k" } };
    const spec = {
      url: server.address,
      topic: "confirmed",
      sasl,
      partitioningKey: "p",
      headers: { a: "b" },
      secureHeaders: [{ name: "secret", valueFrom }],
      compress: true,
    };
    const outcome = await fire(kind, spec, "1", clients);
    const again = await fire(kind, spec, "1", clients);
    await fire(kind, { ...spec, compress: false, requiredAcks: 1 }, "2", clients);
    assert.match(outcome.message, /^sent 20 bytes to confirmed at 127.0.0.1:\d+, offset 0 of partition 0$/);
    assert.match(again.message, /^had already sent/);
    const consumer = new Consumer({ ...reader(), groupId: "confirmed", deserializers: stringDeserializers });
    try {
      const stream = await consumer.consume({ topics: ["confirmed"], mode: "earliest" });
      const read: { key: unknown; value: unknown; headers: Record<string, unknown> }[] = [];
      for await (const { key, value, headers } of stream) {
        read.push({ key, value, headers: Object.fromEntries(headers) });
        if (read.length === 2) break;
      }
      assert.partialDeepStrictEqual(read[0], {
        key: "p",
        value: '{"order":{"id":"7"}}',
        headers: { a: "b", secret: "hidden" },
      });
      assert.match(String(read[0]?.headers["Idempotency-Key"]), /^[0-9a-f]{32}$/);
      assert.match(String(read[0]?.headers.traceparent), spanOfTrace);
      assert.notEqual(read[0]?.headers["Idempotency-Key"], read[1]?.headers["Idempotency-Key"]);
    } finally {
      await consumer.close(true);
    }
  });

  test("credentials come from Secrets, and errors do not show them", async () => {
    const kind = createKafkaTrigger();
    const spec = { url: server.address, topic: "orders", sasl };
    assert.match((await fire(kind, spec, "1", clients)).message, /^sent/);
    await assert.rejects(
      fire(kind, spec, "2", clients, { ...secrets, "login/pass": "wr0ng" }),
      (error) => /kafka orders at/.test(String(error)) && !String(error).includes("wr0ng"),
    );
  });

  test("by OAUTHBEARER the password is the token, and who has another one has another connection", async () => {
    const kind = createKafkaTrigger();
    const spec = { url: server.address, topic: "orders", sasl: { ...sasl, mechanism: "OAUTHBEARER" } };
    const told = await fire(kind, spec, "1", clients, { ...secrets, "login/pass": tokenOf("u") });
    assert.match(told.message, /^sent/);
    await assert.rejects(fire(kind, spec, "2", clients, { ...secrets, "login/pass": "not.a.token" }), {
      code: "TRIGGER_FAILED",
      message: /the broker refuses the token: .*invalid_token/,
    });
  });

  test("behind a registry a payload is sent in Avro, by a schema that is asked for once", async () => {
    const order = {
      type: "record",
      name: "Order",
      fields: [
        { name: "id", type: "string" },
        { name: "n", type: "int", default: 3 },
      ],
    };
    let isAway = true;
    await using registry = await startAnswering(({ path }) => {
      if (isAway) return { status: 503 };
      const isKnown = path === "/schemas/ids/258";
      if (path === "/schemas/ids/8") return { status: 200, body: '{"schemaType":"JSON","schema":"{}"}' };
      return isKnown
        ? { status: 200, body: JSON.stringify({ schema: JSON.stringify(order) }) }
        : { status: 404, body: '{"error_code":40403,"message":"Schema not found"}' };
    });
    const kind = createKafkaTrigger();
    const auth = { username: key("user"), password: key("pass") };
    const schemaRegistry = { url: registry.url, schemaId: 258, auth };
    const spec = { url: server.address, topic: "avro", sasl, schemaRegistry, payload: at("id") };
    await assert.rejects(fire(kind, spec, "1", clients), {
      code: "TRIGGER_FAILED",
      message: /^kafka: the schema registry at 127\.0\.0\.1:\d+ answered \/schemas\/ids\/258 with status 503$/,
    });
    isAway = false;
    assert.match((await fire(kind, spec, "1", clients)).message, /^sent 8 bytes to avro at/);
    await fire(kind, spec, "2", clients);
    assert.equal(registry.requests.length, 2);
    assert.equal(registry.requests[1]?.headers.authorization, `Basic ${Buffer.from("u:p4ss").toString("base64")}`);
    assert.deepEqual(await firstValue("avro"), Buffer.from("0000000102" + "0237" + "06", "hex"));

    const refused: readonly (readonly [object, string])[] = [
      [
        { payload: at("order") },
        "kafka.payload: it does not fit the schema 258: id is missing, and the schema has no default for it",
      ],
      [
        { schemaRegistry: { ...schemaRegistry, schemaId: 8 } },
        'kafka.payload: the schema 8 of the registry is of the type "JSON", not AVRO',
      ],
    ];
    for (const [more, message] of refused) {
      await assert.rejects(fire(kind, { ...spec, ...more }, "3", clients), {
        name: "TerminalError",
        code: "AVRO_FAILED",
        message,
      });
    }
    for (const body of ["[7]", "7", "seven", ""]) {
      const encoding = createAvroEncoder()(body, schemaRegistry, undefined, triggerContext({}, secrets), never);
      await assert.rejects(encoding, { message: "kafka.payload: behind a schema registry it must be a JSON object" });
    }
    const unknown = { ...spec, schemaRegistry: { ...schemaRegistry, schemaId: 9 } };
    await assert.rejects(fire(kind, unknown, "3", clients), {
      name: "EngineError",
      message: "the registry has no schema 9",
    });
  });

  async function firstValue(topic: string): Promise<unknown> {
    const consumer = new Consumer({ ...reader(), groupId: "t" });
    try {
      for await (const { value } of await consumer.consume({ topics: [topic], mode: "earliest" })) return value;
    } finally {
      await consumer.close(true);
    }
    return undefined;
  }
});

test("GSSAPI is refused before anything is sent", async () => {
  await using clients = openPool();
  const spec = { url: "127.0.0.1:1", topic: "t", sasl: { ...sasl, mechanism: "GSSAPI" } };
  await assert.rejects(fire(createKafkaTrigger(), spec, "1", clients), {
    code: "TRIGGER_UNSUPPORTED",
    message: "kafka.sasl.mechanism GSSAPI is not supported yet",
  });
});

test("where nothing can be read no registry is asked", async () => {
  const context = triggerContext({ isOffline: true });
  const encoding = createAvroEncoder()("{}", { url: "http://127.0.0.1:1", schemaId: 1 }, undefined, context, never);
  await assert.rejects(encoding, { code: "TRIGGER_OFFLINE" });
});

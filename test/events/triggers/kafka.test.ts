import assert from "node:assert/strict";
import { test } from "node:test";
import { Consumer, stringDeserializers } from "@platformatic/kafka";
import { silentLogger } from "../../../src/base/log.ts";
import { createClientPool } from "../../../src/events/triggers/client-pool.ts";
import { createKafkaTrigger } from "../../../src/events/triggers/kafka.ts";
import type { ClientPool, Outcome, TriggerKind } from "../../../src/events/triggers/trigger.ts";
import { kafkaMissing, startKafka } from "../../harness/kafka.ts";
import { firing, never, spanOfTrace, tracedEvents, triggerContext } from "./trigger-context.ts";

const payload = [{ src: { dependencyName: "dep", value: "7" }, dest: "order.id" }];
const secrets = { "login/user": "u", "login/pass": "p4ss", "h/k": "hidden" };

async function fire<Spec, Plan>(
  kind: TriggerKind<Spec, Plan>,
  spec: object,
  key: string,
  clients: ClientPool,
  all: Record<string, string> = secrets,
): Promise<Outcome> {
  const context = triggerContext({ clients }, all);
  const fired = firing({ key, events: tracedEvents });
  const plan = await kind.plan(kind.schema.parse({ payload, ...spec }, "kind"), fired, context, never);
  assert.equal(JSON.stringify(plan).includes("hidden"), false);
  return kind.apply(plan, fired, context, never);
}

function openPool() {
  return createClientPool({ clock: triggerContext().clock, log: silentLogger });
}

test("confirmed, once for a firing, with key and headers", { skip: kafkaMissing() }, async () => {
  await using server = await startKafka();
  await using clients = openPool();
  const kind = createKafkaTrigger();
  const valueFrom = { secretKeyRef: { name: "h", key: "k" } };
  const spec = {
    url: server.address,
    topic: "orders",
    partitioningKey: "p",
    headers: { a: "b" },
    secureHeaders: [{ name: "secret", valueFrom }],
    compress: true,
  };
  const outcome = await fire(kind, spec, "1", clients);
  const again = await fire(kind, spec, "1", clients);
  await fire(kind, { ...spec, compress: false, requiredAcks: 1 }, "2", clients);
  assert.match(outcome.message, /^sent 20 bytes to orders at 127.0.0.1:\d+, offset 0 of partition 0$/);
  assert.match(again.message, /^had already sent/);
  const bootstrapBrokers = [server.address];
  const consumer = new Consumer({ clientId: "t", groupId: "t", bootstrapBrokers, deserializers: stringDeserializers });
  try {
    const stream = await consumer.consume({ topics: ["orders"], mode: "earliest" });
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

test("credentials come from Secrets, and errors do not show them", { skip: kafkaMissing() }, async () => {
  await using server = await startKafka({ user: "u", password: "p4ss" });
  await using clients = openPool();
  const kind = createKafkaTrigger();
  const sasl = { userSecret: { name: "login", key: "user" }, passwordSecret: { name: "login", key: "pass" } };
  const spec = { url: server.address, topic: "orders", sasl };
  assert.match((await fire(kind, spec, "1", clients)).message, /^sent/);
  await assert.rejects(
    fire(kind, spec, "2", clients, { ...secrets, "login/pass": "wr0ng" }),
    (error) => /kafka orders at/.test(String(error)) && !String(error).includes("wr0ng"),
  );
});

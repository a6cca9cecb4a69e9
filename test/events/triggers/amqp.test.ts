import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect } from "amqplib";
import { silentLogger } from "../../../src/base/log.ts";
import { createAmqpTrigger } from "../../../src/events/triggers/amqp.ts";
import { createClientPool } from "../../../src/events/triggers/client-pool.ts";
import type { ClientPool, Outcome, TriggerKind } from "../../../src/events/triggers/trigger.ts";
import { type RabbitMq, rabbitMqMissing, startRabbitMq } from "../../harness/rabbitmq.ts";
import { waitFor } from "../../harness/wait.ts";
import { firing, never, spanOfTrace, tracedEvents, triggerContext } from "./trigger-context.ts";

const payload = [{ src: { dependencyName: "dep", value: "7" }, dest: "order.id" }];

async function fire<Spec, Plan>(
  kind: TriggerKind<Spec, Plan>,
  spec: object,
  key: string,
  clients: ClientPool,
): Promise<Outcome> {
  const context = triggerContext({ clients });
  const fired = firing({ key, events: tracedEvents });
  const plan = await kind.plan(kind.schema.parse({ payload, ...spec }, "kind"), fired, context, never);
  return kind.apply(plan, fired, context, never);
}

function openPool() {
  return createClientPool({ clock: triggerContext().clock, log: silentLogger });
}

describe("RabbitMQ", { skip: rabbitMqMissing }, () => {
  let server: RabbitMq;
  before(async () => {
    server = await startRabbitMq();
  });
  after(() => server[Symbol.asyncDispose]());

  test("confirmed, once for a firing, with an id that follows from it", async () => {
    await using clients = openPool();
    const kind = createAmqpTrigger();
    const reader = await connect(server.url);
    try {
      const channel = await reader.createChannel();
      await channel.assertExchange("orders", "topic");
      const { queue } = await channel.assertQueue("inbox");
      await channel.bindQueue(queue, "orders", "order.*");
      const spec = { url: server.url, exchangeName: "orders", routingKey: "order.new", headers: { a: "b" } };
      const outcome = await fire(kind, spec, "1", clients);
      const again = await fire(kind, spec, "1", clients);
      await fire(kind, spec, "2", clients);
      assert.match(outcome.message, /^published 20 bytes to exchange "orders" with key "order.new" at 127.0.0.1:/);
      assert.match(again.message, /^had already published/);
      const first = await channel.get(queue, { noAck: true });
      const second = await channel.get(queue, { noAck: true });
      assert.ok(first && second);
      assert.equal(first.content.toString(), '{"order":{"id":"7"}}');
      assert.partialDeepStrictEqual(first.properties, {
        contentType: "application/json",
        headers: { a: "b" },
        deliveryMode: 2,
      });
      assert.match(String(first.properties.headers?.traceparent), spanOfTrace);
      assert.match(first.properties.messageId, /^[0-9a-f]{32}$/);
      assert.notEqual(first.properties.messageId, second.properties.messageId);
      assert.equal(await channel.get(queue), false);
      await assert.rejects(
        fire(kind, { ...spec, routingKey: "nobody" }, "3", clients),
        /no queue takes the message: NO_ROUTE/,
      );
      await assert.rejects(fire(kind, { ...spec, exchangeName: "gone" }, "4", clients), /NOT_FOUND/);
      assert.match((await fire(kind, spec, "5", clients)).message, /^published/, "another connection is opened");
    } finally {
      await reader.close();
    }
  });

  test("a server that takes no messages, or went away, fails the attempt, and the next one connects anew", async () => {
    await server.limitMemory(1_000_000);
    await using clients = openPool();
    const kind = createAmqpTrigger();
    const spec = { url: server.url, routingKey: "kept", mandatory: false };
    const reader = await connect(server.url);
    const channel = await reader.createChannel();
    await channel.assertQueue("kept", { durable: true });
    await reader.close();
    const blocked = fire(kind, spec, "1", clients);
    const failed = { code: "TRIGGER_FAILED", name: "EngineError" };
    await Promise.all([
      assert.rejects(blocked, failed),
      (async () => {
        const reason = /amqp 127\.0\.0\.1:\d+: the server takes no messages at present: low on memory/;
        await waitFor("the server to say that it is blocked", () =>
          fire(kind, spec, "2", clients).catch((error: Error) => reason.test(error.message)),
        );
        await server.kill();
      })(),
    ]);
    await assert.rejects(fire(kind, spec, "2", clients), failed);
    await server.start();
    for (const key of ["1", "2", "2"]) await fire(kind, spec, key, clients);
    const again = await connect(server.url);
    try {
      const { messageCount } = await (await again.createChannel()).checkQueue("kept");
      assert.equal(messageCount, 2, "what was never read is not published afterwards");
    } finally {
      await again.close();
    }
  });
});

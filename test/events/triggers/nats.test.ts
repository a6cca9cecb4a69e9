import assert from "node:assert/strict";
import { test } from "node:test";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { silentLogger } from "../../../src/base/log.ts";
import { createClientPool } from "../../../src/events/triggers/client-pool.ts";
import { natsTrigger } from "../../../src/events/triggers/nats.ts";
import type { TriggerContext } from "../../../src/events/triggers/trigger.ts";
import { natsServerMissing, startNatsServer } from "../../harness/nats-server.ts";
import { firing, never, spanOfTrace, tracedEvents, triggerContext } from "./trigger-context.ts";

const skip = natsServerMissing() ?? false;
const payload = [{ src: { dependencyName: "dep", value: "7" }, dest: "order.id" }];

async function fire(
  spec: object,
  key: string,
  parts: Partial<TriggerContext> = {},
  secrets: Record<string, string> = {},
) {
  const context = triggerContext(parts, secrets);
  const fired = firing({ key, events: tracedEvents });
  const plan = await natsTrigger.plan(natsTrigger.schema.parse({ payload, ...spec }, "nats"), fired, context, never);
  return natsTrigger.apply(plan, fired, context, never);
}

test("a message is with the server when the trigger succeeds; a stream keeps a repeat once", { skip }, async () => {
  await using server = await startNatsServer();
  const { clock } = triggerContext();
  await using clients = createClientPool({ clock, log: silentLogger });
  const reader = await connect({ servers: server.url });
  try {
    const manager = await jetstreamManager(reader);
    await manager.streams.add({ name: "orders", subjects: ["orders.>"] });
    const spec = { url: server.url, subject: "orders.new" };
    const outcome = await fire(spec, "1", { clients });
    await fire(spec, "1", { clients });
    await fire(spec, "2", { clients });
    assert.match(outcome.message, /^published 20 bytes on orders.new at /);
    assert.equal((await manager.streams.info("orders")).state.messages, 2);
    const stream = await jetstream(reader).streams.get("orders");
    const first = await stream.getMessage({ seq: 1 });
    assert.equal(first?.string(), '{"order":{"id":"7"}}');
    assert.match(first?.header.get("traceparent") ?? "", spanOfTrace);
  } finally {
    await reader.close();
  }
});

test("a server that is away fails the attempt, and the next one connects anew", { skip }, async () => {
  await using server = await startNatsServer();
  const { clock } = triggerContext();
  await using clients = createClientPool({ clock, log: silentLogger });
  const spec = { url: server.url, subject: "a.b" };
  await fire(spec, "1", { clients });
  await server.stop();
  await assert.rejects(fire(spec, "2", { clients }), { code: "TRIGGER_FAILED" });
  await server.restart();
  assert.match((await fire(spec, "2", { clients })).message, /^published/);
});

test("credentials come from Secrets, and errors do not show them", { skip }, async () => {
  const config = 'authorization { users: [ { user: "u", password: "p4ss" } ] }';
  await using server = await startNatsServer({ config });
  const basic = { username: { name: "n", key: "u" }, password: { name: "n", key: "p" } };
  const spec = { url: server.url, subject: "a.b", auth: { basic } };
  const right = { "n/u": "u", "n/p": "p4ss" };
  // One pool: a Secret that changed gets a connection of its own, although the old one is open.
  await using clients = createClientPool({ clock: triggerContext().clock, log: silentLogger });
  assert.match((await fire(spec, "1", { clients }, right)).message, /^published/);
  await assert.rejects(
    fire(spec, "1", { clients }, { ...right, "n/p": "wr0ng" }),
    (error) => /Authorization/i.test(String(error)) && !String(error).includes("wr0ng"),
  );
  assert.match((await fire(spec, "2", { clients }, right)).message, /^published/);
  const url = server.url.replace("//", "//u:p4ss@");
  assert.doesNotMatch((await fire({ ...spec, url, auth: {} }, "3", { clients })).message, /p4ss/);
});

test("a URL's user without a password is a token", { skip }, async () => {
  await using server = await startNatsServer({ config: 'authorization { token: "t%ken" }' });
  const spec = { url: server.url.replace("//", "//t%25ken@"), subject: "a.b" };
  assert.match((await fire(spec, "1")).message, /^published .* at nats:\/\/127\.0\.0\.1:\d+$/);
  await assert.rejects(fire({ ...spec, url: server.url }, "2"), { code: "TRIGGER_FAILED" });
});

test("a subject comes from parameters of the kind's own, too, and must be one", async () => {
  const spec = { url: "nats://127.0.0.1:1", subject: "a", payload };
  const parameters = (value: string) => [{ src: { dependencyName: "dep", value }, dest: "subject" }];
  const planned = async (value: string) =>
    natsTrigger.plan(
      natsTrigger.schema.parse({ ...spec, parameters: parameters(value) }, "nats"),
      firing(),
      triggerContext(),
      never,
    );
  assert.equal((await planned("b.c")).subject, "b.c");
  await assert.rejects(planned("b.*"), { code: "MANIFEST_INVALID" });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../../src/base/json.ts";
import { genericSource } from "../../../src/events/sources/generic.ts";
import { decodeEvent, encodeEventSource } from "../../../src/events/sources/generic-messages.ts";
import type { SourceContext } from "../../../src/events/sources/source.ts";
import { type EventServer, startEventServer } from "../../harness/grpc-events.ts";
import { waitFor } from "../../harness/wait.ts";
import { runSource } from "./running-source.ts";

const run = (server: EventServer, more: JsonObject = {}, parts: Partial<SourceContext> = {}) =>
  runSource(genericSource, { url: server.url, config: "key: value", insecure: true, ...more }, parts, {
    "s/token": "t1",
  });

test("the server gets name and configuration, and its events come with their payload", async () => {
  await using server = await startEventServer();
  await using source = await run(server, { jsonBody: true, metadata: { a: "b" } });
  await waitFor("the call", () => server.calls.length === 1);
  const request = decodeEvent(server.calls[0]?.request ?? Buffer.alloc(0));
  assert.deepEqual([request.name, request.payload.toString()], ["e", "key: value"]);
  for (const payload of ['{"n":1}', "no json", '{"n":2}']) server.send(payload);
  await waitFor("both events", () => source.data().length === 2);
  assert.deepEqual(source.data(), [
    { body: { n: 1 }, metadata: { a: "b" } },
    { body: { n: 2 }, metadata: { a: "b" } },
  ]);
  assert.equal(source.context.failed.count, 1);
});

test("a server that says nothing before its first event is listened to", async () => {
  await using server = await startEventServer();
  server.isSilent = true;
  await using source = await run(server);
  assert.deepEqual(source.data(), []);
  server.send("x");
  await waitFor("the event", () => source.data().length === 1);
});

test("without jsonBody a payload is base64", async () => {
  await using server = await startEventServer();
  await using source = await run(server);
  await waitFor("the call", () => server.calls.length === 1);
  server.send("x");
  await waitFor("the event", () => source.data().length === 1);
  assert.deepEqual(source.data(), [{ body: "eA==" }]);
});

test("the token is sent, and a refusal is a failure that is tried again", async () => {
  await using server = await startEventServer();
  server.token = "t2";
  const authSecret = { name: "s", key: "token" };
  await assert.rejects(run(server, { authSecret }), { code: "SOURCE_FAILED", message: /UNAUTHENTICATED: bad token/ });
  server.token = "t1";
  await using source = await run(server, { authSecret });
  await waitFor("the call", () => server.calls.length === 1);
  server.calls[0]?.end();
  const error = await source.ended;
  assert.match(String(error), /the server ended the stream/);
});

test("a slow bus holds the server back", async () => {
  await using server = await startEventServer();
  let inFlight = 0;
  let most = 0;
  let stored = 0;
  const emit = async (): Promise<void> => {
    most = Math.max(most, ++inFlight);
    await new Promise((resolve) => setTimeout(resolve, 1));
    inFlight--;
    stored++;
  };
  await using source = await run(server, {}, { emit });
  await waitFor("the call", () => server.calls.length === 1);
  for (let n = 0; n < 2_000; n++) {
    if (!server.send("x".repeat(1_000))) await new Promise((resolve) => server.calls[0]?.once("drain", resolve));
  }
  await waitFor("all", () => stored === 2_000, 20_000);
  assert.ok(most <= 64, `${most} at once`);
  assert.equal(source.context.failed.count, 0);
});

test("messages are read as they were written, and what is no message is refused", () => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ maxLength: 300 }), (name, bytes) => {
      const payload = Buffer.from(bytes);
      const read = decodeEvent(encodeEventSource({ name, config: payload }));
      assert.equal(read.name, Buffer.from(name).toString("utf8"));
      assert.deepEqual(read.payload, payload);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        decodeEvent(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
  );
});

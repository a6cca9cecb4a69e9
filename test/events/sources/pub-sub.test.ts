import assert from "node:assert/strict";
import { generateKeyPairSync, verify } from "node:crypto";
import { test } from "node:test";
import { pubSubSource } from "../../../src/events/sources/pub-sub.ts";
import { startPubSub } from "../../harness/pub-sub.ts";
import { waitFor } from "../../harness/wait.ts";
import { directFetch } from "./direct-fetch.ts";
import { runSource } from "./running-source.ts";

const data = (value: string) => Buffer.from(value).toString("base64");
const message = { messageId: "1", publishTime: "2026-01-01T00:00:00.120Z" };

test("topic and subscription are made, messages come in their shape and are acknowledged", async () => {
  await using service = await startPubSub();
  const spec = { projectID: "p", topic: "orders", endpoint: service.url, jsonBody: true, metadata: { m: "1" } };
  await using source = await runSource(pubSubSource, spec, { fetch: directFetch });
  const [name = "", topic] = [...service.subscriptions][0] ?? [];
  assert.equal(topic, "projects/p/topics/orders");
  assert.match(name, /^projects\/p\/subscriptions\/e-[0-9a-f]{8}$/);
  service.publish({ ...message, data: data('{"n":1}'), attributes: { a: "b" } });
  service.publish({ ...message, messageId: "2", publishTime: "2026-01-01T00:00:00Z", data: data("no JSON") });
  service.publish({ ...message, messageId: "3", publishTime: "2026-01-01T00:00:00Z", data: data("3") });
  await waitFor("the acknowledgements", () => service.waiting.size === 0);
  const shapes = source.context.emitted.map((draft) => JSON.stringify(draft.data));
  assert.deepEqual(
    [...new Set(shapes)],
    [
      '{"id":"1","body":{"n":1},"attributes":{"a":"b"},"publishTime":"2026-01-01 00:00:00.12 +0000 UTC","metadata":{"m":"1"}}',
      '{"id":"3","body":3,"attributes":null,"publishTime":"2026-01-01 00:00:00 +0000 UTC","metadata":{"m":"1"}}',
    ],
  );
  assert.equal(source.context.emitted[0]?.id, "default/es/e@1");
  assert.ok(source.context.failed.count > 0);
});

test("a subscription of another topic is refused; one that is there is used, and deleted where that is asked for", async () => {
  await using service = await startPubSub();
  service.subscriptions.set("projects/p/subscriptions/s", "projects/q/topics/other");
  const spec = { projectID: "p", subscriptionID: "s", endpoint: service.url };
  const wrong = runSource(pubSubSource, { ...spec, topic: "orders" }, { fetch: directFetch });
  await assert.rejects(wrong, { code: "SOURCE_FAILED", message: /is one of projects\/q\/topics\/other, not of/ });
  const missing = runSource(pubSubSource, { ...spec, subscriptionID: "none" }, { fetch: directFetch });
  await assert.rejects(missing, { code: "NOT_FOUND" });
  const source = await runSource(pubSubSource, { ...spec, deleteSubscriptionOnFinish: true }, { fetch: directFetch });
  await source.stop();
  assert.equal(service.subscriptions.size, 0);
});

test("with a service account each request bears a token that its key was signed for", async () => {
  await using service = await startPubSub();
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const account = {
    type: "service_account",
    project_id: "p",
    client_email: "me@p",
    private_key_id: "k",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    token_uri: `${service.url}/token`,
  };
  const spec = { topic: "orders", endpoint: service.url, credentialSecret: { name: "g", key: "k" } };
  await using _source = await runSource(pubSubSource, spec, { fetch: directFetch }, { "g/k": JSON.stringify(account) });
  const tokens = service.asked.filter(({ path }) => path === "/token");
  assert.equal(tokens.length, 1);
  const [head = "", claims = "", signature = ""] = (new URLSearchParams(tokens[0]?.body).get("assertion") ?? "").split(
    ".",
  );
  assert.ok(verify("RSA-SHA256", Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, "base64url")));
  assert.equal(JSON.parse(Buffer.from(claims, "base64url").toString()).iss, "me@p");
  const others = service.asked.filter(({ path }) => path !== "/token");
  assert.ok(others.every(({ authorization }) => authorization === "Bearer t-1"));
});

test("without credentials it says what is missing", async () => {
  const running = runSource(pubSubSource, { projectID: "p", topic: "t" }, { fetch: directFetch });
  await assert.rejects(running, { code: "SOURCE_UNSUPPORTED", message: /set credentialSecret/ });
  const spec = { projectID: "p", topic: "t", credentialSecret: { name: "g", key: "k" } };
  await assert.rejects(runSource(pubSubSource, spec, {}, { "g/k": "{}" }), { code: "SECRET_MISSING" });
});

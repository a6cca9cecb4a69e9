import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { webhookSource } from "../../../src/events/sources/webhook.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { serveSource } from "./served-source.ts";

const body = '{"a":1}';
const secrets = {
  "s/one": "first",
  "s/two": "second",
  "s/user": "ann",
  "s/pass": "p:w",
  "s/standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
};
const key = (name: string) => ({ name: "s", key: name });
const both = [key("one"), key("two")];

const hmac = (secret: string, encoding: "hex" | "base64" = "hex", algorithm = "sha256"): string =>
  createHmac(algorithm, secret).update(body).digest(encoding);
const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

const now = Date.parse("2026-01-01T00:00:00Z") / 1_000;
function standard(at: number, secret = secrets["s/standard"]): Record<string, string> {
  const bytes = Buffer.from(secret.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", bytes).update(`msg_1.${at}.${body}`).digest("base64");
  return {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(at),
    "webhook-signature": `v1a,xx v1,AAAA v1,${signature}`,
  };
}

const hub: JsonObject = { hmac: { header: "X-Hub-Signature-256", prefix: "sha256=", secrets: both } };
const plain: JsonObject = { hmac: { header: "x-signature", algorithm: "sha512", encoding: "base64", secrets: both } };
const standardWebhooks: JsonObject = { standardWebhooks: { secrets: [key("gone"), key("standard")] } };
const bearer: JsonObject = { bearer: { secrets: both } };
const named: JsonObject = { basic: { credentials: [{ username: key("user"), password: key("pass") }] } };

const cases: readonly (readonly [string, JsonObject, Record<string, string>, string | undefined])[] = [
  ["hmac with the first of two secrets", hub, { "X-Hub-Signature-256": `sha256=${hmac("first")}` }, undefined],
  ["hmac with the second", hub, { "X-Hub-Signature-256": `sha256=${hmac("second")}` }, undefined],
  ["hmac with neither", hub, { "X-Hub-Signature-256": `sha256=${hmac("third")}` }, "the signature is wrong"],
  ["hmac cut short", hub, { "X-Hub-Signature-256": "sha256=" }, "the signature is wrong"],
  [
    "hmac without its prefix",
    hub,
    { "X-Hub-Signature-256": hmac("first") },
    "header X-Hub-Signature-256 does not begin as it should",
  ],
  ["hmac without the header", hub, {}, "header X-Hub-Signature-256 is missing"],
  ["hmac as base64 of SHA-512", plain, { "X-Signature": hmac("second", "base64", "sha512") }, undefined],
  [
    "hmac with the secret gone",
    { hmac: { header: "X-S", secrets: [key("gone")] } },
    { "X-S": hmac("") },
    "it cannot be verified",
  ],
  ["Standard Webhooks", standardWebhooks, standard(now), undefined],
  ["Standard Webhooks within five minutes", standardWebhooks, standard(now - 299), undefined],
  ["Standard Webhooks too late", standardWebhooks, standard(now - 301), "webhook-timestamp is too far off"],
  ["Standard Webhooks too early", standardWebhooks, standard(now + 301), "webhook-timestamp is too far off"],
  ["Standard Webhooks of another", standardWebhooks, standard(now, "whsec_AAAA"), "the signature is wrong"],
  [
    "Standard Webhooks at no time",
    standardWebhooks,
    { ...standard(now), "webhook-timestamp": "1e3" },
    "webhook-timestamp is too far off",
  ],
  [
    "Standard Webhooks without headers",
    standardWebhooks,
    {},
    "webhook-id, webhook-timestamp or webhook-signature is missing",
  ],
  ["bearer", bearer, { Authorization: "Bearer second" }, undefined],
  ["bearer of another", bearer, { Authorization: "Bearer third" }, "the token is wrong"],
  ["bearer without a token", bearer, { Authorization: "Bearer " }, "a bearer token is missing"],
  ["basic", named, { Authorization: basic("ann:p:w") }, undefined],
  ["basic with another password", named, { Authorization: basic("ann:p") }, "user name or password is wrong"],
  ["basic without", named, {}, "user name and password are missing"],
];

for (const [what, verify, headers, problem] of cases) {
  test(`a request with ${what} is ${problem === undefined ? "taken" : `refused: ${problem}`}`, async () => {
    const spec: JsonObject = { endpoint: "/e", port: "0", method: "POST", verify };
    await using source = await serveSource(webhookSource, spec, secrets, { clock: createVirtualClock() });
    const answer = await source.send({ body, headers: { "content-type": "application/json", ...headers } });
    const wanted = problem === undefined ? [200, "success"] : [401, `request not verified: ${problem}`];
    assert.deepEqual([answer.status, answer.text], wanted);
    assert.equal(source.context.emitted.length, problem === undefined ? 1 : 0);
    assert.equal(source.context.failed.count, problem === undefined ? 0 : 1);
  });
}

test("the id of Standard Webhooks is the event's, so that a repeat is a no-op", async () => {
  const spec: JsonObject = { endpoint: "/e", port: "0", method: "POST", verify: standardWebhooks };
  await using source = await serveSource(webhookSource, spec, secrets, { clock: createVirtualClock() });
  for (let times = 0; times < 2; times++) await source.send({ body, headers: standard(now) });
  assert.deepEqual(
    source.context.emitted.map(({ id }) => id),
    ["default/es/e@msg_1", "default/es/e@msg_1"],
  );
});

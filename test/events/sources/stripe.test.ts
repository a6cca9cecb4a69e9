import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import type { OutgoingRequest } from "../../../src/events/sources/source.ts";
import { stripeSource } from "../../../src/events/sources/stripe.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { serveSource } from "./served-source.ts";

const spec: JsonObject = { webhook: { endpoint: "/stripe", port: "0", url: "https://hooks.example.com" } };
const secrets = { "s/signing": "whsec_1", "s/key": "sk_1" };
const now = Date.parse("2026-01-01T00:00:00Z") / 1_000;
const body = JSON.stringify({
  id: "evt_1",
  object: "event",
  api_version: "2020-08-27",
  created: 5,
  data: { object: { id: "ch_1" } },
  livemode: true,
  pending_webhooks: 2,
  request: { id: "req_1" },
  type: "charge.failed",
});
const event = {
  account: "",
  created: 5,
  data: { previous_attributes: null, object: { id: "ch_1" } },
  id: "evt_1",
  livemode: true,
  pending_webhooks: 2,
  request: { id: "req_1" },
  type: "charge.failed",
};

function signature(at = now, secret = "whsec_1"): string {
  return `t=${at},v1=00,v1=${createHmac("sha256", secret).update(`${at}.${body}`).digest("hex")}`;
}

const verified = { ...spec, webhookSecret: { name: "s", key: "signing" } };
const cases: readonly (readonly [string, JsonObject, Record<string, string>, number, string])[] = [
  ["no check asked for", spec, {}, 200, "success"],
  ["a type that counts", { ...spec, eventFilter: ["charge.failed"] }, {}, 200, "success"],
  ["a type that does not", { ...spec, eventFilter: ["charge.succeeded"] }, {}, 400, "invalid event"],
  ["its signature", verified, { "Stripe-Signature": signature() }, 200, "success"],
  ["no signature", verified, {}, 400, "missing signature"],
  ["an old signature", verified, { "Stripe-Signature": signature(now - 301) }, 400, "the signature is too old"],
  ["another secret", verified, { "Stripe-Signature": signature(now, "x") }, 400, "signature check failed"],
];
for (const [what, more, headers, status, text] of cases) {
  test(`an event of Stripe with ${what} is answered ${status}`, async () => {
    const clock = createVirtualClock();
    await using source = await serveSource(stripeSource, { ...more, metadata: { a: "b" } }, secrets, { clock });
    const answer = await source.send({ body, headers });
    assert.deepEqual([answer.status, answer.text], [status, text]);
    const [draft] = source.context.emitted;
    if (status !== 200) assert.equal(draft, undefined);
    else assert.equal(JSON.stringify(draft?.data), JSON.stringify({ event, metadata: { a: "b" } }));
    assert.equal(draft?.id, status === 200 ? "default/es/e@evt_1" : undefined);
  });
}

test("an endpoint is registered once, though the source starts again", async () => {
  const endpoints: JsonObject[] = [];
  const writes: OutgoingRequest[] = [];
  const fetch = async (request: OutgoingRequest) => {
    if (request.method === "POST") {
      writes.push(request);
      endpoints.push({ url: new URLSearchParams(request.body).get("url") ?? "" });
    }
    return { status: 200, headers: {}, text: JSON.stringify({ data: endpoints }) };
  };
  const more = { ...spec, createWebhook: true, apiKey: { name: "s", key: "key" }, eventFilter: ["charge.failed"] };
  for (let start = 0; start < 2; start++) {
    await using source = await serveSource(stripeSource, more, secrets, { fetch });
    await waitFor("the endpoint", () => endpoints.length === 1);
    assert.deepEqual(source.context.failures, []);
  }
  assert.equal(writes.length, 1);
  assert.equal(writes[0]?.body, "url=https%3A%2F%2Fhooks.example.com%2Fstripe&enabled_events%5B%5D=charge.failed");
  assert.equal(writes[0]?.headers?.authorization, "Bearer sk_1");
});

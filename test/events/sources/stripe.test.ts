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

/** Stripe's list of endpoints, by pages, and what is written there. */
function playStripe(endpoints: JsonObject[]) {
  const writes: OutgoingRequest[] = [];
  const fetch = async (request: OutgoingRequest) => {
    const { pathname, searchParams } = new URL(request.url);
    const id = pathname.split("/")[3];
    if (request.method === "POST") {
      writes.push(request);
      const form = new URLSearchParams(request.body);
      const known = endpoints.find((endpoint) => endpoint.id === id);
      const fields = { enabled_events: form.getAll("enabled_events[]"), status: "enabled" };
      if (known) Object.assign(known, fields);
      else endpoints.push({ id: `we_${endpoints.length}`, url: form.get("url") ?? "", ...fields });
    }
    const after = endpoints.findIndex((endpoint) => endpoint.id === searchParams.get("starting_after")) + 1;
    const end = after + Number(searchParams.get("limit"));
    const page = { data: endpoints.slice(after, end), has_more: end < endpoints.length };
    return { status: 200, headers: {}, text: JSON.stringify(page) };
  };
  return { fetch, writes };
}

const registering = { ...spec, createWebhook: true, apiKey: { name: "s", key: "key" }, eventFilter: ["charge.failed"] };
const ours = { id: "we_ours", url: "https://hooks.example.com/stripe", status: "enabled" };
const created = "https://api.stripe.com/v1/webhook_endpoints";
const types = "enabled_events%5B%5D=charge.failed";
const others = (count: number): JsonObject[] =>
  Array.from({ length: count }, (_, index) => ({ id: `we_${index}`, url: `https://other.example.com/${index}` }));

const endpointCases: readonly (readonly [what: string, known: JsonObject[], url?: string, body?: string])[] = [
  ["that is missing is registered", others(3), created, `url=https%3A%2F%2Fhooks.example.com%2Fstripe&${types}`],
  ["on the third page is found", [...others(250), { ...ours, enabled_events: ["charge.failed"] }]],
  [
    "for other types is brought to the spec",
    [{ ...ours, enabled_events: ["*"] }],
    `${created}/we_ours`,
    `disabled=false&${types}`,
  ],
  [
    "that Stripe turned off is turned on",
    [{ ...ours, status: "disabled", enabled_events: ["charge.failed"] }],
    `${created}/we_ours`,
    `disabled=false&${types}`,
  ],
];
for (const [what, known, url, body] of endpointCases) {
  test(`an endpoint ${what}, once`, async () => {
    const stripe = playStripe(known);
    for (let start = 0; start < 2; start++) {
      const clock = createVirtualClock();
      await using source = await serveSource(stripeSource, registering, secrets, { fetch: stripe.fetch, clock });
      await waitFor("the round to end", () => clock.sleeping > 0);
      assert.deepEqual(source.context.failures, []);
    }
    assert.deepEqual(
      stripe.writes.map((request) => [request.url, request.body, request.headers?.authorization]),
      url === undefined ? [] : [[url, body, "Bearer sk_1"]],
    );
  });
}

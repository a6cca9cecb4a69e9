import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { slackSource } from "../../../src/events/sources/slack.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { serveSource } from "./served-source.ts";

const spec: JsonObject = {
  webhook: { endpoint: "/slack", port: "0" },
  signingSecret: { name: "s", key: "signing" },
  token: { name: "s", key: "token" },
};
const secrets = { "s/signing": "8f742231b10e8888abcd99yyyzzz85a5", "s/token": "t" };
const now = Date.parse("2026-01-01T00:00:00Z") / 1_000;
const json = "application/json";
const form = "application/x-www-form-urlencoded";

function signed(body: string, type: string, at = now): Record<string, string> {
  const digest = createHmac("sha256", secrets["s/signing"]).update(`v0:${at}:${body}`).digest("hex");
  return { "content-type": type, "X-Slack-Request-Timestamp": String(at), "X-Slack-Signature": `v0=${digest}` };
}

async function ask(body: string, headers: Record<string, string>) {
  await using source = await serveSource(slackSource, spec, secrets, { clock: createVirtualClock() });
  const { status, text } = await source.send({ body, headers });
  return { status, text, emitted: source.context.emitted, failed: source.context.failed.count };
}

const event = { type: "message", text: "hi", user: "U1" };
const command = { token: "t", team_id: "T1", command: "/deploy", text: "shop", trigger_id: "1", user_id: "U1" };
const emptyCommand = {
  team_domain: "",
  is_enterprise_install: false,
  channel_id: "",
  channel_name: "",
  user_name: "",
  response_url: "",
  api_app_id: "",
};
const callback = JSON.stringify({ token: "t", type: "event_callback", event_id: "Ev1", event });

const taken: readonly (readonly [string, string, string, JsonObject, string | undefined])[] = [
  ["an event", callback, json, { type: "message", Data: event }, "default/es/e@Ev1"],
  [
    "an interaction",
    new URLSearchParams({ payload: '{"type":"shortcut"}' }).toString(),
    form,
    { type: "shortcut" },
    undefined,
  ],
  ["a slash command", new URLSearchParams(command).toString(), form, { ...command, ...emptyCommand }, undefined],
];
for (const [what, body, type, data, id] of taken) {
  test(`${what} of Slack is an event`, async () => {
    const { status, text, emitted } = await ask(body, signed(body, type));
    assert.deepEqual([status, text], [200, "success"]);
    assert.deepEqual(emitted[0]?.data, data);
    assert.equal(emitted[0]?.id, id);
  });
}

test("Slack's challenge is answered by itself, and other types are no events", async () => {
  const challenge = JSON.stringify({ token: "t", type: "url_verification", challenge: "c1" });
  const answered = await ask(challenge, signed(challenge, json));
  assert.deepEqual([answered.status, answered.text, answered.emitted.length], [200, "c1", 0]);
  const other = JSON.stringify({ token: "t", type: "app_rate_limited" });
  const ignored = await ask(other, signed(other, json));
  assert.deepEqual([ignored.status, ignored.text, ignored.emitted.length], [200, "success", 0]);
});

const wrongToken = JSON.stringify({ token: "x", type: "event_callback", event });
const refused: readonly (readonly [string, string, Record<string, string>, number, string])[] = [
  ["no signature", callback, { "content-type": json }, 401, "missing headers"],
  ["the signature of another body", callback, signed("x", json), 401, "wrong signature"],
  ["an old signature", callback, signed(callback, json, now - 301), 401, "timestamp is too old"],
  ["another token", wrongToken, signed(wrongToken, json), 500, "invalid verification token"],
  ["no JSON", "x", signed("x", json), 500, "failed to parse the event: it must be a JSON object"],
  ["an empty form", "a=1", signed("a=1", form), 500, "could not determine slack type from form parameters"],
];
for (const [what, body, headers, status, text] of refused) {
  test(`a request to Slack's hook with ${what} is refused`, async () => {
    const answer = await ask(body, headers);
    assert.deepEqual([answer.status, answer.text, answer.emitted.length, answer.failed], [status, text, 0, 1]);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../../src/base/errors.ts";
import { openWhiskTrigger } from "../../../src/events/triggers/open-whisk.ts";
import type { Firing } from "../../../src/events/triggers/trigger.ts";
import { startAnswering } from "../../harness/http-sink.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

const payload = [{ src: { dependencyName: "dep", value: "7" }, dest: "id" }];
const secrets = { "w/t": "user:pass" };

function plan(spec: object, parts: Partial<Firing> = {}) {
  const all = { host: "https://w", actionName: "ship", authToken: { name: "w", key: "t" }, payload, ...spec };
  const context = triggerContext({}, secrets);
  return openWhiskTrigger.plan(openWhiskTrigger.schema.parse(all, "openWhisk"), firing(parts), context, never);
}

async function fire(spec: object, parts: Partial<Firing> = {}) {
  return openWhiskTrigger.apply(await plan(spec, parts), firing(parts), triggerContext({}, secrets), never);
}

const renamed = [{ src: { dependencyName: "dep", value: "other" }, dest: "actionName" }];

for (const [what, spec, url] of [
  ["the usual namespace and version", {}, "https://w/api/v1/namespaces/_/actions/ship"],
  ["a package", { actionName: "pack/ship" }, "https://w/api/v1/namespaces/_/actions/pack/ship"],
  ["others", { namespace: "team a", version: "v2" }, "https://w/api/v2/namespaces/team%20a/actions/ship"],
  ["empty texts as none", { namespace: "", version: "" }, "https://w/api/v1/namespaces/_/actions/ship"],
  ["a host without a scheme", { host: "w:8443/x" }, "https://w:8443/api/v1/namespaces/_/actions/ship"],
  ["its own parameters", { parameters: renamed }, "https://w/api/v1/namespaces/_/actions/other"],
] as const) {
  test(`openWhisk asks for ${what}`, async () => {
    const planned = await plan(spec);
    assert.equal(planned.url, `${url}?blocking=true&result=true`);
    assert.equal(JSON.stringify(planned).includes("pass"), false);
  });
}

for (const [what, spec] of [
  ["a host that is none", { host: "http://" }],
  ["no payload", { payload: [] }],
] as const) {
  test(`openWhisk refuses ${what}`, async () => {
    await assert.rejects(async () => plan(spec), { code: "MANIFEST_INVALID" });
  });
}

const allow = (...statuses: readonly number[]) => ({ policy: { status: { allow: statuses } } });

for (const [status, parts, expected] of [
  [200, {}, "answered 200"],
  [202, {}, "answered 202"],
  [404, {}, "final"],
  [502, {}, "again"],
  [502, allow(502), "answered 502"],
  [200, allow(202), "again"],
] as const) {
  test(`openWhisk: ${status} ${"policy" in parts ? `with [${parts.policy.status.allow}] ` : ""}is ${expected}`, async () => {
    await using server = await startAnswering(() => ({ status, body: "{}" }));
    const fired = fire({ host: server.url }, parts);
    if (expected.startsWith("answered")) assert.match((await fired).message, new RegExp(expected));
    else await assert.rejects(fired, (error) => error instanceof TerminalError === (expected === "final"));
    const [request] = server.requests;
    assert.equal(request?.headers.authorization, `Basic ${Buffer.from("user:pass").toString("base64")}`);
    assert.equal(request?.body, '{"id":"7"}');
    assert.match(String(request?.headers["idempotency-key"]), /^[0-9a-f]{32}$/);
  });
}

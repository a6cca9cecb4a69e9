import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { createCustomTrigger } from "../../../src/events/triggers/custom.ts";
import { ensureCertificate } from "../../../src/local/certificate.ts";
import { startTriggerServer, type TriggerServer } from "../../harness/grpc-trigger.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

const fromEvent = (value: string, dest: string) => ({ src: { dependencyName: "dep", value }, dest });

function open({ port }: Pick<TriggerServer, "port">, fields: object = {}, secrets: Record<string, string> = {}) {
  const trigger = createCustomTrigger();
  const context = triggerContext({}, secrets);
  const written = { serverURL: `127.0.0.1:${port}`, spec: { url: "u", a: "1" }, ...fields };
  const spec = trigger.schema.parse(written, "custom");
  const plan = async (key = "k") => trigger.plan(spec, firing({ key }), context, never);
  const fire = async (key = "k") => trigger.apply(await plan(key), firing({ key }), context, never);
  return { plan, fire };
}

test("the server gives the resource, gets it back with its parameters and the payload, and is asked about the policy", async () => {
  await using server = await startTriggerServer();
  const more = { parameters: [fromEvent("team", "metadata.namespace")], payload: [fromEvent("x", "ref")] };
  const { plan, fire } = open(server, more);
  const planned = await plan();
  assert.deepEqual(planned.resource, { kind: "Made", metadata: { namespace: "team" } });
  assert.deepEqual(
    server.calls.map(({ method, fields }) => [method, fields]),
    [["FetchResource", { 1: "a: '1'\nurl: u\n" }]],
    "a plan executes nothing",
  );
  assert.match((await fire()).message ?? "", /^custom: 127\.0\.0\.1:\d+ executed it$/);
  assert.deepEqual(
    server.calls.slice(2).map(({ method, fields }) => [method, fields]),
    [
      ["Execute", { 1: '{"kind":"Made","metadata":{"namespace":"team"}}', 2: '{"ref":"x"}' }],
      ["ApplyPolicy", { 1: "executed" }],
    ],
  );
  assert.equal(new Set(server.calls.map(({ key }) => key)).size, 1, "one key for all calls of a firing");
  assert.match(server.calls[0]?.key ?? "", /^[0-9a-f]{10,}$/);
});

test("a resource that is no JSON goes back as it came, unless there are parameters to set", async () => {
  await using server = await startTriggerServer();
  server.resource = "kind: Made\n";
  await open(server).fire();
  assert.deepEqual(server.calls[1]?.fields, { 1: "kind: Made\n" });
  const { plan } = open(server, { parameters: [fromEvent("x", "a")] });
  await assert.rejects(plan(), { code: "MANIFEST_INVALID", message: /custom\.parameters: .* must be a JSON object/ });
});

test("a policy that is not met is told, and no failure; an execution that fails is one, and can be tried again", async () => {
  await using server = await startTriggerServer();
  server.isMet = false;
  const { fire } = open(server);
  assert.match((await fire("a")).message ?? "", /; its policy was not met: not yet there$/);
  server.refuses = true;
  await assert.rejects(fire("b"), { code: "TRIGGER_FAILED", message: /custom: Execute of .*INTERNAL: no room/ });
  server.refuses = false;
  assert.match((await fire("b")).message ?? "", /executed it/);
  assert.match((await fire("b")).message ?? "", /had already executed it/);
});

test("with TLS the server's certificate is checked, against the name that is given", async () => {
  await using folder = await tempDir();
  const certificate = await ensureCertificate(folder.path, systemClock);
  await using server = await startTriggerServer(certificate);
  const certSecret = { name: "s", key: "ca" };
  const secure = { secure: true, certSecret };
  const { fire } = open(server, secure, { "s/ca": certificate.cert });
  assert.match((await fire()).message ?? "", /executed it/);
  const named = open(server, { ...secure, serverNameOverride: "other.example" }, { "s/ca": certificate.cert });
  await assert.rejects(named.fire(), { code: "TRIGGER_FAILED" });
  await assert.rejects(open(server, secure).fire(), { code: "SECRET_MISSING" });
  await assert.rejects(open(server).fire(), { code: "TRIGGER_FAILED" }, "plaintext is not spoken there");
});

test("a server that is away is a failure that is tried again, and soon told", async () => {
  const server = await startTriggerServer();
  await server[Symbol.asyncDispose]();
  await assert.rejects(open(server).plan(), {
    code: "TRIGGER_FAILED",
    message: /custom: FetchResource of .*UNAVAILABLE/,
  });
});

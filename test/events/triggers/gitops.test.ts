import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseManifests } from "../../../src/api/manifest.ts";
import { parseSensor } from "../../../src/api/sensor.ts";
import { TerminalError } from "../../../src/base/errors.ts";
import { compileSensor } from "../../../src/events/sensor/compile.ts";
import { createParameterResolver } from "../../../src/events/sensor/parameters.ts";
import { gitOpsTrigger } from "../../../src/events/triggers/gitops.ts";
import { triggerKinds, triggerSchemas } from "../../../src/events/triggers/registry.ts";
import type { Firing, GitOpsRequest, GitOpsTarget, TriggerContext } from "../../../src/events/triggers/trigger.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { event, firing, never, triggerContext } from "./trigger-context.ts";

/** Keeps what it is asked, and as whom. */
function recordingTarget() {
  const calls: { readonly call: "plan" | "request"; readonly request: GitOpsRequest; readonly kube: KubeClient }[] = [];
  const target: GitOpsTarget = {
    async plan(request, kube) {
      calls.push({ call: "plan", request, kube });
      const { application, operation } = request;
      return {
        application,
        operation,
        syncStatus: "OutOfSync",
        healthStatus: "Healthy",
        revision: "1a2b",
        outOfSync: [],
      };
    },
    async request(request, kube) {
      calls.push({ call: "request", request, kube });
      return { message: `asked for ${request.operation}` };
    },
  };
  return { calls, target };
}

const pushed = { ...event, data: { body: { after: "abc", app: "shop", empty: "", yes: true } } };
const fired = firing({ events: { dep: pushed } });

function contextFor(gitOps: GitOpsTarget, { events }: Firing = fired): TriggerContext {
  return triggerContext({ gitOps, parameters: createParameterResolver(events) });
}

/** The request of a plan. */
async function requestOf(spec: object): Promise<GitOpsRequest> {
  const { target } = recordingTarget();
  const parsed = gitOpsTrigger.schema.parse({ application: "guestbook", ...spec }, "gitOps");
  return (await gitOpsTrigger.plan(parsed, fired, contextFor(target), never)).request;
}

const common = {
  application: { namespace: "argocd", name: "guestbook" },
  key: "uid/deploy/1",
  by: { namespace: "team", name: "sensor" },
  hop: 1,
};
const plain = { prune: false, dryRun: false, syncOptions: [] };
const parameter = (dest: string, dataKey: string, more: object = {}) => ({
  src: { dependencyName: "dep", dataKey, ...more },
  dest,
});

const requests: readonly [string, object, Partial<GitOpsRequest>][] = [
  ["sync is the default, in argocd, of what the source names", {}, { operation: "sync", sync: plain }],
  ["an empty revision is none", { revision: "" }, { operation: "sync", sync: plain }],
  [
    "a sync carries its options",
    { revision: "main", prune: true, dryRun: true, syncOptions: ["A=b"] },
    { operation: "sync", sync: { revision: "main", prune: true, dryRun: true, syncOptions: ["A=b"] } },
  ],
  ["a refresh carries none of them", { operation: "refresh", revision: "x", prune: true }, { operation: "refresh" }],
  ["hardRefresh", { operation: "hardRefresh" }, { operation: "hardRefresh" }],
  [
    "another namespace",
    { operation: "refresh", namespace: "apps" },
    { operation: "refresh", application: { namespace: "apps", name: "guestbook" } },
  ],
  [
    "parameters set fields of the block",
    { parameters: [parameter("revision", "body.after"), parameter("application", "body.app")] },
    {
      operation: "sync",
      application: { namespace: "argocd", name: "shop" },
      sync: { ...plain, revision: "abc" },
    },
  ],
  [
    "a raw parameter keeps its type",
    { parameters: [parameter("prune", "body.yes", { useRawData: true })] },
    { operation: "sync", sync: { ...plain, prune: true } },
  ],
  [
    "a parameter of a dependency without event leaves the field",
    { revision: "main", parameters: [{ src: { dependencyName: "other", dataKey: "x" }, dest: "revision" }] },
    { operation: "sync", sync: { ...plain, revision: "main" } },
  ],
];

for (const [what, spec, wanted] of requests) {
  test(`gitOps: ${what}`, async () => assert.deepEqual(await requestOf(spec), { ...common, ...wanted }));
}

test("a plan only asks what is; apply makes the planned request, both as the Sensor's account", async () => {
  const { calls, target } = recordingTarget();
  const context = contextFor(target);
  const spec = gitOpsTrigger.schema.parse({ application: "guestbook" }, "gitOps");
  const effect = await gitOpsTrigger.plan(spec, fired, context, never);
  assert.deepEqual(calls, [{ call: "plan", request: effect.request, kube: context.kube }]);
  assert.equal(effect.meets.syncStatus, "OutOfSync");
  assert.deepEqual(JSON.parse(JSON.stringify(effect)), effect);
  assert.deepEqual(await gitOpsTrigger.apply(effect, fired, context, never), { message: "asked for sync" });
  assert.equal(calls[1]?.call, "request");
  assert.deepEqual(calls[1]?.request, effect.request);
  assert.equal(calls[1]?.kube, context.kube);
});

const refused: readonly [string, unknown, string, RegExp][] = [
  ["no application", {}, "MANIFEST_INVALID", /^spec\.application: is required$/],
  ["an empty application", { application: "" }, "MANIFEST_INVALID", /^spec\.application: /],
  ["an unknown operation", { application: "a", operation: "delete" }, "MANIFEST_INVALID", /^spec\.operation: .*delete/],
  ["a revision that is no text", { application: "a", revision: 1 }, "MANIFEST_INVALID", /^spec\.revision: /],
  ["options that are no list", { application: "a", syncOptions: "A=b" }, "MANIFEST_INVALID", /^spec\.syncOptions: /],
  [
    "a parameter without dest",
    { application: "a", parameters: [{ src: { dependencyName: "dep" } }] },
    "MANIFEST_INVALID",
    /^spec\.parameters\[0\]\.dest: is required$/,
  ],
  [
    "a parameter without value",
    { application: "a", parameters: [parameter("revision", "body.missing")] },
    "PARAMETER_ERROR",
    /^gitOps\.parameters\[0\]\.src: .*body\.missing/,
  ],
  [
    "an application that an event empties",
    { application: "a", parameters: [parameter("application", "body.empty")] },
    "MANIFEST_INVALID",
    /^gitOps\.application: /,
  ],
  [
    "an operation that an event makes up",
    { application: "a", parameters: [parameter("operation", "body.app")] },
    "MANIFEST_INVALID",
    /^gitOps\.operation: .*shop/,
  ],
  [
    "a flag that a parameter makes text",
    { application: "a", parameters: [parameter("prune", "body.yes")] },
    "MANIFEST_INVALID",
    /^gitOps\.prune: /,
  ],
];

for (const [what, spec, code, message] of refused) {
  test(`gitOps refuses ${what}, and asks nothing`, async () => {
    const { calls, target } = recordingTarget();
    const planned = triggerKinds.gitOps?.plan(spec, "spec", fired, contextFor(target), never);
    await assert.rejects(async () => planned, { code, message });
    await assert.rejects(async () => planned, TerminalError);
    assert.deepEqual(calls, []);
  });
}

test("gitOps is not supported where nothing reconciles", async () => {
  const spec = gitOpsTrigger.schema.parse({ application: "guestbook" }, "gitOps");
  const unsupported = { name: "TerminalError", code: "TRIGGER_UNSUPPORTED" };
  await assert.rejects(gitOpsTrigger.plan(spec, fired, triggerContext(), never), unsupported);
});

test("what the target refuses reaches the caller", async () => {
  const { target } = recordingTarget();
  const refusal = new Error("no");
  const context = contextFor({ ...target, request: async () => Promise.reject(refusal) });
  const spec = gitOpsTrigger.schema.parse({ application: "guestbook" }, "gitOps");
  const effect = await gitOpsTrigger.plan(spec, fired, context, never);
  await assert.rejects(gitOpsTrigger.apply(effect, fired, context, never), refusal);
});

test("the example is a Sensor that compiles, without a warning", async () => {
  const file = join(import.meta.dirname, "../../../examples/triggers/gitops.yaml");
  const [manifest] = parseManifests(await readFile(file, "utf8"), file);
  const { resource, warnings } = parseSensor(manifest?.object, triggerSchemas());
  assert.deepEqual(warnings, []);
  assert.equal(compileSensor(resource).triggers[0]?.trigger.template.kind, "gitOps");
});

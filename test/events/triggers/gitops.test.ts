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
import type { GitOpsPlan, GitOpsRequest } from "../../../src/events/triggers/gitops-request.ts";
import { triggerKinds, triggerSchemas } from "../../../src/events/triggers/registry.ts";
import type { Firing, GitOpsTarget, TriggerContext } from "../../../src/events/triggers/trigger.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { event, firing, never, triggerContext } from "./trigger-context.ts";

const web: GitOpsPlan = {
  application: { namespace: "argocd", name: "guestbook" },
  syncStatus: "OutOfSync",
  healthStatus: "Healthy",
  revision: "1a2b",
  outOfSync: [],
  history: [1, 2, 3],
  previous: 2,
  begun: "2026-11-30T00:00:00Z",
};

/** Keeps what it is asked, and as whom. */
function recordingTarget(selected: readonly string[] = []) {
  const calls: { readonly call: string; readonly what: unknown; readonly kube: KubeClient }[] = [];
  const target: GitOpsTarget = {
    async find(which, kube) {
      calls.push({ call: "find", what: which, kube });
      const names = "name" in which ? [which.name] : selected;
      return names.map((name) => ({ ...web, application: { namespace: which.namespace, name } }));
    },
    async request(request, kube) {
      calls.push({ call: "request", what: request, kube });
      return { message: `asked for ${request.operation}` };
    },
    async wait(request, wait, kube) {
      calls.push({ call: "wait", what: wait, kube });
      return `${request.application.name} is well`;
    },
    preview: async () => ({ summary: "1 to prune", diff: [" Sync, wave 0"] }),
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
  const [ask] = (await gitOpsTrigger.plan(parsed, fired, contextFor(target), never)).asks;
  assert.ok(ask !== undefined);
  return ask.request;
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
  [
    "a rollback goes to the sync before the last",
    { operation: "rollback", prune: true },
    { operation: "rollback", rollback: { id: 2, prune: true, dryRun: false } },
  ],
  [
    "a rollback to an entry of the history",
    { operation: "rollback", historyId: 1 },
    { operation: "rollback", rollback: { id: 1, prune: false, dryRun: false } },
  ],
  [
    "a revert goes to an entry of the history, by another branch",
    { operation: "revert", historyId: 1, branch: "back" },
    { operation: "revert", revert: { id: 1, branch: "back" } },
  ],
  ["a revert alone", { operation: "revert" }, { operation: "revert", revert: {} }],
  [
    "terminate means the operation that is in progress now",
    { operation: "terminate" },
    { operation: "terminate", begun: "2026-11-30T00:00:00Z" },
  ],
  [
    "parameters set values of the source",
    {
      source: { helm: { parameters: [{ name: "image.tag", value: "" }] } },
      parameters: [
        parameter("source.helm.parameters.0.value", "body.after"),
        parameter("source.kustomize.images.0", "body.app"),
      ],
    },
    {
      operation: "sync",
      sync: plain,
      source: {
        position: 1,
        helm: { parameters: [{ name: "image.tag", value: "abc" }] },
        kustomize: { images: ["shop"] },
      },
    },
  ],
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
  assert.deepEqual(calls, [{ call: "find", what: web.application, kube: context.kube }]);
  assert.equal(effect.asks[0]?.meets.syncStatus, "OutOfSync");
  assert.deepEqual(JSON.parse(JSON.stringify(effect)), effect);
  assert.deepEqual(await gitOpsTrigger.apply(effect, fired, context, never), { message: "asked for sync" });
  assert.deepEqual(calls[1], { call: "request", what: effect.asks[0]?.request, kube: context.kube });
});

/** The effect of a spec, and what became of it. */
async function applied(spec: object, { target, calls }: ReturnType<typeof recordingTarget>) {
  const context = contextFor(target);
  const effect = await gitOpsTrigger.plan(gitOpsTrigger.schema.parse(spec, "gitOps"), fired, context, never);
  const outcome = await gitOpsTrigger.apply(effect, fired, context, never);
  return { effect, outcome, calls: calls.map(({ call, what }) => [call, what] as const) };
}

test("a selector asks each Application that it finds", async () => {
  const selector = {
    matchLabels: { team: "shop" },
    matchExpressions: [
      { key: "tier", operator: "In", values: ["a", "b"] },
      { key: "old", operator: "DoesNotExist" },
    ],
  };
  const { outcome, calls } = await applied({ selector, operation: "refresh" }, recordingTarget(["one", "two"]));
  assert.deepEqual(calls[0], ["find", { namespace: "argocd", selector: "team=shop,tier in (a,b),!old" }]);
  const asked = calls.slice(1).map(([, what]) => (what as GitOpsRequest).application.name);
  assert.deepEqual(asked, ["one", "two"]);
  assert.equal(outcome.message, "asked for refresh; asked for refresh");
  const none = await applied({ selector, operation: "refresh" }, recordingTarget());
  assert.match(none.outcome.message, /^no Application in namespace "argocd" has the labels team=shop,/);
});

test("of several Applications those that failed are told, and the others are asked all the same", async () => {
  const { target, calls } = recordingTarget(["one", "two", "three"]);
  const request: GitOpsTarget["request"] = async (asked, kube, signal) => {
    const outcome = await target.request(asked, kube, signal);
    if (asked.application.name === "two") throw new TerminalError("API_FORBIDDEN", "two: may not patch");
    return outcome;
  };
  const failing = { calls, target: { ...target, request } };
  const spec = { selector: { matchLabels: { team: "shop" } } };
  await assert.rejects(applied(spec, failing), {
    code: "API_FORBIDDEN",
    message: "1 of 3 Applications: two: may not patch",
  });
  assert.equal(calls.filter(({ call }) => call === "request").length, 3);
});

test("with wait the outcome is what became of it", async () => {
  const { outcome, calls } = await applied({ application: "guestbook", wait: { timeout: "90s" } }, recordingTarget());
  assert.deepEqual(calls.at(-1), ["wait", { until: "healthy", timeoutMs: 90_000 }]);
  assert.equal(outcome.message, "guestbook is well");
  const refreshed = await applied({ application: "guestbook", operation: "refresh", wait: {} }, recordingTarget());
  assert.equal(refreshed.calls.at(-1)?.[0], "request");
});

test("a preview of a sync says what that would change, of anything else how it stands", async () => {
  const { target } = recordingTarget();
  const shown = async (spec: object) => {
    const parsed = gitOpsTrigger.schema.parse({ application: "guestbook", ...spec }, "gitOps");
    const effect = await gitOpsTrigger.plan(parsed, fired, contextFor(target), never);
    return gitOpsTrigger.preview?.(effect, fired, contextFor(target), never);
  };
  const state = "it is OutOfSync at 1a2b, Healthy";
  assert.deepEqual(await shown({}), {
    summary: `would ask Application argocd/guestbook to sync: ${state}; 1 to prune`,
    diff: [" Sync, wave 0"],
  });
  assert.deepEqual(await shown({ operation: "refresh" }), {
    summary: `would ask Application argocd/guestbook to refresh: ${state}`,
  });
});

test("a rollback without an earlier sync is refused", async () => {
  const { target, ...rest } = recordingTarget();
  const { previous: _, ...alone } = web;
  const find: GitOpsTarget["find"] = async () => [{ ...alone, history: [7] }];
  const one = { ...rest, target: { ...target, find } };
  const code = "SYNC_REFUSED";
  await assert.rejects(applied({ application: "a", operation: "rollback" }, one), { code, message: /no earlier sync/ });
  const message = /historyId: 3 is not in the history of Application argocd\/guestbook: it has 7$/;
  await assert.rejects(applied({ application: "a", operation: "rollback", historyId: 3 }, one), { code, message });
});

const refused: readonly [string, unknown, string, RegExp][] = [
  ["no application", {}, "MANIFEST_INVALID", /^spec\.application: is required$/],
  [
    "both a name and a selector",
    { application: "a", selector: { matchLabels: { a: "b" } } },
    "MANIFEST_INVALID",
    /^spec\.selector: /,
  ],
  ["a selector of everything", { selector: { matchLabels: {} } }, "MANIFEST_INVALID", /^spec\.selector: is empty/],
  [
    "a wait without end",
    { application: "a", wait: { timeout: "soon" } },
    "MANIFEST_INVALID",
    /^spec\.wait\.timeout: "soon"/,
  ],
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
    const planned = async () => triggerKinds.gitOps?.parse(spec, "spec").plan(fired, contextFor(target), never);
    await assert.rejects(planned, { code, message });
    await assert.rejects(planned, TerminalError);
    assert.deepEqual(calls, []);
  });
}

test("gitOps is not supported where nothing reconciles", async () => {
  const spec = gitOpsTrigger.schema.parse({ application: "guestbook" }, "gitOps");
  const unsupported = { name: "TerminalError", code: "TRIGGER_UNSUPPORTED" };
  await assert.rejects(async () => gitOpsTrigger.plan(spec, fired, triggerContext(), never), unsupported);
});

test("what the target refuses reaches the caller", async () => {
  const { target } = recordingTarget();
  const refusal = new Error("no");
  const context = contextFor({ ...target, request: async () => Promise.reject(refusal) });
  const spec = gitOpsTrigger.schema.parse({ application: "guestbook" }, "gitOps");
  const effect = await gitOpsTrigger.plan(spec, fired, context, never);
  await assert.rejects(async () => gitOpsTrigger.apply(effect, fired, context, never), refusal);
});

test("the example is a Sensor that compiles, without a warning", async () => {
  const file = join(import.meta.dirname, "../../../examples/triggers/gitops.yaml");
  const [manifest] = parseManifests(await readFile(file, "utf8"), file);
  const { resource, warnings } = parseSensor(manifest?.object, triggerSchemas());
  assert.deepEqual(warnings, []);
  assert.equal(compileSensor(resource).triggers[0]?.trigger.template.kind, "gitOps");
});

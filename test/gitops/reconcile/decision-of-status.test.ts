import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { defaultProject } from "../../../src/gitops/project/project.ts";
import type { AutoSyncDecision } from "../../../src/gitops/reconcile/auto-sync.ts";
import { decisionOfStatus, type StatusFacts } from "../../../src/gitops/reconcile/decision-of-status.ts";
import { ago, applicationOf, now, source } from "./applications.ts";

const automated = { syncPolicy: { automated: {} } };
const different = { kind: "ConfigMap", namespace: "shop", name: "a", version: "v1", status: "OutOfSync" };
const outOfSync = { sync: { status: "OutOfSync", revision: "c2" }, resources: [different] };
const annotated = (annotations: JsonObject): JsonObject => ({
  metadata: { name: "web", namespace: "argocd", annotations },
});
const condition = (type: string, message: string): JsonObject => ({ conditions: [{ type, message }] });
const syncedAt = (revision: string, phase = "Succeeded"): JsonObject => ({
  operationState: { phase, message: "no", finishedAt: ago(600), syncResult: { revision, source } },
});
const cluster = { server: "https://kubernetes.default.svc", name: "in-cluster" } as StatusFacts["place"]["cluster"];
const place = { project: defaultProject("argocd"), cluster };

interface Case {
  readonly spec?: JsonObject;
  readonly top?: JsonObject;
  readonly status?: JsonObject;
  readonly unmet?: StatusFacts["unmet"];
  readonly holds?: StatusFacts["holds"];
}

const kindOf = (decision: AutoSyncDecision): string =>
  "obstacle" in decision && decision.obstacle !== undefined
    ? `${decision.kind} ${decision.obstacle.kind}`
    : decision.kind;

const cases: readonly (readonly [name: string, given: Case, kind: string])[] = [
  ["automated sync that is off", { spec: {} }, "none manual"],
  ["nothing that differs", { status: { sync: { status: "Synced" } } }, "none"],
  ["a sync that begins", {}, "start"],
  ["a sync that was tried", { status: { ...outOfSync, ...syncedAt("c2", "Failed") } }, "error failed"],
  ["drift without self-heal", { status: { ...outOfSync, ...syncedAt("c2") } }, "none drift"],
  ["a hold", { top: annotated({ "tiphys.io/hold": "an incident" }) }, "none hold"],
  ["a hold of all", { holds: [{ name: "h", scope: { kind: "all" }, reason: "x", owner: "" }] }, "none hold"],
  ["holds that are not read", { holds: undefined }, "none hold"],
  ["another Application", { unmet: { kind: "wait", reason: "it needs b" } }, "none need"],
  ["a circle", { unmet: { kind: "circle", reason: "a → a is a circle" } }, "error circle"],
  ["a rollback", { top: annotated({ "tiphys.io/quarantine": "c2" }) }, "none quarantine"],
  ["a person", { top: annotated({ "tiphys.io/on-revision": "wait" }) }, "none revision"],
  ["an approval", { status: { ...outOfSync, ...condition("SyncError", "needs approval: x") } }, "error approval"],
  ["a circle that was told", { status: { ...outOfSync, ...condition("SyncError", "a is a circle") } }, "error circle"],
  [
    "what would be empty",
    { status: { ...outOfSync, ...condition("SyncError", "Skipping sync attempt") } },
    "error empty",
  ],
  ["a policy that cannot be read", { top: annotated({ "tiphys.io/on-drift": "x" }) }, "error policy"],
  ["shared objects", { status: { ...outOfSync, ...condition("SharedResourceWarning", "x") } }, "none shared"],
];

for (const [name, { spec = automated, top = {}, status = outOfSync, unmet, ...rest }, kind] of cases) {
  test(`the status tells of ${name}`, () => {
    const application = applicationOf(spec, { ...top, status: { reconciledAt: ago(60), ...status } });
    const holds = "holds" in rest ? rest.holds : [];
    const found = decisionOfStatus({ application, place, unmet, holds, now });
    assert.equal(found?.at, now - 60_000);
    assert.equal(kindOf(found.decision), kind);
  });
}

test("what nobody looked at has no decision", () => {
  assert.equal(
    decisionOfStatus({ application: applicationOf(automated), place, unmet: undefined, holds: [], now }),
    undefined,
  );
});

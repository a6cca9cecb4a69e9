import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import {
  type AutoSyncInput,
  type AutoSyncResource,
  decideAutoSync,
  defaultSelfHealBackoff,
} from "../../../src/gitops/reconcile/auto-sync.ts";
import { ago, applicationOf, now, source } from "./applications.ts";

const resource = (name: string, more: Partial<AutoSyncResource> = {}): AutoSyncResource => {
  return {
    group: "apps",
    kind: "Deployment",
    namespace: "shop",
    name,
    status: "OutOfSync",
    requiresPruning: false,
    ...more,
  };
};
const web = resource("web");
const synced = resource("db", { status: "Synced" });
const surplus = resource("old", { requiresPruning: true });
const foreign = resource("other", { isForeign: true });
const copy: AutoSyncResource = {
  group: "",
  kind: "ConfigMap",
  namespace: "shop",
  name: "copy",
  requiresPruning: false,
};

interface Case {
  readonly automated?: JsonObject | null;
  readonly policy?: JsonObject;
  readonly spec?: JsonObject;
  readonly top?: JsonObject;
  readonly state?: JsonObject;
  readonly input?: Partial<AutoSyncInput>;
}

function decide({ automated = {}, policy = {}, spec = {}, top = {}, state, input = {} }: Case) {
  const status = state === undefined ? {} : { operationState: state };
  const syncPolicy = { ...(automated === null ? {} : { automated }), ...policy };
  const application = applicationOf({ syncPolicy, ...spec }, { status, ...top });
  return decideAutoSync({
    application,
    syncStatus: "OutOfSync",
    resources: [web, synced],
    revisions: ["c1"],
    now,
    ...input,
  });
}

/** Of an operation that ended at the revision that is wanted now. */
const attempt = (phase: string, more: JsonObject = {}): JsonObject => {
  return { phase, message: "it broke", syncResult: { revision: "c1", source }, finishedAt: ago(1), ...more };
};
const healed = (count: number, seconds: number) => {
  return attempt("Succeeded", { operation: { sync: { autoHealAttemptsCount: count } }, finishedAt: ago(seconds) });
};
const heal = { selfHeal: true };
const deleted = { metadata: { name: "web", deletionTimestamp: ago(5) } };

const nothing: readonly (readonly [string, Case, RegExp])[] = [
  ["without automated", { automated: null }, /not enabled/],
  ["when it is switched off", { automated: { enabled: false } }, /not enabled/],
  ["while an operation is asked for", { top: { operation: { sync: {} } } }, /operation is in progress/],
  ["while the Application is deleted", { top: deleted }, /being deleted/],
  ["when all is Synced", { input: { syncStatus: "Synced" } }, /as it should be/],
  ["when the comparison failed", { input: { syncStatus: "Unknown" } }, /comparison failed/],
  ["when all there is would be pruned, without prune", { input: { resources: [surplus, synced] } }, /would be pruned/],
  ["when no object differs, without prune", { input: { resources: [synced] } }, /no object differs/],
  ["without prune, whatever a copy without status says", { input: { resources: [surplus, copy] } }, /would be pruned/],
  ["when foreign objects alone differ", { input: { resources: [foreign, synced] } }, /other Applications own/],
  [
    "when foreign objects alone differ, with prune",
    { automated: { prune: true }, input: { resources: [foreign, synced] } },
    /other Applications own/,
  ],
  ["when the state was synced, without self-heal", { state: attempt("Succeeded") }, /self-heal is not enabled/],
  [
    "when the state was tried in a dry run, without self-heal",
    { state: attempt("Succeeded", { operation: { sync: { dryRun: true } } }) },
    /dry run of this state/,
  ],
  [
    "when nothing relevant changed since the last sync, without self-heal",
    { state: attempt("Succeeded", { syncResult: { revision: "c0", source } }), input: { mayContainChanges: false } },
    /synced already/,
  ],
  [
    "when the recorded source has fields that are empty",
    { state: attempt("Succeeded", { syncResult: { revision: "c1", source: { ...source, chart: "", ref: "" } } }) },
    /synced already/,
  ],
];
for (const [name, given, reason] of nothing) {
  test(`automated sync does nothing ${name}`, () => {
    const decision = decide(given);
    assert.equal(decision.kind, "none");
    assert.match(decision.kind === "none" ? decision.reason : "", reason);
  });
}

const wiped = "Skipping sync attempt to [c1]: auto-sync will wipe out all resources";
const pruning = { automated: { prune: true } };
const errors: readonly (readonly [string, Case, string])[] = [
  ["the last attempt failed", { state: attempt("Failed") }, "Failed last sync attempt to [c1]: it broke"],
  [
    "the last attempt failed, with self-heal",
    { automated: heal, state: attempt("Error") },
    "Failed last sync attempt to [c1]: it broke",
  ],
  [
    "the last attempt ended before it knew what",
    { state: { phase: "Error", message: "no" } },
    "Failed last sync attempt to [c1]: no",
  ],
  [
    "the last attempt at it ended before it knew what",
    { state: { phase: "Error", message: "no", operation: { sync: { revision: "c1", source } } } },
    "Failed last sync attempt to [c1]: no",
  ],
  ["all would be pruned", { ...pruning, input: { resources: [surplus] } }, wiped],
  ["nothing is rendered", { ...pruning, input: { resources: [] } }, wiped],
  ["all but a copy without status would be pruned", { ...pruning, input: { resources: [surplus, copy] } }, wiped],
  ["all but foreign objects would be pruned", { ...pruning, input: { resources: [surplus, foreign] } }, wiped],
  [
    "the last attempt failed, of several sources",
    {
      spec: { sources: [source, source] },
      state: attempt("Failed", { syncResult: { revisions: ["c1", "c2"], sources: [source, source] } }),
      input: { revisions: ["c1", "c2"] },
    },
    "Failed last sync attempt to [c1 c2]: it broke",
  ],
];
for (const [name, given, message] of errors) {
  test(`automated sync reports when ${name}`, () =>
    assert.partialDeepStrictEqual(decide(given), { kind: "error", message }));
}

const waits: readonly (readonly [string, Case, number])[] = [
  ["two seconds after the first", { automated: heal, state: healed(1, 0) }, 2_000],
  ["six seconds after the second", { automated: heal, state: healed(2, 0) }, 6_000],
  ["54 seconds after the fourth, less what passed", { automated: heal, state: healed(4, 20) }, 34_000],
  ["162 seconds after the fifth", { automated: heal, state: healed(5, 0) }, 162_000],
  ["300 seconds at most", { automated: heal, state: healed(6, 0) }, 300_000],
  ["300 seconds at most, however often", { automated: heal, state: healed(5_000, 0) }, 300_000],
  ["the whole time when the end is not known", { automated: heal, state: { ...healed(1, 0), finishedAt: "?" } }, 2_000],
  [
    "a fixed time without back-off",
    {
      automated: heal,
      state: healed(3, 1),
      input: { selfHeal: { ...defaultSelfHealBackoff, firstMs: 0, fixedMs: 5_000 } },
    },
    4_000,
  ],
];
for (const [name, given, afterMs] of waits) {
  test(`self-heal waits ${name}`, () => assert.partialDeepStrictEqual(decide(given), { kind: "wait", afterMs }));
}

const automatic = { initiatedBy: { automated: true }, retry: { limit: 5 } };
const plain = { sync: { source, revision: "c1" }, ...automatic };
const healing = (count: number) => ({
  sync: {
    source,
    revision: "c1",
    autoHealAttemptsCount: count,
    resources: [{ group: "apps", kind: "Deployment", namespace: "shop", name: "web" }],
  },
  ...automatic,
});
const clusterRole: AutoSyncResource = { ...web, group: "", kind: "Namespace", namespace: "", name: "shop" };
const starts: readonly (readonly [string, Case, JsonObject])[] = [
  ["what was never synced", {}, plain],
  ["what is Unknown by rules of the project", { input: { resources: [resource("x", { status: "Unknown" })] } }, plain],
  ["a new revision", { state: attempt("Failed", { syncResult: { revision: "c0", source } }) }, plain],
  [
    "a new revision after a rollback that came to nothing",
    { state: { phase: "Error", message: "no", operation: { sync: { revision: "c0", source } } } },
    plain,
  ],
  [
    "a rollback to other sources came to nothing",
    { state: { phase: "Error", operation: { sync: { revision: "c1", source: { ...source, path: "old" } } } } },
    plain,
  ],
  [
    "a changed source",
    { state: attempt("Failed", { syncResult: { revision: "c1", source: { ...source, path: "x" } } }) },
    plain,
  ],
  [
    "one source that was several",
    { state: attempt("Failed", { syncResult: { revisions: ["c1"], sources: [source] } }) },
    plain,
  ],
  [
    "with prune",
    { automated: { prune: true }, input: { resources: [surplus, synced] } },
    { ...plain, sync: { ...plain.sync, prune: true } },
  ],
  [
    "an empty state that is allowed",
    { automated: { prune: true, allowEmpty: true }, input: { resources: [surplus] } },
    { ...plain, sync: { ...plain.sync, prune: true } },
  ],
  [
    "labels of the namespace, though no object differs",
    {
      automated: { prune: true },
      policy: { managedNamespaceMetadata: { labels: { a: "b" } } },
      state: attempt("Succeeded", { syncResult: { revision: "c0", source } }),
      input: { resources: [synced, foreign] },
    },
    { ...plain, sync: { ...plain.sync, prune: true } },
  ],
  [
    "with the options and the retry of the policy",
    { policy: { syncOptions: ["Prune=false"], retry: { limit: 2, backoff: { duration: "1s" } } } },
    {
      sync: { source, revision: "c1", syncOptions: ["Prune=false"] },
      initiatedBy: { automated: true },
      retry: { limit: 2, backoff: { duration: "1s" } },
    },
  ],
  [
    "several sources",
    { spec: { sources: [source, source] }, input: { revisions: ["c1", "c2"] } },
    { sync: { sources: [source, source], revisions: ["c1", "c2"] }, ...automatic },
  ],
  [
    "one of several revisions that is new",
    {
      spec: { sources: [source, source] },
      state: attempt("Succeeded", { syncResult: { revisions: ["c1", "c2"], sources: [source, source] } }),
      input: { revisions: ["c1", "c3"] },
    },
    { sync: { sources: [source, source], revisions: ["c1", "c3"] }, ...automatic },
  ],
  ["the first self-heal at once", { automated: heal, state: attempt("Succeeded") }, healing(1)],
  [
    "the first self-heal right after a sync",
    { automated: heal, state: attempt("Succeeded", { finishedAt: ago(0) }) },
    healing(1),
  ],
  [
    "a revision more than was recorded",
    {
      spec: { sources: [source, source] },
      state: attempt("Failed", { syncResult: { revisions: ["c1"], sources: [source, source] } }),
      input: { revisions: ["c1", "c2"] },
    },
    { sync: { sources: [source, source], revisions: ["c1", "c2"] }, ...automatic },
  ],
  [
    "a self-heal after an attempt that a clock of before dates into the future",
    { automated: heal, state: healed(1, -3_600) },
    healing(2),
  ],
  ["the next self-heal when it is due", { automated: heal, state: healed(1, 2) }, healing(2)],
  [
    "a self-heal of what differs and is its own",
    { automated: heal, state: attempt("Succeeded"), input: { resources: [web, synced, foreign, copy] } },
    healing(1),
  ],
  [
    "a self-heal of an object of the cluster",
    { automated: heal, state: attempt("Succeeded"), input: { resources: [clusterRole] } },
    { sync: { ...healing(1).sync, resources: [{ kind: "Namespace", name: "shop" }] }, ...automatic },
  ],
];
for (const [name, given, operation] of starts) {
  test(`automated sync starts ${name}`, () => {
    assert.partialDeepStrictEqual(decide(given), { kind: "start" });
    const decision = decide(given);
    assert.deepEqual(decision.kind === "start" ? decision.operation : undefined, operation);
  });
}

test("an operation that starts is one that the API accepts", () => {
  const decision = decide({ automated: heal, state: healed(1, 2) });
  assert.equal(decision.kind, "start");
  const { operation } = applicationOf({}, { operation: decision.kind === "start" ? decision.operation : {} });
  assert.deepEqual(operation?.sync?.resources, [{ group: "apps", kind: "Deployment", name: "web", namespace: "shop" }]);
  assert.equal(operation?.sync?.autoHealAttemptsCount, 2);
  assert.equal(operation?.retry?.limit, 5);
});

const policies = (onRevision: string | undefined, onDrift?: string): JsonObject => {
  const annotations = {
    ...(onRevision === undefined ? {} : { "tiphys.io/on-revision": onRevision }),
    ...(onDrift === undefined ? {} : { "tiphys.io/on-drift": onDrift }),
  };
  return { metadata: { name: "web", namespace: "argocd", annotations } };
};
const newer = attempt("Succeeded", { syncResult: { revision: "c0", source } });
const current = attempt("Succeeded", { finishedAt: ago(60) });
const dryRun = attempt("Succeeded", { operation: { sync: { dryRun: true } }, finishedAt: ago(60) });
const split: readonly (readonly [string, Case, kind: string, obstacle?: string])[] = [
  ["a new revision starts by default", { state: newer, top: policies(undefined, "report") }, "start"],
  ["a new revision waits", { state: newer, top: policies("wait", "heal") }, "none", "revision"],
  ["what was never synced waits", { top: policies("wait") }, "none", "revision"],
  ["a dry run of a revision is no word for it", { state: dryRun, top: policies("wait", "heal") }, "none", "revision"],
  ["drift is healed while revisions wait", { state: current, top: policies("wait", "heal") }, "start"],
  [
    "drift is reported though selfHeal is on",
    { automated: heal, state: current, top: policies("sync", "report") },
    "none",
    "drift",
  ],
  ["drift is healed though selfHeal is off", { state: current, top: policies(undefined, "heal") }, "start"],
  [
    "without automated nothing is done",
    { automated: null, state: current, top: policies("sync", "heal") },
    "none",
    "manual",
  ],
  ["a word that is not known is an error", { state: newer, top: policies("later") }, "error", "policy"],
  [
    "a policy of drift that is not known is an error",
    { state: newer, top: policies("sync", "fix") },
    "error",
    "policy",
  ],
];
for (const [name, given, kind, obstacle] of split) {
  test(`policies: ${name}`, () => {
    const decision = decide(given);
    assert.deepEqual([decision.kind, "obstacle" in decision ? decision.obstacle?.kind : undefined], [kind, obstacle]);
  });
}

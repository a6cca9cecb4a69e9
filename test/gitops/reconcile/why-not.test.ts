import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { type CommitFacts, type WhyNot, whyNot } from "../../../src/gitops/reconcile/why-not.ts";
import type { SyncRecord } from "../../../src/record/records.ts";
import { applicationOf, now, source } from "./applications.ts";

const sync = (phase: SyncRecord["phase"], message = ""): SyncRecord => ({
  kind: "sync",
  id: "w-1.1",
  key: "sync/w-1.0",
  at: now,
  causes: ["w-1.0"],
  application: { namespace: "argocd", name: "web", uid: "u" },
  startedAt: now - 1,
  revisions: ["c"],
  phase,
  retries: 0,
  message,
  objects: [],
});
const facts = (more: Partial<CommitFacts> = {}): CommitFacts => ({
  asked: "c",
  source: 0,
  commit: "c",
  tip: "c",
  isOnTip: true,
  isInDeployed: false,
  touchesPath: undefined,
  syncs: [],
  ...more,
});
const deployed = (revision: string): JsonObject => ({
  operationState: { phase: "Succeeded", syncResult: { revision } },
});
const differs = (revision: string): JsonObject => ({ sync: { status: "OutOfSync", revision } });

interface Case {
  readonly status?: JsonObject;
  readonly top?: JsonObject;
  readonly facts?: Partial<CommitFacts>;
}

const cases: readonly (readonly [name: string, given: Case, verdict: WhyNot["verdict"], text: RegExp])[] = [
  ["no repository has it", { facts: { source: undefined } }, "not-seen", /never seen: c is not in https:\/\/git/],
  [
    "it is what was synced last",
    { status: deployed("c"), facts: { syncs: [sync("Succeeded")] } },
    "deployed",
    /since 2026-11-29/,
  ],
  ["it is deployed, and the ledger has forgotten it", { status: deployed("c") }, "deployed", /^it is deployed$/],
  [
    "it is what the history ends with, since the last operation failed",
    { status: { operationState: { phase: "Failed", syncResult: { revision: "d" } }, history: [{ revision: "c" }] } },
    "deployed",
    /deployed/,
  ],
  [
    "a dry run deploys nothing",
    {
      status: {
        ...differs("c"),
        operationState: { phase: "Succeeded", operation: { sync: { dryRun: true } }, syncResult: { revision: "c" } },
      },
    },
    "blocked",
    /a hold/,
  ],
  [
    "it is being synced",
    {
      top: { operation: { sync: {} } },
      status: { operationState: { phase: "Running", message: "waiting", syncResult: { revision: "c" } } },
    },
    "syncing",
    /it is being synced: waiting/,
  ],
  [
    "its sync failed",
    { status: differs("c"), facts: { syncs: [sync("Failed", "it broke")] } },
    "failed",
    /ended Failed: it broke/,
  ],
  [
    "a newer one took its place while it waited",
    { facts: { syncs: [{ ...sync("Failed", "superseded by d (retried 2 times)."), supersededBy: ["d"] }] } },
    "superseded",
    /^superseded by d while it waited$/,
  ],
  [
    "it was synced once",
    { status: deployed("d"), facts: { syncs: [sync("Succeeded")] } },
    "superseded",
    /since then d took its place/,
  ],
  [
    "a later one was synced without it",
    { status: deployed("d"), facts: { tip: "d", isInDeployed: true } },
    "superseded",
    /d, which comes after it/,
  ],
  [
    "it is compared, and touches other folders",
    { status: { sync: { status: "Synced", revision: "c" } }, facts: { touchesPath: false } },
    "unchanged",
    /nothing in web, which/,
  ],
  [
    "it is compared, and changes no object",
    { status: { sync: { status: "Synced", revision: "c" } }, facts: { touchesPath: true } },
    "unchanged",
    /no object/,
  ],
  ["something keeps it back", { status: differs("c") }, "blocked", /^blocked: a hold$/],
  [
    "it is on another branch",
    { status: differs("b"), facts: { tip: "b", isOnTip: false } },
    "not-followed",
    /not on main, .* \(at b\)/,
  ],
  [
    "it came a moment ago",
    { status: differs("b") },
    "not-compared",
    /main is at it, but it was not compared yet: a hold/,
  ],
  [
    "it was never the tip when it was compared",
    { status: differs("b"), facts: { tip: "d" } },
    "moved-on",
    /main is at d now/,
  ],
];

for (const [name, given, verdict, text] of cases) {
  test(`why not: ${name}`, () => {
    const application = applicationOf({}, { status: given.status ?? {}, ...given.top });
    const answer = whyNot(application, facts(given.facts), [{ for: "hold", text: "a hold" }]);
    assert.equal(answer.verdict, verdict);
    assert.match(answer.text, text);
  });
}

test("why not: of several sources the one that has the commit counts", () => {
  const application = applicationOf(
    { sources: [source, source] },
    { status: { operationState: { phase: "Succeeded", syncResult: { revisions: ["c", "d"] } } } },
  );
  assert.equal(whyNot(application, facts({ source: 0 }), []).verdict, "deployed");
  assert.equal(whyNot(application, facts({ source: 1, syncs: [sync("Succeeded")] }), []).verdict, "superseded");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { guardPlan, parkedMessage } from "../../../src/gitops/sync/guard.ts";
import type { SyncPlan, SyncTask } from "../../../src/gitops/sync/sync.ts";

const prune = (kind: string, name: string, more: Partial<SyncTask> = {}): SyncTask => {
  const group = kind === "CustomResourceDefinition" ? "apiextensions.k8s.io" : kind === "Role" ? "rbac" : "";
  const live = { apiVersion: "v1", kind, metadata: { name, uid: `uid-${name}` } };
  return {
    action: "prune",
    phase: "Sync",
    wave: 0,
    key: { group, kind, namespace: kind === "ConfigMap" ? "shop" : "", name },
    version: "v1",
    live,
    needsConfirmation: false,
    skipsDryRun: true,
    ...more,
  };
};
const planOf = (...tasks: SyncTask[]): SyncPlan => ({ steps: [{ phase: "Sync", wave: 0, tasks }], onFailure: [] });
const skip = "ignored (no prune)";

for (const [name, tasks, kept, options, reasons] of [
  ["nothing to delete", [], 3, [], undefined],
  ["an object among others", [prune("ConfigMap", "a")], 3, [], undefined],
  ["a Namespace", [prune("Namespace", "n")], 3, [], ["a Namespace would be deleted"]],
  ["a CRD", [prune("CustomResourceDefinition", "c")], 3, [], ["a CustomResourceDefinition would be deleted"]],
  ["a volume", [prune("PersistentVolume", "v")], 3, [], ["a PersistentVolume would be deleted"]],
  ["a claim", [prune("PersistentVolumeClaim", "v")], 3, [], ["a PersistentVolumeClaim would be deleted"]],
  [
    "a Namespace of another group",
    [prune("Namespace", "n", { key: { group: "x", kind: "Namespace", namespace: "", name: "n" } })],
    3,
    [],
    undefined,
  ],
  ["a Namespace that is not pruned", [prune("Namespace", "n", { skip })], 3, [], undefined],
  ["everything", [prune("ConfigMap", "a")], 0, [], ["all objects of the Application would be deleted"]],
  ["as many as the limit", [prune("ConfigMap", "a"), prune("ConfigMap", "b")], 8, ["PruneLimit=2"], undefined],
  [
    "more than the limit",
    [prune("ConfigMap", "a"), prune("ConfigMap", "b")],
    8,
    ["PruneLimit=1"],
    ["2 of 10 objects would be deleted, more than 1"],
  ],
  ["the share of the limit", [prune("ConfigMap", "a"), prune("ConfigMap", "b")], 8, ["PruneLimit=20%"], undefined],
  [
    "more than the share",
    [prune("ConfigMap", "a"), prune("ConfigMap", "b")],
    8,
    ["PruneLimit=19%"],
    ["2 of 10 objects would be deleted, more than 19%"],
  ],
  ["a limit that is none", [prune("ConfigMap", "a")], 8, ["PruneLimit=few"], undefined],
] as const) {
  test(`an automated sync that deletes ${name} ${reasons === undefined ? "goes" : "parks"}`, () => {
    assert.deepEqual(guardPlan(planOf(...tasks), kept, options)?.reasons, reasons);
  });
}

test("an approval holds for the same objects only, in any order", () => {
  const digest = (...tasks: SyncTask[]) => guardPlan(planOf(...tasks), 3, [])?.digest;
  const [a, b] = [prune("Namespace", "a"), prune("ConfigMap", "b")];
  assert.match(digest(a, b) ?? "", /^[0-9a-f]{16}$/);
  assert.equal(digest(a, b), digest(b, a));
  assert.notEqual(digest(a, b), digest(a));
  const again = { ...a, live: { apiVersion: "v1", kind: "Namespace", metadata: { name: "a", uid: "another" } } };
  assert.notEqual(digest(a), digest(again), "made anew");
});

test("what parks names what would go, the grave first, and how to approve", () => {
  const others = Array.from({ length: 6 }, (_, index) => prune("ConfigMap", `c${index}`));
  const parked = guardPlan(planOf(...others, prune("Namespace", "n")), 3, []);
  assert.ok(parked);
  assert.equal(
    parkedMessage(parked, "shop", "argocd"),
    "needs approval: a Namespace would be deleted (Namespace/n, ConfigMap/shop/c0, ConfigMap/shop/c1, " +
      "ConfigMap/shop/c2, ConfigMap/shop/c3 and 2 more). To approve: kubectl annotate application shop -n argocd " +
      `--overwrite tiphys.io/approved-plan=${parked.digest}, or sync by hand`,
  );
});

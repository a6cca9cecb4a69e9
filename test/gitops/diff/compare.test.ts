import assert from "node:assert/strict";
import { test } from "node:test";
import { compareObjects } from "../../../src/gitops/diff/compare.ts";
import { toTargets } from "../../../src/gitops/diff/targets.ts";

const tracking = { method: "annotation", instance: "app", label: "app.kubernetes.io/instance" } as const;
const isNamespaced = ({ kind }: { kind: string }) => (kind === "Odd" ? undefined : kind !== "ClusterRole");
const config = (name: string, data: object = {}, annotations?: object) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ...(annotations ? { annotations: annotations as Record<string, string> } : {}) },
  data: data as Record<string, string>,
});
const generated = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "g-" } };
const targetsOf = (...manifests: object[]) =>
  toTargets(manifests as never, { namespace: "ns", tracking, isNamespaced }).objects;
const options = { method: "annotation", ignore: [] } as const;

for (const [name, manifests, namespace, places, conditions] of [
  ["the destination's namespace", [config("a")], "ns", ["ns/a"], []],
  ["all that want a name made up", [generated, generated], "ns", ["ns/undefined", "ns/undefined"], []],
  [
    "no namespace for kinds of the cluster",
    [{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "r", namespace: "x" } }],
    "ns",
    ["undefined/r"],
    [],
  ],
  [
    "the destination's for kinds that nobody knows",
    [{ apiVersion: "x/v1", kind: "Odd", metadata: { name: "o" } }],
    "ns",
    ["ns/o"],
    [],
  ],
  [
    "the last of doubles",
    [config("a"), config("b"), config("a")],
    "ns",
    ["ns/b", "ns/a"],
    ["Resource /ConfigMap/ns/a appeared 2 times among application resources."],
  ],
  [
    "a condition without any namespace",
    [config("a")],
    "",
    ["undefined/a"],
    ["Namespace for a /v1, Kind=ConfigMap is missing."],
  ],
  [
    "a condition for what has no name",
    [{ apiVersion: "v1", kind: "ConfigMap" }],
    "ns",
    [],
    [
      'Failed to normalize target state: a manifest needs apiVersion, kind and metadata.name: {"apiVersion":"v1","kind":"ConfigMap"}',
    ],
  ],
] as const) {
  test(`targets have ${name}`, () => {
    const targets = toTargets(manifests, { namespace, tracking, isNamespaced });
    assert.deepEqual(
      targets.objects.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
      places,
    );
    assert.deepEqual(
      targets.conditions.map(({ message }) => message),
      conditions,
    );
  });
}

const [a] = targetsOf(config("a", { x: "1" }));
const [changed] = targetsOf(config("a", { x: "2" }));
const [extra] = targetsOf(config("extra", {}, { "argocd.argoproj.io/compare-options": "IgnoreExtraneous" }));
const [hook] = targetsOf(config("h", {}, { "argocd.argoproj.io/hook": "PreSync" }));
const [skipped] = targetsOf(config("s", {}, { "argocd.argoproj.io/hook": "Skip" }));
assert.ok(a && changed && extra && hook && skipped);
const ignored = { "argocd.argoproj.io/compare-options": "IgnoreExtraneous" };
const [wanted, found] = [
  targetsOf(config("e", { x: "2" }, ignored))[0],
  targetsOf(config("e", { x: "1" }, ignored))[0],
];
assert.ok(wanted && found);
const copy = { ...a, metadata: { ...a.metadata, name: "copy" } };

for (const [name, targets, live, statuses, status] of [
  ["equal", [a], [a], ["Synced"], "Synced"],
  ["changed", [changed], [a], ["OutOfSync"], "OutOfSync"],
  ["not there yet", [a], [], ["OutOfSync"], "OutOfSync"],
  ["not wanted any more", [], [a], ["OutOfSync prune"], "OutOfSync"],
  ["not wanted and ignored", [], [extra], ["OutOfSync prune"], "Synced"],
  ["wanted, and changed where only what is not would be ignored", [wanted], [found], ["OutOfSync"], "OutOfSync"],
  ["a hook", [hook], [], [], "Synced"],
  ["a hook that is still there", [], [hook], ["none prune"], "Synced"],
  ["skipped", [skipped], [], ["none"], "Synced"],
  ["a copy that another controller made", [], [copy], ["none"], "Synced"],
] as const) {
  test(`an Application with an object that is ${name} is ${status}`, () => {
    const comparison = compareObjects(targets, live, options);
    assert.deepEqual(
      comparison.objects.map((one) => `${one.status ?? "none"}${one.requiresPruning ? " prune" : ""}`),
      statuses,
    );
    assert.equal(comparison.status, status);
  });
}

test("a wave is the target's, of a hook that is still there its manifest's, of what is to be pruned none", () => {
  const waved = (name: string, wave: string, more: object = {}) =>
    targetsOf(config(name, {}, { "argocd.argoproj.io/sync-wave": wave, ...more }));
  const hookAt = (wave: string) => waved("h", wave, { "argocd.argoproj.io/hook": "PreSync" });
  const old = waved("old", "7", { "argocd.argoproj.io/hook": "PostSync" });
  const targets = [...waved("a", "1"), ...hookAt("3")];
  const { objects } = compareObjects(
    targets,
    [...waved("a", "5"), ...waved("b", "6"), ...hookAt("4"), ...old],
    options,
  );
  assert.deepEqual(
    objects.map((one) => `${(one.target ?? one.live)?.metadata.name} ${one.syncWave}`),
    ["a 1", "b 0", "h 3", "old 0"],
  );
});

test("an object that is seen through two groups of the API is one, that of the target's group if there is one", () => {
  const ingress = (group: string) => ({
    apiVersion: `${group}/v1`,
    kind: "Ingress",
    metadata: { name: "x", namespace: "dest", uid: "u" },
  });
  const [target] = targetsOf(ingress("networking.k8s.io"));
  assert.ok(target);
  for (const live of [
    [ingress("extensions"), { ...target, metadata: { ...target.metadata, uid: "u" } }],
    [{ ...target, metadata: { ...target.metadata, uid: "u" } }, ingress("extensions")],
  ]) {
    const { objects, status } = compareObjects([target], live, options);
    assert.deepEqual([objects.length, status], [1, "Synced"]);
  }
  const { objects } = compareObjects([], [ingress("extensions"), ingress("networking.k8s.io")], options);
  assert.deepEqual(
    objects.map(({ live }) => live?.apiVersion),
    ["extensions/v1"],
    "of two that nobody names, the first",
  );
});

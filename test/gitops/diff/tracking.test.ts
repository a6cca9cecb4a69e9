import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatTrackingId,
  instanceName,
  isSelfReferenced,
  ownerOf,
  parseTrackingId,
  setTracking,
  trackingAnnotation,
  truncateLabel,
} from "../../../src/gitops/diff/tracking.ts";

const object = (apiVersion: string, kind: string, metadata: object) => ({ apiVersion, kind, metadata });
const label = "app.kubernetes.io/instance";

for (const [value, expected] of [
  [object("v1", "ConfigMap", { name: "n", namespace: "ns" }), "app:/ConfigMap:ns/n"],
  [object("apps/v1", "Deployment", { name: "web" }), "app:apps/Deployment:dest/web"],
  [object("rbac.authorization.k8s.io/v1", "Role", { name: "a:b" }), "app:rbac.authorization.k8s.io/Role:dest/a:b"],
] as const) {
  test(`a tracking id is ${expected}, and is read back`, () => {
    assert.equal(formatTrackingId("app", value, "dest"), expected);
    const parsed = parseTrackingId(expected);
    assert.equal(parsed?.instance, "app");
    assert.equal(parsed?.key.name, (value.metadata as { name: string }).name);
    assert.equal(parsed?.key.kind, value.kind);
  });
}

for (const text of ["", "app", "app:x", "app:a/b", "app:a/b/c:d/e", "app:a/b:c", "app:a/b:c/d/e"]) {
  test(`${JSON.stringify(text)} is no tracking id`, () => assert.equal(parseTrackingId(text), undefined));
}

test("an instance outside of the controller's namespace has it in its name", () => {
  assert.equal(instanceName("a", "argocd", "argocd"), "a");
  assert.equal(instanceName("a", "team", "argocd"), "team_a");
});

const target = object("v1", "ConfigMap", { name: "n", namespace: "ns" });
const id = "app:/ConfigMap:ns/n";
for (const [method, metadata] of [
  ["annotation", { annotations: { [trackingAnnotation]: id } }],
  ["label", { labels: { [label]: "app" } }],
  ["annotation+label", { annotations: { [trackingAnnotation]: id }, labels: { [label]: "app" } }],
] as const) {
  test(`method ${method} marks an object, and its owner is read back`, () => {
    const marked = setTracking(target, { method, instance: "app", label }, "dest");
    assert.deepEqual(marked.metadata, { name: "n", namespace: "ns", ...metadata });
    assert.equal(ownerOf(marked, { method, label }), "app");
  });
}

test("CRDs are not marked; children are their owner's", () => {
  const crd = object("apiextensions.k8s.io/v1", "CustomResourceDefinition", { name: "x" });
  assert.equal(setTracking(crd, { method: "annotation", instance: "app", label }, "ns"), crd);
  const child = object("v1", "Pod", {
    name: "p",
    annotations: { [trackingAnnotation]: id },
    ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "u" }],
  });
  assert.equal(ownerOf(child, { method: "annotation", label }), undefined);
});

test("a long instance gives a label that ends in a letter or digit", () => {
  assert.equal(truncateLabel(`${"a".repeat(60)}---bbb`), "a".repeat(60));
  assert.equal(truncateLabel("-".repeat(70)), "");
  assert.equal(truncateLabel("short_"), "short_");
});

const live = (name: string, namespace: string) =>
  object("v1", "ConfigMap", { name, namespace, annotations: { [trackingAnnotation]: id } });
for (const [name, object_, wanted, method, expected] of [
  ["nothing live", undefined, target, "annotation", true],
  ["itself", live("n", "ns"), undefined, "annotation", true],
  ["a copy of another name", live("copy", "ns"), undefined, "annotation", false],
  ["a copy in another namespace", live("n", "other"), undefined, "annotation", false],
  ["a copy, by label", live("copy", "ns"), undefined, "label", true],
  ["no annotation", object("v1", "ConfigMap", { name: "m" }), undefined, "annotation", true],
  ["the pair of its target", live("n", "ns"), target, "annotation", true],
] as const) {
  test(`self-reference: ${name} is ${expected}`, () =>
    assert.equal(isSelfReferenced(object_, wanted, method), expected));
}

test("a label that is all the tracking there is holds the whole name, one beside the annotation what fits", () => {
  const [config, instance] = [object("v1", "ConfigMap", { name: "x" }), "a".repeat(70)];
  const labelOf = (method: "label" | "annotation+label") =>
    setTracking(config, { method, instance, label }, "ns").metadata.labels?.[label];
  assert.deepEqual([labelOf("label"), labelOf("annotation+label")], [instance, "a".repeat(63)]);
});

test("an object of the cluster is its own, though its tracking names the destination's namespace", () => {
  const id = "app:rbac.authorization.k8s.io/ClusterRole:dest/r";
  const metadata = { name: "r", annotations: { [trackingAnnotation]: id } };
  assert.equal(
    isSelfReferenced(object("rbac.authorization.k8s.io/v1", "ClusterRole", metadata), undefined, "annotation"),
    true,
  );
});

test("an installation id marks targets, and other installations' objects belong to nobody", () => {
  const id = "argocd.argoproj.io/installation-id";
  const target = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "x", annotations: { [id]: "written", a: "b" } },
  };
  const tracking = { method: "annotation", instance: "app", label } as const;
  const plain = setTracking(target, tracking, "ns");
  assert.equal(plain.metadata.annotations?.[id], undefined, "a manifest does not say whose it is");
  const marked = setTracking(target, { ...tracking, installationId: "one" }, "ns");
  assert.equal(marked.metadata.annotations?.[id], "one");
  assert.equal(ownerOf(marked, { ...tracking, installationId: "one" }), "app");
  assert.equal(ownerOf(marked, { ...tracking, installationId: "two" }), undefined);
  assert.equal(ownerOf(plain, { ...tracking, installationId: "one" }), undefined);
  assert.equal(ownerOf(marked, tracking), "app", "without an id of its own, nobody asks");
});

test("the label of old installations also marks pod templates", () => {
  const old = "applications.argoproj.io/app-name";
  const template = { metadata: { labels: { a: "b" } }, spec: {} };
  const target = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x" }, spec: { template } };
  const templateOf = (of: string) => setTracking(target, { method: "label", instance: "app", label: of }, "ns").spec;
  assert.deepEqual(templateOf(old), { template: { metadata: { labels: { a: "b", [old]: "app" } }, spec: {} } });
  assert.deepEqual(templateOf(label), { template });
});

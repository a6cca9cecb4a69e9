import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestsDigest } from "../../../src/gitops/reconcile/manifests-digest.ts";

const a = { kind: "ConfigMap", metadata: { name: "a", namespace: "x" } };
const b = { kind: "ConfigMap", metadata: { name: "b" } };

test("a digest of manifests is the same in any order, and another for another field or another number of them", () => {
  const digest = manifestsDigest([a, b]);
  assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal(manifestsDigest([b, { metadata: { namespace: "x", name: "a" }, kind: "ConfigMap" }]), digest);
  for (const other of [[a], [a, b, b], [a, { ...b, data: {} }], []]) assert.notEqual(manifestsDigest(other), digest);
});

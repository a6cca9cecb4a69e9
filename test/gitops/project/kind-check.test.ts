import assert from "node:assert/strict";
import { test } from "node:test";
import { checkKind, checkObject } from "../../../src/gitops/project/kind-check.ts";
import { project } from "./checks.ts";

const any = [{ group: "*", kind: "*" }];
const secret = { group: "", kind: "Secret", isNamespaced: true };
const role = { group: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin", isNamespaced: false };

for (const [name, spec, kind, isPermitted] of [
  ["a kind in namespaces, nothing listed", {}, secret, true],
  ["a kind in namespaces, an empty list", { namespaceResourceWhitelist: [] }, secret, false],
  ["a kind in namespaces, listed", { namespaceResourceWhitelist: [{ group: "", kind: "S*" }] }, secret, true],
  ["a kind in namespaces, denied", { namespaceResourceBlacklist: [{ group: "", kind: "Secret" }] }, secret, false],
  ["a kind of the cluster, nothing listed", {}, role, false],
  ["a kind of the cluster, listed", { clusterResourceWhitelist: any }, role, true],
  [
    "a kind of the cluster, denied",
    { clusterResourceWhitelist: any, clusterResourceBlacklist: [{ group: "rbac.*", kind: "*" }] },
    role,
    false,
  ],
  [
    "an object of the cluster by name",
    { clusterResourceWhitelist: [{ group: "*", kind: "*", name: "team-*" }] },
    role,
    false,
  ],
] as const) {
  test(`kinds: ${name}`, () => {
    const reason = `resource ${kind.group}:${kind.kind} is not permitted in project x`;
    const expected = isPermitted ? { permitted: true } : { permitted: false, reason };
    assert.deepEqual(checkKind(project(spec), kind), expected);
  });
}

test("an object needs its namespace, too", () => {
  const spec = { destinations: [{ server: "*", namespace: "mine" }] };
  const cluster = { server: "https://k8s", name: "" };
  assert.deepEqual(checkObject(project(spec), secret, cluster, "mine"), { permitted: true });
  assert.deepEqual(checkObject(project(spec), secret, cluster, "other"), {
    permitted: false,
    reason: "namespace other is not permitted in project 'x'",
  });
});

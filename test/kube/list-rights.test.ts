import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import { createLeavesOut, type RespectRbac } from "../../src/kube/list-rights.ts";
import { openTestPlane } from "../harness/control-plane.ts";

const group = "rbac.authorization.k8s.io";
const never = new AbortController().signal;
const configMap = { apiVersion: "v1", kind: "ConfigMap" };
const deployment = { apiVersion: "apps/v1", kind: "Deployment" };

test("a kind is left out as the setting says, in strict mode by what a review answers", async () => {
  await using plane = await openTestPlane();
  const { client } = plane;
  const bob = createKubeClient({
    baseUrl: "http://kube.local",
    token: "bob-token",
    log: silentLogger,
    fetch: (request) => plane.plane.fetch(request),
  });
  const rules = [{ apiGroups: ["apps"], resources: ["deployments"], verbs: ["list"] }];
  const role = { apiVersion: `${group}/v1`, kind: "Role", metadata: { name: "list", namespace: "default" }, rules };
  await client.create(role, {}, never);
  const binding = {
    apiVersion: `${group}/v1`,
    kind: "RoleBinding",
    metadata: { name: "list", namespace: "default" },
    roleRef: { apiGroup: group, kind: "Role", name: "list" },
    subjects: [{ apiGroup: group, kind: "User", name: "bob" }],
  };
  await client.create(binding, {}, never);
  for (const [mode, kind, namespaces, expected] of [
    ["", configMap, [], false],
    ["normal", configMap, [], true],
    ["normal", deployment, ["default"], true],
    ["strict", configMap, [], true],
    ["strict", configMap, ["default"], true],
    ["strict", deployment, [], true],
    ["strict", deployment, ["kube-system"], true],
    ["strict", deployment, ["kube-system", "default"], false],
  ] as const satisfies readonly (readonly [RespectRbac, typeof configMap, readonly string[], boolean])[]) {
    const leavesOut = createLeavesOut(bob, () => mode, namespaces);
    assert.equal(await leavesOut(kind, never), expected, JSON.stringify([mode, kind.kind, namespaces]));
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { base64, openTestCluster, type TestCluster } from "../harness/remote-cluster.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;
const group = "rbac.authorization.k8s.io";

/** Bob may do everything with these, in the whole cluster, and nothing else. */
async function allowBob({ plane }: TestCluster, resources: readonly string[], verbs: readonly string[]): Promise<void> {
  const at = `/apis/${group}/v1`;
  const name = `${resources.join("-")}-${verbs.length}`;
  const rules = [{ apiGroups: ["*"], resources, verbs }];
  const roleRef = { apiGroup: group, kind: "ClusterRole", name };
  const subjects = [{ apiGroup: group, kind: "User", name: "bob" }];
  const role = { apiVersion: `${group}/v1`, kind: "ClusterRole", metadata: { name }, rules };
  const binding = { apiVersion: `${group}/v1`, kind: "ClusterRoleBinding", metadata: { name }, roleRef, subjects };
  assert.equal((await plane.call("POST", `${at}/clusterroles`, role)).status, 201);
  assert.equal((await plane.call("POST", `${at}/clusterrolebindings`, binding)).status, 201);
}

const clusterSecret = ({ url, certificate }: TestCluster): object => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "edge", namespace: "argocd", labels: { "argocd.argoproj.io/secret-type": "cluster" } },
  stringData: {
    name: "edge",
    server: url,
    config: JSON.stringify({
      bearerToken: "bob-token",
      tlsClientConfig: { insecure: false, caData: base64(certificate.cert) },
    }),
  },
});

const settings = (mode: string): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "argocd-cm", namespace: "argocd", labels: { "app.kubernetes.io/part-of": "argocd" } },
  data: { "resource.respectRBAC": mode },
});

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image: "web:1" }] } },
  },
};

test("respectRBAC: kinds that may not be listed fail an Application, or are left out", { skip }, async () => {
  await using cluster = await openTestCluster({ simulate: true });
  await allowBob(cluster, ["deployments", "configmaps"], ["*"]);
  const destination = { name: "edge", namespace: "default" };
  await using scenario = await GitOpsScenario.start({
    repositories: { edge: { "a.yaml": configMap("settings", "0"), "b.yaml": deployment } },
    manifests: (urlOf) => [clusterSecret(cluster), application("edge", urlOf("edge"), { destination })],
  });
  const conditionOf = async (pattern: RegExp): Promise<void> => {
    await scenario.waitForStatus("edge", `with ${pattern}`, ({ conditions = [] }) =>
      conditions.some(({ message = "" }) => pattern.test(message)),
    );
  };
  await conditionOf(/^Failed to load live state: .*(?:replicasets|pods)/);
  await scenario.kubectl(["apply", "-f", "-"], settings("strict"));
  await scenario.waitForSynced("edge", undefined, 45_000); // the next try is after 30 s
  const { resources = [] } = await scenario.status("edge");
  assert.deepEqual(
    resources.map(({ kind, status }) => `${kind} ${status}`),
    ["ConfigMap Synced", "Deployment Synced"],
  );
  await cluster.plane.call("DELETE", "/api/v1/namespaces/default/configmaps/settings");
  await waitFor("drift to be mended", async () => {
    const { status } = await cluster.plane.call("GET", "/api/v1/namespaces/default/configmaps/settings");
    return status === 200;
  });
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { adminToken } from "../harness/control-plane.ts";
import { tiphys } from "../harness/engine.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { openTestCluster, type TestCluster } from "../harness/remote-cluster.ts";
import { kubectlMissing } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { buses } from "./scenario.ts";

failOnLeakedChildren();

/** Where a kubeconfig of an administrator is. */
async function kubeconfigOf(cluster: TestCluster): Promise<string> {
  await cluster.open({ user: { token: adminToken } });
  return join(cluster.directory, "kubeconfig");
}

const labels = { app: "web" };
const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "nginx" }] } },
  },
};

for (const bus of buses) {
  const skip = bus.skip ?? kubectlMissing();
  test(`an Application of another cluster is synced there (${bus.name})`, { skip }, async () => {
    await using cluster = await openTestCluster({ simulate: true });
    await using driver = await bus.start();
    await using scenario = await GitOpsScenario.start({
      args: [...driver.args, "--kubeconfig", await kubeconfigOf(cluster), "--yes"],
      repositories: { web: { "web.yaml": deployment, "settings.yaml": configMap("settings", "0") } },
      manifests: (urlOf) => [application("web", urlOf("web"))],
    });
    assert.equal(scenario.engine.endpoints.kube, cluster.url);
    await scenario.waitForSynced("web");
    const { body } = await cluster.plane.call("GET", "/apis/apps/v1/namespaces/default/deployments/web");
    assert.equal(body.status.readyReplicas, 2);

    const copy = await scenario.clone("web");
    const commit = await copy.commitAndPush({ "settings.yaml": configMap("settings", "1") });
    await scenario.waitForSynced("web", commit);
    const settings = await cluster.plane.call("GET", "/api/v1/namespaces/default/configmaps/settings");
    assert.deepEqual(settings.body.data, { value: "1" });
    await scenario.kubectl(["delete", "deployment", "web", "-n", "default"]);
    await waitFor("the Deployment to be back", () => scenario.find("deployment", "web"));

    await scenario.engine.kill9();
    const meanwhile = await cluster.plane.call("DELETE", "/api/v1/namespaces/default/configmaps/settings");
    assert.equal(meanwhile.status, 200);
    await scenario.restart();
    await waitFor("what went while it was away to be back", () => scenario.find("configmap", "settings"));
    await scenario.waitForSynced("web", commit);
  });
}

test("another cluster is left alone without --yes and without a terminal", async () => {
  await using cluster = await openTestCluster();
  await using folder = await tempDir();
  const ports = ["--port", "0", "--ingress-port", "0", "--kube-port", "0", "--git-port", "0"];
  const kubeconfig = await kubeconfigOf(cluster);
  const { code, stdout, stderr } = await tiphys([
    "--data-dir",
    folder.path,
    "up",
    "--kubeconfig",
    kubeconfig,
    ...ports,
  ]);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.ok(stderr.includes(`the real cluster of context "test" (${cluster.url}) needs a confirmation`), stderr);
  assert.match(stderr, /--yes/);
  const { body } = await cluster.plane.call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
  assert.deepEqual(body.items, []);
});

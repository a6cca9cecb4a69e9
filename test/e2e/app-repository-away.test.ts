import assert from "node:assert/strict";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image: "nginx:1" }] } },
  },
};

test("objects are shown and acted on while the repository is away", { skip: kubectlMissing() }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { shop: { "web.json": deployment, "map.json": configMap("map", "one") } },
    manifests: (urlOf) => [application("web", urlOf("shop"))],
  });
  await scenario.waitForSynced("web");
  const source = { repoURL: "http://127.0.0.1:1/gone.git", path: ".", targetRevision: "HEAD" };
  const patch = JSON.stringify({ spec: { source } });
  await scenario.kubectl(["patch", "application", "web", "-n", "argocd", "--type", "merge", "-p", patch]);
  await scenario.waitForStatus("web", "Unknown", ({ sync }) => sync?.status === "Unknown");
  const cli = async (line: string) => {
    const { code, stdout, stderr } = await scenario.engine.cli(line.split(" "));
    assert.equal(code, 0, `${line}: ${stdout}${stderr}`);
    return stdout;
  };
  assert.match(await cli("app actions list web --kind Deployment"), /Deployment +web +restart +false/);
  await cli("app actions run web restart --kind Deployment");
  const restarted = await scenario.find("deployment", "web");
  assert.match(JSON.stringify(restarted), /kubectl\.kubernetes\.io\/restartedAt/);
  assert.match(await cli("app resources web"), /ConfigMap/);
  await cli("app delete-resource web --kind ConfigMap --resource-name map");
  assert.equal(await scenario.find("configmap", "map"), undefined);
  const answer = await scenario.engine.api("/api/v1/applications/web/resource-tree");
  const { nodes } = (await answer.json()) as { nodes: { kind: string; name: string; health?: object }[] };
  const map = nodes.find(({ kind }) => kind === "ConfigMap");
  assert.deepEqual([map?.name, map?.health], ["map", { status: "Missing" }], "what the last comparison knew of");
  const none = await scenario.engine.cli(["app", "actions", "run", "web", "restart", "--kind", "Secret"]);
  assert.notEqual(none.code, 0);
});

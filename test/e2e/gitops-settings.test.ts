import assert from "node:assert/strict";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const health = `
local hs = { status = "Healthy" }
if obj.data.value == "bad" then
  hs.status = "Degraded"
  hs.message = "the value is " .. obj.data.value
end
return hs
`;

test("argocd-cm decides health and comparison of a running engine", { skip: kubectlMissing() }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "a.yaml": configMap("settings", "bad") } },
    manifests: (urlOf) => [application("web", urlOf("web"), { syncPolicy: { automated: {} } })],
  });
  const set = (data: object): Promise<string> => {
    const patch = JSON.stringify({ data });
    return scenario.kubectl(["patch", "configmap", "argocd-cm", "-n", "argocd", "--type", "merge", "-p", patch]);
  };
  await scenario.waitForSynced("web");
  assert.equal((await scenario.status("web")).health?.status, "Healthy");
  await scenario.kubectl(["create", "configmap", "argocd-cm", "-n", "argocd"]);

  await set({ "resource.customizations.health.ConfigMap": health });
  await scenario.waitForStatus("web", "Degraded", (status) => status.health?.status === "Degraded");
  const { resources = [] } = await scenario.status("web");
  assert.deepEqual(resources[0]?.health, { status: "Degraded", message: "the value is bad" });
  const answer = await scenario.engine.api("/api/v1/applications/web/resource-tree");
  const tree = (await answer.json()) as { readonly nodes: readonly { readonly health?: object }[] };
  assert.deepEqual(tree.nodes[0]?.health, { status: "Degraded", message: "the value is bad" });

  await set({ "resource.customizations.health.ConfigMap": "return obj.nothing.there" });
  const broken = await scenario.waitForStatus("web", "Unknown", (status) => status.health?.status === "Unknown");
  const [condition] = broken.conditions ?? [];
  assert.equal(condition?.type, "ComparisonError");
  const start = 'error setting app health: failed to get resource health for "ConfigMap" with name "settings"';
  assert.ok(condition?.message?.startsWith(start), condition?.message);
  await set({ "resource.customizations.health.ConfigMap": null });
  await scenario.waitForStatus("web", "Healthy", (status) => status.health?.status === "Healthy");

  const drift = ["patch", "configmap", "settings", "-n", "default", "--type", "merge", "-p"];
  await set({ "resource.customizations.ignoreDifferences.ConfigMap": 'jqPathExpressions: [".data.value"]' });
  await scenario.kubectl([...drift, JSON.stringify({ data: { value: "other" } })]);
  await set({ "resource.customizations.ignoreDifferences.ConfigMap": null });
  await scenario.waitForStatus("web", "OutOfSync", (status) => status.sync?.status === "OutOfSync");
  await set({ "resource.customizations.ignoreDifferences.all": 'jsonPointers: ["/data/value"]' });
  await scenario.waitForStatus("web", "Synced", (status) => status.sync?.status === "Synced");

  await set({ "resource.customizations.helth.ConfigMap": "x" });
  const unknown = await scenario.waitForStatus("web", "Unknown", (status) => status.sync?.status === "Unknown");
  assert.match(JSON.stringify(unknown.conditions), /resource customization type helth not supported/);
  await set({ "resource.customizations.helth.ConfigMap": null });
  await scenario.waitForStatus("web", "Synced", (status) => status.sync?.status === "Synced");

  await set({ "resource.exclusions": "- kinds: [ConfigMap]" });
  const left = await scenario.waitForStatus("web", "nothing", ({ resources = [] }) => resources.length === 0);
  assert.deepEqual(
    left.conditions?.map(({ message }) => message),
    ["Resource /ConfigMap settings is excluded in the settings"],
  );
  await set({ "resource.exclusions": null });
  await scenario.waitForStatus("web", "Synced", ({ resources = [] }) => resources.length === 1);

  await set({ "application.resourceTrackingMethod": "label" });
  await scenario.waitForStatus("web", "OutOfSync", (status) => status.sync?.status === "OutOfSync");
  const metadata = { annotations: { "argocd.argoproj.io/refresh": "normal" } };
  const heal = JSON.stringify({ metadata, spec: { syncPolicy: { automated: { selfHeal: true } } } });
  await scenario.kubectl(["patch", "application", "web", "-n", "argocd", "--type", "merge", "-p", heal]);
  await waitFor("the label", async () => {
    const found = await scenario.kubectl(["get", "configmap", "settings", "-n", "default", "-o", "json"]);
    return found.includes('"app.kubernetes.io/instance": "web"');
  });
  await scenario.waitForStatus("web", "Synced", (status) => status.sync?.status === "Synced");
});

test("changes of fields that argocd-cm ignores do not wake an Application", { skip: kubectlMissing() }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "a.yaml": configMap("settings", "0") } },
    manifests: (urlOf) => [
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "argocd-cm", namespace: "argocd" },
        data: { "resource.customizations.ignoreResourceUpdates.ConfigMap": 'jsonPointers: ["/data/value"]' },
      },
      application("web", urlOf("web"), { syncPolicy: { automated: {} } }),
    ],
  });
  const status = async () => (await scenario.status("web")).sync?.status;
  const patch = (data: object) =>
    scenario.kubectl(["patch", "configmap", "settings", "--type", "merge", "-p", JSON.stringify({ data })]);
  await scenario.waitForSynced("web");
  await patch({ value: "by hand" });
  for (let look = 0; look < 5; look++) assert.equal(await status(), "Synced", "nobody has looked");
  await scenario.engine.cli(["app", "get", "web", "--refresh"]);
  assert.equal(await status(), "OutOfSync");
  await patch({ value: "0" });
  await patch({ other: "field" });
  await scenario.waitForStatus("web", "Synced", ({ sync }) => sync?.status === "Synced");
});

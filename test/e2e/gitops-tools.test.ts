import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { renderToolsMissing, toolPath } from "../harness/render-tools.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const tools = ["helm", "kustomize", "jsonnet"] as const;
const configMap = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

const repository = {
  "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n",
  "chart/values.yaml": "color: chart\nsize: chart\n",
  "chart/templates/map.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {color: "{{ .Values.color }}", size: "{{ .Values.size }}", thing: "{{ .Capabilities.APIVersions.Has "argoproj.io/v1alpha1/Application" }}"}
`,
  "base/kustomization.yaml": "resources: [map.yaml]\n",
  "base/map.yaml": `${configMap("kustomized")}data: {color: base}\n`,
  "overlay/kustomization.yaml": "resources: [../base]\nnamePrefix: over-\n",
  "jsonnet/main.jsonnet": `local lib = import '../lib/map.libsonnet'; function(color) lib.map('jsonnetted', color)`,
  "lib/map.libsonnet":
    "{map(name, color):: {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: name}, data: {color: color}}}",
  "plugin/color.txt": "plugged\n",
};

/** Kustomize reads nothing outside of its folder unless it is told to. */
const outside = { "app/kustomization.yaml": "resources: [../m.yaml]\n", "m.yaml": configMap("outside") };
const values = { "prod.yaml": "color: values-repository\n" };

function start(pluginFile: string): Promise<GitOpsScenario> {
  const flags = tools.flatMap((name) => ["--tool", `${name}=${toolPath(name)}`]);
  return GitOpsScenario.start({
    args: [...flags, "--plugin", pluginFile],
    repositories: { apps: repository, values, outside },
    manifests: (urlOf) => {
      const source = (path: string, more: object) => ({ source: { repoURL: urlOf("apps"), path, ...more } });
      return [
        application("charted", "", source("chart", { helm: { parameters: [{ name: "size", value: "parameter" }] } })),
        application("kustomized", "", source("overlay", { kustomize: { commonLabels: { by: "$ARGOCD_APP_NAME" } } })),
        application(
          "jsonnetted",
          "",
          source("jsonnet", { directory: { jsonnet: { tlas: [{ name: "color", value: "tla" }] } } }),
        ),
        application(
          "plugged",
          "",
          source("plugin", { plugin: { name: "echo", env: [{ name: "WHO", value: "$ARGOCD_APP_NAME" }] } }),
        ),
        application("web", "", { source: { repoURL: urlOf("outside"), path: "app" } }),
        application("joined", "", {
          source: undefined,
          sources: [
            { repoURL: urlOf("apps"), path: "chart", helm: { valueFiles: ["$values/prod.yaml"] } },
            { repoURL: urlOf("values"), ref: "values" },
          ],
        }),
      ];
    },
  });
}

const plugin = fileURLToPath(new URL("../fixtures/echo-plugin.yaml", import.meta.url));
const skip = kubectlMissing() ?? renderToolsMissing(...tools);

describe("Applications that tools render", { skip }, () => {
  let scenario: GitOpsScenario;
  before(async () => {
    scenario = await start(plugin);
  });
  after(() => scenario[Symbol.asyncDispose]());

  test("sync on the embedded API, and follow what they are made of", async () => {
    const data = async (name: string) => (await scenario.find("configmap", name)) as { data?: object } | undefined;
    const types: Record<string, string> = {};
    for (const name of ["charted", "kustomized", "jsonnetted", "plugged"]) {
      types[name] = String((await scenario.waitForSynced(name)).sourceType);
    }
    assert.deepEqual(types, { charted: "Helm", kustomized: "Kustomize", jsonnetted: "Directory", plugged: "Plugin" });
    assert.deepEqual((await data("charted"))?.data, { color: "chart", size: "parameter", thing: "true" });
    assert.deepEqual((await data("jsonnetted"))?.data, { color: "tla" });
    assert.deepEqual((await data("plugged"))?.data, { color: "plugged", who: "plugged" });
    await scenario.waitForSynced("joined");
    assert.deepEqual((await data("joined"))?.data, { color: "values-repository", size: "chart", thing: "true" });

    const before = await scenario.find("configmap", "charted");
    const copy = await scenario.clone("apps");
    const commit = await copy.commitAndPush({ "base/map.yaml": `${configMap("kustomized")}data: {color: changed}\n` });
    await scenario.waitForSynced("kustomized", commit);
    assert.deepEqual((await data("over-kustomized"))?.data, { color: "changed" });
    await scenario.waitForSynced("charted", commit);
    assert.equal(
      (await scenario.find("configmap", "charted"))?.metadata.resourceVersion,
      before?.metadata.resourceVersion,
    );
  });

  test("argocd-cm decides how they are rendered, from when it says so", async () => {
    const refused = await scenario.waitForStatus("web", "Unknown", ({ sync }) => sync?.status === "Unknown");
    assert.match(JSON.stringify(refused.conditions), /security; file/);
    const literal = "kustomize.buildOptions=--load-restrictor LoadRestrictionsNone";
    await scenario.kubectl(["create", "configmap", "argocd-cm", "-n", "argocd", `--from-literal=${literal}`]);
    await scenario.waitForSynced("web");
    assert.ok(await scenario.find("configmap", "outside"));
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultRenderingSettings } from "../../../src/api/rendering-settings.ts";
import { renderToolsMissing, toolPath } from "../../harness/render-tools.ts";
import { namesOf, openRenderRig } from "./rig.ts";

const skip = renderToolsMissing("kustomize", "helm");

const options = ["--enable-helm", "--load-restrictor", "LoadRestrictionsNone"];
const settings = { rendering: () => ({ ...defaultRenderingSettings, kustomizeBuildOptions: options }) };
const byHand = () => ["kustomize", "build", ".", ...options, "--helm-command", toolPath("helm")] as const;

const chart = (at: string) => ({
  [`${at}/mini/Chart.yaml`]: "apiVersion: v2\nname: mini\nversion: 0.1.0\n",
  [`${at}/mini/values.yaml`]: "num: 1\n",
  [`${at}/mini/templates/m.yaml`]: `apiVersion: v1
kind: ConfigMap
metadata: {name: "mini-{{ .Values.num }}"}
data: {kube: "{{ .Capabilities.KubeVersion.Version }}"}
`,
});
const inflated = "helmCharts: [{name: mini, releaseName: r, valuesInline: {num: 5}}]\n";

for (const [name, files] of [
  ["in its own folder", { "app/kustomization.yaml": inflated, ...chart("app/charts") }],
  [
    "in a folder beside it",
    { "app/kustomization.yaml": `helmGlobals: {chartHome: ../charts}\n${inflated}`, ...chart("charts") },
  ],
  [
    "with a file of values",
    {
      "app/kustomization.yaml": "helmCharts: [{name: mini, releaseName: r, valuesFile: ../v.yaml}]\n",
      "v.yaml": "num: 7\n",
      ...chart("app/charts"),
    },
  ],
  [
    "and something that no field names",
    {
      "app/kustomization.yaml": `${inflated}transformers: [t.yaml]\n`,
      "app/t.yaml":
        "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npath: ../p.yaml\ntarget: {kind: ConfigMap}\n",
      "p.yaml": "- {op: add, path: /data/p, value: patched}\n",
      ...chart("app/charts"),
    },
  ],
] as const) {
  test(`a kustomization inflates a chart ${name}`, { skip }, async () => {
    await using rig = await openRenderRig(["kustomize", "helm"], settings);
    const commit = await rig.repository.commit({ ...files, "unrelated.txt": "x" });
    const expected = await rig.byHand("app", [byHand()]);
    assert.equal(expected.length, 1);
    assert.deepEqual((await rig.render(commit)).manifests, expected);
    // A chart may look at more than its files: each commit is rendered anew.
    await rig.render(await rig.repository.commit({ "unrelated.txt": "y" }));
    assert.ok(rig.cache.made >= 2);
  });
}

test("the cluster's versions reach the charts of a kustomization; the source's own go before", { skip }, async () => {
  await using rig = await openRenderRig(["kustomize", "helm"], settings);
  const commit = await rig.repository.commit({ "app/kustomization.yaml": inflated, ...chart("app/charts") });
  const versions = async () => ({ kubeVersion: "v1.31.2", apiVersions: ["v1"] });
  const kubeIn = async (source: object) => {
    const { manifests } = await rig.render(commit, source, { versions });
    return manifests[0]?.data;
  };
  assert.deepEqual(await kubeIn({}), { kube: "v1.31.2" });
  assert.deepEqual(await kubeIn({ kustomize: { kubeVersion: "1.30.0", apiVersions: ["v1"] } }), { kube: "v1.30.0" });
});

test("without --enable-helm a chart is refused, with kustomize's words", { skip }, async () => {
  await using rig = await openRenderRig(["kustomize", "helm"]);
  const commit = await rig.repository.commit({ "app/kustomization.yaml": inflated, ...chart("app/charts") });
  await assert.rejects(rig.render(commit), { message: /must specify --enable-helm/ });
  assert.deepEqual(namesOf(await rig.render(commit, { path: "app/charts/mini" })), ["mini-1"]);
});

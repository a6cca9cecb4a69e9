import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { declaredType, detectType } from "../../../src/gitops/render/source-type.ts";

for (const [names, expected] of [
  [[], "Directory"],
  [["a.yaml", "values.yaml"], "Directory"],
  [["Chart.yaml", "values.yaml"], "Helm"],
  [["kustomization.yaml"], "Kustomize"],
  [["kustomization.yml"], "Kustomize"],
  [["Kustomization"], "Kustomize"],
  [["Chart.yaml", "kustomization.yaml"], "Kustomize"],
  [["Chart.yaml", "Kustomization"], "Kustomize"],
  [["kustomization.yaml", "myChart.yaml"], "Helm"],
  [["chart.yaml"], "Directory"],
  [["Chart.yml"], "Directory"],
] as const) {
  test(`a folder with ${names.join(", ") || "nothing"} is of type ${expected}`, () => {
    assert.equal(detectType(names), expected);
  });
}

const declared: readonly (readonly [Partial<ApplicationSource>, string | undefined])[] = [
  [{}, undefined],
  [{ helm: {}, kustomize: {}, directory: {} }, undefined],
  [{ helm: { valueFiles: [], releaseName: "", skipCrds: false }, kustomize: { images: [] } }, undefined],
  [{ directory: { recurse: false, jsonnet: { tlas: [] } } }, undefined],
  [{ helm: { valueFiles: [""] } }, "Helm"],
  [{ directory: { exclude: "x" } }, "Directory"],
  [{ helm: { releaseName: "x" } }, "Helm"],
  [{ kustomize: { namePrefix: "x" }, helm: {} }, "Kustomize"],
  [{ directory: { recurse: true } }, "Directory"],
  [{ plugin: {} }, "Plugin"],
  [{ plugin: { name: "x" } }, "Plugin"],
];

for (const [source, expected] of declared) {
  test(`a source that says ${JSON.stringify(source)} is of type ${expected ?? "unknown"}`, () => {
    assert.equal(declaredType({ repoURL: "x", ...source }), expected);
  });
}

test("a source that says two things is refused", () => {
  const source = { repoURL: "x", helm: { releaseName: "x" }, kustomize: { namePrefix: "x" }, plugin: {} };
  assert.throws(() => declaredType(source), { message: "multiple application sources defined: Kustomize,Helm,Plugin" });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { changedSpec } from "../../../src/controllers/applications/source-change.ts";
import type { SourceChange } from "../../../src/events/triggers/gitops-request.ts";

const application = (spec: JsonObject) => ({
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Application",
  metadata: { name: "web", namespace: "argocd" },
  spec,
});
const chart = { repoURL: "r", path: "chart" };
const parameters = [
  { name: "tag", value: "1" },
  { name: "port", value: "80", forceString: true },
];

const cases: readonly [string, JsonObject, Omit<SourceChange, "position">, JsonObject | undefined][] = [
  ["the revision that is followed", chart, { targetRevision: "v2" }, { ...chart, targetRevision: "v2" }],
  ["an empty revision is none", chart, { targetRevision: "" }, undefined],
  [
    "a first parameter",
    chart,
    { helm: { parameters: [{ name: "tag", value: "2" }] } },
    { ...chart, helm: { parameters: [{ name: "tag", value: "2" }] } },
  ],
  [
    "a parameter in the place of the one of its name",
    { ...chart, helm: { releaseName: "r", parameters } },
    {
      helm: {
        parameters: [
          { name: "tag", value: "2" },
          { name: "new", value: "x" },
        ],
      },
    },
    {
      ...chart,
      helm: {
        releaseName: "r",
        parameters: [{ name: "tag", value: "2" }, parameters[1] ?? {}, { name: "new", value: "x" }],
      },
    },
  ],
  ["what is there already changes nothing", { ...chart, helm: { parameters } }, { helm: { parameters } }, undefined],
  [
    "values are merged",
    { ...chart, helm: { valuesObject: { image: { tag: "1", name: "web" } } } },
    { helm: { valuesObject: { image: { tag: "2" } } } },
    { ...chart, helm: { valuesObject: { image: { tag: "2", name: "web" } } } },
  ],
  [
    "values as text are replaced",
    { ...chart, helm: { values: "a: 1" } },
    { helm: { values: "a: 2" } },
    { ...chart, helm: { values: "a: 2" } },
  ],
  [
    "images by the name of what they replace",
    { ...chart, kustomize: { images: ["nginx:1", "old=new:1", "localhost:5000/web:1", "pinned@sha256:1"] } },
    { kustomize: { images: ["nginx:2", "old=newer:2", "localhost:5000/web:2", "pinned@sha256:2", "other:1"] } },
    {
      ...chart,
      kustomize: { images: ["nginx:2", "old=newer:2", "localhost:5000/web:2", "pinned@sha256:2", "other:1"] },
    },
  ],
];

for (const [what, source, change, wanted] of cases) {
  test(`a change of a source: ${what}`, () => {
    const expected = wanted === undefined ? undefined : { source: wanted };
    assert.deepEqual(changedSpec(application({ source }), { position: 1, ...change }), expected);
  });
}

test("of several sources the one that is named changes", () => {
  const object = application({ sources: [chart, { repoURL: "s" }] });
  const change = { position: 2, targetRevision: "v2" };
  assert.deepEqual(changedSpec(object, change), { sources: [chart, { repoURL: "s", targetRevision: "v2" }] });
  assert.throws(() => changedSpec(object, { ...change, position: 3 }), {
    code: "SYNC_REFUSED",
    message: "gitOps.source.position: Application argocd/web has 2 sources, there is no source 3",
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { specChanges, withoutZeroBlocks } from "../../src/api/application-zeros.ts";
import type { JsonObject } from "../../src/base/json.ts";

const source = { repoURL: "https://h/a", path: "web" };

for (const [name, spec, changes] of [
  ["nothing to say", { project: "default", source }, undefined],
  ["no project", { source }, undefined],
  ["an empty project", { project: "", source }, { project: "default" }],
  ["an empty syncPolicy", { source, syncPolicy: {} }, { syncPolicy: null }],
  ["a syncPolicy of empty lists", { source, syncPolicy: { syncOptions: [] } }, { syncPolicy: null }],
  ["a syncPolicy that is automated by an empty object", { source, syncPolicy: { automated: {} } }, undefined],
  ["a retry of defaults", { source, syncPolicy: { retry: {} } }, undefined],
  ["options", { source, syncPolicy: { syncOptions: ["Prune=false"] } }, undefined],
  ["empty helm", { source: { ...source, helm: {} } }, { source: { helm: null } }],
  ["helm at its defaults", { source: { ...source, helm: { values: "", valueFiles: [] } } }, { source: { helm: null } }],
  ["helm with values", { source: { ...source, helm: { values: "a: 1" } } }, undefined],
  ["helm with an empty valuesObject", { source: { ...source, helm: { valuesObject: {} } } }, undefined],
  ["empty kustomize", { source: { ...source, kustomize: { images: [] } } }, { source: { kustomize: null } }],
  ["a prefix", { source: { ...source, kustomize: { namePrefix: "a-" } } }, undefined],
  [
    "a directory without recursion",
    { source: { ...source, directory: { recurse: false, jsonnet: {} } } },
    { source: { directory: null } },
  ],
  ["a directory with an exclusion", { source: { ...source, directory: { exclude: "*.txt" } } }, undefined],
  ["a plugin, which counts by being there", { source: { ...source, plugin: {} } }, undefined],
  ["several sources", { source: { ...source, helm: {} }, sources: [{ ...source, helm: {} }] }, undefined],
] as const satisfies readonly (readonly [string, JsonObject, JsonObject | undefined])[]) {
  test(`${name}: ${changes === undefined ? "stays" : JSON.stringify(changes)}`, () => {
    assert.deepEqual(specChanges(spec), changes);
    const after = withoutZeroBlocks(spec);
    if (changes === undefined) assert.equal(after, spec);
    assert.equal(specChanges(after), undefined, "once is enough");
  });
}

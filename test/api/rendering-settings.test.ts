import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultRenderingSettings, parseRenderingSettings } from "../../src/api/rendering-settings.ts";

const sizeKey = "reposerver.max.combined.directory.manifests.size";

for (const [main, parameters, expected] of [
  [{}, {}, {}],
  [{ "helm.enable": "false", "jsonnet.enable": "true" }, {}, { disabled: ["Helm"] }],
  [{ "kustomize.enable": "false", "jsonnet.enable": "false" }, {}, { disabled: ["Kustomize", "Jsonnet"] }],
  [
    { "kustomize.buildOptions": " --enable-helm\n  --load-restrictor LoadRestrictionsNone " },
    {},
    { kustomizeBuildOptions: ["--enable-helm", "--load-restrictor", "LoadRestrictionsNone"] },
  ],
  [
    { "kustomize.buildOptions.v5.4.3": "--enable-exec", "kustomize.path.v5.4.3": "/opt/kustomize_5_4_3" },
    {},
    { kustomizeVersions: { "5.4.3": { buildOptions: ["--enable-exec"], path: "/opt/kustomize_5_4_3" } } },
  ],
  [{ "kustomize.version.4.5.7": "/kustomize" }, {}, { kustomizeVersions: { "4.5.7": { path: "/kustomize" } } }],
  [{ "helm.valuesFileSchemes": "secrets+age-import, S3" }, {}, { valueFileSchemes: ["secrets+age-import", "s3"] }],
  [{ "helm.valuesFileSchemes": "" }, {}, { valueFileSchemes: [] }],
  [{}, { [sizeKey]: "10M" }, { maxDirectoryBytes: 10_000_000 }],
  [{}, { [sizeKey]: "1.5Mi" }, { maxDirectoryBytes: 1_572_864 }],
  [{}, { [sizeKey]: "0" }, { maxDirectoryBytes: Number.MAX_SAFE_INTEGER }],
  [{}, { "reposerver.enable.git.submodule": "false" }, { readsSubmodules: false }],
  [{}, { "reposerver.parallelism.limit": "3" }, { toolsAtOnce: 3 }],
  [{}, { "reposerver.parallelism.limit": "0" }, {}],
] as const) {
  test(`settings of rendering in ${JSON.stringify({ ...main, ...parameters })}`, () => {
    const { settings, problems } = parseRenderingSettings(main, parameters);
    assert.deepEqual([settings, problems], [{ ...defaultRenderingSettings, ...expected }, []]);
  });
}

for (const [main, parameters, problem] of [
  [
    { "kustomize.path.v1": "/bin/sh" },
    {},
    /kustomize\.path\.v1: "\/bin\/sh" must be the absolute path of a program with k/,
  ],
  [{ "kustomize.path.v1": "bin/kustomize" }, {}, /must be the absolute path/],
  [{ "kustomize.path.v1": "/kustomize/sh" }, {}, /must be the absolute path/],
  [{}, { [sizeKey]: "much" }, /manifests\.size: "much" must be a size such as 10M or 10Mi/],
  [{}, { [sizeKey]: "-1" }, /must be a size/],
  [{}, { "reposerver.parallelism.limit": "all" }, /parallelism\.limit: "all" must be a number/],
] as const) {
  test(`settings of rendering that cannot be used: ${JSON.stringify({ ...main, ...parameters })}`, () => {
    const { settings, problems } = parseRenderingSettings(main, parameters);
    assert.deepEqual(settings, defaultRenderingSettings);
    assert.match(problems.join("; "), problem);
  });
}

test("what the command line says counts where the ConfigMap says nothing", () => {
  const base = { ...defaultRenderingSettings, kustomizeBuildOptions: ["--enable-helm"] };
  assert.deepEqual(parseRenderingSettings({}, {}, base).settings, base);
  const said = parseRenderingSettings({ "kustomize.buildOptions": "--enable-exec" }, {}, base).settings;
  assert.deepEqual(said.kustomizeBuildOptions, ["--enable-exec"]);
});

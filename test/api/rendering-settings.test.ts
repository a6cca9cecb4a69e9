import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repoServerKeys } from "../../src/api/rendering-keys.ts";
import { defaultRenderingSettings, parseRenderingSettings } from "../../src/api/rendering-settings.ts";
import { projectRoot } from "../harness/run.ts";

const { fetching } = defaultRenderingSettings;
const sizeKey = "reposerver.max.combined.directory.manifests.size";

for (const [main, parameters, expected] of [
  [{}, {}, {}],
  [{ "helm.enable": "false", "jsonnet.enable": "true" }, {}, { disabled: ["Helm"] }],
  [{ "kustomize.enable": "false", "jsonnet.enable": "false" }, {}, { disabled: ["Kustomize", "Jsonnet"] }],
  [{ "helm.enable": "F", "kustomize.enable": "0", "jsonnet.enable": "no" }, {}, { disabled: ["Helm", "Kustomize"] }],
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
  [{}, { "reposerver.enable.git.submodule": "0" }, { readsSubmodules: false }],
  [{}, { "reposerver.allow.oob.symlinks": "true" }, { linksOut: "nowhere" }],
  [{}, { "reposerver.git.request.timeout": "1m30s" }, { fetching: { ...fetching, listTimeoutMs: 90_000 } }],
  [{}, { "reposerver.git.lsremote.parallelism.limit": "5" }, { fetching: { ...fetching, listsAtOnce: 5 } }],
  [
    {},
    { "reposerver.oci.manifest.max.extracted.size": "1G" },
    { fetching: { ...fetching, maxArtifactBytes: 1_000_000_000 } },
  ],
  [
    {},
    {
      "reposerver.oci.manifest.max.extracted.size": "1M",
      "reposerver.disable.oci.manifest.max.extracted.size": "true",
    },
    { fetching: { ...fetching, maxArtifactBytes: 2 ** 31 - 1 } },
  ],
  [
    {},
    { "reposerver.oci.layer.media.types": "application/a, application/b+gzip" },
    { fetching: { ...fetching, layerTypes: ["application/a", "application/b+gzip"] } },
  ],
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
  [{}, { "reposerver.git.request.timeout": "15" }, /request\.timeout: "15" must be a duration over 0 such as 15s/],
  [{}, { "reposerver.git.request.timeout": "0s" }, /must be a duration over 0/],
  [{}, { "reposerver.allow.oob.symlinks": "yes" }, /oob\.symlinks: "yes" must be true or false/],
] as const) {
  test(`settings of rendering that cannot be used: ${JSON.stringify({ ...main, ...parameters })}`, () => {
    const { settings, problems } = parseRenderingSettings(main, parameters);
    assert.deepEqual(settings, defaultRenderingSettings);
    assert.match(problems.join("; "), problem);
  });
}

for (const [parameters, notes] of [
  [
    { "reposerver.plugin.tar.exclusions": "*.bin" },
    [/plugin\.tar\.exclusions: "\*\.bin" has no effect: no files are sent/],
  ],
  [{ "reposerver.repo.cache.expiration": "1h" }, [/has no effect: results are kept by what they were made of/]],
  [{ "reposerver.git.requests.timeout": "1s" }, [/git\.requests\.timeout: "1s" has no effect: no such key is known/]],
  [{ "reposerver.repo.cache.expiration": "24h", "reposerver.log.level": "info", "server.insecure": "true" }, []],
  [{ "reposerver.git.request.timeout": "1s" }, []],
] as const) {
  test(`what has no effect is told: ${JSON.stringify(parameters)}`, () => {
    const { notes: told, problems } = parseRenderingSettings({}, parameters);
    assert.deepEqual([told.length, problems], [notes.length, []]);
    for (const [index, note] of notes.entries()) assert.match(told[index] ?? "", note);
  });
}

test("the README names every key, and says of each whether it counts", () => {
  const text = readFileSync(join(projectRoot, "README.md"), "utf8");
  const section = text.slice(text.indexOf("### Settings of Argo CD's repo-server"));
  const [read = "", without = ""] = section.slice(0, section.indexOf("\n## ")).split("No effect:");
  const shortened = (key: string): string => `\`${key.replace("reposerver.", "")}\``;
  for (const [key, { without: reason }] of Object.entries(repoServerKeys)) {
    const [its, other] = reason === undefined ? [read, without] : [without, read];
    assert.ok(its.includes(shortened(key)) && !other.includes(shortened(key)), key);
  }
});

test("what the command line says counts where the ConfigMap says nothing", () => {
  const base = { ...defaultRenderingSettings, kustomizeBuildOptions: ["--enable-helm"] };
  assert.deepEqual(parseRenderingSettings({}, {}, base).settings, base);
  const said = parseRenderingSettings({ "kustomize.buildOptions": "--enable-exec" }, {}, base).settings;
  assert.deepEqual(said.kustomizeBuildOptions, ["--enable-exec"]);
});

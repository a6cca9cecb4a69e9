import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { createTools } from "../../../src/gitops/render/tools.ts";
import { renderToolsMissing, toolPath } from "../../harness/render-tools.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { chart } from "../render/charts.ts";
import { type Files, openRenderRig, shareRenderRig } from "../render/rig.ts";

const skip = renderToolsMissing("helm", "kustomize", "jsonnet");
const map = (value: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {v: "${value}"}\n`;

interface Case {
  readonly name: string;
  readonly files: Files;
  readonly source?: Partial<ApplicationSource>;
  /** Outside of the source's folder, mostly: what a cache that looks at the folder alone would miss. */
  readonly change: Files;
  /** In the objects afterwards. */
  readonly expected: RegExp;
}

const cases: readonly Case[] = [
  {
    name: "a base",
    files: {
      "app/kustomization.yaml": "resources: [../base]\n",
      "base/kustomization.yaml": "resources: [m.yaml]\n",
      "base/m.yaml": map("1"),
    },
    change: { "base/m.yaml": map("changed") },
    expected: /changed/,
  },
  {
    name: "the base of a base",
    files: {
      "app/kustomization.yaml": "resources: [../base]\n",
      "base/kustomization.yaml": "resources: [../deep]\n",
      "deep/kustomization.yaml": "resources: [m.yaml]\n",
      "deep/m.yaml": map("1"),
    },
    change: { "deep/m.yaml": map("changed") },
    expected: /changed/,
  },
  {
    name: "a component that a base names anew",
    files: {
      "app/kustomization.yaml": "resources: [../base]\n",
      "base/kustomization.yaml": "resources: [m.yaml]\n",
      "base/m.yaml": map("1"),
    },
    change: {
      "base/kustomization.yaml": "resources: [m.yaml]\ncomponents: [../part]\n",
      "part/kustomization.yaml":
        "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnamePrefix: changed-\n",
    },
    expected: /changed/,
  },
  {
    name: "a file of a generator",
    files: {
      "app/kustomization.yaml": "resources: [../base]\n",
      "base/kustomization.yaml": "configMapGenerator: [{name: c, files: [x.txt]}]\n",
      "base/x.txt": "1",
    },
    change: { "base/x.txt": "changed" },
    expected: /changed/,
  },
  {
    name: "a component that was left out since it was missing",
    files: { "app/kustomization.yaml": "resources: [m.yaml]\n", "app/m.yaml": map("1") },
    source: { kustomize: { components: ["../part"], ignoreMissingComponents: true } },
    change: {
      "part/kustomization.yaml":
        "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnamePrefix: changed-\n",
    },
    expected: /changed/,
  },
  {
    name: "a value file of the repository",
    files: chart,
    source: { helm: { valueFiles: ["/shared/values.yaml"] } },
    change: { "shared/values.yaml": "color: changed\n" },
    expected: /changed/,
  },
  {
    name: "a value file that was left out since it was missing",
    files: chart,
    source: { helm: { valueFiles: ["/shared/none.yaml"], ignoreMissingValueFiles: true } },
    change: { "shared/none.yaml": "color: changed\n" },
    expected: /changed/,
  },
  {
    name: "a file that a glob finds anew",
    files: chart,
    source: { helm: { valueFiles: ["/shared/*.yaml"] } },
    change: { "shared/zz.yaml": "color: changed\n" },
    expected: /changed/,
  },
  {
    name: "a file parameter",
    files: chart,
    source: { helm: { fileParameters: [{ name: "x", path: "/shared/a.yaml" }] } },
    change: { "shared/a.yaml": "changed" },
    expected: /changed/,
  },
  {
    name: "a chart that it depends on by file://",
    files: {
      ...chart,
      "app/Chart.yaml":
        'apiVersion: v2\nname: shown\nversion: 1.2.3\ndependencies: [{name: below, version: 0.1.0, repository: "file://../below"}]\n',
      "below/Chart.yaml": "apiVersion: v2\nname: below\nversion: 0.1.0\n",
      "below/templates/m.yaml": map("1"),
    },
    change: { "below/templates/m.yaml": map("changed") },
    expected: /changed/,
  },
  {
    name: "a jsonnet library",
    files: { "app/m.jsonnet": "import 'lib.libsonnet'", "vendor/lib.libsonnet": object("1") },
    source: { directory: { jsonnet: { libs: ["vendor"] } } },
    change: { "vendor/lib.libsonnet": object("changed") },
    expected: /changed/,
  },
  {
    name: "a jsonnet file that comes to stand before a library",
    files: {
      "app/m.jsonnet": "import '../x/lib.libsonnet'",
      "x/lib.libsonnet": "import 'deep.libsonnet'",
      "vendor/deep.libsonnet": object("1"),
    },
    source: { directory: { jsonnet: { libs: ["vendor"] } } },
    change: { "x/deep.libsonnet": object("changed") },
    expected: /changed/,
  },
  {
    name: "an override of the folder, which was not there",
    files: { "app/kustomization.yaml": "resources: [m.yaml]\n", "app/m.yaml": map("1") },
    change: { "app/.argocd-source-web.yaml": "kustomize: {namePrefix: changed-}\n" },
    expected: /changed/,
  },
  {
    name: "a plain folder that becomes a kustomization",
    files: { "app/m.yaml": map("1") },
    change: { "app/kustomization.yaml": "namePrefix: changed-\nresources: [m.yaml]\n" },
    expected: /changed/,
  },
];

function object(value: string): string {
  return `{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "m"}, data: {v: "${value}"}}`;
}

describe("what is kept", () => {
  const emptied = shareRenderRig(["helm", "kustomize", "jsonnet"]);

  for (const { name, files, source = {}, change, expected } of cases) {
    test(`the rendering changes with ${name}, and with nothing else`, { skip }, async () => {
      const rig = await emptied();
      const before = await rig.render(await rig.repository.commit({ ...files, "unrelated/x.yaml": "1" }), source);
      const made = rig.cache.made;
      const unrelated = await rig.repository.commit({ "unrelated/x.yaml": "2", "other/kustomization.yaml": "" });
      assert.equal((await rig.render(unrelated, source)).manifests, before.manifests, "another file is no reason");
      const after = await rig.render(await rig.repository.commit(change), source);
      assert.doesNotMatch(JSON.stringify(before.manifests), expected);
      assert.match(JSON.stringify(after.manifests), expected);
      assert.equal(rig.cache.made, made + 1);
      rig.restart();
      assert.deepEqual(
        (await rig.render(await rig.repository.commit({ "z.txt": "z" }), source)).manifests,
        after.manifests,
      );
      assert.equal(rig.cache.made, 0, "the disk has what tools made");
    });
  }

  test("a file that becomes a link with the same bytes is another input", { skip }, async () => {
    const rig = await emptied();
    const first = await rig.repository.commit({
      "app/kustomization.yaml": "configMapGenerator: [{name: c, files: [x.txt]}]\n",
      "app/x.txt": "y.txt",
      "app/y.txt": "led to",
    });
    assert.match(JSON.stringify((await rig.render(first)).manifests), /"x\.txt":"y\.txt"/);
    await rm(join(rig.repository.path, "app/x.txt"));
    await symlink("y.txt", join(rig.repository.path, "app/x.txt"));
    assert.match(JSON.stringify((await rig.render(await rig.repository.commit({}))).manifests), /"x\.txt":"led to"/);
  });

  for (const [name, template] of [
    ["now", "{{ now | unixEpoch }}"],
    ["random texts", "{{ randAlphaNum 12 }}"],
    ["generated certificates", '{{ (genCA "x" 1).Cert | b64enc }}'],
    ["looks at the cluster", '{{ lookup "v1" "Namespace" "" "x" | toJson | quote }}'],
  ] as const) {
    test(`a chart with ${name} is rendered once for each commit`, { skip }, async () => {
      const rig = await emptied();
      const template_ = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {v: ${template}}\n`;
      const first = await rig.repository.commit({ ...chart, "app/templates/x.yaml": template_ });
      await rig.render(first);
      await rig.render(first);
      assert.equal(rig.cache.made, 1);
      await rig.render(await rig.repository.commit({ "x.txt": "x" }));
      assert.equal(rig.cache.made, 2);
    });
  }

  const text = "'{{ now | unixEpoch }}'";
  const templated = (from: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {v: {{ tpl ${from} . | quote }}}\n`;

  for (const [name, files, made] of [
    ["in its values", { "app/values.yaml": `v: ${text}\n`, "app/templates/x.yaml": templated(".Values.v") }, 2],
    ["in another file", { "app/x.txt": text, "app/templates/x.yaml": templated('(.Files.Get "x.txt")') }, 2],
    [
      "in values that no template is made of",
      { "app/values.yaml": `v: ${text}\n`, "app/templates/x.yaml": templated('"plain"').replace("tpl", "print") },
      1,
    ],
  ] as const) {
    test(`a chart with now ${name} is rendered ${made} times for two commits`, { skip }, async () => {
      const rig = await emptied();
      const base = { "app/Chart.yaml": "apiVersion: v2\nname: shown\nversion: 1.2.3\n" };
      await rig.render(await rig.repository.commit({ ...base, ...files }));
      await rig.render(await rig.repository.commit({ "x.txt": "x" }));
      assert.equal(rig.cache.made, made);
    });
  }

  test("a chart that only speaks of such functions is not", { skip }, async () => {
    const rig = await emptied();
    const words = '{{/* now */}}{{ "lookup" | quote }}: {{ .Values.now | default "randAlphaNum" | quote }}';
    const template = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: now}\ndata:\n  ${words}\n`;
    await rig.render(await rig.repository.commit({ ...chart, "app/templates/x.yaml": template }));
    await rig.render(await rig.repository.commit({ "x.txt": "x" }));
    assert.equal(rig.cache.made, 1);
  });

  test("what the inputs alone do not suffice for is rendered with the whole tree, and keyed by it", {
    skip,
  }, async () => {
    // A kustomize of the users' own: it takes a file that no field names.
    await using folder = await tempDir();
    const path = join(folder.path, "kustomize");
    const script = `#!/bin/sh\n[ "$1" = build ] && { cp parts/m.yaml "$2/m.yaml" || exit 1; }\nexec ${toolPath("kustomize")} "$@"\n`;
    await writeFile(path, script, { mode: 0o755 });
    const tools = createTools({
      paths: new Map([["kustomize", path]]),
      directory: folder.path,
      env,
      clock: systemClock,
    });
    await using rig = await openRenderRig([], { tools });
    const first = await rig.repository.commit({
      "app/kustomization.yaml": "resources: [m.yaml]\n",
      "app/m.yaml": map("1"),
      "parts/m.yaml": map("patched"),
    });
    const { manifests, told } = await rig.explain(first);
    assert.match(JSON.stringify(manifests), /patched/);
    assert.deepEqual([told.isWhole, rig.cache.made], [true, 2]);
    const second = await rig.repository.commit({ "parts/m.yaml": map("changed") });
    assert.match(JSON.stringify((await rig.render(second)).manifests), /changed/);
    assert.equal(rig.cache.made, 3, "it is known by then that the inputs do not suffice");
  });

  test("an own file that is a link is what it leads to, and renders anew with it", { skip }, async () => {
    const rig = await emptied();
    await mkdir(join(rig.repository.path, "app"));
    await symlink("../shared.yaml", join(rig.repository.path, "app/.argocd-source.yaml"));
    const first = await rig.repository.commit({
      "shared.yaml": "directory: {recurse: true}\n",
      "app/m.yaml": map("1"),
      "app/below/n.yaml": map("2"),
    });
    assert.equal((await rig.render(first)).manifests.length, 2);
    const second = await rig.repository.commit({ "shared.yaml": "directory: {recurse: false}\n" });
    assert.equal((await rig.render(second)).manifests.length, 1);
  });

  test("a folder without a file becomes a link to one that has it: another input", { skip }, async () => {
    const rig = await emptied();
    const helm = { valueFiles: ["../envs/eu/more.yaml"], ignoreMissingValueFiles: true };
    const files = { ...chart, "envs/eu/other.yaml": "x", "us/more.yaml": "color: from-the-link\n" };
    const first = await rig.repository.commit(files);
    assert.doesNotMatch(JSON.stringify((await rig.render(first, { helm })).manifests), /from-the-link/);
    await rig.render(await rig.repository.commit({ "envs/eu/another.yaml": "x" }), { helm });
    assert.equal(rig.cache.made, 1, "what else is in the folder does not count");
    await rm(join(rig.repository.path, "envs/eu"), { recursive: true });
    await symlink("../us", join(rig.repository.path, "envs/eu"));
    const second = await rig.repository.commit({});
    assert.match(JSON.stringify((await rig.render(second, { helm })).manifests), /from-the-link/);
  });

  test("what a tool says is told, though the whole tree cannot be handed to it", { skip }, async () => {
    const rig = await emptied();
    await symlink("/etc/hostname", join(rig.repository.path, "elsewhere"));
    const commit = await rig.repository.commit({
      "app/Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n",
      "app/templates/map.yaml": '{{ required "the image must be given" .Values.image }}\n',
    });
    await assert.rejects(rig.render(commit), /the image must be given/);
  });

  test("another version of a tool renders again", { skip }, async () => {
    await using folder = await tempDir();
    const path = join(folder.path, "helm");
    const install = (version: string): Promise<void> => {
      const script = `#!/bin/sh\n[ "$1" = version ] && echo ${version} && exit\nexec ${toolPath("helm")} "$@"\n`;
      return writeFile(path, script, { mode: 0o755 });
    };
    await install("v3.1");
    const tools = createTools({ paths: new Map([["helm", path]]), directory: folder.path, env, clock: systemClock });
    await using rig = await openRenderRig([], { tools });
    const commit = await rig.repository.commit(chart);
    await rig.render(commit);
    await rig.render(commit);
    assert.equal(rig.cache.made, 1);
    await install("v3.10");
    await rig.render(commit);
    assert.equal(rig.cache.made, 2);
  });

  const env = { PATH: "/usr/bin:/bin" };

  test("what a tool refused is not run again while nothing changed, unless a hard look asks", { skip }, async () => {
    const rig = await emptied();
    const broken = await rig.repository.commit({ ...chart, "app/templates/x.yaml": "{{ nonsense }}" });
    const refused = { message: /nonsense/ };
    await assert.rejects(rig.render(broken), refused);
    const { made } = rig.cache;
    await assert.rejects(rig.render(broken), refused);
    assert.equal(rig.cache.made, made);
    await assert.rejects(rig.render(broken, {}, { hard: true }), refused);
    assert.ok(rig.cache.made > made);
    await rig.render(await rig.repository.commit({ "app/templates/x.yaml": "" }));
  });

  test("a result on disk that is damaged is made again", { skip }, async () => {
    const rig = await emptied();
    const commit = await rig.repository.commit(chart);
    const { manifests } = await rig.render(commit);
    const [file = ""] = (await readdir(rig.directory, { recursive: true })).filter((name) => name.endsWith(".json"));
    const path = join(rig.directory, file);
    await writeFile(path, (await readFile(path, "utf8")).replace("web-shown", "web-wrong"));
    rig.restart();
    assert.deepEqual((await rig.render(commit)).manifests, manifests);
    assert.equal(rig.cache.made, 1);
    rig.restart();
    await rig.render(commit);
    assert.equal(rig.cache.made, 0);
  });

  for (const [name, script, limits, failure] of [
    [
      "writes what is no manifest",
      "echo 'kind: ['",
      {},
      { code: "RENDER_FAILED", message: /"output of helm template"/ },
    ],
    ["takes too long", "exec sleep 20", { timeoutMs: 400 }, { code: "TOOL_TIMEOUT" }],
    ["writes too much", "exec yes", { maxOutputBytes: 10_000 }, { code: "TOOL_OUTPUT_TOO_LARGE" }],
    [
      "takes too much memory",
      "head -c 300000000 /dev/zero | tail -c 300000000 | sleep 20",
      { maxMemoryBytes: 50_000_000 },
      { code: "TOOL_MEMORY_EXCEEDED" },
    ],
  ] as const) {
    test(`a tool that ${name} is not run again for the same inputs, unless a hard look asks`, async () => {
      await using folder = await tempDir();
      const path = join(folder.path, "helm");
      await writeFile(path, `#!/bin/sh\n[ "$1" = version ] && echo v3.14 && exit\n${script}\n`, { mode: 0o755 });
      const options = { paths: new Map([["helm", path]]), directory: folder.path, env, clock: systemClock };
      await using rig = await openRenderRig([], { tools: createTools({ ...options, ...limits }) });
      const commit = await rig.repository.commit(chart);
      await assert.rejects(rig.render(commit), failure);
      await assert.rejects(rig.render(commit), failure);
      assert.equal(rig.cache.made, 1);
      await assert.rejects(rig.render(commit, {}, { hard: true }), failure);
      assert.equal(rig.cache.made, 2);
    });
  }
});

import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { defaultRenderingSettings } from "../../../src/api/rendering-settings.ts";
import { git } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { renderToolsMissing } from "../../harness/render-tools.ts";
import { type Files, namesOf, type RenderRig, shareRenderRig } from "./rig.ts";

failOnLeakedChildren();

const skip = renderToolsMissing("helm", "kustomize", "jsonnet");
const map = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
const chart = { "app/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n", "app/templates/m.yaml": map("c") };
const kustomized = (text: string): Files => ({ "app/kustomization.yaml": text, "app/m.yaml": map("m") });
const generator = (more: string, kind = "ConfigMapGenerator"): string =>
  `apiVersion: builtin\nkind: ${kind}\nmetadata: {name: g}\n${more}\n`;
const transformer = generator("path: /etc/passwd\ntarget: {kind: ConfigMap}", "PatchTransformer");
const inline = (text: string): string => `- |\n${text.replaceAll(/^/gm, "  ")}\n`;
/** Ten to the ninth. */
const bomb = Array.from({ length: 9 }, (_, index) => {
  const items = Array(10).fill(index === 0 ? "x" : `*a${index - 1}`);
  return `a${index}: &a${index} [${items.join(",")}]`;
}).join("\n");
const nested = "[".repeat(50_000) + "]".repeat(50_000);

interface Hostile {
  readonly files: Files;
  readonly links?: Readonly<Record<string, string>>;
  /** Links as only Git can hold them: with any content. */
  readonly blobs?: Readonly<Record<string, string>>;
  readonly source?: Partial<ApplicationSource>;
  /** As administrators often set it: kustomize itself would read any file. */
  readonly isUnrestricted?: boolean;
}

async function commit({ repository }: RenderRig, { files, links = {}, blobs = {} }: Hostile): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(repository.path, path)), { recursive: true });
    await writeFile(join(repository.path, path), text);
  }
  for (const [path, target] of Object.entries(links)) await symlink(target, join(repository.path, path));
  await repository.git("add", "-A");
  for (const [path, content] of Object.entries(blobs)) {
    const id = await git(repository.path, ["hash-object", "-w", "--stdin"], content);
    await repository.git("update-index", "--add", "--cacheinfo", `120000,${id},${path}`);
  }
  if (Object.keys(blobs).length === 0) return repository.commit({});
  await repository.git("commit", "-q", "-m", "Links");
  return repository.git("rev-parse", "HEAD");
}

/** An emptied rig for each row. */
function shareOpen(): (hostile: Hostile) => Promise<RenderRig> {
  const share = (...kustomizeBuildOptions: readonly string[]) => {
    const rendering = () => ({ ...defaultRenderingSettings, kustomizeBuildOptions });
    return shareRenderRig(["helm", "kustomize", "jsonnet"], { rendering });
  };
  const [restricted, unrestricted] = [share("--enable-helm"), share("--load-restrictor", "LoadRestrictionsNone")];
  return (hostile) => (hostile.isUnrestricted ? unrestricted() : restricted());
}

const out = /leads out of the repository/;
const isUnrestricted = true;

const refused: Readonly<Record<string, readonly [Hostile, RegExp]>> = {
  "a link that is longer than any system follows": [
    { files: { "app/m.yaml": map("m") }, blobs: { "app/long.yaml": "a/".repeat(3_000_000) } },
    out,
  ],
  "a chart's link that is longer than any system follows": [
    { files: chart, blobs: { "app/templates/long.yaml": "a/".repeat(3_000_000) } },
    out,
  ],
  "links in a circle that a chart is given": [
    {
      files: chart,
      links: { "app/a.yaml": "b.yaml", "app/b.yaml": "a.yaml" },
      source: { helm: { valueFiles: ["a.yaml"] } },
    },
    /too many levels of symbolic links/,
  ],
  "folders that hold themselves": [
    { files: chart, links: { "app/templates/a": ".", "app/templates/b": "." } },
    /too many levels of symbolic links/,
  ],
  "a chart's folder that is a link out": [{ files: chart, links: { "app/charts": "/etc" } }, out],
  "a chart's metadata that is a link out": [
    { files: { "app/templates/m.yaml": map("m") }, links: { "app/Chart.yaml": "/etc/passwd" } },
    out,
  ],
  "a text of jsonnet that is a link out": [
    { files: { "app/a.jsonnet": 'importstr "x"' }, links: { "app/x": "/etc/passwd" } },
    out,
  ],
  "a bomb in a manifest": [{ files: { "app/m.yaml": `${map("m")}${bomb}\n` } }, /aliases repeat too much/],
  "a bomb in values": [{ files: { ...chart, "app/values.yaml": bomb } }, /excessive aliasing/],
  "a bomb in a chart's metadata": [
    { files: { ...chart, "app/Chart.yaml": `${chart["app/Chart.yaml"]}${bomb}\n` } },
    /^app\/Chart\.yaml: aliases repeat too much$/,
  ],
  "a bomb in a kustomization": [{ files: kustomized(`resources: [m.yaml]\n${bomb}\n`) }, /excessive aliasing/],
  "a kustomization that names without end": [
    { files: kustomized(`resources:\n${"- m.yaml\n".repeat(20_001)}`) },
    /^app: it names over 20000 files$/,
  ],
  "a bomb in what a kustomization names": [
    { files: { ...kustomized("resources: [m.yaml]\n"), "app/m.yaml": `${map("m")}${bomb}\n` } },
    /^app\/m\.yaml: aliases repeat too much$/,
  ],
  "a bomb in an override": [{ files: { "app/.argocd-source.yaml": bomb } }, /aliases repeat too much/],
  "YAML that is too deep": [
    { files: { "app/m.yaml": `${map("m")}data: ${nested}\n` } },
    /"m\.yaml": line 4, column 206/,
  ],
  "JSON that is too deep": [
    { files: { "app/m.json": `{"kind": "A", "v": ${nested}}` } },
    /"m\.json": it is nested deeper than 200 levels/,
  ],
  "jsonnet that gives what is too deep": [
    { files: { "app/m.jsonnet": "local f(n) = if n == 0 then 1 else [f(n - 1)]; {kind: 'A', v: f(300)}" } },
    /"m\.jsonnet": it is nested deeper than 200 levels/,
  ],
  "jsonnet without end": [{ files: { "app/a.jsonnet": "local f(n) = f(n + 1); f(1)" } }, /max stack frames exceeded/],
  "a template that gives what is too deep": [
    {
      files: {
        ...chart,
        "app/templates/m.yaml": `${map("c")}v: {{ range untilStep 0 500 1 }}[{{ end }}{{ range untilStep 0 500 1 }}]{{ end }}`,
      },
    },
    /"output of helm template": line 6, column/,
  ],
  "a release's name that is an option": [
    { files: chart, source: { helm: { releaseName: "--post-renderer=/bin/id" } } },
    /invalid release name/,
  ],
  "a version of kustomize that is a path": [
    { files: kustomized("resources: [m.yaml]\n"), source: { kustomize: { version: "../../../bin/sh" } } },
    /kustomize version \.\.\/\.\.\/\.\.\/bin\/sh is not registered/,
  ],
  "a component of the machine": [
    { files: kustomized("resources: [m.yaml]\n"), source: { kustomize: { components: ["/etc"] } } },
    out,
  ],
  "a patch of the machine in the source": [
    {
      files: kustomized("resources: [m.yaml]\n"),
      source: { kustomize: { patches: [{ path: "/etc/passwd" }] } },
      isUnrestricted,
    },
    out,
  ],
  "a generator's file of the machine, inline": [
    { files: kustomized(`generators:\n${inline(generator("files: [x=/etc/hostname]"))}`), isUnrestricted },
    out,
  ],
  "a generator's file of the machine, from a folder far below": [
    {
      files: {
        ...kustomized("generators: [a/b/c/d/e/f/g/g.yaml]\n"),
        "app/a/b/c/d/e/f/g/g.yaml": generator("files: [x=../../../../../../../../../etc/hostname]"),
      },
      isUnrestricted,
    },
    out,
  ],
  "a generator's file of the machine, from a kustomization of generators far below": [
    {
      files: {
        ...kustomized("generators: [a/b/c/d/e/f/g]\n"),
        "app/a/b/c/d/e/f/g/kustomization.yaml": "resources: [h]\n",
        "app/a/b/c/d/e/f/g/h/kustomization.yaml": "resources: [g.yaml]\n",
        "app/a/b/c/d/e/f/g/h/g.yaml": generator("files: [x=../../../../../../../../../etc/hostname]"),
      },
      isUnrestricted,
    },
    out,
  ],
  "a generator whose kind is written with escapes": [
    {
      files: {
        ...kustomized("generators: [g.yaml]\n"),
        "app/g.yaml": generator("files: [x=/etc/hostname]", '"ConfigMap\\x47enerator"'),
      },
      isUnrestricted,
    },
    out,
  ],
  "a transformer's patch of the machine": [
    {
      files: { ...kustomized("resources: [m.yaml]\ntransformers: [t.yaml]\n"), "app/t.yaml": transformer },
      isUnrestricted,
    },
    out,
  ],
  "a transformer's patch of the machine, inline": [
    { files: kustomized(`resources: [m.yaml]\ntransformers:\n${inline(transformer)}`), isUnrestricted },
    out,
  ],
  "a kustomization that only kustomize can read": [
    { files: kustomized("resources: [m.yaml]\ncommonAnnotations: {x: .inf}\n"), isUnrestricted },
    /^app\/kustomization\.yaml: line 2, column 24: \.inf is not a value of JSON$/,
  ],
  "a chart of the machine": [{ files: kustomized("helmCharts: [{name: ../../../../../srv/chart}]\n") }, out],
  "values of the machine for a chart, as they were once spelt": [
    { files: kustomized("helmChartInflationGenerator: [{chartName: c, values: /etc/passwd}]\n"), isUnrestricted },
    out,
  ],
  "a program in place of a transformer": [
    {
      files: {
        ...kustomized("resources: [m.yaml]\ntransformers: [t.yaml]\n"),
        "app/t.yaml":
          "apiVersion: x/v1\nkind: X\nmetadata:\n  name: t\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: /usr/bin/id}\n",
      },
    },
    /external plugins disabled/,
  ],
};

describe("hostile sources", () => {
  const emptied = shareOpen();

  for (const [name, [hostile, message]] of Object.entries(refused)) {
    test(`a source with ${name} is refused`, { skip }, async () => {
      const rig = await emptied(hostile);
      const bad = await commit(rig, hostile);
      await assert.rejects(rig.render(bad, hostile.source), (error: Error) => {
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /root:|uid=/);
        return true;
      });
      const good = await rig.repository.commit({ "good/m.yaml": map("good") });
      assert.deepEqual(namesOf(await rig.render(good, { path: "good" })), ["good"]);
    });
  }

  for (const base of [
    "ext::sh -c id",
    "git::ext::sh -c id",
    "file:///etc",
    "git::file:///etc",
    "ssh://-oProxyCommand=id/a/b",
    "git@-oProxyCommand=id:a/b",
    "ftp://127.0.0.1:1/x",
    "s3::http://127.0.0.1:1/x",
    "hg::http://127.0.0.1:1/x",
    "--upload-pack=id",
    "http://127.0.0.1:1/r.git//x?ref=--upload-pack=id",
    "../../..",
    "app\0b",
  ]) {
    test(`a base that is ${JSON.stringify(base)} is refused, and runs nothing`, { skip }, async () => {
      const rig = await emptied({ files: {} });
      const bad = await rig.repository.commit(kustomized(`resources: [m.yaml, ${JSON.stringify(base)}]\n`));
      await assert.rejects(rig.render(bad), (error: Error & { code?: string }) => {
        assert.equal(error.code, "RENDER_FAILED");
        assert.doesNotMatch(error.message, /root:|uid=/);
        return true;
      });
    });
  }

  const rendered: Readonly<Record<string, readonly [Hostile, readonly string[]]>> = {
    "a chain of 30 links": [
      {
        files: { "app/end.txt": map("end") },
        links: Object.fromEntries(
          Array.from({ length: 30 }, (_, index) => [
            `app/l${index}.yml`,
            index === 29 ? "end.txt" : `l${index + 1}.yml`,
          ]),
        ),
      },
      Array(30).fill("end"),
    ],
    "links in a circle beside manifests": [
      { files: { "app/m.yaml": map("m") }, links: { "app/a.yaml": "b.yaml", "app/b.yaml": "a.yaml" } },
      ["m"],
    ],
    "names that a shell or an option parser would read": [
      { files: { "app/$(id).yaml": map("sh"), "app/'\".yaml": map("q"), "app/-rf.yaml": map("dash") } },
      ["sh", "q", "dash"],
    ],
    "names of two lines, and such that differ in case alone": [
      { files: { "app/A.yaml": map("upper"), "app/a.yaml": map("lower"), "app/b\nc.yaml": map("lines") } },
      ["upper", "lower", "lines"],
    ],
    "value files that look like options": [
      {
        files: { ...chart, "app/-rf.yaml": "a: 1", "app/--post-renderer=x.yaml": "a: 1" },
        source: { helm: { valueFiles: ["-rf.yaml", "--post-renderer=x.yaml"] } },
      },
      ["c"],
    ],
    "options that look like others": [
      {
        files: chart,
        source: {
          helm: {
            namespace: "--debug",
            apiVersions: ["--post-renderer=/bin/id"],
            parameters: [{ name: "--x", value: "1" }],
          },
        },
      },
      ["c"],
    ],
    "a submodule over an odd protocol that is not in the tree": [
      { files: { "app/m.yaml": map("m"), ".gitmodules": '[submodule "x"]\n path = app/x\n url = ext::sh -c id\n' } },
      ["m"],
    ],
  };

  for (const [name, [hostile, names]] of Object.entries(rendered)) {
    test(`a source with ${name} is rendered`, { skip }, async () => {
      const rig = await emptied(hostile);
      assert.deepEqual(namesOf(await rig.render(await commit(rig, hostile), hostile.source)), names);
    });
  }
});

import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ApplicationSource } from "../../src/api/application-types.ts";
import { createRenderCache } from "../../src/gitops/reconcile/render-cache.ts";
import { parseFile } from "../../src/gitops/render/manifest-file.ts";
import type { Plugin } from "../../src/gitops/render/plan.ts";
import { gitTree } from "../../src/gitops/source/git-tree.ts";
import { context } from "../gitops/render/rig.ts";
import { openSources } from "../gitops/source/rig.ts";
import { createTestRepository, git } from "../harness/git-repository.ts";
import { renderSettings, toolPath } from "../harness/render-tools.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { type Bench, type BenchRow, inRounds, median } from "./bench.ts";

const exec = promisify(execFile);
const patient = (): AbortSignal => AbortSignal.timeout(300_000);

const object = (name: string, value: string): string => `apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}}
data: {value: "${value}", more: "${"x".repeat(400)}"}
`;

/** A chart, a kustomization and a folder, of ten objects each. */
function files(): Record<string, string> {
  const names = Array.from({ length: 10 }, (_, index) => `m${index}`);
  return {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n",
    "chart/values.yaml": "color: red\n",
    "chart/templates/_helpers.tpl": '{{- define "name" -}}{{ .Release.Name }}{{- end -}}\n',
    ...Object.fromEntries(
      names.map((name) => [
        `chart/templates/${name}.yaml`,
        object(`'{{ include "name" . }}-${name}'`, "{{ .Values.color }}"),
      ]),
    ),
    "over/kustomization.yaml": "resources: [../base]\nnamePrefix: over-\n",
    "base/kustomization.yaml": `resources: [${names.map((name) => `${name}.yaml`).join(", ")}]\n`,
    ...Object.fromEntries(names.map((name) => [`base/${name}.yaml`, object(name, "1")])),
    ...Object.fromEntries(names.map((name) => [`plain/${name}.yaml`, object(name, "1")])),
  };
}

/** Runs the tool that a kustomization is rendered with, so that all the difference is the plugin's. */
function buildPlugin(): Plugin {
  const generate = { command: [toolPath("kustomize"), "build"], args: ["."] };
  return { name: "build", generate, discover: undefined, parameters: [], getsCredentials: false };
}

async function openRig() {
  await using stack = new AsyncDisposableStack();
  const repository = stack.use(await createTestRepository());
  const rig = stack.use(await openSources());
  const folder = stack.use(await tempDir());
  const settings = renderSettings(folder.path, { tools: ["helm", "kustomize"], plugins: [buildPlugin()] });
  const cache = createRenderCache({ settings });
  const owned = stack.move();
  return {
    repository,
    rig,
    cache,
    render: (commit: string, path: string, hard = false, source: Partial<ApplicationSource> = {}) =>
      cache.render(
        { repoURL: repository.url, path, ...source },
        gitTree(rig.sources, repository.url, commit),
        { ...context, appName: path, instance: path, hard },
        patient(),
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type Rig = Awaited<ReturnType<typeof openRig>>;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Files as they lie on disk, read and parsed. */
async function parseFolder(path: string): Promise<void> {
  for (const name of await readdir(path)) parseFile({ path: name, text: await readFile(join(path, name), "utf8") });
}

async function cold(rig: Rig, commit: string, rounds: number): Promise<readonly BenchRow[]> {
  const { path } = rig.repository;
  const byKustomize = () => exec(toolPath("kustomize"), ["build", "."], { cwd: join(path, "over") });
  type Case = readonly [string, string, () => Promise<unknown>, source?: Partial<ApplicationSource>];
  const bare: readonly Case[] = [
    [
      "a chart",
      "chart",
      () =>
        exec(toolPath("helm"), ["template", ".", "--name-template", "chart", "--namespace", "shop", "--include-crds"], {
          cwd: join(path, "chart"),
        }),
    ],
    ["a kustomization", "over", byKustomize],
    ["a plugin that runs kustomize", "over", byKustomize, { plugin: { name: "build" } }],
    ["a folder (bare: read and parsed)", "plain", () => parseFolder(join(path, "plain"))],
  ];
  return inRounds(rounds, async () => {
    const rows: BenchRow[] = [];
    for (const [name, folder, byHand, source] of bare) {
      const limit = await timed(byHand);
      const value = await timed(() => rig.render(commit, folder, true, source));
      // A plugin is handed the whole tree, and confined: it has no budget.
      const isTool = folder !== "plain" && source === undefined;
      rows.push({
        name: `render cold, ${name}`,
        value,
        unit: "ms",
        limit,
        ratio: value / limit,
        ...(isTool ? { budget: limit * 1.3 } : {}),
      });
    }
    return rows;
  });
}

async function warm(rig: Rig, commit: string, count: number): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const folder of ["chart", "over", "plain"]) {
    await rig.render(commit, folder);
    const same: number[] = [];
    for (let index = 0; index < count; index++) same.push(await timed(() => rig.render(commit, folder)));
    const value = median(same);
    rows.push({
      name: `render warm, ${folder}, same commit`,
      value,
      unit: "ms",
      limit: 2,
      ratio: value / 2,
      budget: 2,
    });
    // Each commit once: the first look at one has to ask Git for its files.
    const others: number[] = [];
    for (let index = 0; index < count; index++) {
      const other = await rig.repository.commit({ "unrelated.txt": `${folder} ${index}` });
      await rig.rig.sources.fetch(rig.repository.url, {}, patient());
      others.push(await timed(() => rig.render(other, folder)));
    }
    const next = median(others);
    rows.push({
      name: `render warm, ${folder}, a commit that touches another`,
      value: next,
      unit: "ms",
      limit: 2,
      ratio: next / 2,
      budget: 2,
    });
  }
  return rows;
}

/** Every tenth folder is a kustomization over a base of its own. */
async function oneOfMany(count: number): Promise<readonly BenchRow[]> {
  await using rig = await openRig();
  const { repository, rig: sources } = rig;
  const folders = Array.from({ length: count }, (_, index) => `apps/a${index}`);
  const kustomized = (index: number): boolean => index % 10 === 0;
  const all = folders.flatMap((folder, index) => [
    [`${folder}/m.yaml`, object("m", String(index))],
    ...(kustomized(index) ? [[`${folder}/kustomization.yaml`, "resources: [m.yaml]\n"]] : []),
  ]);
  const first = await repository.commit(Object.fromEntries(all));
  await Promise.all(folders.map((folder) => rig.render(first, folder)));
  await using copy = await tempDir();
  await git(copy.path, ["clone", "--quiet", "--bare", repository.url, "mirror"]);
  const second = await repository.commit({ "apps/a0/m.yaml": object("m", "changed") });
  const limit = await timed(() =>
    git(join(copy.path, "mirror"), ["fetch", "--quiet", "origin", "+refs/heads/*:refs/heads/*"]),
  );
  const [made, fetches, calls] = [rig.cache.made, await sources.count("fetch"), await sources.calls()];
  const value = await timed(async () => {
    await sources.sources.fetch(repository.url, { commit: second, ref: "refs/heads/main" }, patient());
    const { commit } = await sources.sources.resolve(repository.url, "main", patient());
    await Promise.all(folders.map((folder) => rig.render(commit, folder)));
  });
  const what = `a commit that touches 1 of ${count}`;
  const renders = rig.cache.made - made;
  const asked = (await sources.count("fetch")) - fetches;
  const processes = (await sources.calls()) - calls;
  return [
    { name: `${what}: fetched and rendered`, value, unit: "ms", limit, ratio: value / limit },
    { name: `${what}: renders`, value: renders, unit: "", limit: 1, ratio: renders, budget: 1 },
    { name: `${what}: fetches`, value: asked, unit: "", limit: 1, ratio: asked, budget: 1 },
    // The fetch, and a look at the refs that it brought.
    { name: `${what}: processes of git`, value: processes, unit: "", limit: 1, ratio: processes },
  ];
}

async function tools({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  await using rig = await openRig();
  const commit = await rig.repository.commit(files());
  for (const folder of ["chart", "over", "plain"]) await rig.render(commit, folder);
  return [...(await cold(rig, commit, quick ? 7 : 25)), ...(await warm(rig, commit, quick ? 20 : 200))];
}

export const renderBenches: readonly Bench[] = [
  { name: "render", run: tools },
  { name: "one of many", run: ({ quick }) => oneOfMany(quick ? 200 : 1_000) },
];

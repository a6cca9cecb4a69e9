import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { ApplicationSource } from "../../../src/api/application-types.ts";
import { createRenderCache, type RenderOptions } from "../../../src/gitops/reconcile/render-cache.ts";
import type { RenderedSource } from "../../../src/gitops/render/render.ts";
import { gitTree } from "../../../src/gitops/source/git-tree.ts";
import type { GitSources } from "../../../src/gitops/source/source.ts";
import { createTestRepository } from "../../harness/git-repository.ts";
import { renderSettings } from "../../harness/render-tools.ts";
import { waitFor } from "../../harness/wait.ts";
import { openSources } from "../source/rig.ts";
import { configMap, manifest, patient } from "./world.ts";

const names = ({ manifests }: RenderedSource): unknown[] =>
  manifests.map(({ metadata }) => (metadata as { name?: string }).name);

const options: RenderOptions = {
  hard: false,
  appName: "app",
  instance: "app",
  project: "default",
  namespace: "default",
  isMultiSource: false,
};

async function openCache(files: Readonly<Record<string, string>>, wrap = (sources: GitSources) => sources) {
  const repository = await createTestRepository();
  const rig = await openSources();
  const first = await repository.commit(files);
  const sources = wrap(rig.sources);
  const cache = createRenderCache({ settings: renderSettings(rig.directory) });
  const treeOf = (commit: string) => gitTree(sources, repository.url, commit);
  return {
    repository,
    cache,
    first,
    render: (commit: string, source: Partial<ApplicationSource> = {}, hard = false, signal = patient()) =>
      cache.render({ repoURL: repository.url, path: "web", ...source }, treeOf(commit), { ...options, hard }, signal),
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
}

const kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n";

const cases: readonly (readonly [
  name: string,
  files: Readonly<Record<string, string>>,
  source: Partial<ApplicationSource>,
  expected: readonly string[] | RegExp,
])[] = [
  ["plain files", { "web/a.yaml": configMap("a"), "web/b.json": configMap("b") }, {}, ["a", "b"]],
  ["a path with slashes and dots", { "web/a.yaml": configMap("a") }, { path: "./web//" }, ["a"]],
  ["the root", { "a.yaml": configMap("a") }, { path: "." }, ["a"]],
  ["a folder without manifests", { "web/notes.txt": "x" }, {}, []],
  ["folders below, when asked", { "web/x/a.yaml": configMap("a") }, { directory: { recurse: true } }, ["a"]],
  ["no folders below, when not asked", { "web/x/a.yaml": configMap("a") }, {}, []],
  [
    "what exclude leaves",
    { "web/a.yaml": configMap("a"), "web/b.yaml": ": [" },
    { directory: { exclude: "b*" } },
    ["a"],
  ],
  ["a path that goes up", { "web/a.yaml": configMap("a") }, { path: "x/../web" }, ["a"]],
  [
    "what the folder's own file says",
    { "web/.argocd-source.yaml": "directory:\n  recurse: true\npath: other\n", "web/x/a.yaml": configMap("a") },
    {},
    ["a"],
  ],
  [
    "what the Application's own file says above it",
    {
      "web/.argocd-source.yaml": "directory: {recurse: true}",
      "web/.argocd-source-app.yaml": "directory: {recurse: null, exclude: 'a*'}",
      "web/.argocd-source-other.yaml": "kustomize: {namePrefix: x}",
      "web/a.yaml": configMap("a"),
      "web/b.yaml": configMap("b"),
      "web/x/c.yaml": configMap("c"),
    },
    {},
    ["b"],
  ],
  [
    "a tool that the folder's own file names",
    { "web/.argocd-source.yaml": "kustomize: {namePrefix: x}", "web/a.yaml": configMap("a") },
    {},
    /^kustomize is missing: it is neither in/,
  ],
  [
    "an own file that is wrong",
    { "web/.argocd-source.yaml": "directory: yes please" },
    {},
    /^\.argocd-source\.yaml\.directory: .*object/,
  ],
  ["an own file that is no YAML", { "web/.argocd-source.yaml": "directory: [" }, {}, /^\.argocd-source\.yaml: /],
  ["a missing path", { "web/a.yaml": configMap("a") }, { path: "other" }, /^other: app path does not exist$/],
  ["a file for a path", { "web/a.yaml": configMap("a") }, { path: "web/a.yaml" }, /app path is not a directory/],
  ["a path that leaves", { "web/a.yaml": configMap("a") }, { path: "../etc" }, /\.\./],
  ["helm", { "web/a.yaml": configMap("a") }, { helm: { releaseName: "x" } }, /^helm is missing: .*Helm 3/],
  ["an empty helm block, which says nothing", { "web/a.yaml": configMap("a") }, { helm: {} }, ["a"]],
  [
    "two tools",
    { "web/a.yaml": configMap("a") },
    { kustomize: { namePrefix: "x" }, directory: { recurse: true } },
    /^multiple application sources defined: Kustomize,Directory$/,
  ],
  [
    "a kustomization",
    { "web/kustomization.yaml": kustomization, "web/a.yaml": configMap("a") },
    {},
    /^kustomize is missing/,
  ],
  ["a chart's folder", { "web/Chart.yaml": "name: x", "web/a.yaml": configMap("a") }, {}, /^helm is missing: .*Helm 3/],
  ["a chart below", { "web/x/Chart.yaml": "name: x", "web/a.yaml": configMap("a") }, {}, ["a"]],
  [
    "a chart's folder that is said to be plain",
    { "web/Chart.yaml": "name: x", "web/x/a.yaml": configMap("a") },
    { directory: { recurse: true } },
    ["a"],
  ],
];

for (const [name, files, source, expected] of cases) {
  test(`renders ${name}`, async () => {
    await using rig = await openCache(files);
    const rendered = rig.render(rig.first, source);
    if (expected instanceof RegExp) await assert.rejects(rendered, { message: expected });
    else assert.deepEqual(names(await rendered), expected);
  });
}

test("renders a link to a file of the repository, and again when that file changes", async () => {
  await using rig = await openCache({ "shared/a.yaml": configMap("a"), "web/b.yaml": configMap("b") });
  await symlink("../shared/a.yaml", join(rig.repository.path, "web/link.yaml"));
  const linked = await rig.repository.commit({});
  assert.deepEqual(names(await rig.render(linked)), ["b", "a"]);
  const changed = await rig.repository.commit({ "shared/a.yaml": configMap("other") });
  assert.deepEqual(names(await rig.render(changed)), ["b", "other"]);
});

for (const [name, target, expected] of [
  ["that leads nowhere is left out", "gone.yaml", ["b"]],
  ["to a folder is left out", "../shared", ["b"]],
  ["out of the repository is refused", "../../../etc/passwd", /leads out of the repository/],
] as const) {
  test(`a link ${name}`, async () => {
    await using rig = await openCache({ "shared/a.yaml": configMap("a"), "web/b.yaml": configMap("b") });
    await symlink(target, join(rig.repository.path, "web/link.yaml"));
    const commit = await rig.repository.commit({});
    if (expected instanceof RegExp) await assert.rejects(rig.render(commit), { message: expected });
    else assert.deepEqual(names(await rig.render(commit)), expected);
  });
}

test("the same folder is rendered once, whatever commit names it, until it changes or a hard look asks", async () => {
  await using rig = await openCache({ "web/a.yaml": configMap("a"), "x.txt": "1" });
  const first = await rig.render(rig.first);
  const elsewhere = await rig.repository.commit({ "x.txt": "2" });
  assert.equal(await rig.render(elsewhere), first);
  assert.equal(rig.cache.made, 1);
  const hard = await rig.render(elsewhere, {}, true);
  assert.deepEqual([hard !== first, rig.cache.made], [true, 2]);
  assert.equal(await rig.render(elsewhere), hard);
  await rig.render(elsewhere, { directory: { recurse: true } });
  const changed = await rig.repository.commit({ "web/b.yaml": configMap("b") });
  assert.deepEqual(names(await rig.render(changed)), ["a", "b"]);
  assert.equal(rig.cache.made, 4);
});

/** Sources whose listing waits for `open`, and how often it began. */
function gated(sources: GitSources, gate: { open: Promise<void>; begun: number; signals: AbortSignal[] }): GitSources {
  return new Proxy(sources, {
    get(target, name, receiver) {
      if (name !== "listFiles") return Reflect.get(target, name, receiver).bind(target);
      return async (...args: Parameters<GitSources["listFiles"]>) => {
        gate.begun += 1;
        gate.signals.push(args[3]);
        await Promise.race([gate.open, aborted(args[3])]);
        args[3].throwIfAborted();
        return target.listFiles(...args);
      };
    },
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

test("callers share one rendering; one that leaves ends it for nobody else, the last one ends it", async () => {
  const { promise: open, resolve } = Promise.withResolvers<void>();
  const gate = { open, begun: 0, signals: [] as AbortSignal[] };
  await using rig = await openCache({ "web/a.yaml": configMap("a") }, (sources) => gated(sources, gate));
  const [first, second] = [new AbortController(), new AbortController()];
  const leaving = rig.render(rig.first, {}, false, first.signal);
  await waitFor("the rendering to begin", () => gate.begun === 1);
  const others = [1, 2, 3].map(() => rig.render(rig.first));
  const alsoLeaving = rig.render(rig.first, {}, false, second.signal);
  await rig.render(rig.first, { path: "none" }).catch(() => undefined); // the others wait by now
  first.abort(new Error("first leaves"));
  second.abort(new Error("second leaves"));
  await assert.rejects(leaving, { message: "first leaves" });
  await assert.rejects(alsoLeaving, { message: "second leaves" });
  resolve();
  const rendered = await Promise.all(others);
  assert.deepEqual([new Set(rendered).size, rig.cache.made, gate.begun], [1, 1, 1]);
});

test("a rendering that all callers left is ended, and the next one begins anew", async () => {
  const gate = { open: new Promise<void>(() => undefined), begun: 0, signals: [] as AbortSignal[] };
  await using rig = await openCache({ "web/a.yaml": configMap("a") }, (sources) => gated(sources, gate));
  const stop = new AbortController();
  const leaving = rig.render(rig.first, {}, false, stop.signal);
  await waitFor("the rendering to begin", () => gate.begun === 1);
  stop.abort(new Error("all leave"));
  await assert.rejects(leaving, { message: "all leave" });
  assert.equal(gate.signals[0]?.aborted, true);
  gate.open = Promise.resolve();
  assert.deepEqual(names(await rig.render(rig.first)), ["a"]);
});

test("a failure is everybody's who waits, is not kept, and does not make each waiter try again", async () => {
  const { promise: open, resolve } = Promise.withResolvers<void>();
  const gate = { open, begun: 0, signals: [] as AbortSignal[] };
  await using rig = await openCache({ "web/a.yaml": "apiVersion: v1\nkind: X\nmetadata: [" }, (sources) =>
    gated(sources, gate),
  );
  const all = [1, 2, 3].map(() => rig.render(rig.first));
  const settled = Promise.allSettled(all);
  await waitFor("the rendering to begin", () => gate.begun >= 1);
  await rig.render(rig.first, { path: "none" }).catch(() => undefined);
  resolve();
  assert.deepEqual(
    (await settled).map(({ status }) => status),
    ["rejected", "rejected", "rejected"],
  );
  assert.equal(gate.begun, 1);
  await assert.rejects(rig.render(rig.first));
  assert.equal(gate.begun, 2);
});

test("keeps so many renderings and bytes, those that were used last", async () => {
  const big = { x: "x".repeat(1_000) };
  const files = Object.fromEntries(["a", "b", "c", "d"].map((name) => [`${name}/${name}.yaml`, configMap(name, big)]));
  for (const limits of [{ maxKept: 2 }, { maxBytes: 2_500 }]) {
    await using rig = await openCache(files);
    await using own = await openSources();
    const cache = createRenderCache({ settings: renderSettings(own.directory), ...(limits as object) });
    const tree = gitTree(own.sources, rig.repository.url, rig.first);
    const render = (path: string) => cache.render({ repoURL: rig.repository.url, path }, tree, options, patient());
    await render("a");
    await render("b");
    await render("a");
    await render("c");
    assert.equal(cache.made, 3);
    await render("a");
    assert.equal(cache.made, 3, "a was used last but one");
    await render("b");
    assert.equal(cache.made, 4, "b was not");
  }
});

test("a rendering over all bytes that are kept is made, and not kept", async () => {
  await using rig = await openCache({
    "web/a.yaml": manifest({ apiVersion: "v1", kind: "A", metadata: { name: "a" } }),
  });
  await using sources = await openSources();
  const cache = createRenderCache({ settings: renderSettings(sources.directory), maxBytes: 10 });
  const source = { repoURL: rig.repository.url, path: "web" };
  const tree = gitTree(sources.sources, source.repoURL, rig.first);
  await cache.render(source, tree, options, patient());
  await cache.render(source, tree, options, patient());
  assert.equal(cache.made, 2);
});

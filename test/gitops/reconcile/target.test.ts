import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { type Rendered, renderTarget, TargetError } from "../../../src/gitops/reconcile/target.ts";
import { normaliseRepositoryUrl } from "../../../src/gitops/source/repository-url.ts";
import { createTestRepository } from "../../harness/git-repository.ts";
import { type Asked, configMap, openWorld, patient, type World } from "./world.ts";

const noCommit = "0".repeat(40);

interface Render extends Asked {
  readonly spec?: JsonObject;
  readonly revisions?: readonly (string | undefined)[];
  readonly before?: Rendered;
}

function render(world: World, { spec = {}, revisions = [], before, ...asked }: Render = {}): Promise<Rendered> {
  const { level = 2, hard = false, seen = [], signal = patient() } = asked;
  return renderTarget(world.app("web", spec).application, revisions, { level, hard, seen }, before, world.deps, signal);
}

const names = ({ manifests }: Rendered): unknown[] => manifests.map(({ metadata }) => (metadata as JsonObject).name);

/** A world whose mirror holds the first commit of `main`. */
async function mirrored(): Promise<World & { readonly first: string }> {
  const world = await openWorld();
  const first = await world.repository.commit({ "web/a.yaml": configMap("first") });
  assert.deepEqual((await render(world)).revisions, [first]);
  return { ...world, first, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

/** What a push told of `main`. */
const push = (world: World, before: string, commit: string, more: { url?: string; ref?: string } = {}) => [
  {
    repository: normaliseRepositoryUrl(more.url ?? world.repository.url),
    ref: more.ref ?? "refs/heads/main",
    before,
    commit,
  },
];

for (const level of [0, 1, 2] as const) {
  test(`level ${level} does not ask the server what a name means now`, async () => {
    await using world = await mirrored();
    await world.repository.commit({ "web/a.yaml": configMap("second") });
    assert.deepEqual((await render(world, { level })).revisions, [world.first]);
  });
}

test("level 3 asks the server", async () => {
  await using world = await mirrored();
  const second = await world.repository.commit({ "web/a.yaml": configMap("second") });
  assert.deepEqual((await render(world, { level: 3 })).revisions, [second]);
});

test("level 3 asks nobody about a source that names a commit which is there", async () => {
  await using world = await mirrored();
  await rm(world.repository.path, { recursive: true });
  const source = { repoURL: world.repository.url, path: "web", targetRevision: world.first };
  assert.deepEqual((await render(world, { level: 3, seen: [], spec: { source } })).revisions, [world.first]);
  await assert.rejects(render(world, { level: 3 }), TargetError);
});

test("several sources of one repository ask its server once", async () => {
  await using world = await mirrored();
  await world.repository.commit({ "web/a.yaml": configMap("second") });
  const before = await world.rig.count("fetch");
  const source = { repoURL: world.repository.url, path: "web", targetRevision: "main" };
  await render(world, { level: 3, spec: { sources: [source, { ...source, path: "./web" }, { ...source, ref: "x" }] } });
  assert.equal((await world.rig.count("fetch")) - before, 1, "of the refs, and the new file with them");
});

test("a push that is news is fetched, one that the mirror holds is not", async () => {
  await using world = await mirrored();
  const second = await world.repository.commit({ "web/a.yaml": configMap("second") });
  const third = await world.repository.commit({ "web/a.yaml": configMap("third") });
  const seen = [...push(world, world.first, second), ...push(world, second, third)];
  assert.deepEqual((await render(world, { seen })).revisions, [third]);
  const fetches = await world.rig.count("fetch");
  // Late, repeated, out of order.
  for (const again of [seen, seen.toReversed(), seen.slice(0, 1)]) {
    assert.deepEqual((await render(world, { seen: again })).revisions, [third]);
  }
  assert.equal(await world.rig.count("fetch"), fetches);
});

test("a push of another repository, or ref of another name, does not bring this one on", async () => {
  await using world = await mirrored();
  const second = await world.repository.commit({ "web/a.yaml": configMap("second") });
  const elsewhere = push(world, world.first, second, { url: "https://git.example/other.git" });
  const fetches = await world.rig.count("fetch");
  assert.deepEqual((await render(world, { seen: elsewhere })).revisions, [world.first]);
  assert.equal(await world.rig.count("fetch"), fetches);
});

test("a push in any spelling of the repository counts", async () => {
  await using world = await mirrored();
  const second = await world.repository.commit({ "web/a.yaml": configMap("second") });
  const seen = push(world, world.first, second);
  const source = { repoURL: `${world.repository.url}/`, path: "web", targetRevision: "main" };
  assert.deepEqual((await render(world, { seen, spec: { source } })).revisions, [second]);
});

test("more pushes than are kept: the server is asked", async () => {
  await using world = await mirrored();
  const second = await world.repository.commit({ "web/a.yaml": configMap("second") });
  const before = { level: 2, hard: false, seen: "all" } as const;
  const app = world.app().application;
  assert.deepEqual((await renderTarget(app, [], before, undefined, world.deps, patient())).revisions, [second]);
});

test("a branch that was forced back to an older commit goes back", async () => {
  await using world = await mirrored();
  const second = await world.repository.commit({ "web/a.yaml": configMap("second") });
  assert.deepEqual((await render(world, { level: 3 })).revisions, [second]);
  await world.repository.git("reset", "--quiet", "--hard", world.first);
  const rendered = await render(world, { seen: push(world, second, world.first) });
  assert.deepEqual([rendered.revisions, names(rendered)], [[world.first], ["first"]]);
});

test("a branch that is gone is an error, and a new one is found", async () => {
  await using world = await mirrored();
  await world.repository.git("branch", "next");
  const source = { repoURL: world.repository.url, path: "web", targetRevision: "next" };
  assert.deepEqual((await render(world, { spec: { source }, level: 3 })).revisions, [world.first]);
  await world.repository.git("branch", "-D", "next");
  const gone = push(world, world.first, noCommit, { ref: "refs/heads/next" });
  const error = await render(world, { spec: { source }, seen: gone }).catch((reason: unknown) => reason);
  assert.ok(error instanceof TargetError);
  assert.deepEqual([error.code, error.isTransient], ["GIT_REVISION_NOT_FOUND", false]);
  assert.match(
    error.message,
    /^Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: /,
  );
  const second = await world.repository.commit({ "web/a.yaml": configMap("second") });
  await world.repository.git("branch", "next");
  const made = push(world, noCommit, second, { ref: "refs/heads/next" });
  assert.deepEqual((await render(world, { spec: { source }, seen: made })).revisions, [second]);
});

test("revisions that are asked for go before the sources' own", async () => {
  await using world = await mirrored();
  const second = await world.repository.commit({ "web/a.yaml": configMap("second") });
  const source = { repoURL: world.repository.url, path: "web", targetRevision: "main" };
  const spec = { sources: [source, source] };
  const { revisions, manifests } = await render(world, { level: 3, spec, revisions: [undefined, world.first] });
  assert.deepEqual(revisions, [second, world.first]);
  assert.equal(manifests.length, 2);
});

test("a source that is only referred to is resolved, not rendered", async () => {
  await using world = await mirrored();
  const source = { repoURL: world.repository.url, path: "web", targetRevision: "main" };
  const values = { repoURL: world.repository.url, targetRevision: "main", ref: "values" };
  const rendered = await render(world, { spec: { sources: [values, source] } });
  assert.deepEqual([rendered.revisions, rendered.types], [[world.first, world.first], ["Directory"]]);
  assert.deepEqual(names(rendered), ["first"]);
});

test("manifests are one array for as long as nothing changes, also where Applications share a source", async () => {
  await using world = await openWorld();
  const folders = { "web/a.yaml": configMap("a"), "x/b.yaml": configMap("b"), "y/c.yaml": configMap("c") };
  await world.repository.commit(folders);
  const at = (path: string) => ({ repoURL: world.repository.url, path, targetRevision: "main" });
  const values = { repoURL: world.repository.url, targetRevision: "main", ref: "values" };
  const specs = [
    { sources: [at("web"), at("x")] },
    { sources: [at("web"), at("y")] },
    { sources: [values, at("x"), at("y")] },
  ];
  const first = await Promise.all(specs.map((spec) => render(world, { spec })));
  assert.deepEqual(first.map(names), [
    ["a", "b"],
    ["a", "c"],
    ["b", "c"],
  ]);
  for (const [index, spec] of specs.entries()) {
    const before = first[index];
    assert.ok(before);
    assert.equal((await render(world, { spec, before })).manifests, before.manifests);
  }
  await world.repository.commit({ "y/c.yaml": configMap("d") });
  const changed = await render(world, { level: 3, spec: specs[1] ?? {}, ...(first[1] ? { before: first[1] } : {}) });
  assert.deepEqual(names(changed), ["a", "d"]);
});

test("of several sources that fail the first is told, however long each takes", async () => {
  await using world = await mirrored();
  await using slow = await createTestRepository();
  await slow.commit({ "web/a.yaml": "apiVersion: v1\nkind: X\nmetadata: [" });
  const good = { repoURL: world.repository.url, path: "web", targetRevision: "main" };
  const sources = [good, { ...good, repoURL: slow.url }, { ...good, path: "none" }];
  for (const level of [2, 3, 2] as const) {
    await assert.rejects(render(world, { level, spec: { sources } }), { message: /for source 2 of 3: / });
  }
});

const unsupported: readonly (readonly [string, JsonObject, RegExp])[] = [
  ["a repository over ftp", { repoURL: "ftp://git.example/a/b.git" }, /protocol "ftp"/],
];

for (const [name, fields, message] of unsupported) {
  test(`says of ${name} that it is not supported, without asking anybody`, async () => {
    await using world = await openWorld();
    const source = { repoURL: "https://127.0.0.1:1/none", path: "web", ...fields };
    const error = await render(world, { level: 3, spec: { source } }).catch((reason: unknown) => reason);
    assert.ok(error instanceof TargetError);
    assert.match(error.message, message);
    assert.equal(error.isTransient, false);
    assert.equal(await world.rig.count("fetch"), 0);
  });
}

test("a server that does not answer may come back", async () => {
  await using world = await openWorld();
  const source = { repoURL: "http://127.0.0.1:1/none", path: "web" };
  const error = await render(world, { spec: { source } }).catch((reason: unknown) => reason);
  assert.ok(error instanceof TargetError);
  assert.deepEqual([error.code, error.isTransient], ["GIT_FAILED", true]);
});

test("an aborted signal ends it with its reason, not with an error of the source", async () => {
  await using world = await mirrored();
  const stop = new AbortController();
  const running = render(world, { level: 3, signal: stop.signal });
  stop.abort(new Error("the engine ends"));
  await assert.rejects(running, { message: "the engine ends" });
});

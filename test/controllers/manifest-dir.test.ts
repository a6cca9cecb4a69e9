import assert from "node:assert/strict";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { EngineError } from "../../src/base/errors.ts";
import { type LogFields, type Logger, silentLogger } from "../../src/base/log.ts";
import { createManifestDir, type ManifestDir } from "../../src/controllers/manifest-dir.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { KubeClient } from "../../src/kube/kube.ts";
import { adminToken, openTestPlane, widgetDefinition } from "../harness/control-plane.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { waitFor } from "../harness/wait.ts";

interface World extends AsyncDisposable {
  readonly path: string;
  readonly kube: KubeClient;
  readonly dir: ManifestDir;
  /** Paths of the PATCH and DELETE requests, in order of their start. */
  readonly writes: string[];
  readonly atOnce: { now: number; most: number };
  /** `level message` and the error's message. */
  readonly lines: string[];
  isAway: boolean;
  file(name: string, text: string): Promise<string>;
  /** Follows the files from now on. */
  follow(): void;
  /** One look at the files, from its start to its end. */
  look(): Promise<void>;
}

async function openWorld(): Promise<World> {
  const plane = await openTestPlane();
  const path = join(plane.directory, "manifests");
  await mkdir(path);
  const clock = createVirtualClock();
  const stop = new AbortController();
  let following: Promise<void> | undefined;
  const lines: string[] = [];
  const writes: string[] = [];
  const atOnce = { now: 0, most: 0 };
  const add = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push(
      [`${level} ${message}`, ...(fields?.error instanceof Error ? [fields.error.message] : [])].join(": "),
    );
  const log: Logger = { ...silentLogger, error: add("error"), warn: add("warn"), info: add("info") };
  const fetch = async (request: Request): Promise<Response> => {
    if (world.isAway) throw new TypeError("fetch failed");
    if (request.method === "GET") return plane.plane.fetch(request);
    writes.push(`${request.method} ${new URL(request.url).pathname}`);
    atOnce.most = Math.max(atOnce.most, ++atOnce.now);
    return plane.plane.fetch(request).finally(() => atOnce.now--);
  };
  const kube = createKubeClient({ fetch, baseUrl: "http://kube.local", token: adminToken, log: silentLogger });
  const dir = createManifestDir({ path, kube, clock, log });
  const world: World = {
    path,
    kube: plane.client,
    dir,
    writes,
    atOnce,
    lines,
    isAway: false,
    async file(name, text) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), text);
      return join(path, name);
    },
    follow() {
      following = dir.watch(stop.signal);
    },
    async look() {
      await waitFor("the last look to end", () => clock.sleeping === 1);
      await clock.advance(500);
      await waitFor("the look to end", () => clock.sleeping === 1);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
      await plane[Symbol.asyncDispose]();
    },
  };
  return world;
}

const never = new AbortController().signal;
const map = (name: string, value = "1", namespace = "default") => `
apiVersion: v1
kind: ConfigMap
metadata: { name: ${name}, namespace: ${namespace} }
data: { value: "${value}" }
`;
const widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: w, namespace: team }\nspec: { size: 1 }\n";
const team = "apiVersion: v1\nkind: Namespace\nmetadata: { name: team }\n";

async function stored({ kube }: World, name: string): Promise<unknown> {
  const found = await kube.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name });
  return (found?.data as { value?: string } | undefined)?.value;
}

test("the first apply sends namespaces and definitions before what needs them", async () => {
  await using world = await openWorld();
  await world.file("a.yaml", `${widget}---${map("c", "1", "team")}`);
  await world.file("b.json", JSON.stringify(widgetDefinition));
  await world.file("c.yaml", team);
  assert.equal(await world.dir.applyAll(never), 4);
  assert.deepEqual(world.writes, [
    "PATCH /api/v1/namespaces/team",
    "PATCH /apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com",
    "PATCH /api/v1/namespaces/team/configmaps/c",
    "PATCH /apis/example.com/v1/namespaces/team/widgets/w",
  ]);
  const found = await world.kube.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "team", name: "c" });
  const entries = found?.metadata.managedFields as { manager: string }[];
  assert.deepEqual(
    entries.map(({ manager }) => manager),
    ["tiphys-up"],
  );
});

test("a SensorTest beside what it tests is no object to apply", async () => {
  await using world = await openWorld();
  await world.file("a.yaml", `${map("c")}---\napiVersion: tiphys.io/v1alpha1\nkind: SensorTest\nsensor: ./s.yaml\n`);
  assert.equal(await world.dir.applyAll(never), 1);
});

test("folders and links are read; what is hidden, of another kind or a package's is not", async () => {
  await using world = await openWorld();
  for (const name of ["deep/er/a.yml", ".hidden/b.yaml", ".c.yaml", "node_modules/x/d.yaml", "e.txt"]) {
    await world.file(name, map(name.replace(/\W/g, "")));
  }
  await writeFile(`${world.path}-f`, map("linked"));
  await symlink(`${world.path}-f`, join(world.path, "f.yaml"));
  await symlink(`${world.path}-nowhere`, join(world.path, "g.yaml"));
  assert.equal(await world.dir.applyAll(never), 2);
  assert.equal(await stored(world, "deeperayml"), "1");
  assert.equal(await stored(world, "linked"), "1");
});

test("what is to be a served repository is no manifest, a folder of that name further down is", async () => {
  await using world = await openWorld();
  await world.file("repositories/guestbook/a.yaml", map("seed"));
  await world.file("repositories/b.yaml", map("loose"));
  await world.file("team/repositories/c.yaml", map("deeper"));
  await world.file("repositories.yaml", map("file"));
  assert.equal(await world.dir.applyAll(never), 2);
  assert.equal(await stored(world, "deeper"), "1");
  assert.equal(await stored(world, "file"), "1");
});

test("at most 32 objects are on their way at once, and those of one object follow each other", async () => {
  await using world = await openWorld();
  const maps = Array.from({ length: 100 }, (_, index) => map(`m${index}`)).join("---");
  await world.file("a.yaml", maps);
  await world.file("b.yaml", ["2", "3", "4"].map((value) => map("m0", value)).join("---"));
  assert.equal(await world.dir.applyAll(never), 103);
  assert.equal(world.atOnce.most, 32);
  assert.equal(await stored(world, "m0"), "4");
});

test("what changed or is new is applied, and nothing else", async () => {
  await using world = await openWorld();
  await world.file("a.yaml", map("a"));
  await world.file("b.yaml", map("b"));
  await world.dir.applyAll(never);
  world.follow();
  await world.look();
  world.writes.length = 0;
  await world.file("a.yaml", map("a", "changed"));
  await world.file("new/c.yaml", map("c"));
  await world.look();
  await world.look();
  const path = "PATCH /api/v1/namespaces/default/configmaps";
  assert.deepEqual(world.writes, [`${path}/a`, `${path}/c`]);
  assert.equal(await stored(world, "a"), "changed");
});

test("what vanishes from the files is deleted, what only moves stays", async () => {
  await using world = await openWorld();
  await world.file("a.yaml", ["a", "b", "moves"].map((name) => map(name)).join("---"));
  const b = await world.file("b.yaml", map("c"));
  await world.dir.applyAll(never);
  world.follow();
  await world.file("a.yaml", map("a"));
  await world.file("0.yaml", map("moves"));
  await rm(b);
  await world.look();
  assert.deepEqual(await Promise.all(["a", "b", "c", "moves"].map((name) => stored(world, name))), [
    "1",
    undefined,
    undefined,
    "1",
  ]);
  assert.deepEqual(
    world.writes.filter((write) => write.startsWith("DELETE")).sort(),
    ["b", "c"].map((name) => `DELETE /api/v1/namespaces/default/configmaps/${name}`),
  );
});

test("a definition may vanish together with its objects", async () => {
  await using world = await openWorld();
  const files = [
    await world.file("a.yaml", team),
    await world.file("b.json", JSON.stringify(widgetDefinition)),
    await world.file("c.yaml", widget),
  ];
  await world.dir.applyAll(never);
  world.follow();
  for (const file of files) await rm(file);
  await world.look();
  assert.equal(await world.kube.get({ apiVersion: "v1", kind: "Namespace", name: "team" }), undefined);
  assert.deepEqual(
    world.lines.filter((line) => !line.startsWith("info")),
    [],
  );
});

test("a broken file is logged once with its line, and what it held stays until it is mended", async () => {
  await using world = await openWorld();
  const file = await world.file("a.yaml", `${map("a")}---${map("b")}`);
  await world.dir.applyAll(never);
  world.follow();
  await world.file("a.yaml", `${map("a", "2")}---\nkind: [\n`);
  await world.look();
  await world.look();
  assert.equal(world.lines.length, 1);
  assert.match(world.lines[0] ?? "", /^error a manifest could not be read: .*a\.yaml:\d+:\d+: /);
  assert.deepEqual([await stored(world, "a"), await stored(world, "b")], ["1", "1"]);
  await world.file("a.yaml", map("a", "3"));
  await world.look();
  assert.deepEqual([await stored(world, "a"), await stored(world, "b")], ["3", undefined]);
  await rm(file);
  await world.look();
  assert.equal(await stored(world, "a"), undefined);
});

test("what the API refuses is logged once with its line, and applied when another file brings what it lacks", async () => {
  await using world = await openWorld();
  await world.dir.applyAll(never);
  world.follow();
  const file = await world.file("a.yaml", `${map("a")}---\n${widget}`);
  await world.look();
  await world.look();
  await world.file("other.yaml", map("other"));
  await world.look();
  const problems = world.lines.filter((line) => line.startsWith("error"));
  assert.deepEqual(problems, [
    `error a manifest could not be applied: ${file}:7: the server has no kind "Widget" in version "example.com/v1"`,
  ]);
  assert.equal(await stored(world, "a"), "1");
  await world.file("z.yaml", `${team}---\n${JSON.stringify(widgetDefinition)}`);
  await world.look();
  assert.ok(await world.kube.get({ apiVersion: "example.com/v1", kind: "Widget", namespace: "team", name: "w" }));
});

test("what was refused and vanishes takes what was applied of its file along", async () => {
  await using world = await openWorld();
  world.follow();
  const file = await world.file("a.yaml", `${map("a")}---\n${widget}`);
  await world.look();
  await rm(file);
  await world.look();
  assert.equal(await stored(world, "a"), undefined);
});

test("changes and deletions wait for an API that is away, and the log says so once", async () => {
  await using world = await openWorld();
  await world.file("a.yaml", map("a"));
  const b = await world.file("b.yaml", map("b"));
  await world.dir.applyAll(never);
  world.follow();
  world.isAway = true;
  await world.file("a.yaml", map("a", "2"));
  await rm(b);
  for (let looks = 0; looks < 3; looks++) await world.look();
  assert.equal(world.lines.length, 2);
  assert.match(world.lines[0] ?? "", /^error a manifest could not be applied: .*a\.yaml:2: .* no answer from/);
  assert.match(world.lines[1] ?? "", /^warn manifests could not be followed, will retry: delete .* no answer from/);
  world.isAway = false;
  await world.look();
  assert.deepEqual([await stored(world, "a"), await stored(world, "b")], ["2", undefined]);
});

test("what the API refuses to delete is logged and given up", async () => {
  await using world = await openWorld();
  const file = await world.file(
    "a.yaml",
    `apiVersion: v1\nkind: Namespace\nmetadata: { name: default }\n---${map("a")}`,
  );
  await world.dir.applyAll(never);
  world.follow();
  await rm(file);
  await world.look();
  await world.look();
  const problems = world.lines.filter((line) => line.startsWith("error"));
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /could not be deleted: .*may not be deleted/);
  assert.equal(await stored(world, "a"), undefined);
});

test("a directory that vanishes deletes nothing", async () => {
  await using world = await openWorld();
  await world.file("a.yaml", map("a"));
  await world.dir.applyAll(never);
  world.follow();
  await rename(world.path, `${world.path}-away`);
  await world.look();
  await world.look();
  assert.deepEqual(
    world.lines.map((line) => line.replace(world.path, "DIR").replace(/: it does not exist.*/, "")),
    ['warn manifests could not be followed, will retry: "DIR" cannot be read'],
  );
  await rename(`${world.path}-away`, world.path);
  await world.file("a.yaml", map("a", "2"));
  await world.look();
  assert.equal(await stored(world, "a"), "2");
});

test("a directory that is not there, and one file as the path", async () => {
  await using world = await openWorld();
  const file = await world.file("a.yaml", map("a"));
  const open = (path: string) =>
    createManifestDir({ path, kube: world.kube, clock: createVirtualClock(), log: silentLogger });
  await assert.rejects(open(join(world.path, "none")).applyAll(never), {
    code: "MANIFEST_UNREADABLE",
    message: /none" cannot be read: it does not exist/,
  });
  assert.equal(await open(file).applyAll(never), 1);
});

test("a file that cannot be read names itself", async () => {
  await using world = await openWorld();
  const file = await world.file("a.yaml", map("a"));
  await rm(file);
  await symlink(file, file); // a link to itself: nobody can read it, not even root
  await assert.rejects(world.dir.applyAll(never), {
    code: "MANIFEST_UNREADABLE",
    message: /cannot be read: its links lead in a circle \(.*a\.yaml\)/,
  });
  world.follow();
  await world.look();
  await rm(file);
  await world.file("a.yaml", map("a"));
  await world.look();
  assert.equal(await stored(world, "a"), "1");
});

const refused: readonly [string, string, string, RegExp][] = [
  ["text that is no YAML", "a: 1\nb: [\n", "MANIFEST_UNREADABLE", /a\.yaml:\d+:\d+: /],
  [
    "a document that is no object",
    "# a comment\n- 1\n",
    "MANIFEST_UNREADABLE",
    /a\.yaml:\d+:1: a document must be an object/,
  ],
  [
    "no name",
    "---\napiVersion: v1\nkind: ConfigMap\n",
    "MANIFEST_INVALID",
    /a\.yaml:2: ConfigMap: metadata\.name is required/,
  ],
  ["no kind", "name: x\n", "MANIFEST_INVALID", /a\.yaml:1: an object must have apiVersion and kind/],
  ["a kind that the server lacks", widget, "MANIFEST_INVALID", /a\.yaml:1: the server has no kind "Widget"/],
  ["a name that the API refuses", map("A_b").trimStart(), "MANIFEST_INVALID", /a\.yaml:1: .*RFC 1123/],
];

for (const [what, text, code, message] of refused) {
  test(`the first apply fails on ${what} and says where`, async () => {
    await using world = await openWorld();
    await world.file("a.yaml", text);
    await assert.rejects(
      world.dir.applyAll(never),
      (error) => error instanceof EngineError && error.code === code && message.test(error.message),
    );
  });
}

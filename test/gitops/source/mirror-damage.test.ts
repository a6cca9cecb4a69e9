import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { chmod, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createTestRepository, type TestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { never, openSources, type SourceRig } from "./rig.ts";

failOnLeakedChildren();

/** Files of the one mirror, by a pattern below it. */
function filesOf(rig: SourceRig, pattern: string): readonly string[] {
  return globSync(`git/*.git/${pattern}`, { cwd: rig.directory }).map((name) => join(rig.directory, name));
}

async function change(paths: readonly string[], edit: (path: string) => Promise<void>): Promise<void> {
  assert.ok(paths.length > 0, "there is something to damage");
  for (const path of paths) {
    await chmod(path, 0o700).catch(() => undefined);
    await edit(path);
  }
}

const remove = (path: string) => rm(path, { recursive: true });
const cut = (path: string) => truncate(path, 100);
const empty = (path: string) => truncate(path, 0);
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  for (let at = 12; at < bytes.length; at += 7) bytes[at] = (bytes[at] ?? 0) ^ 0x5a;
  await writeFile(path, bytes);
}

type Edit = (path: string) => Promise<void>;

const times = ["and is read", "while a push comes", "found by the next process"] as const;

const damages: readonly (readonly [name: string, pattern: string, edit: Edit])[] = [
  ["is gone", "", remove],
  ["lost its HEAD", "HEAD", remove],
  ["lost its refs", "{refs,packed-refs}", remove],
  ["has an empty ref, as after a loss of power", "refs/heads/main", empty],
  ["lost its packs", "objects/pack", remove],
  ["lost all objects", "objects", remove],
  ["has packs that are cut off", "objects/pack/*.pack", cut],
  ["has packs of other bytes", "objects/pack/*.pack", flip],
  ["has indexes that are cut off", "objects/pack/*.idx", cut],
  ["has no indexes", "objects/pack/*.idx", remove],
  ["has empty packs", "objects/pack/*.pack", empty],
  ["has a broken configuration", "config", flip],
  [
    "has locks that a killed Git left",
    "HEAD",
    async (path) => {
      await writeFile(`${path}.lock`, "");
      await mkdir(join(dirname(path), "refs", "heads"), { recursive: true });
      await writeFile(join(dirname(path), "refs", "heads", "main.lock"), "");
      await writeFile(join(dirname(path), "packed-refs.lock"), "");
    },
  ],
];

/** What a look of the engine reads. */
async function look(rig: SourceRig, url: string): Promise<string> {
  const { commit } = await rig.sources.resolve(url, "main", never);
  const entries = await rig.sources.listFiles(url, commit, "app", never);
  const contents = await rig.sources.readFiles(url, entries, 1_000_000, never);
  return [...contents]
    .map(([path, text]) => `${path}=${text}`)
    .sort()
    .join(" ");
}

const large = (version: number): string => String(version % 10).repeat(70_000); // is not kept in memory

describe("damaged mirrors", () => {
  let repository: TestRepository;
  let version = 0;

  const push = async (): Promise<void> => {
    version += 1;
    await repository.commit({ "app/a": String(version), "app/b": "1", "app/large": large(version) });
  };
  const shown = (): string => `app/a=${version} app/b=1 app/large=${large(version)}`;

  before(async () => {
    repository = await createTestRepository();
    await push();
  });

  after(() => repository[Symbol.asyncDispose]());

  async function mends(pattern: string, edit: Edit, when: (typeof times)[number]): Promise<void> {
    await using first = await openSources();
    const { url } = repository;
    assert.equal(await look(first, url), shown());
    const isNext = when === "found by the next process";
    if (isNext) await first.sources[Symbol.asyncDispose]();
    await change(filesOf(first, pattern), edit);
    await using next = await openSources(isNext ? { directory: join(first.directory, "git") } : {});
    const rig = isNext ? next : first;
    const isPushed = when === "while a push comes";
    if (isPushed) await push();
    const attempt = async (): Promise<string> => {
      if (isPushed) await rig.sources.fetch(url, {}, never);
      return look(rig, url);
    };
    // Once, it may be told of; a lock is only known to be nobody's once Git has failed.
    const told = await attempt().catch((error: Error) => error);
    if (typeof told !== "string") assert.match(told.message, /damaged|lock|cut off/);
    assert.equal(typeof told === "string" ? told : await attempt(), shown());
  }

  const rows = damages.flatMap((damage) => times.map((when) => [...damage, when] as const));
  for (const [name, pattern, edit, when] of rows) {
    test(`a mirror that ${name}, ${when}: nothing wrong is read, and it mends itself`, () =>
      mends(pattern, edit, when));
  }
});

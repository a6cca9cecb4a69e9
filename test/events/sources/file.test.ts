import assert from "node:assert/strict";
import { chmod, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { changesBetween } from "../../../src/events/sources/directory.ts";
import { fileSource } from "../../../src/events/sources/file.ts";
import type { SourceContext } from "../../../src/events/sources/source.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { waitFor } from "../../harness/wait.ts";
import { type RunningSource, runSource } from "./running-source.ts";
import { memoryState } from "./source-context.ts";

const all = "CREATE|WRITE|REMOVE|RENAME|CHMOD";

function run(directory: string, more: JsonObject = {}, parts: Partial<SourceContext> = {}): Promise<RunningSource> {
  const { watchPathConfig = { pathRegexp: "." }, ...others } = more;
  const spec = {
    eventType: all,
    ...others,
    watchPathConfig: { directory: `${directory}/`, ...(watchPathConfig as JsonObject) },
  };
  return runSource(fileSource, spec, { fileRoot: directory, ...parts });
}

const cases: readonly (readonly [string, Record<string, string>, Record<string, string>, readonly string[]])[] = [
  ["nothing", { a: "1 5 1 6" }, { a: "1 5 1 6" }, []],
  ["a file with content", {}, { a: "1 5 1 6" }, ["CREATE a", "WRITE a"]],
  ["an empty file", {}, { a: "1 0 1 6" }, ["CREATE a"]],
  ["more content", { a: "1 5 1 6" }, { a: "1 6 1 6" }, ["WRITE a"]],
  ["the same size, later", { a: "1 5 1 6" }, { a: "1 5 2 6" }, ["WRITE a"]],
  ["another mode", { a: "1 5 1 6" }, { a: "1 5 1 7" }, ["CHMOD a"]],
  ["a file gone", { a: "1 5 1 6" }, {}, ["REMOVE a"]],
  ["a file renamed", { a: "1 5 1 6" }, { b: "1 5 1 6" }, ["RENAME a", "CREATE b"]],
  ["a new file with the inode of one that went", { a: "1 5 1 6" }, { b: "1 0 2 6" }, ["REMOVE a", "CREATE b"]],
  ["a file moved over another", { a: "1 5 1 6" }, { a: "2 5 1 6" }, ["CREATE a"]],
];
for (const [what, before, after, wanted] of cases) {
  test(`between two looks: ${what}`, () => {
    const changes = changesBetween(new Map(Object.entries(before)), new Map(Object.entries(after)));
    assert.deepEqual(
      changes.map(({ name, operation }) => `${operation} ${name}`),
      wanted,
    );
  });
}

for (const polling of [false, true]) {
  test(`files that come, change and go are events (${polling ? "polling" : "told by the system"})`, async () => {
    await using folder = await tempDir();
    const file = join(folder.path, "x.txt");
    await writeFile(join(folder.path, "before.txt"), "1");
    await using source = await run(folder.path, { polling, watchPathConfig: { path: "x.txt" }, metadata: { a: "b" } });
    const steps = async (work: () => Promise<unknown>, count: number): Promise<void> => {
      await work();
      await waitFor(`${count} events`, () => source.data().length === count);
    };
    await steps(() => writeFile(file, ""), 1);
    await steps(() => writeFile(file, "content"), 2);
    await steps(() => chmod(file, 0o600), 3);
    await steps(() => rename(file, join(folder.path, "y.txt")), 4);
    await steps(() => rename(join(folder.path, "y.txt"), file), 5);
    await steps(() => rm(file), 6);
    const name = polling ? "x.txt" : file;
    assert.deepEqual(
      source.data(),
      [1, 2, 16, 8, 1, 4].map((op) => ({ name, op, metadata: { a: "b" } })),
    );
  });
}

test("after a restart what was missed is told, once", async () => {
  await using folder = await tempDir();
  const state = memoryState();
  const at = (name: string): string => join(folder.path, name);
  for (const name of ["same", "changed", "removed"]) await writeFile(at(name), "1");
  const first = await run(folder.path, {}, { state });
  await first.stop();
  assert.deepEqual(first.data(), []);
  await writeFile(at("changed"), "22");
  await rm(at("removed"));
  await writeFile(at("new"), "1");
  for (const wanted of [["2 changed", "4 removed", "1 new", "2 new"], []]) {
    await using again = await run(folder.path, {}, { state });
    await waitFor("what was missed", () => again.data().length === wanted.length);
    const told = again.data().map(({ name, op }) => `${String(op)} ${String(name).slice(folder.path.length + 1)}`);
    assert.deepEqual(told.sort(), [...wanted].sort());
    assert.ok(again.data().every(({ metadata }) => metadata === null));
  }
});

test("a pattern is looked for anywhere in the name, and other types do not count", async () => {
  await using folder = await tempDir();
  await using source = await run(folder.path, { eventType: "CREATE", watchPathConfig: { pathRegexp: "([a-z]+).txt" } });
  for (const name of ["abc.txt", "abc.md", "1.txt"]) await writeFile(join(folder.path, name), "");
  await waitFor("the event", () => source.data().length === 1);
  await writeFile(join(folder.path, "abc.txt"), "1");
  await writeFile(join(folder.path, "d.txt"), "");
  await waitFor("the next", () => source.data().length === 2);
  assert.deepEqual(
    source.data().map(({ name }) => String(name).slice(folder.path.length + 1)),
    ["abc.txt", "d.txt"],
  );
});

test("nothing outside of the root is seen, also not by a link", async () => {
  await using folder = await tempDir();
  await mkdir(join(folder.path, "root"));
  await symlink("/etc", join(folder.path, "root", "link"));
  const root = join(folder.path, "root");
  for (const directory of ["/etc", join(root, "link"), join(root, "..")]) {
    await assert.rejects(run(directory, {}, { fileRoot: root }), {
      code: "FILE_FAILED",
      message: `spec.file.e.watchPathConfig.directory: "${directory}/" is outside of ${root}, where files may be watched; start with --file-root DIR for another`,
    });
  }
  await assert.rejects(run(join(root, "gone"), {}, { fileRoot: root }), /ENOENT/);
});

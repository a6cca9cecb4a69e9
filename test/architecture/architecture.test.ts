import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { adapterProblems, cycleProblems, layerProblems } from "./layers.ts";
import { functionProblems, mirrorProblems, nameProblems, readmeProblems, sizeProblems, textProblems } from "./rules.ts";
import { type Problem, readFiles } from "./scan.ts";
import { startProblems } from "./start.ts";

const root = join(import.meta.dirname, "..", "..");
const sources = readFiles(root, ["src/**/*.ts"]);
const readmes = readFiles(root, ["src/**/README.md"]);
const tests = readFiles(root, ["test/**/*.ts"]);
const scripts = readFiles(root, ["scripts/**/*.ts"]);
const all = [...sources, ...tests, ...scripts];

const rules: readonly (readonly [string, () => readonly Problem[]])[] = [
  ["files import lower layers only", () => layerProblems(sources)],
  ["adapters do not import each other", () => adapterProblems(sources)],
  ["imports make no cycle", () => cycleProblems(all)],
  ["an engine loads no large packages that most never use", () => startProblems(sources)],
  ["files are short", () => sizeProblems(all)],
  ["functions are short", () => functionProblems([...sources, ...scripts])],
  ["time, patterns and the environment come in one way", () => textProblems(sources)],
  ["file names are kebab-case, none is index.ts", () => nameProblems(all)],
  ["every folder says what it is for", () => readmeProblems([...sources, ...readmes])],
  ["tests stand where their sources do", () => mirrorProblems(tests, sources)],
];

test("there are sources to look at", () => assert.ok(sources.length > 10));

for (const [name, find] of rules) {
  test(name, () =>
    assert.equal(
      find()
        .map(({ path, message }) => `${path} ${message}`)
        .join("\n"),
      "",
    ),
  );
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { adapterProblems, cycleProblems, layerProblems } from "./layers.ts";
import { functionProblems, mirrorProblems, nameProblems, readmeProblems, sizeProblems, textProblems } from "./rules.ts";
import { importsOf, type Problem, type SourceFile } from "./scan.ts";
import { startProblems } from "./start.ts";

const file = (path: string, text = ""): SourceFile => ({ path, text });
const long = (count: number): string => "x;\n".repeat(count);

/** Each rule on a sample that breaks it: [what, found problems]. */
const broken: readonly (readonly [string, readonly Problem[]])[] = [
  ["a lower layer imports a higher one", layerProblems([file("src/base/a.ts", 'import { x } from "../api/b.ts";')])],
  ["a type import goes up", layerProblems([file("src/api/a.ts", 'import type { X } from "../kube/b.ts";')])],
  ["an import() goes up", layerProblems([file("src/server/a.ts", 'const x = await import("../engine.ts");')])],
  ["a re-export goes up", layerProblems([file("src/api/a.ts", 'export { x } from "../cli/b.ts";')])],
  [
    "an import over lines goes up",
    layerProblems([file("src/api/a.ts", 'import {\n  x,\n  type Y,\n} from "../kube/b.ts";')]),
  ],
  ["two folders of one layer", layerProblems([file("src/api/a.ts", 'import { x } from "../objects/b.ts";')])],
  ["record uses api", layerProblems([file("src/record/a.ts", 'import { x } from "../api/b.ts";')])],
  ["sources use triggers", layerProblems([file("src/events/sources/a.ts", 'import { x } from "../triggers/b.ts";')])],
  ["sources use the sensor", layerProblems([file("src/events/sources/a.ts", 'import { x } from "../sensor/b.ts";')])],
  ["gitops uses events", layerProblems([file("src/gitops/sync/a.ts", 'import { x } from "../../events/bus/b.ts";')])],
  ["a folder that no layer knows", layerProblems([file("src/utils/a.ts")])],
  [
    "an adapter imports another",
    adapterProblems([
      file("src/events/sources/registry.ts", 'import { a } from "./a.ts";\nimport { b } from "./b.ts";'),
      file("src/events/sources/a.ts", 'import { b } from "./b.ts";'),
    ]),
  ],
  [
    "a bus imports the other",
    adapterProblems([file("src/events/bus/sqlite.ts", 'import { x } from "./jetstream.ts";')]),
  ],
  [
    "a cycle of types",
    cycleProblems([
      file("src/a/a.ts", 'import type { B } from "./b.ts";'),
      file("src/a/b.ts", 'import { c } from "./c.ts";'),
      file("src/a/c.ts", 'import type { A } from "./a.ts";'),
    ]),
  ],
  [
    "a large package that every engine loads",
    startProblems([
      file("src/engine/engine.ts", 'import { b } from "../a/b.ts";\nimport type { C } from "../a/c.ts";'),
      file("src/a/b.ts", 'import { Agent } from "undici";'),
      file("src/a/c.ts", 'import { generate } from "selfsigned";'),
    ]),
  ],
  ["a file of 500 lines", sizeProblems([file("src/a.ts", long(500))])],
  ["a function of 80 lines", functionProblems([file("src/a.ts", `function f(): void {\n${long(78)}}\n`)])],
  ["an arrow function of 80 lines", functionProblems([file("src/a.ts", `const f = () => {\n${long(78)}};\n`)])],
  [
    "a method of 80 lines",
    functionProblems([file("src/a.ts", `  async f(a: string): Promise<void> {\n${long(78)}  }\n`)]),
  ],
  ["Date.now()", textProblems([file("src/api/a.ts", "const now = Date.now();")])],
  ["new Date()", textProblems([file("src/api/a.ts", "const now = new Date();")])],
  ["new RegExp", textProblems([file("src/api/a.ts", "const x = new RegExp(pattern);")])],
  ["process.env", textProblems([file("src/engine.ts", "const x = process.env.HOME;")])],
  ["process.argv", textProblems([file("src/server/a.ts", "const [x] = process.argv;")])],
  ["a default export", textProblems([file("src/api/a.ts", "export default 1;")])],
  ["a barrel", textProblems([file("src/api/a.ts", 'export * from "./b.ts";')])],
  ["index.ts", nameProblems([file("src/api/index.ts")])],
  ["camel case", nameProblems([file("src/api/eventSource.ts")])],
  ["a folder without README", readmeProblems([file("src/api/a.ts")])],
  ["a long README", readmeProblems([file("src/api/a.ts"), file("src/api/README.md", long(31))])],
  ["a test of nothing", mirrorProblems([file("test/api/a.test.ts")], [file("src/api/b.ts")])],
];

for (const [name, problems] of broken) test(`refuses: ${name}`, () => assert.equal(problems.length, 1));

const fine: readonly (readonly [string, readonly Problem[]])[] = [
  [
    "a large package that is loaded when it is needed",
    startProblems([
      file("src/engine/engine.ts", 'import type { Agent } from "undici";\nconst b = () => import("../a/b.ts");'),
      file("src/a/b.ts", 'import { Agent } from "undici";'),
    ]),
  ],
  ["api uses record", layerProblems([file("src/api/a.ts", 'import { x } from "../record/b.ts";')])],
  [
    "the sensor uses triggers",
    layerProblems([file("src/events/sensor/a.ts", 'import { x } from "../triggers/b.ts";')]),
  ],
  ["an import in a comment", layerProblems([file("src/base/a.ts", '// import { x } from "../api/b.ts";')])],
  ["the clock reads the time", textProblems([file("src/base/clock.ts", "const now = Date.now();")])],
  ["a date of something", textProblems([file("src/api/a.ts", "const x = new Date(at);")])],
  ["a function of 79 lines", functionProblems([file("src/a.ts", `function f(): void {\n${long(77)}}\n`)])],
  ["a long if is no function", functionProblems([file("src/a.ts", `if (isLong(x)) {\n${long(100)}}\n`)])],
  ["a part of a file's tests", mirrorProblems([file("test/api/a-crash.test.ts")], [file("src/api/a.ts")])],
  ["end-to-end tests", mirrorProblems([file("test/e2e/a.test.ts")], [])],
];

for (const [name, problems] of fine) test(`takes: ${name}`, () => assert.deepEqual(problems, []));

test("finds every form of import once", () => {
  const text =
    'import a from "./a.ts";\nimport "./b.ts";\nexport type { C } from "../c.ts";\nimport fs from "node:fs";\nawait import("./d.ts");';
  assert.deepEqual(importsOf(file("src/x/y.ts", text)), ["src/x/a.ts", "src/x/b.ts", "src/c.ts", "src/x/d.ts"]);
});

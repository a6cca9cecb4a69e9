import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseYaml, parseYamlDocuments, YamlError } from "../../src/base/yaml.ts";
import { indentFlow, placeBefore } from "../../src/base/yaml-flow.ts";

// What sigs.k8s.io/yaml 1.4 gives for the same text.
for (const [what, text, value] of [
  ["a bracket below its key", "a:\n  b: [\n    c\n  ]\nd: 1\n", { a: { b: ["c"] }, d: 1 }],
  ["a brace below its key", "a:\n  b: {\n    c: 1\n  }\n", { a: { b: { c: 1 } } }],
  ["a bracket at the edge", "a: [\n  b,\n  c,\n]\n", { a: ["b", "c"] }],
  ["items as deep as the key", "a:\n  b: [\n  c,\n  d ]\n", { a: { b: ["c", "d"] } }],
  ["items less deep than the key", "a:\n    b: [c,\n d]\n", { a: { b: ["c", "d"] } }],
  ["tabs in braces", "a: {\n\tb: [\n\t\t1 ]\n  }\n", { a: { b: [1] } }],
  ["a list of lists", "- [a,\nb]\n- - {c: 1,\n  d: 2}\n", [["a", "b"], [{ c: 1, d: 2 }]]],
  ["double quotes", 'a:\n  b: "c\n  d\n\n  e"\n', { a: { b: "c d\ne" } }],
  ["single quotes", "a:\n  b: 'c\nd''s'\n", { a: { b: "c d's" } }],
  ["an escaped break", 'a: "b\\\n\\\n c"\n', { a: "bc" }],
  ["JSON in quotes", 'a:\n  b: "{\n  \\"c\\": 1\n  }"\n', { a: { b: '{ "c": 1 }' } }],
  ["plain text in brackets", "a: [b\nc, it's\nd]\n", { a: ["b c", "it's d"] }],
  ["quotes and brackets in comments", "a: [ # ' [ {\n'b' # \"\n]\n", { a: ["b"] }],
  ["quotes in plain text", "x: it's [ a \"{\na: [\nb]\n", { x: "it's [ a \"{", a: ["b"] }],
  ["brackets in block scalars", "x: |\n  [ {\n   '\na: [\nb]\n", { x: "[ {\n '\n", a: ["b"] }],
  ["brackets in folded lists", "- >-\n [ x\n- [\nz]\n", ["[ x", ["z"]]],
  ["brackets in plain text that goes on", "x: w\n  [ z\na: [\nb]\n", { x: "w [ z", a: ["b"] }],
  ["keys in quotes and brackets", "'x: [': {\n\"w\":1,\nz: 2}\n", { "x: [": { w: 1, z: 2 } }],
  ["anchors and tags", "a: &x !!seq [\nb]\nc: *x\n", { a: ["b"], c: ["b"] }],
  ["Windows' breaks", "a: [\r\nb\r\n]\r\nc: 1\r\n", { a: ["b"], c: 1 }],
  ["a document that begins with ---", "---\na: [\nb]\n", { a: ["b"] }],
] as const) {
  test(`YAML reads ${what}, as Kubernetes does`, () => assert.deepEqual(parseYaml(text), [value]));
}

test("places in such a text are those of the text as written", () => {
  const [document] = parseYamlDocuments("a:\n  b: [\n    c,\n{d: 1}\n  ]\ne: 2\n");
  const places = ["a.b[0]", "a.b[1].d", "e"].map((path) => document?.placeOf(path));
  assert.deepEqual(places, [
    { line: 3, column: 5 },
    { line: 4, column: 2 },
    { line: 6, column: 1 },
  ]);
});

test("other errors of such a text keep their place", () => {
  const text = "a: [\nb,\n]\nc: 1\nd: {\nx: 1, x: 2 }\n";
  assert.throws(
    () => parseYaml(text),
    (error) => {
      assert.ok(error instanceof YamlError);
      assert.deepEqual([error.line, error.column], [6, 7]);
      assert.match(error.reason, /^duplicated mapping key, the first is at line 6, column 1$/);
      return true;
    },
  );
});

test("what is no YAML with any indentation stays an error", () => {
  for (const text of ["a: [\nb", 'a: "\n---\nb"\n', "a:\n b: 1\n- c\n", "a: [\nb: c: d]\n"]) {
    assert.throws(() => parseYaml(text), YamlError, text);
  }
});

const linesOf = (text: string): readonly string[] => text.split(/\r\n|\r|\n/);
const piece = fc.constantFrom(..."ab:-?,[]{}'\"|>&!*#%\\ \t\n", "\r\n", ": ", "- ", "---", " #", "\n\n", "  ");

test("only spaces are added, in linear time", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = pieces.join("");
      const indented = indentFlow(text);
      if (!indented) return;
      assert.equal(indented.text.replaceAll(/[ ]/g, ""), text.replaceAll(/[ ]/g, ""));
      const before = linesOf(text);
      for (const [index, line] of linesOf(indented.text).entries()) {
        const added: number = indented.added.get(index + 1) ?? 0;
        assert.equal(line, " ".repeat(added) + (before[index] ?? ""));
        assert.deepEqual(placeBefore({ line: index + 1, column: added + 1 }, indented), { line: index + 1, column: 1 });
      }
    }),
    { numRuns: 2_000 },
  );
  const million = 1_000_000;
  for (const pattern of [
    "a: [\nb]\n",
    "a: '\nb'\n",
    "[\n",
    "a: [\n,",
    "- [a,\nb]\n",
    "a: |\n[\n",
    '"\n',
    "# '\n",
    "a: b\n [\n",
  ]) {
    const text = pattern.repeat(million / pattern.length);
    const started = process.cpuUsage();
    indentFlow(text);
    // The processor's time: other processes run at the same time.
    const { user, system } = process.cpuUsage(started);
    assert.ok(user + system < 1_000_000, JSON.stringify(pattern));
  }
});

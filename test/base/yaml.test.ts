import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatYaml, parseLooseYaml, parseYaml, parseYamlDocuments, YamlError } from "../../src/base/yaml.ts";

for (const [text, value] of [
  ["yes", true],
  ["On", true],
  ["y", true],
  ["off", false],
  ["N", false],
  ["nO", "nO"],
  ["012", 10],
  ["0o17", 15],
  ["0x1F", 31],
  ["-0b11", -3],
  ["1_000", 1000],
  ["1e3", 1000],
  [".5", 0.5],
  ["09", 9],
  ["1.2.3", "1.2.3"],
  ["1:30", "1:30"],
  ["2026-01-01", "2026-01-01"],
  ["1e999", "1e999"],
  ["18446744073709551616", 1.8446744073709552e19],
  ["\t5\t", 5],
  ["~", null],
  ["Null", null],
  ["'yes'", "yes"],
  ["!!str 5", "5"],
  ["!!binary aGk=", "hi"],
  ["!!timestamp 2026-01-01", "2026-01-01"],
  ["!!set {b: }", { b: null }],
  ["!!omap [b: 1]", [{ b: 1 }]],
  ["!Ref b", "b"],
  ["!Sub 5", "5"],
  ["!Sub [b, 5]", ["b", 5]],
  ["!Sub {b: 5}", { b: 5 }],
  ["|\n b\n", "b\n"],
  ["|\n b\n c", "b\nc"],
  [">\r\n b\r\n c", "b c"],
  ["|+\n b", "b"],
  ["", null],
] as const) {
  test(`YAML reads ${JSON.stringify(text)} as Kubernetes does`, () => {
    assert.deepEqual(parseYaml(`a: ${text}`), [{ a: value }]);
  });
}

test("YAML keys that are booleans or numbers become text", () => {
  assert.deepEqual(parseYaml("on: 1\n5: 2"), [{ true: 1, 5: 2 }]);
});

test("YAML merge keys are merged, what stands beside them wins", () => {
  const text = "base: &b {p: 1, q: 2}\nmore: {<<: *b, q: 3}";
  assert.deepEqual(parseYaml(text), [{ base: { p: 1, q: 2 }, more: { p: 1, q: 3 } }]);
});

for (const [name, text, expected] of [
  ["a key that is given twice: the last one", "a: 1\nb: {x: 1, x: 2}\na: {c: d}", { a: { c: "d" }, b: { x: 2 } }],
  ["merge keys, which may come twice", "b: &b {p: 1}\nc: &c {r: 2}\nm: {s: 1, <<: *b, <<: *c}", undefined],
] as const) {
  test(`loose YAML takes ${name}`, () => assert.deepEqual(parseLooseYaml(text), [expected ?? parseYaml(text)[0]]));
}

test("loose YAML refuses what the other does, but for that", () => {
  for (const text of ["a: [", "a: &x [*x]\nb: 1\nb: 2", "a: !!binary /w=="]) {
    assert.throws(() => parseLooseYaml(text), YamlError, text);
  }
});

test("YAML gives every document with its line, empty ones as null", () => {
  const documents = parseYamlDocuments("# one\na: 1\n---\n---\n\nb: 2\n");
  assert.deepEqual(
    documents.map(({ line, value }) => [line, value]),
    [
      [2, { a: 1 }],
      [2, null],
      [6, { b: 2 }],
    ],
  );
});

for (const [name, text, line, reason] of [
  ["duplicate keys", "a: 1\na: 2", 2, /duplicated mapping key, the first is at line 1, column 1$/],
  [
    "duplicate keys of a later document",
    "a: 1\n---\nb: {c: 1, on: 2, true: 3}",
    3,
    /the first is at line 3, column 11$/,
  ],
  ["duplicate keys in quotes", 'x: 1\n"a": 1\n"a": 2', 3, /the first is at line 2, column 1$/],
  [
    "braces of a template without quotes",
    "a: 1\nb: {{ c }}",
    2,
    /^a mapping cannot be a key: text that begins with {{ /,
  ],
  ["a template at the start of a text", "a: {{ c }}-d", 1, /; text that begins with {{ needs quotes$/],
  ["a list as key", "a: 1\n? [b]\n: c", 2, /^a list or mapping cannot be a key$/],
  ["an open bracket", "a: [1, 2", 1, /end of the stream/],
  ["two mappings on one line", "a: b: c", 1, /indentation/],
  ["infinity, which JSON has not", "b: 1\na: .inf", 2, /\.inf/],
  ["tabs that indent", "a:\n\tb: 1", 2, /tab/],
  ["nesting beyond 200 levels", `${"[".repeat(300)}${"]".repeat(300)}`, 1, /depth|nest/i],
  ["an alias of itself", "a: &x [*x]", 0, /aliases/],
] as const) {
  test(`YAML refuses ${name}`, () => {
    assert.throws(
      () => parseYaml(text),
      (error) => error instanceof YamlError && error.line === line && reason.test(error.reason),
    );
  });
}

test("YAML refuses aliases that repeat more than they could be worth", () => {
  const rows = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
  for (let index = 1; index < 8; index++) {
    rows.push(
      `a${index}: &a${index} [${Array(10)
        .fill(`*a${index - 1}`)
        .join(",")}]`,
    );
  }
  assert.throws(() => parseYaml(rows.join("\n")), /aliases repeat too much/);
  const long = "y".repeat(100_000);
  for (const text of [`a: &a ${long}\nb: [${"*a,".repeat(500)}]`, `a: &a {${long}: 1}\nb: [${"*a,".repeat(500)}]`]) {
    assert.throws(() => parseYaml(text), /aliases repeat too much/);
  }
  assert.equal(parseYaml(`a: &a ${long}\nb: [${"*a,".repeat(50)}]`).length, 1);
});

test("YAML that is written reads back the same", () => {
  const texts = fc.constantFrom(
    "yes",
    "012",
    "0x1",
    "1e3",
    "~",
    "",
    " a",
    "a: b",
    "- x",
    "é\n",
    "#c",
    "2026-01-01",
    ".inf",
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      texts,
      fc.string(),
      fc.integer(),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
      fc.boolean(),
      fc.constant(null),
      tie("list"),
      tie("map"),
    ),
    list: fc.array(tie("value"), { maxLength: 4 }),
    map: fc.dictionary(fc.oneof(texts, fc.string()), tie("value"), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(json.map, (value) => {
      assert.deepEqual(JSON.stringify(parseYaml(formatYaml(value))), JSON.stringify([value]));
    }),
    { numRuns: 200 },
  );
});

for (const text of [
  "0X1F",
  "0_9",
  "08_1",
  "-0B1",
  "+0O7",
  "0b1",
  "012",
  "1_000",
  "1e3",
  "yes",
  "~",
  ".inf",
  "2020-01-01",
]) {
  test(`the text ${text} is printed so that it stays text`, () =>
    assert.deepEqual(parseYaml(formatYaml({ text })), [{ text }]));
}

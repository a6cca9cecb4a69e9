import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatYaml, parseYamlDocuments, YamlError } from "../../src/base/yaml.ts";

const sensor = `# a comment
apiVersion: argoproj.io/v1alpha1
metadata:
  annotations:
    a.b/c: x
    a: {b/c: y}
spec:
  triggers:
  - template:
      http: {url: "u", "method": 5}
  -
    template:
  - &t
    template: {name: n}
  - *t
  on: 1
  7: {x: 2}
  rest:
    <<: {p: 1}
`;

for (const [path, line, column] of [
  ["apiVersion", 2, 1],
  ["spec", 7, 1],
  ["spec.triggers", 8, 3],
  ["spec.triggers[0]", 9, 5],
  ["spec.triggers[0].template.http", 10, 7],
  ["spec.triggers[0].template.http.url", 10, 14],
  ["spec.triggers[0].template.http.method", 10, 24],
  ["spec.triggers[0].template.http.timeout", 10, 7],
  ["spec.triggers[0].template.http.timeout.deeper[3]", 10, 7],
  ["spec.triggers[1].template.name", 12, 5],
  ["spec.triggers[3].template.name", 14, 16],
  ["spec.triggers[9]", 8, 3],
  ["spec.true", 16, 3],
  ["spec.7.x", 17, 7],
  ["spec[7].x", 17, 7],
  ["spec.rest.p", 18, 3],
  ["metadata.annotations.a.b/c", 5, 5],
  ["", 2, 1],
  ["status", 2, 1],
] as const) {
  test(`the place of "${path}" in YAML is ${line}:${column}`, () => {
    assert.deepEqual(parseYamlDocuments(sensor)[0]?.placeOf(path), { line, column });
  });
}

test("places of later documents, with other line ends", () => {
  const documents = parseYamlDocuments("a: 1\r\n---\r\n---\rb:\r\n- c: 2\n");
  assert.deepEqual(
    documents.map(({ line, placeOf }) => [line, placeOf("a"), placeOf("b[0].c")]),
    [
      [1, { line: 1, column: 1 }, { line: 1, column: 1 }],
      [1, undefined, undefined],
      [4, { line: 4, column: 1 }, { line: 5, column: 3 }],
    ],
  );
});

test("places in JSON, indented with tabs", () => {
  const [document] = parseYamlDocuments(
    '{\n\t"spec": {\n\t\t"a/b.c": [\n\t\t\t{"x": "\\/\\ud83d\\ude00"}\n\t\t]\n\t}\n}',
  );
  assert.deepEqual(document?.value, { spec: { "a/b.c": [{ x: "/\u{1F600}" }] } });
  assert.deepEqual(document?.placeOf("spec.a/b.c[0].x"), { line: 4, column: 5 });
});

/** `spec.a[0]` → the value that stands there. */
function pathsOf(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return [path, ...value.flatMap((item, index) => pathsOf(item, `${path}[${index}]`))];
  if (typeof value !== "object" || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, child]) => pathsOf(child, path === "" ? key : `${path}.${key}`));
  return [path, ...below];
}

test("every value of a document that we print has the place of its own key", () => {
  const key = fc.constantFrom("a", "b", "on", "x-y", "k1", "kubernetes");
  const json = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, fc.string(), fc.integer(), tie("list"), tie("map")),
    list: fc.array(tie("value"), { minLength: 1, maxLength: 3 }),
    map: fc.dictionary(key, tie("value"), { minKeys: 1, maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(json.map, (value) => {
      for (const text of [formatYaml(value), JSON.stringify(value, null, 2)]) {
        const lines = text.split("\n");
        const [document] = parseYamlDocuments(text);
        for (const path of pathsOf(value, "")) {
          const place = document?.placeOf(path);
          assert.ok(place, path);
          const written = lines[place.line - 1]?.slice(place.column - 1) ?? "";
          const name = /([a-z0-9-]+)$/.exec(path)?.[1];
          if (name) assert.match(written, /^["']?[a-z0-9-]+["']?:/, `${path} is at ${written}`);
          if (name) assert.equal(written.replace(/^["']/, "").slice(0, name.length), name);
        }
      }
    }),
    { numRuns: 100 },
  );
});

const million = 1 << 20;
const filled = (part: string): string => part.repeat(Math.ceil(million / part.length));

for (const [name, text] of [
  ["empty documents", filled("---\n")],
  ["documents", filled("a: 1\n---\n")],
  ["keys", Array.from({ length: 80_000 }, (_, index) => `k${index}: 1`).join("\n")],
  ["anchors", Array.from({ length: 60_000 }, (_, index) => `- &a${index} x`).join("\n")],
  ["aliases", `- &a x\n${filled("- *a\n")}`],
  ["merges", `b: &b {x: 1}\n${Array.from({ length: 40_000 }, (_, i) => `k${i}: {<<: *b}`).join("\n")}`],
  ["pairs in a list", `[${filled("a: b, ")}]`],
  ["brackets", filled("[")],
  ["quotes", `"${filled("\\n")}"`],
  ["digits", `a: ${filled("1")}`],
  ["blank lines", filled("\n")],
  ["carriage returns", `a: ${filled("\r")}`],
  ["an error at the end", `${filled("a\n")}\nb: c: d`],
  ["long integers", filled("- 0x20000000000001\n")],
] as const) {
  test(`a megabyte of ${name} is read, or refused, within a second`, () => {
    const started = process.cpuUsage();
    try {
      const documents = parseYamlDocuments(text);
      for (const { placeOf } of documents.slice(0, 1_000)) placeOf("a.b[0]");
    } catch (error) {
      assert.ok(error instanceof YamlError, String(error));
    }
    // The processor's time: other processes run at the same time.
    const { user, system } = process.cpuUsage(started);
    assert.ok(user + system < (1_500_000 * text.length) / million + 200_000, `${(user + system) / 1_000} ms`);
  });
}

test("no text makes the reader throw anything but its own error", () => {
  const parts = fc.constantFrom(
    ..."-?:,[]{}#&*!|>'\"%@`\t\n \r\u0000\uFEFF\uD83D~0x_.eE+".split(""),
    "---\n",
    "...\n",
    "<<: ",
    "a: ",
    "- ",
    "&a ",
    "*a",
    "!!binary ",
    "!!int ",
    "!!float x",
    "? ",
    "  ",
    "{a: ",
    "%TAG ! x\n",
    ".inf",
    "1e999",
    "0x",
    "|2-\n",
    "!!set ",
    "!!omap ",
    "__proto__: ",
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(parts, { maxLength: 40 }).map((list) => list.join("")),
  );
  fc.assert(
    fc.property(text, fc.string(), (source, path) => {
      try {
        for (const { placeOf } of parseYamlDocuments(source)) placeOf(path);
      } catch (error) {
        if (!(error instanceof YamlError)) throw error;
      }
    }),
    { numRuns: 3_000 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkMetadata } from "../../src/api/metadata.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { formatProblems } from "../../src/base/schema.ts";

const quotes = "put it in quotes";
const booleans = `${quotes}: YAML takes yes, no, on, off, y and n for booleans, too`;
const keyForm = "a name of letters, digits, -, _ and ., at most 63, maybe behind a domain and /";
const long = "a".repeat(64);

for (const [what, metadata, expected] of [
  ["nothing", undefined, []],
  ["a name", { name: "a.b-c", namespace: "n-1", labels: { "a.b/c_D": "x.Y_z", empty: "" } }, []],
  ["what the API writes", { uid: "u", resourceVersion: "1", generation: 1, managedFields: [{}], selfLink: "/" }, []],
  ["annotations of any text", { annotations: { "Example.com/A": "any thing\n", b: null } }, []],
  ["a list", [], ["error metadata: must be an object"]],
  ["a name that is a number", { name: 5 }, [`error metadata.name: 5 must be a string; ${quotes}`]],
  [
    "capitals",
    { name: "MyApp" },
    ['error metadata.name: "MyApp" must be lower-case letters, digits, - and ., at most 253'],
  ],
  [
    "dots in a namespace",
    { namespace: "a.b" },
    ['error metadata.namespace: "a.b" must be lower-case letters, digits and -, at most 63'],
  ],
  [
    "labels that are booleans",
    { labels: { a: true } },
    [`error metadata.labels.a: true must be a string; ${booleans}`],
  ],
  [
    "annotations that are numbers",
    { annotations: { "argocd.argoproj.io/sync-wave": 1 } },
    [`error metadata.annotations.argocd.argoproj.io/sync-wave: 1 must be a string; ${quotes}`],
  ],
  [
    "labels with blanks",
    { labels: { a: "b c" } },
    ['error metadata.labels.a: "b c" must be letters, digits, -, _ and ., at most 63'],
  ],
  ["labels that are too long", { labels: { a: long } }, [/^error metadata.labels.a: "a{64}" must be letters/]],
  ["keys with blanks", { labels: { "a b": "" } }, [`error metadata.labels.a b: "a b" must be ${keyForm}`]],
  [
    "keys with two slashes",
    { annotations: { "a/b/c": "" } },
    [`error metadata.annotations.a/b/c: "a/b/c" must be ${keyForm}`],
  ],
  [
    "a misspelt field",
    { name: "a", label: {} },
    ["warning metadata.label: unknown field, it has no effect; did you mean `labels`?"],
  ],
] as readonly (readonly [string, JsonValue | undefined, readonly (string | RegExp)[]])[]) {
  test(`metadata: ${what}`, () => {
    const told = checkMetadata(metadata).map((problem) => `${problem.severity} ${formatProblems([problem])}`);
    assert.equal(told.length, expected.length, told.join("\n"));
    for (const [index, line] of told.entries()) {
      const wanted = expected[index];
      if (wanted instanceof RegExp) assert.match(line, wanted);
      else assert.equal(line, wanted);
    }
  });
}

test("no metadata makes the check throw", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => void checkMetadata(JSON.parse(JSON.stringify(value)))));
});

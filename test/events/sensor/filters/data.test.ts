import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataFilter, LogicalOperator } from "../../../../src/api/resources.ts";
import type { JsonValue } from "../../../../src/base/json.ts";
import { compileDataFilter } from "../../../../src/events/sensor/filters/data.ts";
import { cloudEvent } from "../builders.ts";

const data: JsonValue = {
  t: true,
  f: false,
  one: 1,
  n: 12.5,
  zero: 0,
  sTrue: "TRUE",
  sT: "t",
  sOne: "1",
  sNum: "12.5",
  sWord: "pushed",
  nil: null,
  list: [1, 2],
  obj: { a: 1 },
  ref: "refs/heads/dev",
  commits: [
    { id: 1, author: "ann", files: ["src/a"] },
    { id: 2, author: "bob", files: ["docs/b", "c"] },
  ],
  huge: 1e21,
  tiny: 1e-7,
  sHuge: "1e999",
  sHex: "0x1p4",
  sEmpty: "",
};

function outcome(entries: readonly DataFilter[], operator: LogicalOperator = "", of: JsonValue = data) {
  return compileDataFilter(entries, operator, "filters.data")(cloudEvent({ data: of }));
}

type Comparator = NonNullable<DataFilter["comparator"]>;
type Row = readonly [path: string, type: string, comparator: Comparator, value: readonly string[], verdict: string];

const rows: readonly Row[] = [
  // bool
  ["t", "bool", "", ["true"], "passed"],
  ["t", "bool", "", ["1"], "passed"],
  ["f", "bool", "", ["F"], "passed"],
  ["t", "bool", "!=", ["true"], "passed"], // the comparator is ignored
  ["sTrue", "bool", "", ["true"], "passed"], // lower-cased first
  ["sT", "bool", "", ["true"], "passed"],
  ["sWord", "bool", "", ["false"], "passed"],
  ["one", "bool", "", ["true"], "passed"],
  ["zero", "bool", "", ["false"], "passed"],
  ["nil", "bool", "", ["false"], "passed"],
  ["list", "bool", "", ["true"], "rejected"],
  ["obj", "bool", "", ["true"], "rejected"],
  ["t", "bool", "", ["yes"], "error"],
  // number
  ["n", "number", "", ["12.5"], "passed"],
  ["n", "number", "=", ["1.25e1"], "passed"],
  ["n", "number", "!=", ["12.5"], "rejected"],
  ["n", "number", ">", ["12"], "passed"],
  ["n", "number", ">=", ["12.5"], "passed"],
  ["n", "number", "<", ["12.5"], "rejected"],
  ["n", "number", "<=", ["12.5"], "passed"],
  ["sNum", "number", "", ["12.5"], "passed"],
  ["sWord", "number", "", ["0"], "passed"],
  ["t", "number", "", ["1"], "passed"],
  ["f", "number", "", ["0"], "passed"],
  ["nil", "number", "", ["0"], "passed"],
  ["list", "number", "", ["0"], "passed"],
  ["n", "number", "", ["twelve"], "error"],
  // string
  ["sWord", "string", "", ["push"], "passed"], // not anchored
  ["sWord", "string", "=", ["^push$"], "rejected"],
  ["sWord", "string", "", ["p.shed"], "passed"],
  ["sWord", "string", "!=", ["^push$"], "passed"],
  ["sWord", "string", "!=", ["push"], "rejected"],
  ["sWord", "string", ">", ["a"], "rejected"], // an order is never true
  ["sWord", "string", ">=", ["pushed"], "rejected"],
  ["n", "string", "", ["^12\\.5$"], "passed"],
  ["t", "string", "", ["^true$"], "passed"],
  ["nil", "string", "", ["^$"], "passed"],
  ["obj", "string", "", ['^{"a":1}$'], "passed"],
  ["list", "string", "", ["^\\[1,2\\]$"], "passed"],
  ["sWord", "string", "", ["(?=x)"], "error"],
  // several values: any is enough, read from left to right
  ["sWord", "string", "", ["^a$", "^pushed$"], "passed"],
  ["sWord", "string", "!=", ["^pushed$", "^other$"], "passed"], // practically always
  ["n", "number", "", ["1", "12.5"], "passed"],
  ["n", "number", "", ["12.5", "x"], "passed"],
  ["n", "number", "", ["x", "12.5"], "error"],
  ["sWord", "string", "", ["["], "error"],
  // paths, types
  ["missing", "string", "", ["x"], "error"],
  ["obj.b", "number", "", ["0"], "error"],
  ["list.1", "number", "", ["2"], "passed"],
  ["n", "integer", "", ["12"], "error"],
  // paths of all kinds
  ['commits.#(author=="ann").id', "number", "", ["1"], "passed"],
  ['commits.#(author=="eve").id', "number", "", ["1"], "error"],
  ['commits.#(author=="eve")#', "string", "", ["^\\[\\]$"], "passed"],
  ['commits.#(files.#(%"docs/*")).id', "number", "", ["2"], "passed"],
  ["commits.#.author|@reverse|0", "string", "", ["^bob$"], "passed"],
  ["commits.#", "number", ">", ["1"], "passed"],
  ["[ref,n]", "string", "", ['^\\["refs/heads/dev",12.5\\]$'], "passed"],
  ["{ref,n}.n", "number", "", ["12.5"], "passed"],
  ["gone|@keys", "string", "", ["^\\[\\]$"], "passed"],
  ["sWord.#(", "string", "", [".*"], "error"],
  ["$.commits[-1].author", "string", "", ["^bob$"], "passed"],
  ["$.commits[*].id", "string", "", ["^\\[1,2\\]$"], "passed"],
  ["$.commits[9].id", "string", "", [".*"], "error"],
  // coercion at its edges
  ["huge", "string", "", ["^1000000000000000000000$"], "passed"], // without an exponent
  ["tiny", "string", "", ["^0\\.0000001$"], "passed"],
  ["sHuge", "number", ">", ["1e308"], "passed"], // ParseFloat gives an infinity beside its error
  ["sHex", "number", "", ["16"], "passed"],
  ["sEmpty", "number", "", ["0"], "passed"],
  ["sEmpty", "bool", "", ["false"], "passed"],
  ["sEmpty", "string", "!=", ["."], "passed"],
  ["obj", "number", "", ["0"], "passed"],
  ["nil", "string", "!=", ["."], "passed"],
  ["n", "number", "", ["1_2.5"], "passed"],
  ["n", "number", "", ["1__2"], "error"],
  ["n", "number", "!=", ["12.5", "1"], "passed"], // any that differs is enough
  ["n", "number", "!=", ["12.5", "12.50"], "rejected"],
  ["sWord", "string", "!=", ["push", "^pushed$"], "rejected"],
  ["t", "bool", "!=", ["false", "true"], "passed"],
  ["sWord", "string", "<", ["pushed", "("], "error"], // a regex is read though nothing compares with it
  ["n", "number", "", [], "error"],
];

for (const [path, type, comparator, value, verdict] of rows) {
  test(`data filter: ${path} as ${type} ${comparator || "="} ${value.join("|")} is ${verdict}`, () => {
    assert.equal(outcome([{ path, type, comparator, value }]).verdict, verdict);
  });
}

for (const [name, template, type, value, verdict] of [
  ["its result is compared", '{{ .Input | trimPrefix "refs/heads/" }}', "string", "^dev$", "passed"],
  ["its result is a text that is read as the type says", "{{ .Input | len }}", "number", "14", "passed"],
  ["another result is a no", "{{ .Input | upper }}", "string", "^refs", "rejected"],
  ["its time is that of the event", '{{ now | date "2006-01-02" }}', "string", "^2026-01-01$", "passed"],
  ["no result is an error", "{{ if false }}x{{ end }}", "string", ".*", "error"],
  ["`<no value>` is an error", "{{ .Other }}", "string", ".*", "error"],
  ["a failure is an error", '{{ fail "no" }}', "string", ".*", "error"],
  ["what does not parse is an error of each event", "{{ .Input", "string", ".*", "error"],
] as const) {
  test(`data filter: a template: ${name}`, () => {
    assert.equal(outcome([{ path: "ref", type, value: [value], template }]).verdict, verdict);
  });
}

test("data filter: a template sees the value as text", () => {
  const entry = { path: "n", type: "string", value: ["^string 12.5$"], template: "{{ kindOf .Input }} {{ .Input }}" };
  assert.equal(outcome([entry]).verdict, "passed");
});

test("data filter: an integer of 64 bits is compared by its digits as text, and as a float as a number", () => {
  const of = { id: 9007199254740993n };
  assert.equal(outcome([{ path: "id", type: "string", value: ["^9007199254740993$"] }], "", of).verdict, "passed");
  assert.equal(outcome([{ path: "id", type: "number", value: ["9007199254740992"] }], "", of).verdict, "passed");
});

for (const [name, template, value, verdict] of [
  ["that JSON escapes comes whole", '{{ "a\\nb" }}', "^a\nb$", "passed"],
  ["that only Go escapes ends the text there", '{{ "a\\x01b" }}', "^a$", "passed"],
  ["that does not show ends it, too", '{{ "a\\U000e0001b" }}', "^a$", "passed"],
  ["that shows does not", '{{ "a\\U0001f600b" }}', "^a.b$", "passed"],
] as const) {
  test(`data filter: a character of a template's result ${name}`, () => {
    assert.equal(outcome([{ path: "ref", type: "string", value: [value], template }]).verdict, verdict);
  });
}

test("data filter: @pretty shows its white space", () => {
  const [path, value] = ["obj|@pretty", ['^{\n  "a": 1\n}\n$']];
  assert.equal(outcome([{ path, type: "string", value }]).verdict, "passed");
});

test("data filter: a path that takes too much work is an error", () => {
  const path = Array(100).fill("[@this,@this]").join("|");
  const seen = outcome([{ path, type: "string", value: ["x"] }]);
  assert.equal(seen.verdict, "error");
  assert.equal(seen.reason, "filters.data[0]: the path takes more than 5000000 steps");
});

test("data filter: data that is not JSON is an error, whatever the path", () => {
  const filter = compileDataFilter([{ path: "@this", type: "string", value: [".*"] }], "", "filters.data");
  const seen = filter(cloudEvent({ datacontenttype: "text/plain", data: "hello" }));
  assert.equal(seen.verdict, "error");
  assert.equal(seen.reason, `filters.data: the event's data is not JSON, but "text/plain"`);
  assert.equal(filter(cloudEvent({ data: "hello" })).verdict, "passed");
});

test("data filter: an event without data passes", () => {
  assert.equal(outcome([{ path: "x", type: "string", value: ["x"] }], "", null).verdict, "passed");
});

const yes: DataFilter = { path: "t", type: "bool", value: ["true"] };
const no: DataFilter = { path: "f", type: "bool", value: ["true"] };
const wrong: DataFilter = { path: "missing", type: "bool", value: ["true"] };

for (const [name, operator, entries, verdict] of [
  ["and: all must pass", "and", [yes, yes], "passed"],
  ["and: the first no ends it, before an error", "and", [no, wrong], "rejected"],
  ["and: an error ends it, before a no", "and", [wrong, no], "error"],
  ["and is the default", "", [yes, no], "rejected"],
  ["or: one is enough", "or", [no, yes], "passed"],
  ["or: the first yes ends it, errors before it are forgotten", "or", [wrong, yes], "passed"],
  ["or: errors count when none passes", "or", [wrong, no], "error"],
  ["or: no and no is no", "or", [no, no], "rejected"],
] as const) {
  test(`data filters joined by ${name}`, () => assert.equal(outcome(entries, operator).verdict, verdict));
}

for (const [name, entries, operator, reason] of [
  [
    "the path, the value seen and the value wanted",
    [{ path: "ref", type: "string", value: ["refs/heads/main"] }],
    "",
    'filters.data[0]: ref is "refs/heads/dev", wanted "refs/heads/main"',
  ],
  [
    "the comparator and every value",
    [yes, { path: "n", type: "number", comparator: ">", value: ["20", "30"] }],
    "",
    'filters.data[1]: n is 12.5, wanted > "20" or "30"',
  ],
  [
    "the path that is missing, and what is there",
    [{ ...wrong, path: "hugee" }],
    "",
    "filters.data[0]: path 'hugee' does not exist: the data has t, f, one, n, zero, sTrue, sT, sOne, and 12 more; did you mean 'huge'?",
  ],
  [
    "a list where a text is wanted",
    [{ path: "list", type: "string", value: ["^1$"] }],
    "",
    'filters.data[0]: list is [1,2], wanted "^1$" (a list: its first item is at list.0)',
  ],
  [
    "every entry of an or",
    [no, no],
    "or",
    'filters.data[0]: f is false, wanted "true" and filters.data[1]: f is false, wanted "true"',
  ],
  [
    "the value that is no number",
    [{ path: "n", type: "number", value: ["x"] }],
    "",
    'filters.data[0]: value "x" is not a number',
  ],
] as const) {
  test(`a data filter's reason names ${name}`, () => assert.equal(outcome(entries, operator).reason, reason));
}

test("a reason shows at most 256 bytes of the value seen", () => {
  const long = outcome([{ path: "x", type: "string", value: ["y"] }], "", { x: "z".repeat(10_000) });
  assert.ok(long.reason.length < 330, long.reason);
});

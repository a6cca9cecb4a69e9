import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EngineError } from "../../../src/base/errors.ts";
import { compileEventFilter } from "../../../src/events/sources/event-filter.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const data = {
  header: { "X-Kind": ["push"], Accept: ["*/*"] },
  body: { action: "opened", number: 7, big: 2n ** 60n, labels: [{ name: "bug" }, { name: "ui" }], "a.b": 1, "c-d": 2 },
  metadata: { team: "shop" },
  "content-type": "json",
  "a.b.c": 5,
  "a.x": 6,
  a: "in the way",
  text: '{"n": [1, 2]}',
};

/** `yes` and `no` are results; anything else is a part of the error. */
const rows: readonly (readonly [expression: string, expected: string])[] = [
  ['body.action == "opened"', "yes"],
  ['body.action in ["closed", "merged"]', "no"],
  ["body.number > 6 && body.number < 8", "yes"],
  ["body.number == 7.0", "yes"],
  ["body.big > 1e18", "yes"],
  ['any(body.labels, {.name == "bug"})', "yes"],
  ['header["X-Kind"][0] matches "^pu"', "yes"],
  ['metadata.team == "shop"', "yes"],
  // Names: a minus of a top-level key is an underscore, one below is not; dots go down; what is in their way is left out.
  ['content_type == "json"', "yes"],
  ['body["c-d"] == 2', "yes"],
  ['body["a.b"] == 1', "yes"],
  ["a.b.c == 5 && a.x == 6", "yes"],
  // What is not there.
  ["missing == nil", "yes"],
  ["missing.name == 1", "nil"],
  ["source == nil", "yes"], // the event's context is not seen
  // What is neither yes nor no.
  ["body.number", "it gives float64, not bool"],
  // Functions.
  ['asInt("12") == 12', "yes"],
  ['asInt("-3") == -3', "yes"],
  ["asInt(body.number) == 7", "yes"],
  ["asInt(1.9) == 1", "yes"],
  ['asInt("12.5") == 1', 'asInt: "12.5" is no integer'],
  ["asInt(body) == 1", "asInt: a map[string]interface {} is no integer"],
  ['asFloat("1.5") > 1', "yes"],
  ['asFloat("x") > 1', 'asFloat: "x" is no number'],
  ["asFloat(asInt(3)) == 3", "yes"],
  ['toJson(metadata) == "{\\"team\\":\\"shop\\"}"', "yes"],
  ["toJson() == nil", "toJson: it takes 1 arguments, and gets 0"],
  ['sprig.trimPrefix("v", "v1.2") == "1.2"', "yes"],
  ['sprig.upper(body.action) == "OPENED"', "yes"],
  ['sprig.contains("pen", body.action)', "yes"],
  ['sprig.has("b", ["a", "b"])', "yes"],
  ["sprig.int(body.number) == 7 && sprig.add(1, 2) == 3", "yes"],
  ['sprig.semverCompare(">=1.2.0", "1.10.0")', "yes"],
  ['sprig.dict("k", 1).k == 1', "yes"],
  ['sprig.splitList(",", "a,b")[1] == "b"', "yes"],
  ["sprig.upper(body.number)", "sprig.upper: wrong type for value; expected string; got float64"],
  ["sprig.upper()", "sprig.upper: it takes 1 arguments, and gets 0"],
  ['sprig.repeat(100000000, "x") == ""', "sprig.repeat: a text of 100000000 characters is longer than"],
  ['sprig.env("HOME") == ""', "sprig.env is not available: it reads the environment"],
  ['sprig.date("2006-01-02", sprig.now()) == "2026-01-01"', "yes"],
  ['sprig.dateInZone("15", sprig.toDate("2006", "2026"), "Asia/Tokyo") == "09"', "yes"],
  ["sprig.now() == now()", "yes"],
  ["len(sprig.uuidv4()) == 36 && sprig.uuidv4() != sprig.uuidv4()", "yes"],
  ['sprig.ago(sprig.toDate("2006", "2025")) == "8760h0m0s"', "yes"],
  ["sprig.nothing() == 1", "cannot be called"],
  ['jsonpath(text, "$.n[1]") == 2', "yes"],
  ['jsonpath(text, "$.none") == nil', "yes"],
  ['len(jsonpath(text, "$.n[*]")) == 2', "yes"],
  ['jsonpath("{", "$.n") == 1', "jsonpath: "],
  ['jsonpath(text, "$.n[?(@ > 1)]") == 1', "jsonpath: "],
  ["jsonpath(body) == 1", "jsonpath: it takes JSON as text and a path; got a map[string]interface {} and a nil"],
  // A name of the data does not hide a function.
  ['asInt == "data"', "no"],
];

const clock = createVirtualClock();

function resultOf(expression: string, value: Parameters<ReturnType<typeof compileEventFilter>>[0] = data): string {
  try {
    return compileEventFilter(expression, clock)(value) ? "yes" : "no";
  } catch (error) {
    if (error instanceof EngineError) return error.message;
    throw error;
  }
}

for (const [expression, expected] of rows) {
  test(`filter.expression ${expression}`, () => {
    const result = resultOf(expression, { ...data, asInt: "data" });
    if (expected === "yes" || expected === "no") assert.equal(result, expected);
    else assert.ok(result.includes(expected), result);
  });
}

test("data that is no object is an error, as are too many steps of all functions together", () => {
  assert.equal(resultOf("true", [1]), "the event's data is no object");
  const many = { list: Array.from({ length: 2_000 }, () => "x".repeat(10_000)) };
  assert.match(resultOf('all(list, {sprig.upper(#) != ""})', many), /it takes more than \d+ steps/);
});

test("the limits are of one evaluation, and now() is the clock's", () => {
  const filter = compileEventFilter('all(list, {sprig.upper(#) != ""})', clock);
  const many = { list: Array.from({ length: 300 }, () => "x".repeat(10_000)) };
  for (let time = 0; time < 20; time++) assert.equal(filter(many), true);
  assert.equal(resultOf(`now().Unix() == ${Math.floor(clock.now() / 1000)}`), "yes");
});

test("whatever the data, the answer is yes, no or an error of ours, and the data stay as they are", () => {
  const filter = compileEventFilter('a.b == 1 || sprig.trim(string(c)) == "" || len(keys(d)) > 0', clock);
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.oneof(fc.constantFrom("a", "a.b", "c", "d", "__proto__", "a..", "."), fc.string()),
        fc.jsonValue(),
      ),
      (some) => {
        const before = JSON.stringify(some);
        try {
          assert.equal(typeof filter(some as Parameters<typeof filter>[0]), "boolean");
        } catch (error) {
          assert.ok(error instanceof EngineError, String(error));
        }
        assert.equal(JSON.stringify(some), before);
      },
    ),
  );
});

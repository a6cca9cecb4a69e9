import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EngineError, TerminalError } from "../../../src/base/errors.ts";
import { compileExpr } from "../../../src/base/expr/expr.ts";
import { ExprFunction, type Value } from "../../../src/base/expr/values/values.ts";
import type { FloatJson } from "../../../src/base/json.ts";
import { results, values } from "./cases.ts";
import { failing, refused } from "./faults.ts";
import { typed } from "./typed.ts";

for (const [text, result] of results) {
  test(`expr ${text}`, () => assert.deepEqual(typed(compileExpr(text).evaluate(values)), typed(result)));
}

for (const [text, message] of refused) {
  test(`expr refuses ${text}`, () => {
    assert.throws(
      () => compileExpr(text),
      (error) => error instanceof TerminalError && error.code === "EXPRESSION_INVALID" && has(error, message),
    );
  });
}

for (const [text, message] of failing) {
  test(`expr fails with ${text}`, () => {
    const compiled = compileExpr(text);
    assert.throws(
      () => compiled.evaluate(values),
      (error) => error instanceof EngineError && error.code === "EXPRESSION_FAILED" && has(error, message),
    );
  });
}

function has(error: Error, message: string): boolean {
  assert.ok(error.message.includes(message), `${JSON.stringify(error.message)} has no ${JSON.stringify(message)}`);
  return true;
}

test("expr names line and column where there are several lines", () => {
  assert.throws(() => compileExpr("a ==\n  1 1"), /at 2:5: unexpected number/);
});

test("expr says what type a result is going to have", () => {
  for (const [text, type] of [
    ["body.x == 1", "bool"],
    ["body.x", "interface {}"],
    ["1 + 1", "int"],
    ["len(body.x)", "int"],
    ["map(body.x, true)", "[]bool"],
    ["nil", "nil"],
  ] as const) {
    assert.equal(compileExpr(text).type, type);
  }
});

test("expr calls functions that come with the values", () => {
  const twice = new ExprFunction(([value]) => (typeof value === "bigint" ? value * 2n : null));
  assert.equal(compileExpr("twice(2) + tools.twice(3)").evaluate({ twice, tools: { twice } }), 10n);
  assert.equal(compileExpr("4 | twice()").evaluate({ twice }), 8n);
  assert.equal(compileExpr("tools?.twice(3)").evaluate({}), null);
  assert.equal(compileExpr("type(twice)").evaluate({ twice }), "func");
  assert.throws(() => compileExpr("string(twice)").evaluate({ twice }), /cannot be printed/);
  assert.throws(() => compileExpr("twice(len(1, 2))").evaluate({ twice }), /invalid number of arguments for len/);
});

test("expr tells the time only to those who may know", () => {
  const compiled = compileExpr("now().Year()");
  assert.throws(() => compiled.evaluate({}), /now\(\) is not available/);
  assert.equal(compiled.evaluate({}, { now: () => Date.UTC(2026, 10, 29) }), 2026n);
  assert.equal(compileExpr("now().UnixNano()").evaluate({}, { now: () => -0.5 }), -500_000n);
});

test("expr keeps evaluations apart", () => {
  const compiled = compileExpr("let a = n; map(1..2, a + #)");
  assert.deepEqual(compiled.evaluate({ n: 1 }), [2, 3]);
  assert.deepEqual(compiled.evaluate({ n: 5 }), [6, 7]);
  const fails = compileExpr("filter(l, #.a > 1)");
  assert.throws(() => fails.evaluate({ l: [null] }));
  assert.deepEqual(fails.evaluate({ l: [{ a: 2 }] }), [{ a: 2 }]);
});

test("expr takes any name for what it is", () => {
  const given = JSON.parse('{"__proto__": {"a": 1}, "o": {"__proto__": 2}}');
  assert.equal(compileExpr("__proto__.a").evaluate(given), 1);
  assert.equal(compileExpr("o.__proto__").evaluate(given), 2);
  assert.equal(compileExpr("{a: 1}.__proto__").evaluate({}), null);
  assert.equal(compileExpr("{'__proto__': 1}.__proto__").evaluate({}), 1n);
  assert.deepEqual(compileExpr("keys(fromJSON('{\"__proto__\": 1}'))").evaluate({}), ["__proto__"]);
});

test("expr bounds what it takes", () => {
  for (const text of [
    `${"(".repeat(500)}1${")".repeat(500)}`,
    `${"[".repeat(500)}1${"]".repeat(500)}`,
    `${"not ".repeat(500)}true`,
    `${"a ? ".repeat(500)}b${" : c".repeat(500)}`,
    `${"let a = 1; ".repeat(500)}a`,
    Array(2_000).fill("1").join("+"),
    `a${".b".repeat(2_000)}`,
    `${"len(".repeat(500)}a${")".repeat(500)}`,
    `"${"a".repeat(20_000)}"`,
  ]) {
    assert.throws(() => compileExpr(text), TerminalError);
  }
  assert.equal(compileExpr(Array(900).fill("n").join("+")).evaluate({ n: 1 }), 900);
  assert.equal(compileExpr(Array(900).fill("b").join(" or ")).evaluate({ b: false }), false);
  assert.equal(compileExpr(`${"(".repeat(200)}n${")".repeat(200)}`).evaluate({ n: 1 }), 1);
  assert.equal(compileExpr(`a${"?.b".repeat(900)}`).evaluate({}), null);
});

test("expr bounds what it does", () => {
  const list = Array(2_000).fill(1);
  const large = "x".repeat(10_000_000);
  for (const text of [
    "any(l, any(l, any(l, false)))",
    "map(1..1000, map(1..1000, map(1..1000, #)))",
    "reduce(1..100, #acc + #acc, 'aa')",
    "reduce(1..100, [#acc, #acc], 1) | string()",
    "reduce(1..1000, replace(#acc, 'a', 'aaaa'), 'a')",
    "repeat(s, 1000)",
    "join(map(1..100, s), '')",
    "s + s + s",
    "none(1..100000, s contains 'y')",
    "'' matches s",
  ]) {
    const compiled = compileExpr(text);
    const start = performance.now();
    assert.throws(() => compiled.evaluate({ l: list, s: large }), EngineError, text);
    assert.ok(performance.now() - start < 5_000, `${text} takes ${performance.now() - start} ms`);
  }
});

test("expr bounds how deep it looks", () => {
  let [deep, same]: [FloatJson, FloatJson] = [[], []];
  for (let level = 0; level < 20_000; level++) [deep, same] = [[deep], [same]];
  for (const text of ["d == e", "string(d)", "toJSON(d)", "d in [e]", "fromJSON(j) == d"]) {
    const compiled = compileExpr(text);
    const j = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    assert.throws(() => compiled.evaluate({ d: deep, e: same, j }), EngineError, text);
  }
});

test("expr takes any text and any values", () => {
  const texts = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom(...results.map(([text]) => text)));
  fc.assert(
    fc.property(texts, fc.dictionary(fc.constantFrom("body", "name", "count"), fc.jsonValue()), (text, given) => {
      try {
        compileExpr(text).evaluate(given as Readonly<Record<string, Value>>);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
      }
    }),
  );
});

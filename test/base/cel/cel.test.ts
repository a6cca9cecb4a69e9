import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compileCel } from "../../../src/base/cel/cel.ts";
import { EngineError, TerminalError } from "../../../src/base/errors.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";

const numbers = Array.from({ length: 3_000 }, (_, index) => index);

const event: JsonObject = {
  id: "e1",
  type: "webhook",
  time: "2026-01-02T03:04:05Z",
  data: {
    n: 3,
    f: 1.5,
    s: "hello",
    z: null,
    list: [1, 2, 3],
    texts: ["a", "b"],
    o: { k: "v" },
    big: 9007199254740993n,
    huge: 1e300,
    constructor: "c",
    ...Object.fromEntries([["__proto__", { x: 1 }]]),
    numbers,
    others: [...numbers],
    long: "a".repeat(500_000),
  },
};

const results: readonly (readonly [expression: string, expected: boolean])[] = [
  ["true", true],
  ["event.type == 'webhook'", true],
  ["event.data.n == 3", true],
  ["event.data.n > 2.5", true],
  ["event.data.f > 1", true],
  ["event.data.n / 2 == 1", true], // ints
  ["event.data.big == 9007199254740993", true],
  ["event.data.huge > 1e299", true],
  ["event.data.z == null", true],
  ["event.data.s.startsWith('he') && event.data.s.size() == 5", true],
  ["event.data.s.matches('l+o$')", true],
  ["event.data.s.matches('^l')", false],
  ["event.data.list.exists(x, x > 2)", true],
  ["event.data.list.all(x, x > 2)", false],
  ["event.data.list.filter(x, x > 1).map(x, x * 2) == [4, 6]", true],
  ["event.data.list.exists_one(x, x == 2)", true],
  ["2 in event.data.list", true],
  ["'k' in event.data.o", true],
  ["event.data.o.exists(key, key == 'k')", true],
  ["event.data.o == {'k': 'v'}", true],
  ["has(event.data.q)", false],
  ["has(event.data.q) && event.data.q == 1", false],
  ["event.data.q == 1 || true", true],
  ["event.data['s'] == 'hello'", true],
  ["event.data.constructor == 'c'", true],
  ["event.data.__proto__.x == 1", true],
  ["timestamp(event.time).getFullYear() == 2026", true],
  ["timestamp(event.time) - timestamp('2026-01-02T03:04:00Z') == duration('5s')", true],
  ["event.data.n == 3 ? event.data.s == 'hello' : false", true],
  ["cel.bind(x, event.data.n, x * x == 9)", true],
  ["size(event.data.texts) == 2 && event.data.texts.join('-') == 'a-b'", true],
];

describe("CEL", () => {
  for (const [expression, expected] of results) {
    test(expression, () => assert.equal(compileCel(expression).test(event), expected));
  }
});

const invalid: readonly (readonly [expression: string, message: RegExp])[] = [
  ["", /./],
  ["event.", /^Expected IDENTIFIER, got EOF$/],
  ["n == 3", /^Unknown variable: n$/],
  ["1 + 1", /^the result must be a bool; it is of type int$/],
  ["1 + 'a' == 'b'", /^no such overload: int \+ string$/],
  ["event.data.s.nothing()", /found no matching overload/],
  ["x".repeat(20_000), /longer than 10000 characters/],
  [`${"(".repeat(500)}true${")".repeat(500)}`, /maxDepth/],
  [Array(1_500).fill("true").join("&&"), /maxAstNodes/],
];

describe("CEL that is none", () => {
  for (const [expression, message] of invalid) {
    test(expression.slice(0, 40), () => {
      assert.throws(
        () => compileCel(expression),
        (error) => error instanceof TerminalError && message.test(error.message),
      );
    });
  }
});

const failing: readonly (readonly [expression: string, message: RegExp])[] = [
  ["event.data.q == 1", /^No such key: q$/],
  ["event.data.n", /^the result must be a bool; it is of type int$/],
  ["event.data.s", /of type string$/],
  ["event.data.o", /of type map$/],
  ["event.data.z", /of type null$/],
  ["event.data.s > 1", /^no such overload: dyn<string> > int$/],
  ["event.data.n + event.data.f > 1.0", /^no such overload: dyn<int> \+ dyn<double>$/],
  ["event.data.n / 0 == 1", /^division by zero$/],
  ["event.data.big * event.data.big == 1", /^integer overflow/],
  ["event.data.s.matches('(')", /missing closing \)/],
  ["event.data.s.matches(event.data.n)", /matches takes a string and a pattern/],
  ["event.data.list[7] == 1", /./],
  ["timestamp(event.id) == timestamp(event.id)", /./],
];

describe("CEL that fails", () => {
  for (const [expression, message] of failing) {
    test(expression, () => {
      const compiled = compileCel(expression);
      assert.throws(() => compiled.test(event), { code: "EXPRESSION_FAILED", message });
    });
  }
});

/** `first`, joined to itself again and again: each letter stands for twice what the one before it does. */
function doubled(first: string): string {
  const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
  const ofName = (index: number): string => (index === 0 ? first : `${names[index - 1]} + ${names[index - 1]}`);
  return names.reduceRight((inner, name, index) => `cel.bind(${name}, ${ofName(index)}, ${inner})`, "size(j) > 1");
}

const expensive: readonly (readonly [name: string, expression: string])[] = [
  ["loops in loops", "event.data.numbers.all(a, event.data.numbers.all(b, event.data.numbers.all(c, a + b + c >= 0)))"],
  ["what || would catch", "event.data.numbers.all(a, event.data.numbers.all(b, a + b >= 0)) || true"],
  ["what exists would catch", "event.data.numbers.exists(a, event.data.numbers.all(b, a + b >= 0) && a < 0) || true"],
  ["comparing much again and again", "event.data.numbers.exists(a, event.data.numbers == event.data.others && false)"],
  ["looking for much again and again", "event.data.numbers.all(a, a in event.data.others)"],
  ["searching long texts", "event.data.numbers.all(a, !event.data.long.contains('b'))"],
  ["patterns over long texts", "event.data.numbers.all(a, !event.data.long.matches('(a*)*b'))"],
  ["splitting", "event.data.long.split('').size() > 1"],
  ["a list that doubles", doubled("event.data.numbers")],
  ["a text that doubles", doubled("event.data.long")],
];

describe("CEL under attack", () => {
  for (const [name, expression] of expensive) {
    test(`ends ${name}`, () => {
      const compiled = compileCel(expression);
      const started = performance.now();
      assert.throws(() => compiled.test(event), {
        code: "EXPRESSION_FAILED",
        message: "it takes more than 200000 steps",
      });
      assert.ok(performance.now() - started < 2_000);
    });
  }

  test("an evaluation after one that was ended has all its steps", () => {
    const compiled = compileCel("event.data.l.all(a, event.data.l.all(b, a + b >= 0))");
    assert.throws(() => compiled.test({ data: { l: numbers } }), EngineError);
    assert.equal(compiled.test({ data: { l: [1, 2, 3] } }), true);
  });

  test("values nested deeply are refused", () => {
    let deep: JsonValue = 1;
    for (let index = 0; index < 300; index += 1) deep = [deep];
    assert.throws(() => compileCel("true").test({ data: deep }), /nested deeper than 200/);
  });

  test("whatever comes, it gives a bool or an EngineError", () => {
    const compiled = compileCel(
      "event.data.a.b == event.data.c || event.data.c.d[0] > event.data.a || size(event.data) > 2",
    );
    const property = fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue(), (a, c) => {
      try {
        assert.equal(typeof compiled.test({ data: { a, c } as JsonObject }), "boolean");
      } catch (error) {
        assert.ok(error instanceof EngineError, String(error));
      }
    });
    fc.assert(property, { numRuns: 500 });
  });
});

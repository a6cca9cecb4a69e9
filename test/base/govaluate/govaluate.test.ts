import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EngineError, TerminalError } from "../../../src/base/errors.ts";
import { compileGovaluate } from "../../../src/base/govaluate/govaluate.ts";
import type { FloatJson, FloatObject } from "../../../src/base/json.ts";

const values: FloatObject = {
  n: 7,
  half: 0.5,
  neg: -3,
  s: "push",
  digits: "7",
  day: "2022-01-01",
  yes: true,
  no: false,
  nothing: null,
  list: [1, "a", true, null],
  nested: [[1], [2, 3]],
  object: { a: { b: 1 } },
  same: { a: { b: 1 } },
  "a-b": 5,
  "a.b": 6,
  "a b": "spaced",
  "a]b": "bracket",
  in_use: "letters",
  é: "accent",
};

const results: readonly (readonly [text: string, result: FloatJson])[] = [
  // literals
  ["1", 1],
  ["1.5", 1.5],
  [".5", 0.5],
  ["7.", 7],
  ["007", 7],
  ["0x1F", 31],
  ["0xff", 255],
  ["0x ff", 255],
  ["'a'", "a"],
  ['"a"', "a"],
  [`'a"`, "a"],
  ["'it\\'s'", "it's"],
  ["'a\\nb'", "anb"],
  ["''", ""],
  ["true", true],
  ["false", false],
  ["1\\2", 12],
  // dates are numbers of seconds
  ["'2022-01-01'", 1640995200],
  ["'2022-01-01 10:30'", 1641033000],
  ["'2022-01-01 10:30:15'", 1641033015],
  ["'2022-01-01 10:30:15-07:00'", 1641058215],
  ["'2022-01-01T10:30:15Z'", 1641033015],
  ["'2022-01-01T10:30:15.75+02:00'", 1641025815],
  ["'2022-01-01T10Z'", 1641031200],
  ["'2022-01-01T10:30+0100'", 1641029400],
  ["'Sat Jan  1 10:30:15 2022'", 1641033015],
  ["'Sat Jan  1 10:30:15 UTC 2022'", 1641033015],
  ["'Sat Jan 01 10:30:15 -0700 2022'", 1641058215],
  ["'3:04PM'", -62167164960],
  ["'2022-02-30'", "2022-02-30"],
  ["'2022-1-1'", "2022-1-1"],
  ["day == '2022-01-01'", false],
  ["1640995201 > '2022-01-01'", true],
  // variables
  ["n", 7],
  ["[n]", 7],
  ["[a-b]", 5],
  ["a\\-b", 5],
  ["[a.b]", 6],
  ["[a b]", "spaced"],
  ["[a\\]b]", "bracket"],
  ["in_use", "letters"],
  ["é", "accent"],
  ["nothing", null],
  ["list", [1, "a", true, null]],
  ["object", { a: { b: 1 } }],
  // arithmetic
  ["1 + 2", 3],
  ["1+2", 3],
  ["n - 2 - 1", 4],
  ["2 - -3", 5],
  ["2 * 3 + 4", 10],
  ["2 + 3 * 4", 14],
  ["(2 + 3) * 4", 20],
  ["7 / 2", 3.5],
  ["1 / 0", Number.POSITIVE_INFINITY],
  ["7 % 4", 3],
  ["-7 % 4", -3],
  ["5.5 % 2", 1.5],
  ["2 ** 3", 8],
  ["2 ** 3 ** 2", 64],
  ["-2 ** 2", 4],
  ["10 ** -5", 0.00001],
  ["2 * 3 ** 2", 18],
  ["-n", -7],
  ["- n", -7],
  ["-(1 + 2)", -3],
  ["12 & 10", 8],
  ["12 | 10", 14],
  ["12 ^ 10", 6],
  ["~5", -6],
  ["1 << 4", 16],
  ["256 >> 4", 16],
  ["1 << 64", 0],
  ["-1 >> 60", 15],
  ["1 | 2 + 4", 7],
  ["1 << 2 + 1", 8],
  ["1.9 | 0", 1],
  // text
  ["'a' + 'b'", "ab"],
  ["'a' + 1", "a1"],
  ["1 + 'a'", "1a"],
  ["'a' + 1000000", "a1e+06"],
  ["'a' + 0.5", "a0.5"],
  ["'a' + true", "atrue"],
  ["'a' + nothing", "a<nil>"],
  ["'a' + list", "a[1 a true <nil>]"],
  ["'a' + object", "amap[a:map[b:1]]"],
  ["('a' +)", "a<nil>"],
  // comparison
  ["n == 7", true],
  ["n == 7.0", true],
  ["n == '7'", false],
  ["digits == '7'", true],
  ["digits == 7", false],
  ["n != 7", false],
  ["n != '7'", true],
  ["n > 6", true],
  ["n >= 7", true],
  ["n < 7", false],
  ["n <= 7", true],
  ["s == 'push'", true],
  ["s > 'pull'", true],
  ["'B' < 'a'", true],
  ["'Z' < 'é'", true],
  ["'\u{ffff}' < '\u{1f600}'", true],
  ["yes == true", true],
  ["nothing == nothing", true],
  ["nothing == ()", true],
  ["nothing == ''", false],
  ["nothing != 0", true],
  ["object == same", true],
  ["object == list", false],
  ["(1, 'a', true, nothing) == list", true],
  ["0 / 0 == 0 / 0", false],
  ["1 < 0 / 0", false],
  ["1 == 1 == true", true],
  ["(1 ==)", false],
  // patterns
  ["s =~ 'pu'", true],
  ["s =~ '^us'", false],
  ["s !~ 'pull'", true],
  ["s =~ '(?i)PUSH'", true],
  ["s =~ 'p' + 'u'", true],
  ["s =~ s", true],
  ["'a.b' =~ ('a' + '.b')", true],
  // in
  ["s in ('push', 'pull')", true],
  ["n in (1, 7)", true],
  ["n in ('7', 8)", false],
  ["n IN (7, 8)", true],
  ["1 in list", true],
  ["nothing in list", true],
  ["list in (1, 2)", false],
  ["nothing in (1, nothing)", true],
  ["n in (1, 7) == true", true],
  // logic
  ["yes && no", false],
  ["yes || no", true],
  ["!yes", false],
  ["!no && yes", true],
  ["! (n > 3)", false],
  ["no && missing", false],
  ["yes || missing", true],
  ["no && 1", false],
  ["yes || 'a'", true],
  ["no || yes && no", false],
  ["n > 3 && s == 'push' || missing", true],
  // ternaries
  ["yes ? 1 : 2", 1],
  ["no ? 1 : 2", 2],
  ["no ? 1", null],
  ["yes ? 1 : missing", 1],
  ["no ? missing : 2", 2],
  ["yes ? nothing : 2", 2],
  ["nothing ?? 1", 1],
  ["n ?? 1", 7],
  ["nothing ?? nothing ?? 3", 3],
  ["n > 3 ? 'big' : 'small'", "big"],
  ["no ? 1 : (no ? 2 : 3)", 3],
  // lists
  ["1, 2", [1, 2]],
  ["(1, 2, 3)", [1, 2, 3]],
  ["((1, 2), 3)", [1, 2, 3]],
  ["(1, (2, 3))", [1, [2, 3]]],
  ["(list, 2)", [1, "a", true, null, 2]],
  // what the original does not notice
  ["(1) 2", 1],
  ["(yes) (no)", true],
  ["1) + (2", 1],
  ["((1) 2 + 3)", 4],
  ["()", null],
];

for (const [text, result] of results) {
  test(`govaluate ${text}`, () => assert.deepEqual(compileGovaluate(text).evaluate(values), result));
}

for (const [text, message] of [
  ["", /at 0: it ends where a value is expected/],
  ["   ", /it ends where/],
  ["1 +", /at 3: it ends where/],
  ["!", /it ends where/],
  ["(1", /a parenthesis is not closed/],
  ["1)", /a \) has no \(/],
  ["a b", /at 2: the variable "b" cannot follow the variable "a"/],
  ["1 2", /the number "2" cannot follow the number "1"/],
  ["1 + + 2", /at 4: the modifier "\+" cannot follow the modifier "\+"/],
  ["- -1", /cannot follow the prefix "-"/],
  ["-'a'", /the string "a" cannot follow the prefix "-"/],
  ["1 + '2022-01-01'", /the time "2022-01-01" cannot follow the modifier/],
  ["'2022-01-01' ? 1 : 2", /the ternary operator "\?" cannot follow the time/],
  ["len(s)", /there are no functions, such as len/],
  ["1 = 1", /at 2: there is no operator "="/],
  ["a==-1", /there is no operator "==-"/],
  ["!!a", /there is no operator "!!"/],
  ["1 ~ 2", /there is no operator "~"/],
  ["a &&!b", /there is no operator "&&!"/],
  ["_a", /there is no operator "_"/],
  ["$a", /there is no operator "\$"/],
  ["'abc", /at 0: a string does not end/],
  ["[abc", /the bracket of a name does not end/],
  ["a]", /there is no operator ""/],
  ["abc\\", /it ends with a backslash/],
  ["1.2.3", /"1.2.3" is no number/],
  ["1e5", /the variable "e5" cannot follow/],
  ["0xg", /the variable "g" cannot|no hexadecimal number/],
  ["0x1ffffffffffffffff", /no hexadecimal number of 64 bits/],
  ["a.b", /"a.b" cannot be looked into: write \[a.b\]/],
  ["a.", /"a." ends with a dot/],
  ["a ? , b", /the separator "," stands where a value is expected/],
  ["s =~ '('", /at 5: .*missing closing \)/],
  ["s =~ '(?=a)'", /at 5: /],
  ["'\u{1f600}' $", /at 5: there is no operator "\$"/],
] as const) {
  test(`govaluate refuses ${text}`, () => {
    assert.throws(
      () => compileGovaluate(text),
      (error) => error instanceof TerminalError && error.code === "EXPRESSION_INVALID" && message.test(error.message),
    );
  });
}

for (const [text, message] of [
  ["missing", /there is no parameter "missing"/],
  ["constructor", /there is no parameter/],
  ["[]", /there is no parameter ""/],
  ["yes && missing", /there is no parameter/],
  ["n && yes", /"7" cannot be used with the logical operator &&: it is not a bool/],
  ["yes && n", /"7" cannot be used with the logical operator &&/],
  ["no || s", /"push" cannot be used with the logical operator \|\|/],
  ["n ? 1 : 2", /"7" cannot be used with the ternary operator \?: it is not a bool/],
  ["!n", /"7" cannot be used with the prefix !/],
  ["-s", /"push" cannot be used with the prefix -/],
  ["~yes", /"true" cannot be used with the prefix ~/],
  ["(!)", /"<nil>" cannot be used with the prefix !/],
  ["s - 1", /"push" cannot be used with the modifier -: it is not a number/],
  ["1 * s", /"push" cannot be used with the modifier \*/],
  ["yes + 1", /"true" cannot be used with the modifier \+/],
  ["nothing + nothing", /"<nil>" cannot be used with the modifier \+/],
  ["n > s", /"7" and "push" cannot be used with the comparator >: it takes two numbers or two strings/],
  ["nothing < 1", /cannot be used with the comparator </],
  ["n =~ '7'", /"7" cannot be used with the comparator =~: it is not a string/],
  ["s =~ n", /"7" cannot be used with the comparator =~: it is not a pattern/],
  ["s =~ '2022-01-01'", /it is not a pattern/],
  ["s =~ ('(')", /missing closing \)/],
  ["s =~ 'a' + 1", /"a" cannot be used with the modifier \+/],
  ["n in n", /"7" cannot be used with the comparator in: it is not a list/],
  ["n in (7)", /it is not a list/],
  ["yes ? missing ?? 1 : 2", /there is no parameter "missing"/],
  ["list in nested", /cannot be looked for with in/],
  ["object in (object, 1)", /cannot be looked for with in/],
  ["object.Name", /"object.Name" cannot be looked into: "object" is not a struct/],
  ["s.Len(1) + 2", /cannot be looked into/],
  ["missing.Name", /there is no parameter "missing"/],
] as const) {
  test(`govaluate fails with ${text}`, () => {
    const compiled = compileGovaluate(text);
    assert.throws(
      () => compiled.evaluate(values),
      (error) => error instanceof EngineError && error.code === "EXPRESSION_FAILED" && message.test(error.message),
    );
  });
}

test("govaluate names its variables once", () => {
  assert.deepEqual(compileGovaluate("a > 1 && [b-c] in (a, d.E)").names, ["a", "b-c", "d"]);
});

test("govaluate bounds what it takes", () => {
  for (const text of [
    `${"(".repeat(2_000)}1${")".repeat(2_000)}`,
    Array(2_000).fill("1").join("+"),
    Array(2_000).fill("(1)").join("-"),
    "1".repeat(20_000),
  ]) {
    assert.throws(() => compileGovaluate(text), TerminalError);
  }
  assert.equal(compileGovaluate(Array(900).fill("1").join("+")).evaluate({}), 900);
  assert.equal(compileGovaluate(`${"(".repeat(900)}1${")".repeat(900)}`).evaluate({}), 1);
});

test("govaluate bounds what it makes", () => {
  const large = "x".repeat(1_000_000);
  assert.throws(() => compileGovaluate(Array(40).fill("s").join("+")).evaluate({ s: large }), /longer than/);
  assert.throws(() => compileGovaluate("s =~ p").evaluate({ s: "", p: large }), /a pattern is longer/);
  let deep: FloatJson = [];
  for (let level = 0; level < 50_000; level++) deep = [deep];
  assert.throws(() => compileGovaluate("d == e").evaluate({ d: deep, e: structuredCloneDeep(deep) }), /nested deeper/);
  assert.throws(() => compileGovaluate("'' + d").evaluate({ d: deep }), /nested deeper/);
});

/** `structuredClone` does not take that many levels. */
function structuredCloneDeep(value: FloatJson): FloatJson {
  let [level, copy]: [FloatJson | undefined, FloatJson] = [value, []];
  while (Array.isArray(level) && level.length > 0) {
    copy = [copy];
    level = level[0];
  }
  return copy;
}

test("govaluate takes any text", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), (text) => {
      try {
        compileGovaluate(text).evaluate(values);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
      }
    }),
  );
});

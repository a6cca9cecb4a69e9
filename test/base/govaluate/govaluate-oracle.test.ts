import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { EngineError, TerminalError } from "../../../src/base/errors.ts";
import { printFloat } from "../../../src/base/go/float.ts";
import { compileGovaluate } from "../../../src/base/govaluate/govaluate.ts";
import type { FloatJson, FloatObject } from "../../../src/base/json.ts";
import { assertSameOfEach, type Oracle, oracleMissing, startOracle } from "../../harness/oracle.ts";

/**
 * Compares us with Knetic/govaluate on generated expressions. What differs on purpose: the last bit of `**` with a
 * fraction in the exponent, limits of ours, and lists that share memory (the oracle gives each list its own).
 */
const runs = Number(process.env.TIPHYS_ORACLE_RUNS ?? 3_000);

const numbers = fc.oneof(
  fc.constantFrom(
    "0",
    "1",
    "2",
    "3",
    "0.5",
    "1.5",
    "10",
    "64",
    "63",
    "0x10",
    "0xff",
    ".25",
    "7.",
    "1000000",
    "123456789",
  ),
  fc.nat({ max: 1_000 }).map(String),
  fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value.toFixed(3)),
);

const dates = fc.constantFrom(
  ...["2022-01-01", "2022-01-01 10:11", "2022-01-01 10:11:12", "2022-01-01T10:11:12Z", "2022-01-01T10:11:12.5+02:00"],
  ...[
    "2022-01-01T10Z",
    "2022-01-01T10:11-0700",
    "3:04PM",
    "12:04AM",
    "Mon Jan  2 15:04:05 2006",
    "2022-02-30",
    "2022-1-1",
  ],
  ...["Mon Jan  2 15:04:05 MST 2006", "mon jan 12 15:04:05 GMT+3 2006", "Mon Jan 02 15:04:05 -0700 2006", "13:04PM"],
  ...[
    "2022-01-01 10:11:12-07:00",
    "2022-01-01 10:11:12,25",
    "0001-01-01",
    "2022-01-01T10:11:12.123456789Z",
    "2022-01-01 ",
  ],
);

const texts = fc.oneof(
  fc.constantFrom("", "a", "b", "ab", "A", "a.b", "1", "true", "é", "\u{1f600}", "^a", "a|b", "(", "x y"),
  dates,
);

const strings = fc.tuple(fc.constantFrom("'", '"'), texts).map(([quote, text]) => `${quote}${text}${quote}`);

const variables = fc.constantFrom(
  ...[
    "n",
    "m",
    "s",
    "t",
    "b",
    "c",
    "l",
    "o",
    "z",
    "e",
    "missing",
    "[a-b]",
    "[n]",
    "[a b]",
    "a\\-b",
    "s.Len",
    "s.len",
    "N",
  ],
);

const literals = fc.oneof(numbers, strings, variables, variables, fc.constantFrom("true", "false"));

const binaries = fc.constantFrom(
  ...["+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=", "=~", "!~", "in"],
  ...["&&", "||", "&&", "||", "==", "+", "?", ":", "??"],
);

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 5, depthSize: "medium", withCrossShrink: true },
    literals,
    fc.tuple(tie("expression"), binaries, tie("expression")).map((parts) => parts.join(" ")),
    fc.tuple(tie("expression"), tie("expression"), tie("expression")).map(([a, b, c]) => `${a} ? ${b} : ${c}`),
    fc.tuple(fc.constantFrom("-", "!", "~", "- ", "! "), tie("expression")).map((parts) => parts.join("")),
    tie("expression").map((inner) => `(${inner})`),
    fc.array(tie("expression"), { minLength: 1, maxLength: 3 }).map((items) => `(${items.join(", ")})`),
    fc
      .tuple(tie("expression"), fc.array(literals, { minLength: 1, maxLength: 3 }))
      .map(([a, b]) => `${a} in (${b.join(",")})`),
  ),
}));

const spaced = (...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((texts) => texts.join(" "));

/** Types that fit, so that most of them have a result. */
const { typed } = fc.letrec<Record<"typed" | "number" | "text" | "bool", string>>((tie) => ({
  typed: fc.oneof(tie("bool"), tie("bool"), tie("number"), tie("text")),
  number: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(numbers, fc.constantFrom("n", "m", "[a-b]")),
    spaced(tie("number"), fc.constantFrom(..."+ - * / % ** & | ^ << >>".split(" ")), tie("number")),
    fc.tuple(fc.constantFrom("-", "~"), numbers).map((parts) => `(${parts.join("")})`),
    tie("number").map((inner) => `(${inner})`),
    spaced(
      fc.constant("("),
      tie("bool"),
      fc.constant("?"),
      tie("number"),
      fc.constant(":"),
      tie("number"),
      fc.constant(")"),
    ),
  ),
  text: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(
      texts.map((text) => `'${text}'`),
      fc.constantFrom("s", "t", "[a b]"),
    ),
    spaced(
      tie("text"),
      fc.constant("+"),
      fc.oneof(tie("text"), tie("number"), tie("bool"), fc.constantFrom("l", "o", "z")),
    ),
    tie("text").map((inner) => `(${inner})`),
    spaced(fc.constant("z ??"), tie("text")),
  ),
  bool: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom("b", "c", "true", "false"),
    spaced(tie("number"), fc.constantFrom("==", "!=", "<", "<=", ">", ">="), tie("number")),
    spaced(tie("text"), fc.constantFrom("==", "!=", "<", "<=", ">", ">="), tie("text")),
    spaced(
      tie("text"),
      fc.constantFrom("=~", "!~"),
      fc.oneof(
        texts.map((text) => `'${text}'`),
        fc.constant("t"),
      ),
    ),
    spaced(
      fc.oneof(tie("number"), tie("text"), fc.constantFrom("z", "b")),
      fc.constantFrom("in l", "IN (n, s, z, b)", "in (1, 'a')"),
    ),
    spaced(tie("bool"), fc.constantFrom("&&", "||", "==", "!="), tie("bool")),
    tie("bool").map((inner) => `!(${inner})`),
    tie("bool").map((inner) => `(${inner})`),
    fc.constantFrom("l == l", "o == e", "e != l", "(n, m) == (n, m)", "z == e"),
  ),
}));

/** Dates with something changed. */
const nearlyDates = fc
  .tuple(dates, fc.nat(), fc.constantFrom("", "0", "9", " ", "Z", "+", ":", ".5", "T", "UTC"), fc.nat({ max: 1 }))
  .map(([date, seed, piece, cut]) => {
    const at = seed % (date.length + 1);
    return `'${date.slice(0, at)}${piece}${date.slice(at + cut)}'`;
  });

/** Nearly any order of tokens, with and without spaces. */
const soup = fc
  .array(
    fc.tuple(
      fc.oneof(
        { weight: 4, arbitrary: literals },
        { weight: 4, arbitrary: binaries },
        { weight: 3, arbitrary: fc.constantFrom("(", ")", ",", "!", "-", "~", "IN", "()", "(", ")") },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            "[",
            "]",
            "'",
            "\\",
            "foo(",
            "x.",
            "a.B",
            "$",
            "0x",
            "1e3",
            "1.2.3",
            "é",
            "_a",
            "٣",
          ),
        },
      ),
      fc.constantFrom("", " ", " ", " ", "\t"),
    ),
    { maxLength: 9 },
  )
  .map((parts) => parts.flat().join(""));

const leaves = fc.oneof(fc.constantFrom(0, 1, 2, 1.5, -1, 1e21, "a", "b", "ab", "", "2022-01-01", true, false, null));
const lists = fc.array(fc.oneof(leaves, fc.array(leaves, { maxLength: 2 })), { maxLength: 4 });
const objects = fc.dictionary(fc.constantFrom("a", "b", "__proto__"), leaves, { maxKeys: 2 });
const any = fc.oneof(leaves, lists, objects);

const values = fc
  .record({
    n: fc.oneof(fc.integer({ min: -100, max: 100 }), fc.double({ noNaN: true, noDefaultInfinity: true })),
    m: fc.nat({ max: 70 }),
    s: fc.oneof(texts, fc.string()),
    t: texts,
    b: fc.boolean(),
    c: fc.boolean(),
    l: lists,
    o: objects,
    z: fc.constant(null),
    e: any,
    "a-b": fc.nat(9),
    "a b": texts,
  })
  .map((given) => JSON.parse(JSON.stringify(given)) as FloatObject);

describe("govaluate as the original", { skip: oracleMissing() ?? false }, () => {
  let oracle: Oracle;
  before(() => {
    oracle = startOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  for (const [name, expressions] of [
    ["expressions of types that fit", typed],
    ["expressions", expression],
    ["strings that may be dates", nearlyDates],
    ["tokens in any order", soup],
  ] as const) {
    test(name, { timeout: 600_000 }, async () => {
      const same = async ([text, given]: [string, FloatObject]): Promise<void> => {
        const theirs = await oracle.ask({ dialect: "govaluate", expression: text, values: given });
        const place = `${text} of ${JSON.stringify(given)}: ${JSON.stringify(theirs)}`;
        assert.deepEqual(ours(text, given), theirOutcome(theirs), place);
      };
      await assertSameOfEach(fc.tuple(expressions, values), same, { numRuns: runs });
    });
  }
});

function ours(text: string, given: FloatObject): unknown {
  let stage = "parse";
  try {
    const compiled = compileGovaluate(text);
    stage = "evaluate";
    return { ok: plain(compiled.evaluate(given)) };
  } catch (error) {
    const isExpected = stage === "parse" ? error instanceof TerminalError : error instanceof EngineError;
    if (!isExpected) throw error;
    return { error: stage };
  }
}

/** As the oracle writes them: numbers that JSON does not have as text, and those of `**` without their last digits. */
function plain(value: FloatJson): unknown {
  if (typeof value === "number") return rounded(value);
  if (Array.isArray(value)) return value.map(plain);
  return value;
}

function rounded(value: number): unknown {
  if (!Number.isFinite(value) || Object.is(value, -0)) return printFloat(value);
  return Number(value.toPrecision(14));
}

function theirOutcome(answer: Awaited<ReturnType<Oracle["ask"]>>): unknown {
  if ("error" in answer) {
    const { error } = answer;
    // A panic: lists and objects in `in`.
    return { error: error.startsWith("parse: ") ? "parse" : "evaluate" };
  }
  const { type, value } = answer.ok as { type: string; value: FloatJson };
  return { ok: type.startsWith("[]") || type === "float64" ? plain(value) : value };
}

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { EngineError, TerminalError } from "../../../src/base/errors.ts";
import { floatFrom, intOf } from "../../../src/base/expr/builtins/numbers.ts";
import { compileExpr } from "../../../src/base/expr/expr.ts";
import { ExprFunction, type Value } from "../../../src/base/expr/values/values.ts";
import type { FloatObject } from "../../../src/base/json.ts";
import { assertSameOfEach, type Oracle, oracleMissing, startOracle } from "../../harness/oracle.ts";
import { anyTokens, anyValues, expressions, fitting, layoutTexts, searches } from "./arbitraries.ts";
import { results, values } from "./cases.ts";
import { failing, refused } from "./faults.ts";
import { typed } from "./typed.ts";

/** Compares us with antonmedv/expr on generated expressions; the README of src/base/expr lists what differs. */
const runs = Number(process.env.TIPHYS_ORACLE_RUNS ?? 3_000);

const functions = { asInt: ofOne(intOf), asFloat: ofOne(floatFrom) };

function ofOne(call: (value: Value) => Value): ExprFunction {
  return new ExprFunction((args) => {
    if (args.length !== 1) throw new EngineError("EXPRESSION_FAILED", "it takes one argument");
    return call(args[0] ?? null);
  });
}

describe("expr as the original", { skip: oracleMissing() ?? false }, () => {
  let oracle: Oracle;
  before(() => {
    oracle = startOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  test("the cases of the tables", async () => {
    const answer = async (text: string): Promise<unknown> => [text, await outcome(oracle, text, values)];
    for (const [text, result] of results) assert.deepEqual(await answer(text), [text, { ok: typed(result) }]);
    for (const [text] of refused) assert.deepEqual(await answer(text), [text, { error: "parse" }]);
    for (const [text] of failing) assert.deepEqual(await answer(text), [text, { error: "evaluate" }]);
  });

  for (const [name, texts] of [
    ["expressions of types that fit", fitting],
    ["expressions", expressions],
    ["searches backwards", searches],
    ["dates of any layout", layoutTexts],
    ["tokens in any order", anyTokens],
  ] as const) {
    test(name, { timeout: 600_000 }, async () => {
      const same = async ([text, given]: [string, FloatObject]): Promise<void> => {
        const [mine, theirs] = [ours(text, given), await outcome(oracle, text, given)];
        assert.deepEqual(rounded(text, mine), rounded(text, theirs), `${text} of ${JSON.stringify(given)}`);
      };
      await assertSameOfEach(fc.tuple(texts, anyValues), same, { numRuns: runs });
    });
  }
});

/** The last bits of powers with a fraction in the exponent differ. */
function rounded(text: string, result: unknown): unknown {
  if (!/\^|\*\*/.test(text)) return result;
  const json = JSON.stringify(result);
  return JSON.parse(
    json.replace(/"(-?\d+(?:\.\d+)?(?:e[+-]\d+)?)"/g, (_, number) => `"${Number(number).toPrecision(13)}"`),
  );
}

async function outcome(oracle: Oracle, text: string, given: FloatObject): Promise<unknown> {
  const functions = hasFunctions(text);
  const answer = await oracle.ask({ dialect: "expr", expression: text, values: given, functions });
  return "error" in answer ? { error: answer.error.split(":")[0] } : answer;
}

/** They have no text of their own, so that they must not be where all values are printed. */
function hasFunctions(text: string): boolean {
  return /asInt|asFloat/.test(text) && !text.includes("$env");
}

function ours(text: string, given: FloatObject): unknown {
  let stage = "parse";
  try {
    const compiled = compileExpr(text);
    stage = "evaluate";
    return { ok: typed(compiled.evaluate(hasFunctions(text) ? { ...given, ...functions } : given)) };
  } catch (error) {
    const isExpected = stage === "parse" ? error instanceof TerminalError : error instanceof EngineError;
    if (!isExpected) throw error;
    return { error: stage };
  }
}

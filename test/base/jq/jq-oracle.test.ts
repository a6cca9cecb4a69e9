import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { TerminalError } from "../../../src/base/errors.ts";
import { JqError, JqLimitError } from "../../../src/base/jq/fault.ts";
import { compileJq } from "../../../src/base/jq/jq.ts";
import type { JsonValue } from "../../../src/base/json.ts";
import { assertSameOfEach, type Oracle, oracleMissing, startOracle } from "../../harness/oracle.ts";
import { anyTokens, inputs, programs } from "./arbitraries.ts";
import { results } from "./cases.ts";
import { failing, refused } from "./faults.ts";

/** Compares us with gojq on generated programs; the README of src/base/jq lists what differs. */
const runs = Number(process.env.TIPHYS_ORACLE_RUNS ?? 3_000);

/** That many results the oracle gives at most. */
const maxOutputs = 200;

describe("jq as the original", { skip: oracleMissing() ?? false }, () => {
  let oracle: Oracle;
  before(() => {
    oracle = startOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  test("the rows of the tables", async () => {
    for (const [program, input, outputs] of results) {
      const theirs = await original(oracle, program, input);
      assert.deepEqual([program, comparable(theirs, theirs)], [program, JSON.stringify(outputs)]);
    }
    for (const [program, input, error] of failing) {
      assert.deepEqual([program, await original(oracle, program, input)], [program, { error }]);
    }
    for (const [program] of refused) {
      assert.deepEqual([program, await original(oracle, program, null)], [program, { error: "compile" }]);
    }
  });

  for (const [name, texts] of [
    ["programs", programs.map((text) => `. as $x | ${text}`)],
    ["tokens in any order", anyTokens],
  ] as const) {
    test(name, { timeout: 600_000 }, async () => {
      const same = async ([program, input]: [string, JsonValue]): Promise<void> => {
        const mine = ours(program, input);
        if (isLimit(mine) || isCaughtBreak(program) || isLostInput(program)) return; // the original has no limit of memory: it is not asked
        const theirs = await original(oracle, program, input);
        if (isLimit(theirs)) return;
        const place = `${program} of ${JSON.stringify(input)}`;
        assert.deepEqual(comparable(mine, theirs), comparable(theirs, theirs), place);
      };
      await assertSameOfEach(fc.tuple(texts, inputs), same, { numRuns: runs });
    });
  }
});

type Outcome = { readonly outputs: readonly unknown[] } | { readonly error: string } | { readonly limit: string };

function isLimit(outcome: Outcome): boolean {
  return "limit" in outcome;
}

/** Where `?//` catches the `break` within `first` and its like, the original goes on with the next pattern. */
function isCaughtBreak(program: string): boolean {
  return program.includes("?//") && /first|nth|limit|skip|isempty|any|all|IN/.test(program);
}

/** `if 0, [{a: null, a}] | "" then . end` gives 0 and the input there, as if the condition's value were the input. */
function isLostInput(program: string): boolean {
  return /\bif\b/.test(program) && /\{a: .*, a\}\].*\| ""/.test(program);
}

function ours(program: string, input: JsonValue): Outcome {
  try {
    const compiled = compileJq(program);
    return { outputs: compiled.run(input, { limits: { maxOutputs, maxSteps: 200_000 } }) };
  } catch (error) {
    if (error instanceof JqError && error.message.includes("time out of range")) return { limit: error.message };
    if (error instanceof JqError) return { error: error.message };
    if (error instanceof JqLimitError) return { limit: error.message };
    if (error instanceof TerminalError) return { error: "compile" };
    throw error;
  }
}

async function original(oracle: Oracle, program: string, input: JsonValue): Promise<Outcome> {
  const answer = await oracle.ask({ dialect: "jq", program, input });
  if ("error" in answer) return { error: answer.error.startsWith("compile: ") ? "compile" : answer.error };
  const { outputs, error } = answer.ok as { outputs: string[]; error?: string };
  if (error === "timeout" || error === "more") return { limit: error };
  return error === undefined ? { outputs: outputs.map(exactJson) } : { error };
}

/** Integers of any size. */
function exactJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, { source }) =>
    typeof value === "number" && source !== undefined && /^-?\d{16,}$/.test(source) && !Number.isSafeInteger(value)
      ? BigInt(source)
      : value,
  );
}

/** Reasons are in other words where they come from libraries. */
function comparable(outcome: Outcome, theirs: Outcome): unknown {
  // As text, so that the order of keys counts and -0 is zero.
  if ("outputs" in outcome) return JSON.stringify(outcome.outputs);
  const isForeign = "error" in theirs && /invalid regular expression|fromjson/.test(theirs.error);
  return isForeign ? "an error" : outcome;
}

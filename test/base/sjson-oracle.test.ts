import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { parseJson } from "../../src/base/json.ts";
import { changesOnly, setJson } from "../../src/base/sjson.ts";
import { assertSameOfEach, type Oracle, oracleMissing, startOracle } from "../harness/oracle.ts";
import { numberedDocuments, paths } from "./gjson/arbitraries.ts";

const runs = Number(process.env.TIPHYS_ORACLE_RUNS ?? 5_000);

const parts = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "c",
    "ab",
    "name",
    "x\\.y",
    "\\@type",
    "",
    "é",
    "a\\*b",
    "k\\\\",
    "\\#",
    "new",
    "a b",
    "a:b",
  ),
  fc.constantFrom("0", "1", "2", "01", "5", "-1", "-1", ":0", ":1", ":-1", ":a", ":", "\\0", "\\-1", "a\\"),
);
const plainPaths = fc.array(parts, { minLength: 1, maxLength: 5 }).map((all) => all.join("."));

/** Documents, and that there is none yet. */
const documents = fc.oneof({ weight: 9, arbitrary: numberedDocuments }, { weight: 1, arbitrary: fc.constant("") });

const values = fc.oneof(
  fc.tuple(fc.constantFrom("V", "", 'a "b"', "é"), fc.constant(false)),
  fc.tuple(fc.constantFrom("1", "null", "true", '{"n":[1]}', "[]", '"s"', "9007199254740993"), fc.constant(true)),
);

async function assertSame(oracle: Oracle, json: string, path: string, [value, raw]: [string, boolean]): Promise<void> {
  const answer = await oracle.ask({ dialect: "sjson", json, path, value, raw });
  const place = `${path} of ${json} to ${value}`;
  const set = () => setJson(json === "" ? undefined : parseJson(json), path, raw ? parseJson(value) : value);
  if ("error" in answer) {
    if (answer.error.startsWith("panic: ")) return; // it takes a place in what it made for one in the document
    assert.match(answer.error, /^set: /);
    assert.throws(set, /destination/, place);
    return;
  }
  const theirs = String(answer.ok);
  if (!isJson(theirs)) return; // as for isComputed
  const ours = set();
  assert.deepEqual(ours, theirs === "" ? undefined : parseJson(theirs), place);
}

function isJson(text: string): boolean {
  try {
    if (text !== "") parseJson(text);
    return true;
  } catch {
    return false; // that is the question
  }
}

/**
 * Behind a second `#`, a modifier, a literal, or several paths in brackets the original replaces what it computed at a place
 * that it does not have.
 */
function isComputed(path: string): boolean {
  const isMade = /@(?!type)|!(?![=%])|[.|][[{]/.test(path);
  return isMade || (path.match(/#(?:\.|$)/g) ?? []).length > 1 || path.includes("..");
}

/** Without a sign of GJSON a bracket or a literal is part of a key; the original also looks for what it would find. */
function isBracketKey(path: string): boolean {
  return !changesOnly(path) && /[[{!]/.test(path);
}

const missing = oracleMissing();

describe("SJSON beside the original", { skip: missing ?? false, concurrency: false }, () => {
  let oracle: Oracle;
  before(() => {
    oracle = startOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  for (const [name, path] of [
    ["paths of keys and indexes", plainPaths],
    ["paths of GJSON", paths({ pipes: false }).filter((text) => !isComputed(text))],
    [
      "paths of GJSON with all there is",
      paths({ pipes: true }).filter((text) => !isComputed(text) && !isBracketKey(text)),
    ],
  ] as const) {
    test(`SJSON sets the same: ${name}`, { timeout: 600_000 }, async () => {
      const cases = fc.tuple(documents, path, values);
      await assertSameOfEach(cases, ([json, text, value]) => assertSame(oracle, json, text, value), { numRuns: runs });
    });
  }
});

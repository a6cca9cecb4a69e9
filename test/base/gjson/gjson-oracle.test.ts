import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { compileGjson } from "../../../src/base/gjson/gjson.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../../src/base/json.ts";
import { assertSameOfEach, type Oracle, oracleMissing, startOracle } from "../../harness/oracle.ts";
import { brokenPaths, documents, numberedDocuments, paths } from "./arbitraries.ts";

const runs = Number(process.env.TIPHYS_ORACLE_RUNS ?? 5_000);

/** What the original finds, read as we read it. */
async function original(oracle: Oracle, json: string, path: string): Promise<JsonObject> {
  const answer = await oracle.ask({ dialect: "gjson", json, path });
  assert.ok("ok" in answer && isJsonObject(answer.ok), JSON.stringify(answer));
  return answer.ok;
}

async function assertSame(oracle: Oracle, json: string, path: string): Promise<void> {
  const theirs = await original(oracle, json, path);
  const document = parseJson(json);
  const compiled = compileGjson(path);
  const found = compiled.read(document);
  const place = `${path} of ${json}`;
  if (isOurOwn(theirs, path)) return;
  assert.equal(found !== undefined, theirs.exists, `exists: ${place}: ${JSON.stringify(found)} or ${theirs.raw}`);
  if (found === undefined) return;
  const text = compiled.text(found, document);
  // White space of `@pretty` is kept where nothing but the end of the path follows, that of literals never.
  if (/@pretty|!/.test(path)) assert.equal(withoutSpace(text), withoutSpace(String(theirs.text)), `text: ${place}`);
  else assert.equal(text, theirs.text, `text: ${place}`);
}

function withoutSpace(text: string): string {
  return text.replaceAll(/\s|\\[nt]/g, "");
}

/** What the README of the folder lists as different. */
function isOurOwn(theirs: JsonObject, path: string): boolean {
  if (hasBrokenOptions(path)) return true;
  if (/@fromstr.*@tostr/.test(path)) return true; // it writes what is no JSON as it is
  if (/@tostr.*[.|](?!@(?:this|valid|reverse|ugly|flatten|join|keys|values|tostr|fromstr|group|pretty)\b)/.test(path))
    return true; // it looks for brackets in texts
  if (/!(?:true|false|null|nan|inf)/i.test(path) && !/!(?:true|false|null)/.test(path)) return true;
  if (/!"[^"]*"[^,\]})]|![-+0-9].*[^,0-9.|@a-z]/.test(path)) return true; // it takes what follows into the literal
  if (/![[{]/.test(path.replaceAll(/!(?:\{"a":1\}|\[1,2\])/g, ""))) return true; // no JSON
  const numbers = path.match(/![-+0-9][^,\]}\s]*/g) ?? [];
  if (!numbers.every((number) => isJson(number.slice(1)))) return true;
  const raw = String(theirs.raw);
  if (path.includes("{") && /\\*"\d+\\*":/.test(raw)) return true; // our objects put numbers first
  if (theirs.exists === true && !isJson(raw)) return true;
  return path.includes("{") && (hasRepeatedKeys(raw) || asksForMembers(path, raw));
}

/** Of a key that is there twice the original tells both. */
function asksForMembers(path: string, json: string): boolean {
  if (/\{.*@values/.test(path)) return true;
  const items: unknown = /\{.*@keys/.test(path) && json !== "" ? parseJson(json) : undefined;
  return Array.isArray(items) && new Set(items).size < items.length;
}

/** A text that is shorter once it is read and written again. */
function hasRepeatedKeys(json: string): boolean {
  return json !== "" && withoutSpace(JSON.stringify(parseJson(json))).length < withoutSpace(json).length;
}

/** The original's reader of options takes what is no JSON. */
function hasBrokenOptions(path: string): boolean {
  const options = [...path.matchAll(/@(?:pretty|flatten|join):(\{[^}]*\}?|[^|]*)/g)];
  return options.some(([, text = ""]) => !isJson(text));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // that is the question
  }
}

const missing = oracleMissing();

describe("GJSON beside the original", { skip: missing ?? false, concurrency: false }, () => {
  let oracle: Oracle;
  before(() => {
    oracle = startOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  for (const [name, document, path] of [
    ["paths that only go down", numberedDocuments, paths({ pipes: false })],
    ["paths with all there is", documents, paths({ pipes: true })],
    ["paths that are broken", documents, brokenPaths],
  ] as const) {
    test(`GJSON finds the same: ${name}`, { timeout: 600_000 }, async () => {
      const same = ([json, text]: [string, string]) => assertSame(oracle, json, text);
      await assertSameOfEach(fc.tuple(document, path), same, { numRuns: runs });
    });
  }

  const layouts = fc.constantFrom(
    "",
    '{"sortKeys":true}',
    '{"indent":"\\t","width":20}',
    '{"width":0}',
    '{"width":12}',
  );
  test("GJSON writes the same: @pretty", async () => {
    const same = async ([json, layout]: [string, string]): Promise<void> => {
      const path = layout === "" ? "@pretty" : `@pretty:${layout}`;
      const [theirs, document] = [await original(oracle, json, path), parseJson(json)];
      const { read, text } = compileGjson(path);
      assert.equal(text(read(document) ?? null, document), theirs.text);
    };
    await assertSameOfEach(fc.tuple(documents, layouts), same, { numRuns: runs });
  });

  test("GJSON says the same of numbers, however they are written", async () => {
    const spelled = fc
      .tuple(fc.constantFrom("", "-"), fc.nat({ max: 999 }), fc.constantFrom("", ".0", ".5", ".250"), exponents)
      .map((parts) => parts.join(""));
    const same = async (json: string): Promise<void> => {
      const theirs = await original(oracle, `[${json}]`, "0");
      const { read, text } = compileGjson("0");
      const document = parseJson(`[${json}]`);
      assert.equal(text(read(document) ?? null, document), theirs.text);
    };
    await assertSameOfEach(spelled, same, { numRuns: runs });
  });
});

const exponents = fc.constantFrom("", "e0", "E3", "e+21", "e-7", "e-30", "e30");

import { messageOf } from "../../errors.ts";
import { joinTexts, readable } from "../../go/bytes.ts";
import { type JsonObject, setOwn } from "../../json.ts";
import { compileRegex, type Found, type Regex } from "../../regex.ts";
import { type Env, type Filter, many } from "../compiler/filter.ts";
import { fault, notFor } from "../fault.ts";
import { add } from "../values/operators.ts";
import { characterCount, fieldOf, isList, isObject, type List, type Value } from "../values/values.ts";
import type { Work } from "../work.ts";
import { capturesOf } from "./collections.ts";
import type { FunctionTable, ValueFunction } from "./function.ts";

const maxPattern = 10_000;

/** What a match was asked for. Flags are `g` for all matches, `i` for any case, `m` for a dot that matches newlines. */
interface Query {
  readonly text: string;
  readonly regex: Regex;
  readonly isGlobal: boolean;
}

function queryOf(name: string, input: Value, pattern: Value, flags: Value, work: Work): Query {
  const isFit = typeof input === "string" && typeof pattern === "string";
  if (!isFit || (flags !== null && typeof flags !== "string")) throw notFor(name, input, pattern, flags);
  const given = flags ?? "";
  if (/[^gim]/.test(given)) throw fault(`unsupported regular expression flag: ${JSON.stringify(given)}`);
  if (pattern.length > maxPattern) throw fault(`a regular expression is longer than ${maxPattern} characters`);
  const modes = `${given.includes("m") ? "(?s)" : ""}${given.includes("i") ? "(?i)" : ""}`;
  const source = modes + readable(pattern);
  const regex = work.regex(source, () => compiled(source));
  return { text: readable(input), regex, isGlobal: given.includes("g") };
}

function compiled(pattern: string): Regex {
  try {
    const regex = compileRegex(pattern);
    regex.size();
    return regex;
  } catch (error) {
    throw fault(`invalid regular expression ${JSON.stringify(pattern)}: ${messageOf(error)}`);
  }
}

/** As Go finds them: an empty match right behind another one does not count. */
function findAll({ text, regex, isGlobal }: Query, work: Work): Found[] {
  const find = searching(text, regex, work);
  const all: Found[] = [];
  let before = -1;
  for (let from = 0; from <= text.length && (isGlobal || all.length === 0); ) {
    const found = find(from);
    if (found === undefined) break;
    const [start = 0, end = 0] = found;
    if (end > start || start !== before) all.push(found);
    before = end;
    from = end > from ? end : from + ((text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1);
  }
  return all;
}

/** Counts what a search may read. */
function searching(text: string, regex: Regex, work: Work): (from: number) => Found | undefined {
  const find = regex.searchIn(text);
  const weight = Math.max(regex.size() / 100, 1) / 10;
  const isDirect = direct.test(regex.source);
  if (isDirect) work.spend(text.length * weight);
  return (from) => {
    work.spend(isDirect ? 1 : 1 + (text.length - from) * weight);
    return find(from);
  };
}

/**
 * Characters and classes behind each other, each with its repetition: what a search reads beyond its match, the next one
 * does not read again. Searches for others, such as `.*x|a`, may read all that is left of the text for each match anew.
 */
const direct = /^(?:\(\?[ims]+\))*(?:(?:\\[^pPQ]|\[\^?[^\][\\]+\]|[^()[\]|\\?*+{}])(?:[*+?]|\{\d+\})?)*$/u;

/** Counts characters up to an offset; offsets near the last one are quick. */
function counter(text: string): (offset: number) => number {
  let offset = 0;
  let count = 0;
  return (to) => {
    if (to >= offset) count += characterCount(text.slice(offset, to));
    else count -= characterCount(text.slice(to, offset));
    offset = to;
    return count;
  };
}

function matchesOf(name: string, input: Value, pattern: Value, flags: Value, work: Work): List {
  const query = queryOf(name, input, pattern, flags, work);
  const names = namesOf(query.regex);
  const count = counter(query.text);
  return findAll(query, work).map((found) => {
    work.spend(found.length / 2);
    const [start = 0, end = 0] = found;
    const captures = names(found.length / 2 - 1).map((group, at) => {
      return { name: group, ...partOf(query.text, found[at * 2 + 2] ?? -1, found[at * 2 + 3] ?? -1, count) };
    });
    return { captures, ...partOf(query.text, start, end, count) };
  });
}

function partOf(text: string, start: number, end: number, count: (offset: number) => number): JsonObject {
  if (start < 0) return { length: 0, offset: -1, string: null };
  const part = text.slice(start, end);
  return { length: characterCount(part), offset: count(start), string: part };
}

/** What the named groups found. */
function namedParts(text: string, found: Found, names: readonly (string | null)[]): JsonObject {
  const result: Record<string, Value> = {};
  for (const [at, name] of names.entries()) {
    const start = found[at * 2 + 2] ?? -1;
    if (name !== null) setOwn(result, name, start < 0 ? null : text.slice(start, found[at * 2 + 3]));
  }
  return result;
}

/** The names of groups from the first on; null for those that have none. */
function namesOf(regex: Regex): (count: number) => (string | null)[] {
  const found = [...regex.source.matchAll(/\(\?P?<([A-Za-z0-9_]+)>/g)].map(([, name = ""]) => name);
  const byNumber = new Map(found.map((name) => [regex.groupNamed(name), name]));
  return (count) => Array.from({ length: count }, (_, at) => byNumber.get(at + 1) ?? null);
}

function withAll(flags: Value, work: Work): Value {
  return add(flags, "g", work);
}

/** The pieces between the matches. */
function pieces(input: Value, pattern: Value, flags: Value, work: Work): List {
  const query = queryOf("match", input, pattern, withAll(flags, work), work);
  const result: string[] = [];
  let from = 0;
  for (const [start = 0, end = 0] of findAll(query, work)) {
    result.push(query.text.slice(from, start));
    from = end;
  }
  return [...result, query.text.slice(from)];
}

function inOrder(call: (input: Value, pattern: Value, flags: Value, work: Work) => Value): ValueFunction {
  return { call: (input, [pattern = null, flags = null], work) => call(input, pattern, flags, work), inOrder: true };
}

/** One result for each item of a list. */
function each(found: (input: Value, pattern: Value, flags: Value, work: Work) => List) {
  return (args: readonly Filter[]): Filter =>
    many((env, input, emit) => {
      forEach(args, env, input, ([pattern = null, flags = null]) => {
        for (const item of found(input, pattern, flags, env.work)) emit(item);
      });
    });
}

/** The first argument is the outermost loop. */
export function forEach(
  args: readonly Filter[],
  env: Env,
  input: Value,
  use: (values: readonly Value[]) => void,
  before: readonly Value[] = [],
): void {
  const next = args[before.length];
  if (next === undefined) use(before);
  else next.run(env, input, (value) => forEach(args, env, input, use, [...before, value]));
}

function scanned(input: Value, pattern: Value, flags: Value, work: Work): List {
  return matchesOf("match", input, pattern, withAll(flags, work), work).map((match) => {
    const captures = isObject(match) ? fieldOf(match, "captures") : null;
    if (!isList(captures) || captures.length === 0) return isObject(match) ? fieldOf(match, "string") : null;
    return captures.map((capture) => (isObject(capture) ? fieldOf(capture, "string") : null));
  });
}

/** Each result of `replacement` makes one text: the first ones of all matches the first, and so on. */
function substitute(args: readonly Filter[], isGlobal: boolean): Filter {
  const [pattern, replacement, flags] = args;
  if (pattern === undefined || replacement === undefined) throw new Error("a pattern and a replacement");
  const values = flags === undefined ? [pattern] : [pattern, flags];
  return many((env, input, emit) => {
    forEach(values, env, input, ([given = null, mode = null]) => {
      const wanted = isGlobal ? withAll(mode, env.work) : mode;
      for (const text of substituted(env, input, [given, wanted], replacement)) emit(text);
    });
  });
}

function substituted(env: Env, input: Value, [pattern, flags]: readonly [Value, Value], replacement: Filter): Value[] {
  const { work } = env;
  const { text, regex, isGlobal } = queryOf("match", input, pattern, flags, work);
  const names = namesOf(regex);
  const results: string[][] = [];
  let from = 0;
  for (const found of findAll({ text, regex, isGlobal }, work)) {
    const [start = 0, end = 0] = found;
    const before = text.slice(from, start);
    let turn = 0;
    replacement.run(env, namedParts(text, found, names(found.length / 2 - 1)), (part) => {
      const piece = add(before, part, work);
      if (typeof piece !== "string") throw new Error("a text and something else make no text");
      const pieces = results[turn] ?? [];
      pieces.push(piece);
      results[turn] = pieces;
      turn++;
    });
    from = end;
  }
  if (results.length === 0) return [text];
  return results.map((pieces) => {
    work.text(pieces.reduce((sum, { length }) => sum + length, text.length - from));
    return joinTexts([...pieces, text.slice(from)]);
  });
}

export const regexes: FunctionTable = {
  "test/1": inOrder((input, pattern, flags, work) => isMatch(input, pattern, flags, work)),
  "test/2": inOrder((input, pattern, flags, work) => isMatch(input, pattern, flags, work)),
  "split/2": inOrder(pieces),
};

function isMatch(input: Value, pattern: Value, flags: Value, work: Work): boolean {
  const query = queryOf("test", input, pattern, flags, work);
  return findAll({ ...query, isGlobal: false }, work).length > 0;
}

const matching = each((input, pattern, flags, work) => matchesOf("match", input, pattern, flags, work));
const capturing = each((input, pattern, flags, work) =>
  matchesOf("match", input, pattern, flags, work).map((match) =>
    capturesOf(isObject(match) ? fieldOf(match, "captures") : null),
  ),
);

export const regexBuilders: Readonly<Record<string, (args: readonly Filter[]) => Filter>> = {
  "match/1": matching,
  "match/2": matching,
  "capture/1": capturing,
  "capture/2": capturing,
  "scan/1": each(scanned),
  "scan/2": each(scanned),
  "splits/1": each(pieces),
  "splits/2": each(pieces),
  "sub/2": (args) => substitute(args, false),
  "sub/3": (args) => substitute(args, false),
  "gsub/2": (args) => substitute(args, true),
  "gsub/3": (args) => substitute(args, true),
};

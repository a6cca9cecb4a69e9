import type { Found, Regex } from "../../regex.ts";
import { count, type FunctionTable, fn, text } from "../function.ts";
import { GoList, strings } from "../values.ts";
import type { Work } from "../work.ts";

/** A search may read all that is left of the text, for each match anew. */
function search(regex: Regex, left: number, work: Work): void {
  work.spend(1 + (left / 10) * Math.max(regex.size() / 100, 1));
}

function matches(pattern: string, whole: string, work: Work): boolean {
  const regex = work.regex(pattern);
  search(regex, whole.length, work);
  return regex.matches(whole);
}

/** As Go finds them: an empty match right behind another one does not count. */
function allMatches(regex: Regex, whole: string, limit: number, work: Work): Found[] {
  const find = regex.searchIn(whole);
  const all: Found[] = [];
  let before = -1;
  for (let from = 0; from <= whole.length && (limit < 0 || all.length < limit); ) {
    search(regex, whole.length - from, work);
    const found = find(from);
    if (found === undefined) break;
    const [start = 0, end = 0] = found;
    if (end > start || start !== before) all.push(found);
    before = end;
    from = end > from ? end : from + ((whole.codePointAt(from) ?? 0) > 0xffff ? 2 : 1);
  }
  return all;
}

function find(pattern: string, whole: string, work: Work): string {
  const regex = work.regex(pattern);
  search(regex, whole.length, work);
  const [start, end] = regex.searchIn(whole)(0) ?? [];
  return whole.slice(start ?? 0, end ?? 0);
}

function findAll(pattern: string, whole: string, limit: number, work: Work): GoList {
  const found = allMatches(work.regex(pattern), whole, limit, work);
  return found.length === 0
    ? new GoList("[]string", [], true)
    : strings(found.map(([start = 0, end = 0]) => whole.slice(start, end)));
}

/** Go's Regexp.Split: at most `limit` parts, the last one with the rest. */
function split(pattern: string, whole: string, limit: number, work: Work): GoList {
  const regex = work.regex(pattern);
  if (limit === 0) return new GoList("[]string", [], true);
  if (pattern !== "" && whole === "") return strings([""]);
  const parts: string[] = [];
  let from = 0;
  let last = 0;
  for (const [start = 0, end = 0] of allMatches(regex, whole, limit, work)) {
    if (limit > 0 && parts.length === limit - 1) break;
    last = start;
    if (end !== 0) parts.push(whole.slice(from, last));
    from = end;
  }
  if (last !== whole.length) parts.push(whole.slice(from));
  return strings(parts);
}

function replace(pattern: string, whole: string, work: Work, make: (found: Found, regex: Regex) => string): string {
  const regex = work.regex(pattern);
  let result = "";
  let from = 0;
  for (const found of allMatches(regex, whole, -1, work)) {
    const [start = 0, end = 0] = found;
    result += whole.slice(from, start) + make(found, regex);
    work.text(result.length);
    from = end;
  }
  return result + whole.slice(from);
}

/** `$1`, `${1}`, `$name`: a group; `$$` a dollar. A name goes as far as it can, so that `$1x` is the group `1x`. */
function expand(template: string, whole: string, found: Found, regex: Regex): string {
  return template.replace(/\$(?:(\$)|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu, (_all, dollar, braced, bare) => {
    if (dollar !== undefined) return "$";
    const name = String(braced ?? bare);
    const group = /^(?:0|[1-9][0-9]{0,7})$/.test(name) ? Number(name) : regex.groupNamed(name);
    if (group === undefined) return "";
    const [start = -1, end = -1] = found.slice(2 * group, 2 * group + 2);
    return start < 0 ? "" : whole.slice(start, end);
  });
}

function replaceAll(pattern: string, whole: string, template: string, work: Work): string {
  const dollars = template.split("$").length - 1;
  return replace(pattern, whole, work, (found, regex) => {
    const [start = 0, end = 0] = found;
    work.text(template.length + dollars * (end - start));
    return expand(template, whole, found, regex);
  });
}

function quoteMeta(whole: string): string {
  return whole.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}

/** The plain names panic where the others give an error: here both fail. */
const replaceLiteral = fn([text, text, text], (pattern, whole, replacement, work) =>
  replace(pattern, whole, work, () => {
    work.text(replacement.length);
    return replacement;
  }),
);

export const regexFunctions: FunctionTable = {
  regexMatch: fn([text, text], matchesOrNot),
  mustRegexMatch: fn([text, text], matches),
  regexFind: fn([text, text], find),
  mustRegexFind: fn([text, text], find),
  regexFindAll: fn([text, text, count], findAll),
  mustRegexFindAll: fn([text, text, count], findAll),
  regexReplaceAll: fn([text, text, text], replaceAll),
  mustRegexReplaceAll: fn([text, text, text], replaceAll),
  regexReplaceAllLiteral: replaceLiteral,
  mustRegexReplaceAllLiteral: replaceLiteral,
  regexSplit: fn([text, text, count], split),
  mustRegexSplit: fn([text, text, count], split),
  regexQuoteMeta: fn([text], (whole, work) => {
    work.text(whole.length * 2);
    return quoteMeta(whole);
  }),
};

/** A pattern that does not compile matches nothing. */
function matchesOrNot(pattern: string, whole: string, work: Work): boolean {
  return work.hasRegex(pattern) && matches(pattern, whole, work);
}

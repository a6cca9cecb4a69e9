import { isJsonObject } from "../json.ts";
import { nearest } from "../nearest.ts";
import { parseModifier } from "./modifiers.ts";
import { modifierAt, modifierNames, parseQuery } from "./parts.ts";
import { parseSelectors } from "./selectors.ts";

/** Queries and multipaths within each other that are looked into. */
const maxDepth = 20;

/**
 * What GJSON takes otherwise than it looks: it has no errors, and what does not parse finds nothing or something odd.
 * Undefined when there is nothing to say.
 */
export function gjsonFault(path: string): string | undefined {
  return faultIn(path, 0);
}

function faultIn(path: string, depth: number): string | undefined {
  let rest = path.startsWith("..") && path.length > 2 ? path.slice(2) : path;
  let isFirst = true;
  while (depth < maxDepth) {
    const part = readPart(rest, { isFirst, depth });
    if ("fault" in part) return part.fault;
    const behind = rest.slice(part.length);
    if (behind === "") return undefined;
    if (behind[0] !== "." && behind[0] !== "|") return `${shown(behind)} must be "." or "|" and what comes next`;
    rest = behind.slice(1);
    isFirst = behind[0] === "|";
  }
  return undefined;
}

type Part = { readonly length: number } | { readonly fault: string };

interface At {
  /** At the start or behind `|`, where a literal may stand. */
  readonly isFirst: boolean;
  readonly depth: number;
}

function readPart(text: string, at: At): Part {
  if (text.startsWith("#(") || text.startsWith("#[")) return readQuery(text, at.depth);
  if (text.length > 1 && /^[[{]/.test(text)) return readMultipath(text, at.depth);
  if (text.length > 1 && text.startsWith("@")) return readModifier(text, at);
  // What is behind a literal may belong to it.
  if (at.isFirst && /^!(?:[{["+\-0-9]|(?:true|false|null)(?![^.|]))/.test(text)) return { length: text.length };
  return readKey(text);
}

function readQuery(text: string, depth: number): Part {
  const parsed = parseQuery(text);
  if (!parsed) return { fault: `${shown(text)} has no end: its bracket does not close` };
  const { query, end } = parsed;
  if (query.operator === "" && query.value !== "") {
    return { fault: `${shown(text.slice(0, end))} has no operator: known are ==, !=, <, <=, >, >=, % and !%` };
  }
  if (/^~(?!(?:true|false|null|\*)$)/.test(query.value)) {
    return { fault: `${shown(query.value)} is not known: there are ~true, ~false, ~null and ~*` };
  }
  const fault = query.path === "" ? undefined : faultIn(query.path, depth + 1);
  return fault === undefined ? { length: text[end] === "#" ? end + 1 : end } : { fault };
}

function readMultipath(text: string, depth: number): Part {
  const parsed = parseSelectors(text);
  if (!parsed) return { fault: `${shown(text)} has no end: its bracket does not close` };
  for (const { path } of parsed.selectors) {
    const fault = faultIn(path, depth + 1);
    if (fault !== undefined) return { fault };
  }
  return { length: text.length - parsed.rest.length };
}

/** A key may begin with `@`, as those of XML and JSON-LD do. */
function readModifier(text: string, at: At): Part {
  const name = modifierAt(text);
  if (name === undefined) {
    const written = /^@([^.|:]*)/.exec(text)?.[1] ?? "";
    const meant = nearest(written, [...modifierNames]);
    if (meant === undefined || written.length < 4) return readKey(text);
    return { fault: `@${written} is no modifier, but a key: did you mean @${meant}?` };
  }
  const { argument, rest } = parseModifier(text, name);
  const takesOptions = name === "pretty" || name === "flatten" || name === "join";
  if (takesOptions && argument !== "" && !isOptions(argument)) {
    return { fault: `${shown(argument)} must be a JSON object, as @${name} takes it` };
  }
  const fault = name === "dig" ? faultIn(argument, at.depth + 1) : undefined;
  return fault === undefined ? { length: text.length - rest.length } : { fault };
}

function isOptions(text: string): boolean {
  try {
    return isJsonObject(JSON.parse(text));
  } catch {
    return false; // that is the question
  }
}

function readKey(text: string): Part {
  const length = /^(?:[^\\.|]|\\.)*/s.exec(text)?.[0].length ?? 0;
  if (text[length] === "\\") return { fault: "a backslash at the end stands for nothing" };
  return { length };
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

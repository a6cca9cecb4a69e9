import { TerminalError } from "./errors.ts";
import { type GlobToken, globMatches } from "./glob.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { memoize } from "./memo.ts";

/** The value at a path; undefined when there is none (JSON's null is a value). */
export type GjsonPath = (value: JsonValue) => JsonValue | undefined;

/** One part of a path between dots, escapes resolved. */
export interface PathPart {
  readonly text: string;
  /** Set when the part has an unescaped `*` or `?`. */
  readonly glob?: readonly GlobToken[];
  /** An unescaped `#` alone: every element, or the length when last. */
  readonly each: boolean;
  /** The part read as an array index; undefined when it is none. */
  readonly index?: number;
}

const modifierNames = "pretty|ugly|reverse|this|flatten|join|valid|keys|values|tostr|fromstr|group|dig";
const modifier = new RegExp(`^@(${modifierNames})([.|:]|$)`);

/**
 * Compiles a GJSON path (https://github.com/tidwall/gjson/blob/master/SYNTAX.md): nesting, `\` escapes, array indexes,
 * `#` and `#.x`, wildcards.
 * @throws TerminalError MANIFEST_INVALID for queries, modifiers, multipaths, literals, pipes and JSON Lines, which are
 * not supported yet.
 */
export const compileGjson: (path: string) => GjsonPath = memoize(compile, 1_000);

function compile(path: string): GjsonPath {
  const parts = parseGjsonPath(path);
  if (parts.every((part) => !part.glob && !part.each)) return literalPath(parts);
  return (value) => getFrom(value, parts, 0);
}

/** @throws TerminalError MANIFEST_INVALID as `compileGjson` */
export function parseGjsonPath(path: string): readonly PathPart[] {
  refuseUnsupported(path, path.startsWith("..") && "JSON Lines (a leading ..)");
  refuseUnsupported(path, path.length > 1 && path.startsWith("!") && "a literal (!)");
  const parts: PathPart[] = [];
  let start = 0;
  for (let index = 0; index < path.length; index++) {
    if (path[index] === "\\") index++;
    else if (path[index] === "|") refuseUnsupported(path, "a pipe (|)");
    else if (path[index] === ".") {
      parts.push(parsePart(path, start, index));
      start = index + 1;
    }
  }
  parts.push(parsePart(path, start, path.length));
  return parts;
}

function parsePart(path: string, start: number, end: number): PathPart {
  const raw = path.slice(start, end);
  refuseUnsupported(path, /^#[([]/.test(raw) && "a query (#(…))");
  refuseUnsupported(path, /^[[{]/.test(raw) && "a multipath");
  refuseUnsupported(path, modifier.test(raw) && "a modifier (@…)");
  const tokens = parseTokens(raw);
  const text = tokens.map((token) => token.char).join("");
  const digits = /^[0-9]{1,9}$/.test(text);
  return {
    text,
    each: raw === "#",
    ...(tokens.some((token) => token.kind !== "char") ? { glob: tokens } : {}),
    ...(digits ? { index: Number(text) } : {}),
  };
}

function parseTokens(raw: string): (GlobToken & { readonly char: string })[] {
  const tokens: (GlobToken & { readonly char: string })[] = [];
  for (let index = 0; index < raw.length; index++) {
    const isEscaped = raw[index] === "\\" && index + 1 < raw.length;
    if (isEscaped) index++;
    const char = raw.charAt(index);
    const isWild = !isEscaped && (char === "*" || char === "?");
    tokens.push({ kind: !isWild ? "char" : char === "*" ? "many" : "one", char });
  }
  return tokens;
}

function refuseUnsupported(path: string, what: string | false): void {
  if (what) throw new TerminalError("MANIFEST_INVALID", `path ${JSON.stringify(path)}: ${what} is not supported yet`);
}

/** The common case, without recursion. */
function literalPath(parts: readonly PathPart[]): GjsonPath {
  return (value) => {
    let at: JsonValue | undefined = value;
    for (const part of parts) {
      at = childOf(at, part);
      if (at === undefined) return undefined;
    }
    return at;
  };
}

function childOf(value: JsonValue | undefined, part: PathPart): JsonValue | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return part.index === undefined ? undefined : value[part.index];
  return Object.hasOwn(value, part.text) ? (value as JsonObject)[part.text] : undefined;
}

function getFrom(value: JsonValue, parts: readonly PathPart[], from: number): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (let index = from; index < parts.length; index++) {
    const part = parts[index] as PathPart;
    if (part.each && Array.isArray(at)) return getEach(at, parts, index + 1);
    at = part.glob ? firstMatch(at, part.glob) : childOf(at, part);
    if (at === undefined) return undefined;
  }
  return at;
}

function getEach(list: readonly JsonValue[], parts: readonly PathPart[], from: number): JsonValue {
  if (from === parts.length) return list.length;
  const found: JsonValue[] = [];
  for (const item of list) {
    const value = getFrom(item, parts, from);
    if (value !== undefined) found.push(value);
  }
  return found;
}

function firstMatch(value: JsonValue | undefined, glob: readonly GlobToken[]): JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  for (const [key, child] of Object.entries(value)) if (globMatches(glob, key)) return child;
  return undefined;
}

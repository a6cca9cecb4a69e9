import { bareChars, deeper, endOfQuotes, trimmed, unescaped } from "./scan.ts";

/**
 * The next part of a path. What it means depends on the value: in a list neither escapes nor wildcards exist, in an object
 * no `#`. So the same text is read twice, once for each.
 */
export interface ObjectPart {
  readonly key: string;
  /** The key is a pattern with `*` or `?`. */
  readonly isWild: boolean;
  /** The path behind the dot. */
  readonly rest?: string;
  /** The path behind `|`, or behind a dot where a modifier or a multipath follows. */
  readonly pipe?: string;
}

export type ArrayPart =
  | { readonly kind: "index"; readonly index: number; readonly rest?: string; readonly pipe?: string }
  /** `#` alone. */
  | { readonly kind: "length"; readonly pipe?: string }
  /** `#.key` */
  | { readonly kind: "each"; readonly key: string }
  | ({ readonly kind: "query"; readonly rest?: string; readonly pipe?: string } & Query)
  /** Nothing that a list has. */
  | { readonly kind: "none"; readonly pipe?: string };

export interface Query {
  readonly path: string;
  /** "" asks whether the path is there. */
  readonly operator: string;
  readonly value: string;
  /** `#(…)#` */
  readonly all: boolean;
}

export const modifierNames: ReadonlySet<string> = new Set([
  ...["pretty", "ugly", "reverse", "this", "flatten", "join", "valid", "keys", "values", "tostr", "fromstr"],
  ...["group", "dig"],
]);

/** The name behind `@` where it is one of GJSON's. */
export function modifierAt(path: string): string | undefined {
  const name = /^@([^.|:]*)/.exec(path)?.[1];
  return name !== undefined && modifierNames.has(name) ? name : undefined;
}

/** What goes on behind a dot; modifiers and multipaths get the value as if it were piped. */
function behindDot(path: string): { readonly rest: string } | { readonly pipe: string } {
  const pipes = path.startsWith("[") || path.startsWith("{") || modifierAt(path) !== undefined;
  return pipes ? { pipe: path } : { rest: path };
}

export function parseObjectPart(path: string): ObjectPart {
  let key = "";
  let isWild = false;
  for (let at = 0; at < path.length; at++) {
    const char = path.charAt(at);
    if (char === "|") return { key, isWild, pipe: path.slice(at + 1) };
    if (char === ".") return { key, isWild, ...behindDot(path.slice(at + 1)) };
    if (char === "\\") key += path.charAt(++at);
    else {
      if (char === "*" || char === "?") isWild = true;
      key += char;
    }
  }
  return { key, isWild };
}

export function parseArrayPart(path: string): ArrayPart {
  if (path.startsWith("#.")) return { kind: "each", key: path.slice(2) };
  if (path.startsWith("#(") || path.startsWith("#[")) return parseQueryPart(path);
  const end = /[.|]/.exec(path)?.index ?? path.length;
  const text = path.slice(0, end);
  const hasHash = text.includes("#");
  const next = nextOf(path, end, hasHash);
  // Behind `#` of a name the original looks for nothing any more.
  if (hasHash) return text === "#" ? { kind: "length", ...next } : { kind: "none", ...pipeOf(next) };
  if (!/^[0-9]{1,15}$/.test(text)) return { kind: "none", ...pipeOf(next) };
  return { kind: "index", index: Number(text), ...next };
}

type Next = { readonly rest?: string; readonly pipe?: string };

function nextOf(path: string, end: number, hasHash: boolean): Next {
  if (end >= path.length) return {};
  const behind = path.slice(end + 1);
  if (path[end] === "|") return { pipe: behind };
  return hasHash ? { rest: behind } : behindDot(behind);
}

function pipeOf({ pipe }: Next): Next {
  return pipe === undefined ? {} : { pipe };
}

/** One that does not end asks for nothing and has nothing behind it, as in the original. */
const noQuery: ArrayPart = { kind: "query", path: "", operator: "", value: "", all: false };

function parseQueryPart(path: string): ArrayPart {
  const found = parseQuery(path);
  if (!found) return noQuery;
  const { query, end } = found;
  const behind = path.slice(end);
  const stop = /[.|]/.exec(behind)?.index ?? behind.length;
  return { kind: "query", ...query, all: behind.startsWith("#"), ...nextOf(behind, stop, true) };
}

/** The query that opens at the start of the text, and where the text goes on; undefined when it does not end. */
export function parseQuery(text: string): { readonly query: Omit<Query, "all">; readonly end: number } | undefined {
  const { operatorAt, end, hasEscapes } = scanQuery(text);
  if (end === undefined) return undefined;
  if (operatorAt === undefined) {
    return { query: { path: trimmed(text.slice(2, end)), operator: "", value: "" }, end: end + 1 };
  }
  const path = trimmed(text.slice(2, operatorAt));
  return { query: { path, ...parseComparison(trimmed(text.slice(operatorAt, end)), hasEscapes) }, end: end + 1 };
}

interface QueryMarks {
  readonly operatorAt?: number;
  /** Of the bracket that closes; undefined when none does. */
  readonly end?: number;
  /** In one of the strings. */
  readonly hasEscapes: boolean;
}

function scanQuery(text: string): QueryMarks {
  let depth = 1;
  let operatorAt: number | undefined;
  let hasEscapes = false;
  for (const [at, char] of bareChars(text, 2)) {
    if (depth === 1 && operatorAt === undefined && "!=<>%".includes(char)) operatorAt = at;
    else if ("[()]".includes(char)) depth += deeper(char);
    else if (char === '"') hasEscapes ||= text.slice(at, endOfQuotes(text, at)).includes("\\");
    if (depth === 0) return { ...(operatorAt === undefined ? {} : { operatorAt }), end: at, hasEscapes };
  }
  return { hasEscapes };
}

function parseComparison(text: string, hasEscapes: boolean): { readonly operator: string; readonly value: string } {
  const written = text.length === 1 ? text : (/^(?:==|!=|!%|<=|>=|[<>=%])/.exec(text)?.[0] ?? "");
  const value = trimmed(text.slice(written.length));
  const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  const inner = isQuoted ? value.slice(1, -1) : value;
  return { operator: written === "==" ? "=" : written, value: isQuoted && hasEscapes ? unescaped(inner) : inner };
}

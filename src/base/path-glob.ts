/** What a glob does not say about itself. */
export interface GlobRules {
  /** `*`, `?` and classes do not match it; `**` does. Absent: they match anything. */
  readonly separator?: string;
  /**
   * go: `path.Match` of Go: no alternatives, `**` is like `*`, classes are negated by `^`.
   * gobwas: the library of that name: `{a,b}` gives alternatives, `**` crosses separators, classes are negated by `!`.
   */
  readonly dialect: "go" | "gobwas";
}

export type PathGlob = (text: string) => boolean;

type Token =
  | { readonly kind: "char"; readonly char: string }
  | { readonly kind: "class"; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] }
  | { readonly kind: "one" | "many" | "all" };

/** `{a,b}{c,d}…` is refused beyond this. */
const maxAlternatives = 1_000;

/**
 * A glob as Go programs know them, over the whole of the text; work is linear in text times pattern. A pattern that is
 * malformed matches nothing, as with the originals, which drop the error.
 */
export function compilePathGlob(pattern: string, rules: GlobRules): PathGlob {
  const alternatives = rules.dialect === "gobwas" ? expand(pattern) : [pattern];
  const compiled = alternatives?.map((part) => tokensOf(part, rules));
  if (compiled === undefined || compiled.includes(undefined)) return () => false;
  return (text) => compiled.some((tokens) => tokens !== undefined && matches(tokens, [...text], rules.separator));
}

/** The texts that `{…}` stands for. Undefined when braces do not match or give too many. */
function expand(pattern: string): readonly string[] | undefined {
  let done = [""];
  for (let index = 0; index < pattern.length; ) {
    const piece = readPiece(pattern, index);
    if (piece === undefined || done.length * piece.texts.length > maxAlternatives) return undefined;
    done = done.flatMap((start) => piece.texts.map((text) => start + text));
    index = piece.end;
  }
  return done;
}

function readPiece(
  pattern: string,
  start: number,
): { readonly texts: readonly string[]; readonly end: number } | undefined {
  const char = pattern[start];
  if (char === "}") return undefined;
  if (char !== "{") {
    const end = start + (char === "\\" ? 2 : char === "[" ? classLength(pattern, start) : 1);
    return { texts: [pattern.slice(start, end)], end };
  }
  const group = readGroup(pattern, start);
  const parts = group?.parts.map(expand) ?? [];
  if (group === undefined || parts.includes(undefined)) return undefined;
  return { texts: parts.flatMap((part) => part ?? []), end: group.end };
}

function classLength(pattern: string, index: number): number {
  const end = pattern.indexOf("]", index + 2);
  return end < 0 ? 1 : end + 1 - index;
}

function readGroup(
  pattern: string,
  start: number,
): { readonly parts: readonly string[]; readonly end: number } | undefined {
  const parts: string[] = [];
  let depth = 0;
  let from = start + 1;
  for (let index = start; index < pattern.length; index++) {
    const char = pattern[index];
    if (char === "\\") index++;
    else if (char === "{") depth++;
    else if (char === "," && depth === 1) {
      parts.push(pattern.slice(from, index));
      from = index + 1;
    } else if (char === "}" && --depth === 0) {
      return { parts: [...parts, pattern.slice(from, index)], end: index + 1 };
    }
  }
  return undefined;
}

function tokensOf(pattern: string, rules: GlobRules): readonly Token[] | undefined {
  const chars = [...pattern];
  const tokens: Token[] = [];
  for (let index = 0; index < chars.length; ) {
    const found = readToken(chars, index, rules.dialect);
    if (found === undefined) return undefined;
    tokens.push(found.token);
    index = found.end;
  }
  return tokens;
}

interface FoundToken {
  readonly token: Token;
  /** Where the next one starts. */
  readonly end: number;
}

function readToken(chars: readonly string[], start: number, dialect: GlobRules["dialect"]): FoundToken | undefined {
  const char = chars[start] ?? "";
  switch (char) {
    case "*": {
      let end = start + 1;
      while (chars[end] === "*") end++;
      return { token: { kind: dialect === "gobwas" && end > start + 1 ? "all" : "many" }, end };
    }
    case "?":
      return { token: { kind: "one" }, end: start + 1 };
    case "[":
      return readClass(chars, start, dialect);
    case "\\": {
      const escaped = chars[start + 1];
      return escaped === undefined ? undefined : { token: { kind: "char", char: escaped }, end: start + 2 };
    }
    default:
      return { token: { kind: "char", char }, end: start + 1 };
  }
}

function readClass(chars: readonly string[], start: number, dialect: GlobRules["dialect"]): FoundToken | undefined {
  const negated = chars[start + 1] === (dialect === "go" ? "^" : "!");
  const ranges: [string, string][] = [];
  let index = start + (negated ? 2 : 1);
  for (; chars[index] !== "]" || ranges.length === 0; index++) {
    if (chars[index] === "\\") index++;
    const low = chars[index];
    if (low === undefined || low === "]") return undefined;
    if (chars[index + 1] === "-" && chars[index + 2] !== undefined && chars[index + 2] !== "]") {
      ranges.push([low, chars[index + 2] ?? low]);
      index += 2;
    } else ranges.push([low, low]);
  }
  return { token: { kind: "class", negated, ranges }, end: index + 1 };
}

/** Follows all ways at once: `alive` holds the tokens that may come next. */
function matches(tokens: readonly Token[], text: readonly string[], separator: string | undefined): boolean {
  let alive = closure(tokens, new Set([0]));
  for (const char of text) {
    const next = new Set<number>();
    for (const at of alive) {
      const token = tokens[at];
      if (token === undefined || !takes(token, char, separator)) continue;
      next.add(token.kind === "many" || token.kind === "all" ? at : at + 1);
    }
    if (next.size === 0) return false;
    alive = closure(tokens, next);
  }
  return alive.has(tokens.length);
}

/** Stars may take nothing. */
function closure(tokens: readonly Token[], alive: Set<number>): Set<number> {
  for (const at of alive) {
    const kind = tokens[at]?.kind;
    if (kind === "many" || kind === "all") alive.add(at + 1);
  }
  return alive;
}

function takes(token: Token, char: string, separator: string | undefined): boolean {
  switch (token.kind) {
    case "char":
      return token.char === char;
    case "all":
      return true;
    case "one":
    case "many":
      return char !== separator;
    case "class":
      return char !== separator && token.ranges.some(([low, high]) => low <= char && char <= high) !== token.negated;
  }
}

import { TerminalError } from "../base/errors.ts";
import { memoize } from "../base/memo.ts";

/** A trigger's `conditions` over names of dependencies. */
export interface Condition {
  /** Distinct names, in the order of their first appearance. */
  readonly names: readonly string[];
  /** Whether it contains `&&`: only then events wait for each other (spec argo-events 4.1.6). */
  readonly joins: boolean;
  isMet(present: ReadonlySet<string>): boolean;
}

type Node = (present: ReadonlySet<string>) => boolean;

/** Deeper parentheses are refused. */
const maxDepth = 100;
const token = /\s*(?:(&&|\|\||[()])|([\p{L}\p{N}_][\p{L}\p{N}_.-]*))/uy;

/**
 * Names, `&&`, `||` (weaker than `&&`) and parentheses.
 * @throws TerminalError MANIFEST_INVALID that says where it does not parse
 */
export const parseCondition: (text: string) => Condition = memoize(parse, 1_000);

function parse(text: string): Condition {
  const parser = createParser(text);
  const isMet = parser.parseOr(0);
  parser.expectEnd();
  return { names: [...parser.names], joins: text.includes("&"), isMet };
}

/** What holds where a trigger has no `conditions`: all of them. */
export function allOf(names: readonly string[]): Condition {
  const distinct = [...new Set(names)];
  return {
    names: distinct,
    joins: distinct.length > 1,
    isMet: (present) => distinct.every((name) => present.has(name)),
  };
}

function createParser(text: string) {
  const names = new Set<string>();
  let tokens = tokenize(text);

  function parseOr(depth: number): Node {
    let left = parseAnd(depth);
    while (tokens[0]?.text === "||") {
      tokens = tokens.slice(1);
      left = either(left, parseAnd(depth));
    }
    return left;
  }

  function parseAnd(depth: number): Node {
    let left = parseTerm(depth);
    while (tokens[0]?.text === "&&") {
      tokens = tokens.slice(1);
      left = both(left, parseTerm(depth));
    }
    return left;
  }

  function parseTerm(depth: number): Node {
    const [next, ...rest] = tokens;
    tokens = rest;
    if (next?.text === "(") {
      if (depth >= maxDepth) throw fault(text, `is nested deeper than ${maxDepth}`);
      const inner = parseOr(depth + 1);
      if (tokens[0]?.text !== ")") throw fault(text, `has ${shown(tokens[0])} where ")" is expected`);
      tokens = tokens.slice(1);
      return inner;
    }
    if (!next?.isName) throw fault(text, `has ${shown(next)} where a dependency is expected`);
    names.add(next.text);
    return (present) => present.has(next.text);
  }

  function expectEnd(): void {
    if (tokens[0]) throw fault(text, `has "${tokens[0].text}" where &&, || or the end is expected`);
  }

  return { names, parseOr, expectEnd };
}

function shown(next: { readonly text: string } | undefined): string {
  return next ? `"${next.text}"` : "its end";
}

const either =
  (left: Node, right: Node): Node =>
  (present) =>
    left(present) || right(present);

const both =
  (left: Node, right: Node): Node =>
  (present) =>
    left(present) && right(present);

function tokenize(text: string): { readonly text: string; readonly isName: boolean }[] {
  const tokens: { text: string; isName: boolean }[] = [];
  token.lastIndex = 0;
  const end = text.trimEnd().length;
  while (token.lastIndex < end) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (!match) throw fault(text, `has "${text.slice(at).trim().slice(0, 20)}", which is not understood`);
    tokens.push({ text: match[1] ?? match[2] ?? "", isName: match[2] !== undefined });
  }
  return tokens;
}

function fault(text: string, what: string): TerminalError {
  return new TerminalError(
    "MANIFEST_INVALID",
    `${JSON.stringify(text)} ${what}; conditions are names of dependencies, &&, || and parentheses`,
  );
}

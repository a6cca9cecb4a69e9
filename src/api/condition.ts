import { TerminalError } from "../base/errors.ts";
import { memoize } from "../base/memo.ts";

/** A trigger's `conditions` over names of dependencies. */
export interface Condition {
  /** Distinct names, in the order of their first appearance. */
  readonly names: readonly string[];
  /** Whether it contains `&&`: only then events wait for each other (spec argo-events 4.1.6). */
  readonly joins: boolean;
  isMet(present: ReadonlySet<string>): boolean;
  /** What it says, for explanations. */
  readonly tree: ConditionTree;
}

export type ConditionTree =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "and" | "or"; readonly parts: readonly ConditionTree[] };

interface Node {
  readonly tree: ConditionTree;
  readonly isMet: (present: ReadonlySet<string>) => boolean;
}

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
  const { isMet, tree } = parser.parseOr(0);
  parser.expectEnd();
  return { names: [...parser.names], joins: text.includes("&"), isMet, tree };
}

/** What holds where a trigger has no `conditions`: all of them. */
export function allOf(names: readonly string[]): Condition {
  const distinct = [...new Set(names)];
  return {
    names: distinct,
    joins: distinct.length > 1,
    isMet: (present) => distinct.every((name) => present.has(name)),
    tree: { kind: "and", parts: distinct.map((name) => ({ kind: "name", name })) },
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
    const { text: name } = next;
    names.add(name);
    return { tree: { kind: "name", name }, isMet: (present) => present.has(name) };
  }

  function expectEnd(): void {
    if (tokens[0]) throw fault(text, `has "${tokens[0].text}" where &&, || or the end is expected`);
  }

  return { names, parseOr, expectEnd };
}

function shown(next: { readonly text: string } | undefined): string {
  return next ? `"${next.text}"` : "its end";
}

function either({ tree, isMet: left }: Node, { tree: other, isMet: right }: Node): Node {
  return { tree: joined("or", tree, other), isMet: (present) => left(present) || right(present) };
}

function both({ tree, isMet: left }: Node, { tree: other, isMet: right }: Node): Node {
  return { tree: joined("and", tree, other), isMet: (present) => left(present) && right(present) };
}

/** `a && b && c` is one node. */
function joined(kind: "and" | "or", left: ConditionTree, right: ConditionTree): ConditionTree {
  const parts = [left, right].flatMap((part) => (part.kind === kind ? part.parts : [part]));
  return { kind, parts };
}

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

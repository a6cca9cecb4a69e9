import type { Pattern } from "./pattern.ts";

/** A string on the right of `=~` becomes a pattern; one that reads as a date is a time, a number of seconds. */
export type Token =
  | { readonly kind: "number" | "time"; readonly at: number; readonly text: string; readonly value: number }
  | { readonly kind: "boolean"; readonly at: number; readonly text: string; readonly value: boolean }
  | { readonly kind: "pattern"; readonly at: number; readonly text: string; readonly value: Pattern }
  | { readonly kind: "accessor"; readonly at: number; readonly text: string; readonly names: readonly string[] }
  | { readonly kind: PlainKind; readonly at: number; readonly text: string };

type PlainKind =
  | "string"
  | "variable"
  | "prefix"
  | "modifier"
  | "comparator"
  | "logical operator"
  | "ternary operator"
  | "separator"
  | "opening parenthesis"
  | "closing parenthesis";

export type TokenKind = Token["kind"];

export const prefixes: ReadonlySet<string> = new Set(["-", "!", "~"]);

export const symbolKinds: ReadonlyMap<string, TokenKind> = new Map<string, TokenKind>([
  ...["+", "-", "*", "/", "%", "**", "&", "|", "^", ">>", "<<"].map((text) => [text, "modifier"] as const),
  ...["&&", "||"].map((text) => [text, "logical operator"] as const),
  ...["==", "!=", ">", ">=", "<", "<=", "=~", "!~"].map((text) => [text, "comparator"] as const),
  ...["?", ":", "??"].map((text) => [text, "ternary operator"] as const),
]);

const values = ["number", "boolean", "variable", "accessor", "string", "time", "opening parenthesis"] as const;
const operators = ["modifier", "comparator", "logical operator", "closing parenthesis", "separator"] as const;

/**
 * What may stand after what. The original's table, with its odd corners: after a closing parenthesis a value may stand
 * (it is ignored), before one an operator may (its right side is nil), and no date may stand beside `+` or after `-`.
 */
const followers: Readonly<Record<TokenKind | "start", ReadonlySet<TokenKind>>> = {
  start: new Set(["prefix", ...values]),
  "opening parenthesis": new Set(["prefix", ...values, "closing parenthesis"]),
  "closing parenthesis": new Set([
    ...operators,
    ...(["number", "boolean", "variable", "string", "time", "opening parenthesis", "ternary operator"] as const),
  ]),
  number: new Set([...operators, "ternary operator"]),
  boolean: new Set([...operators, "ternary operator"]),
  string: new Set([...operators, "ternary operator"]),
  pattern: new Set([...operators, "ternary operator"]),
  variable: new Set([...operators, "ternary operator"]),
  time: new Set(operators),
  accessor: new Set([...operators, "ternary operator", "opening parenthesis"]),
  modifier: new Set(["prefix", ...values.filter((kind) => kind !== "time"), "closing parenthesis"]),
  comparator: new Set(["prefix", ...values, "closing parenthesis"]),
  "logical operator": new Set(["prefix", ...values, "closing parenthesis"]),
  prefix: new Set([
    ...(["number", "boolean", "variable", "accessor", "opening parenthesis", "closing parenthesis"] as const),
  ]),
  "ternary operator": new Set(["prefix", ...values, "separator"]),
  separator: new Set(["prefix", ...values]),
};

export function mayFollow(kind: TokenKind | "start", next: TokenKind): boolean {
  return followers[kind].has(next);
}

const endings: ReadonlySet<TokenKind | "start"> = new Set([
  ...(["number", "boolean", "string", "time", "pattern", "variable", "accessor", "closing parenthesis"] as const),
]);

export function mayEnd(kind: TokenKind | "start"): boolean {
  return endings.has(kind);
}

import type { Value } from "../values/values.ts";

/** A program as a tree. `at` is where it stands in the source. */
export type Node = { readonly at: number } & NodeShape;

export type NodeShape =
  | { readonly kind: "identity" }
  | { readonly kind: "recurse" }
  | { readonly kind: "literal"; readonly value: Value }
  /** A text with `\(…)` in it; `format` is that of `@base64 "…"`. */
  | { readonly kind: "text"; readonly parts: readonly (string | Node)[]; readonly format: string | undefined }
  | { readonly kind: "format"; readonly format: string }
  | { readonly kind: "index"; readonly base: Node; readonly key: Node }
  | { readonly kind: "slice"; readonly base: Node; readonly from: Node | undefined; readonly to: Node | undefined }
  | { readonly kind: "iterate"; readonly base: Node }
  | { readonly kind: "pipe"; readonly left: Node; readonly right: Node }
  | { readonly kind: "comma"; readonly left: Node; readonly right: Node }
  /** `+`, `==` and what else always needs both sides. */
  | { readonly kind: "binary"; readonly operator: string; readonly left: Node; readonly right: Node }
  | { readonly kind: "alternative"; readonly left: Node; readonly right: Node }
  | { readonly kind: "logic"; readonly operator: "and" | "or"; readonly left: Node; readonly right: Node }
  /** `=`, `|=`, `+=` and their like. */
  | { readonly kind: "update"; readonly operator: string; readonly left: Node; readonly right: Node }
  | { readonly kind: "sign"; readonly operator: "+" | "-"; readonly operand: Node }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Node[] }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "array"; readonly items: Node | undefined }
  | { readonly kind: "object"; readonly entries: readonly Entry[] }
  | { readonly kind: "if"; readonly condition: Node; readonly whenTrue: Node; readonly whenFalse: Node | undefined }
  | { readonly kind: "try"; readonly body: Node; readonly handler: Node | undefined }
  | Loop
  | { readonly kind: "label"; readonly name: string; readonly body: Node }
  | { readonly kind: "break"; readonly name: string }
  | { readonly kind: "bind"; readonly source: Node; readonly patterns: readonly Pattern[]; readonly body: Node }
  | { readonly kind: "def"; readonly definition: Definition; readonly rest: Node };

export interface Loop {
  readonly kind: "reduce" | "foreach";
  readonly source: Node;
  readonly pattern: Pattern;
  readonly start: Node;
  readonly update: Node;
  readonly extract: Node | undefined;
}

export type NodeOf<Kind extends Node["kind"]> = Extract<Node, { readonly kind: Kind }>;

export interface Entry {
  readonly key: Node;
  readonly value: Node;
}

export interface Definition {
  readonly name: string;
  /** With `$` where it is a value. */
  readonly params: readonly string[];
  readonly body: Node;
}

export type Pattern =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "array"; readonly items: readonly Pattern[] }
  | { readonly kind: "object"; readonly fields: readonly PatternField[] };

/** `name` is the variable of `{$name}`, which may have a pattern besides. */
export interface PatternField {
  readonly key: Node;
  readonly name: string | undefined;
  readonly pattern: Pattern | undefined;
}

import type { Node } from "./syntax/nodes.ts";
import type { Fields, Value } from "./values/values.ts";
import type { Work } from "./work.ts";

/** What one evaluation runs in. */
export interface Frame {
  readonly values: Fields;
  readonly work: Work;
  /** Milliseconds since 1970; not there where an expression may not ask for the time. */
  readonly now: (() => number) | undefined;
  /** Those of `let`, by number. */
  readonly variables: Value[];
  /** Of the innermost closure. */
  scope: Scope | undefined;
  /** The nil at which the last chain of `?.` ended. */
  nil: Value;
}

export interface Scope {
  readonly length: number;
  /** A byte or an item. @throws EngineError EXPRESSION_FAILED outside, and for what has a length but no items */
  readonly item: (index: number) => Value;
  index: number;
  /** `#acc` of `reduce`. */
  accumulated: Value;
}

export type Evaluate = (frame: Frame) => Value;

export type Compile = (node: Node) => Evaluate;

export type Builtin = (args: readonly Value[], frame: Frame) => Value;

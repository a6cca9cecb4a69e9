import type { GoInt } from "./values.ts";

/** The tree of a template. `at` is an offset into its text, `text` what stands there, for messages. */
interface Placed {
  readonly at: number;
  readonly text: string;
}

export type Operand = Placed &
  (
    | { readonly kind: "dot" | "nil" }
    | { readonly kind: "bool"; readonly value: boolean }
    | { readonly kind: "string"; readonly value: string }
    | NumberLiteral
    | { readonly kind: "field"; readonly names: readonly string[] }
    | { readonly kind: "variable"; readonly name: string; readonly names: readonly string[] }
    | { readonly kind: "function"; readonly name: string }
    | { readonly kind: "chain"; readonly of: Operand; readonly names: readonly string[] }
    | { readonly kind: "pipe"; readonly pipe: Pipe }
  );

/** A literal of Go: what it is as an int and as a float64 (each undefined where it is not), and by itself. */
export interface NumberLiteral {
  readonly kind: "number";
  readonly int?: bigint;
  readonly float?: number;
  /** Absent when it is an integer that no int holds. */
  readonly ideal?: number | GoInt;
}

export interface Command extends Placed {
  readonly operands: readonly [Operand, ...Operand[]];
}

export interface Pipe extends Placed {
  /** The variables set; two in a range. */
  readonly variables: readonly string[];
  /** `=` instead of `:=`. */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

export interface Branch extends Placed {
  readonly kind: "if" | "with" | "range";
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

export type Node =
  | (Placed & { readonly kind: "text"; readonly value: string })
  | (Placed & { readonly kind: "action"; readonly pipe: Pipe })
  | (Placed & { readonly kind: "break" | "continue" })
  | (Placed & { readonly kind: "template"; readonly name: string; readonly pipe?: Pipe })
  | Branch;

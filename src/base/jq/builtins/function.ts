import type { Value } from "../values/values.ts";
import type { Work } from "../work.ts";

/** A function of values alone: its arguments are computed, for each combination of their results. */
export interface ValueFunction {
  readonly call: (input: Value, args: readonly Value[], work: Work) => Value;
  /** Whether the first argument is the outermost loop, as in functions that the original has in jq. */
  readonly inOrder: boolean;
}

/** By name and number of arguments: `split/1`. */
export type FunctionTable = Readonly<Record<string, ValueFunction>>;

export function of0(call: (input: Value, work: Work) => Value): ValueFunction {
  return { call: (input, _args, work) => call(input, work), inOrder: false };
}

export function of1(call: (input: Value, arg: Value, work: Work) => Value): ValueFunction {
  return { call: (input, [arg = null], work) => call(input, arg, work), inOrder: false };
}

export function of2(call: (input: Value, first: Value, second: Value, work: Work) => Value): ValueFunction {
  return { call: (input, [first = null, second = null], work) => call(input, first, second, work), inOrder: false };
}

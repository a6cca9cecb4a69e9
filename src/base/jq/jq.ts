import type { JsonValue } from "../json.ts";
import { Compiler } from "./compiler/compiler.ts";
import { Env, type Filter, firstOf } from "./compiler/filter.ts";
import { Scope } from "./compiler/scope.ts";
import { Break, Fault, Halt, invalid, JqError, limitReached } from "./fault.ts";
import { Output } from "./output.ts";
import { parseJq } from "./syntax/parser.ts";
import { defaultJqLimits, type JqLimits, Work } from "./work.ts";

/** A program that was parsed and compiled once. The same input gives the same results, always. */
export interface JqProgram {
  readonly source: string;
  /**
   * All results, as JSON: keys in order, NaN as null. The input is not changed, and results may share parts with it.
   * @throws JqError what the program failed with, results before it notwithstanding
   * @throws JqLimitError
   */
  run(input: JsonValue, options?: JqOptions): readonly JsonValue[];
  /**
   * The first result, undefined where there is none; what comes behind it does not run.
   * @throws JqError, JqLimitError
   */
  first(input: JsonValue, options?: JqOptions): JsonValue | undefined;
}

export interface JqOptions {
  readonly limits?: Partial<JqLimits>;
  /** What `now` gives, in milliseconds since 1970. Without it `now` fails: the same input gives the same results. */
  readonly now?: () => number;
}

/**
 * jq as gojq 0.12.19 reads it, without all that reaches out of the program: other inputs, modules, the environment.
 * @throws TerminalError EXPRESSION_INVALID, with the place in `source`
 */
export function compileJq(source: string): JqProgram {
  const filter = compile(source);
  const start = (options: JqOptions): Env => {
    return new Env(undefined, new Work({ ...defaultJqLimits, ...options.limits }, options.now), 0);
  };
  return {
    source,
    run: (input, options = {}) => guarded(() => collect(filter, start(options), input)),
    first: (input, options = {}) =>
      guarded(() => {
        const env = start(options);
        const found = firstOf(filter, env, input);
        return found === undefined ? undefined : new Output(env.work.limits).take(found);
      }),
  };
}

function compile(source: string): Filter {
  try {
    return new Compiler(source).compile(parseJq(source.toWellFormed()), new Scope());
  } catch (error) {
    if (error instanceof RangeError) throw invalid(source, 0, "it is nested too deeply");
    throw error;
  }
}

function collect(filter: Filter, env: Env, input: JsonValue): readonly JsonValue[] {
  const { limits } = env.work;
  const output = new Output(limits);
  const results: JsonValue[] = [];
  filter.run(env, input, (value) => {
    if (results.length >= limits.maxOutputs) throw limitReached(`has more than ${limits.maxOutputs} results`);
    results.push(output.take(value));
  });
  return results;
}

function guarded<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (error instanceof Fault || error instanceof Halt) throw new JqError(error.message, error.value);
    if (error instanceof Break) throw new Error("a break leads out of the program");
    // The stack of JavaScript ended before our own limits.
    if (error instanceof RangeError) throw limitReached("has calls or values in each other that are nested too deeply");
    throw error;
  }
}

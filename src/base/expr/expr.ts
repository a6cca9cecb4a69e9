import { compile } from "./compiler.ts";
import { failed, invalid } from "./fault.ts";
import type { Frame } from "./frame.ts";
import { optimize } from "./optimizer.ts";
import { parse } from "./syntax/parser.ts";
import { check } from "./types/checker.ts";
import { nameOf } from "./types/types.ts";
import type { Fields, Value } from "./values/values.ts";
import { Work } from "./work.ts";

/** An expression that was parsed and checked once. */
export interface Expr {
  readonly source: string;
  /** What the result is going to be, as Go writes the type; `interface {}` where only the values will tell. */
  readonly type: string;
  /**
   * `values` are what names in the expression stand for; one that is not there is nil. They are not changed. A bigint is
   * an int: what came as JSON goes through `withFloats` first.
   * @throws EngineError EXPRESSION_FAILED
   */
  evaluate(values: Fields, options?: ExprOptions): Value;
}

export interface ExprOptions {
  /** What `now()` gives, in milliseconds since 1970. Without it `now()` fails: the same values give the same result. */
  readonly now?: () => number;
}

/** Far above what manifests have. */
const maxLength = 16_384;

/**
 * The dialect of EventSources' `filter.expression`: antonmedv/expr 1.15.5, as it is compiled without an environment.
 * @throws TerminalError EXPRESSION_INVALID, with the place in `source`
 */
export function compileExpr(source: string): Expr {
  if (source.length > maxLength) throw invalid(source, maxLength, `it is longer than ${maxLength} characters`);
  const text = source.toWellFormed();
  const root = parse(text);
  const facts = check(text, root);
  const { run, variables } = compile(text, optimize(text, root, facts), facts);
  return {
    source,
    type: nameOf(facts.types.get(root)),
    evaluate(values, { now } = {}) {
      const work = new Work();
      const frame: Frame = {
        values,
        work,
        now,
        variables: new Array(variables).fill(null),
        scope: undefined,
        nil: null,
      };
      try {
        return run(frame);
      } catch (error) {
        // The stack of JavaScript ended before our own limits.
        if (error instanceof RangeError) throw failed("it needs too much memory");
        throw error;
      }
    },
  };
}

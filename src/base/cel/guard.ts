import { memoize } from "../memo.ts";
import { compileRegex } from "../regex.ts";
import { Weights } from "./values.ts";

/** What of the interpreter's inside is used: every part of an expression is evaluated by `run` of one object. */
export interface CelNode {
  readonly op: string;
  readonly args: unknown;
  evaluate: Evaluate;
}

type Evaluate = (evaluator: CelEvaluator, node: CelNode, context: unknown) => unknown;

interface CelEvaluator {
  run(node: CelNode, context: unknown): unknown;
  debugTypeDeep(value: unknown): unknown;
  debugRuntimeType(value: unknown, type: unknown): unknown;
}

interface CelProgram {
  (variables: Readonly<Record<string, unknown>>): unknown;
  check(): { readonly valid: boolean; readonly type?: string; readonly error?: unknown };
  readonly ast: CelNode;
}

export function parseProgram(program: unknown): CelProgram {
  return program as CelProgram;
}

/** What one evaluation may still use. */
export class CelBudget {
  readonly #max: number;
  readonly weights = new Weights();
  #left = 0;

  constructor(max: number) {
    this.#max = max;
  }

  refill(): void {
    this.#left = this.#max;
    this.weights.forget();
  }

  /** Once it is, nothing more is evaluated: what catches errors, as `||` and `exists` do, only ends sooner. */
  get isSpent(): boolean {
    return this.#left < 0;
  }

  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw spent;
  }
}

/** One for all: it is thrown often while loops come to their end. */
const spent = new Error("too many steps");

/** The interpreter has no limit at run time, and takes JavaScript's regular expressions: both are mended at its `run`. */
export function guard(root: CelNode, budget: CelBudget): void {
  let inner: Evaluate = root.evaluate;
  let guarded: CelEvaluator | undefined;
  const outer: Evaluate = (evaluator, node, context) => {
    guarded ??= guardedEvaluator(evaluator, budget, root, () => inner);
    return guarded.run(node, context);
  };
  // The interpreter puts a quicker function in this place at the first evaluation.
  Object.defineProperty(root, "evaluate", {
    get: () => outer,
    set: (quicker: Evaluate) => {
      inner = quicker;
    },
  });
}

/** Those that read all of what they are given. */
const thorough: ReadonlySet<string> = new Set(["==", "!=", "in", "+", "<", "<=", ">", ">=", "call", "rcall"]);

function guardedEvaluator(
  evaluator: CelEvaluator,
  budget: CelBudget,
  root: CelNode,
  rootEvaluate: () => Evaluate,
): CelEvaluator {
  let parent = "";
  const guarded: CelEvaluator = Object.assign(Object.create(evaluator), {
    // They use private fields, which only the object itself has.
    debugTypeDeep: (value: unknown) => evaluator.debugTypeDeep(value),
    debugRuntimeType: (value: unknown, type: unknown) => evaluator.debugRuntimeType(value, type),
    run(node: CelNode, context: unknown): unknown {
      const above = parent;
      budget.spend(1);
      parent = node.op;
      try {
        const result = evaluateNode(node, context);
        if (thorough.has(above)) budget.spend(budget.weights.of(result));
        return result;
      } finally {
        parent = above;
      }
    },
  });
  const evaluateNode = (node: CelNode, context: unknown): unknown => {
    const pattern = patternOf(node);
    if (pattern !== undefined) return matches(pattern.map((part) => guarded.run(part, context)));
    const evaluate = node === root ? rootEvaluate() : node.evaluate;
    return evaluate.call(node, guarded, node, context);
  };
  return guarded;
}

/** Of `text.matches(pattern)`: both parts. */
function patternOf({ op, args }: CelNode): readonly CelNode[] | undefined {
  if (op !== "rcall" || !Array.isArray(args) || args[0] !== "matches") return undefined;
  return [args[1], ...args[2]];
}

const maxPatterns = 100;
const regexOf = memoize(compileRegex, maxPatterns);

function matches([text, pattern]: readonly unknown[]): boolean {
  if (typeof text === "string" && typeof pattern === "string") return regexOf(pattern).matches(text);
  throw new Error("matches takes a string and a pattern");
}

import { Environment } from "@marcbachmann/cel-js";
import { EngineError, messageOf, TerminalError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { CelBudget, guard, parseProgram } from "./guard.ts";
import { toCel } from "./values.ts";

/** An expression ready to run. */
export interface Cel {
  /**
   * @throws EngineError EXPRESSION_FAILED for keys that are not there, values that do not fit, what is no bool, and what
   * takes more than its steps. Whatever is caught inside of the expression, that last one is told.
   */
  test(event: Readonly<Record<string, JsonValue>>): boolean;
}

/** Turns of loops and operations; reading, comparing and joining what is long takes more. About 0.1 s. */
export const maxCelSteps = 200_000;

const maxTextLength = 10_000;

const limits = { maxAstNodes: 2_000, maxDepth: 50, maxListElements: 1_000, maxMapEntries: 1_000, maxCallArguments: 32 };

/**
 * CEL (cel.dev) over one variable, `event`, whose whole numbers are ints and others doubles. Regular expressions are RE2.
 * @throws TerminalError EXPRESSION_INVALID for what does not parse, whose types cannot fit, or which gives no bool
 */
export function compileCel(text: string): Cel {
  const program = compileProgram(text, { event: "map" });
  return { test: (event) => program({ event }) };
}

/** An expression over `self` and `oldSelf`. @throws EngineError EXPRESSION_FAILED */
export type CelRule = (self: JsonValue, oldSelf?: JsonValue) => boolean;

/** A validation rule as CRDs have them (`x-kubernetes-validations`). @throws TerminalError EXPRESSION_INVALID */
export function compileCelRule(text: string): CelRule {
  const program = compileProgram(text, { self: "dyn", oldSelf: "dyn" });
  return (self, oldSelf = null) => program({ self, oldSelf });
}

type Values = Readonly<Record<string, JsonValue>>;

function compileProgram(text: string, variables: Readonly<Record<string, string>>): (values: Values) => boolean {
  if (text.length > maxTextLength) {
    throw new TerminalError("EXPRESSION_INVALID", `is longer than ${maxTextLength} characters`);
  }
  const budget = new CelBudget(maxCelSteps);
  const program = compile(text, budget, variables);
  return (values) => {
    budget.refill();
    const result = evaluate(() => program(celValues(values)), budget);
    if (typeof result === "boolean") return result;
    throw new EngineError("EXPRESSION_FAILED", `the result must be a bool; it is of type ${typeName(result)}`);
  };
}

function celValues(values: Values): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toCel(value)]));
}

function compile(
  text: string,
  budget: CelBudget,
  variables: Readonly<Record<string, string>>,
): (values: Readonly<Record<string, unknown>>) => unknown {
  try {
    const environment = new Environment({ limits, homogeneousAggregateLiterals: false });
    for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
    const program = parseProgram(environment.parse(text));
    const { valid, type = "", error } = program.check();
    if (!valid) throw error;
    if (type !== "bool" && type !== "dyn") throw new Error(`the result must be a bool; it is of type ${type}`);
    guard(program.ast, budget);
    return (values) => program(values);
  } catch (error) {
    throw new TerminalError("EXPRESSION_INVALID", firstLine(error));
  }
}

function evaluate(run: () => unknown, budget: CelBudget): unknown {
  try {
    const result = run();
    if (!budget.isSpent) return result;
  } catch (error) {
    if (!budget.isSpent) throw new EngineError("EXPRESSION_FAILED", firstLine(error), error);
  }
  throw new EngineError("EXPRESSION_FAILED", `it takes more than ${maxCelSteps} steps`);
}

/** The rest shows the place, in several lines. */
function firstLine(error: unknown): string {
  return messageOf(error).split("\n", 1)[0] ?? "";
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  const name = { bigint: "int", number: "double", string: "string" }[typeof value as string];
  return name ?? "map";
}

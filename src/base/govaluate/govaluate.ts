import type { FloatJson, FloatObject } from "../json.ts";
import { invalid } from "./fault.ts";
import { failed, matching, operators, prefixOperators, unfit, type Value } from "./operators.ts";
import { type Node, parse } from "./parser.ts";
import { Pattern } from "./pattern.ts";

/** An expression that was parsed once. The same values give the same result, always. */
export interface Govaluate {
  readonly source: string;
  /** The variables that it may read, each once. */
  readonly names: readonly string[];
  /** @throws EngineError EXPRESSION_FAILED */
  evaluate(values: FloatObject): FloatJson;
}

/** Far above what manifests have. */
const maxLength = 16_384;

type Evaluate = (values: FloatObject) => Value;

/**
 * The dialect of Sensors' `filters.exprs`: Knetic/govaluate without functions. Numbers are float64. Lists and objects
 * can be compared and, lists, looked into with `in`.
 * @throws TerminalError EXPRESSION_INVALID, with the place in `source`
 */
export function compileGovaluate(source: string): Govaluate {
  if (source.length > maxLength) throw invalid(source, `it is longer than ${maxLength} characters`);
  const names = new Set<string>();
  const run = compile(parse(source), names);
  return {
    source,
    names: [...names],
    evaluate(values) {
      const result = run(values);
      if (result instanceof Pattern) throw failed("the result is a pattern");
      return result;
    },
  };
}

function compile(node: Node, names: Set<string>): Evaluate {
  switch (node.kind) {
    case "literal": {
      const { value } = node;
      return () => value;
    }
    case "variable":
      names.add(node.name);
      return variable(node.name);
    case "accessor":
      names.add(node.names[0] ?? "");
      return accessor(node.names);
    case "prefix":
      return prefix(node.operator, compile(node.operand, names));
    default:
      return binary(node.operator, compile(node.left, names), compile(node.right, names));
  }
}

function variable(name: string): Evaluate {
  return (values) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw failed(`there is no parameter ${JSON.stringify(name)}`);
    return value;
  };
}

/** The original looks into structs only, and what comes with an event is none. */
function accessor(names: readonly string[]): Evaluate {
  const get = variable(names[0] ?? "");
  return (values) => {
    get(values);
    throw failed(
      `${JSON.stringify(names.join("."))} cannot be looked into: ${JSON.stringify(names[0])} is not a struct`,
    );
  };
}

function prefix(operator: string, operand: Evaluate): Evaluate {
  const apply = prefixOperators[operator];
  if (apply === undefined) throw new Error(`no prefix ${operator}`);
  return (values) => apply(operand(values));
}

function binary(operator: string, left: Evaluate, right: Evaluate): Evaluate {
  switch (operator) {
    case "&&":
      return (values) => boolOf(left(values), "&&") && boolOf(right(values), "&&");
    case "||":
      return (values) => boolOf(left(values), "||") || boolOf(right(values), "||");
    case "?":
      return (values) => {
        const condition = left(values);
        if (typeof condition !== "boolean") throw unfit(condition, "the ternary operator ?", "a bool");
        return condition ? right(values) : null;
      };
    case ":":
    case "??":
      return (values) => left(values) ?? right(values);
    case "=~":
    case "!~":
      return both(matching(operator === "=~"), left, right);
    default: {
      const apply = operators[operator];
      if (apply === undefined) throw new Error(`no operator ${operator}`);
      return both(apply, left, right);
    }
  }
}

function both(apply: (left: Value, right: Value) => Value, left: Evaluate, right: Evaluate): Evaluate {
  return (values) => apply(left(values), right(values));
}

function boolOf(value: Value, operator: string): boolean {
  if (typeof value !== "boolean") throw unfit(value, `the logical operator ${operator}`, "a bool");
  return value;
}

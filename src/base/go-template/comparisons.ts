import { compareText } from "../go/bytes.ts";
import { type FunctionTable, fn, operand, variadic } from "./function.ts";
import { GoInt, GoList, kindOf, nilFields, typeOf, type Value } from "./values.ts";
import { Failure } from "./work.ts";

type Basic = "bool" | "int" | "uint" | "float" | "string";

function basicOf(value: Value | undefined): Basic | undefined {
  if (value instanceof GoInt) return value.type.startsWith("u") ? "uint" : "int";
  const kind = kindOf(value);
  if (kind === "float64") return "float";
  return kind === "bool" || kind === "string" ? kind : undefined;
}

function incompatible(a: Value | undefined, b: Value | undefined): Failure {
  return new Failure(`incompatible types for comparison: ${typeOf(a)} and ${typeOf(b)}`);
}

/** Whether two values are equal, of the same type or both integers. nil equals nil only. */
function isEqual(a: Value | undefined, b: Value | undefined): boolean {
  if (kindOf(a) === "invalid" || kindOf(b) === "invalid") return isNil(a) && isNil(b);
  const [basicA, basicB] = [basicOf(a), basicOf(b)];
  if (a instanceof GoInt && b instanceof GoInt) return a.value === b.value;
  if (basicA !== basicB) throw incompatible(a, b);
  if (basicA !== undefined) return a === b;
  if (kindOf(a) !== kindOf(b)) throw incompatible(a, b);
  if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
  if (kindOf(a) === "slice" || kindOf(a) === "map") throw new Failure(`non-comparable type ${typeOf(b)}`);
  return a === b;
}

/** Nothing, or a list or map that is nil of its type. */
function isNil(value: Value | undefined): boolean {
  return value === undefined || value === null || value === nilFields || (value instanceof GoList && value.isNil);
}

/** Negative, zero or positive; NaN where neither is the smaller one. */
function compare(a: Value | undefined, b: Value | undefined): number {
  const [basicA, basicB] = [basicOf(a), basicOf(b)];
  if (basicA === undefined || basicB === undefined) throw new Failure("invalid type for comparison");
  if (a instanceof GoInt && b instanceof GoInt) return a.value < b.value ? -1 : Number(a.value > b.value);
  if (basicA !== basicB) throw incompatible(a, b);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (typeof a === "number" && typeof b === "number") return compareFloats(a, b);
  throw new Failure("invalid type for comparison");
}

function compareFloats(a: number, b: number): number {
  if (a === b) return 0; // infinities too, whose difference is NaN
  return a - b;
}

/** As Go has them: `gt` is "not (less or equal)", `ge` "not less". */
export const comparisons: FunctionTable = {
  eq: variadic([operand], operand, (first, others) => {
    if (others.length === 0) throw new Failure("missing argument for comparison");
    return others.some((other) => isEqual(first, other));
  }),
  ne: fn([operand, operand], (a, b) => !isEqual(a, b)),
  lt: fn([operand, operand], (a, b) => compare(a, b) < 0),
  le: fn([operand, operand], (a, b) => compare(a, b) <= 0),
  gt: fn([operand, operand], (a, b) => !(compare(a, b) <= 0)),
  ge: fn([operand, operand], (a, b) => !(compare(a, b) < 0)),
};

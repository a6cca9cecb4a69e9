import { compareText } from "../go/bytes.ts";
import { looseGoFloat } from "../go/values.ts";
import type { JsonValue } from "../json.ts";
import { compilePattern } from "./pattern.ts";
import { boolOf } from "./text.ts";

/** Whether a query takes what is at its path; undefined is nothing there. */
export type Test = (seen: JsonValue | undefined) => boolean;

/** The right side of a query, read once. Null, lists and objects compare with nothing. */
export function compileTest(operator: string, value: string): Test {
  if (!value.startsWith("~")) return compileComparison(operator, value);
  const convert = conversions.get(value.slice(1));
  if (!convert) return () => false;
  const compare = compileComparison(operator, "true");
  return (seen) => compare(convert(seen));
}

const conversions: ReadonlyMap<string, Test> = new Map([
  ["*", (seen) => seen !== undefined],
  ["null", (seen) => seen === undefined || seen === null],
  ["true", boolOf],
  ["false", isFalsy],
]);

/** What is missing counts as false; a list or a word is neither true nor false. */
function isFalsy(seen: JsonValue | undefined): boolean {
  if (seen === undefined || seen === null) return true;
  if (typeof seen === "string") return boolOf(seen) === false && /^(?:0|f|false)$/i.test(seen);
  return typeof seen === "object" ? false : !boolOf(seen);
}

function compileComparison(operator: string, value: string): Test {
  if (operator === "") return (seen) => seen !== undefined;
  const ofText = compileTextTest(operator, value);
  const ofNumber = orders[operator];
  const wanted = looseGoFloat(value);
  return (seen) => {
    switch (typeof seen) {
      case "string":
        return ofText(seen);
      case "number":
        return ofNumber?.(seen - wanted, seen === wanted) ?? false;
      case "bigint":
        return ofNumber?.(Number(seen) - wanted, Number(seen) === wanted) ?? false;
      case "boolean":
        return testBool(seen, operator, value);
      default:
        return false;
    }
  };
}

/** By the difference, and whether there is none: of infinities and NaN the difference does not say it. */
const orders: Readonly<Record<string, (difference: number, isSame: boolean) => boolean>> = {
  "=": (_, isSame) => isSame,
  "!=": (_, isSame) => !isSame,
  "<": (difference) => difference < 0,
  "<=": (difference, isSame) => isSame || difference < 0,
  ">": (difference) => difference > 0,
  ">=": (difference, isSame) => isSame || difference > 0,
};

function compileTextTest(operator: string, value: string): (seen: string) => boolean {
  if (operator === "%" || operator === "!%") {
    const matches = compilePattern(value);
    return operator === "%" ? matches : (seen) => !matches(seen);
  }
  const order = orders[operator];
  if (!order) return () => false;
  return (seen) => (seen === value ? order(0, true) : order(compareText(seen, value), false));
}

/** The original's table: against what is neither true nor false `>=` holds for true, `<=` for false. */
function testBool(seen: boolean, operator: string, value: string): boolean {
  switch (operator) {
    case "=":
      return value === String(seen);
    case "!=":
      return value !== String(seen);
    case ">":
      return seen && value === "false";
    case ">=":
      return seen;
    case "<":
      return !seen && value === "true";
    case "<=":
      return !seen;
    default:
      return false;
  }
}

import { EngineError, messageOf } from "../errors.ts";
import { compareText } from "../go/bytes.ts";
import { goPow, toInt64, toUint64 } from "../go/float.ts";
import { printJson } from "../go/print.ts";
import type { FloatJson, FloatObject } from "../json.ts";
import { Pattern } from "./pattern.ts";

export type Value = FloatJson | Pattern;
export type Operator = (left: Value, right: Value) => Value;

/** Longer texts are not made; a pattern that comes with an event may be much shorter only. */
const maxLength = 16 * 1_024 * 1_024;
const maxPattern = 10_000;
const maxNesting = 1_000;

export function failed(message: string): EngineError {
  return new EngineError("EXPRESSION_FAILED", message);
}

/** `%v`, as far as a message needs it. */
function shown(value: Value): string {
  const text = print(value);
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

function print(value: Value): string {
  if (value instanceof Pattern) return value.source;
  try {
    return printJson(value);
  } catch (error) {
    throw failed(messageOf(error));
  }
}

/** Fails the way of the original: `what` names the operator, `wanted` what it takes. */
export function unfit(value: Value, what: string, wanted: string): EngineError {
  return failed(`${shown(value)} cannot be used with ${what}: it is not ${wanted}`);
}

const arithmetic =
  (operator: string, compute: (left: number, right: number) => number): Operator =>
  (left, right) => {
    if (typeof left !== "number") throw unfit(left, `the modifier ${operator}`, "a number");
    if (typeof right !== "number") throw unfit(right, `the modifier ${operator}`, "a number");
    return compute(left, right);
  };

const comparison =
  (operator: string, holds: (difference: number) => boolean): Operator =>
  (left, right) => {
    // NaN is neither less nor greater: no difference holds.
    if (typeof left === "number" && typeof right === "number") return holds(left === right ? 0 : left - right);
    if (typeof left === "string" && typeof right === "string") return holds(compareText(left, right));
    throw failed(
      `${shown(left)} and ${shown(right)} cannot be used with the comparator ${operator}: it takes two numbers or two strings`,
    );
  };

function add(left: Value, right: Value): Value {
  if (typeof left === "number" && typeof right === "number") return left + right;
  if (typeof left !== "string" && typeof right !== "string") {
    throw unfit(typeof left === "number" ? right : left, "the modifier +", "a number, nor is one of the two a string");
  }
  const [before, after] = [print(left), print(right)];
  if (before.length + after.length > maxLength) throw failed(`a text is longer than ${maxLength} characters`);
  return before + after;
}

const equality =
  (wanted: boolean): Operator =>
  (left, right) =>
    areEqual(left, right, 0) === wanted;

/** `reflect.DeepEqual` of what JSON can be. */
function areEqual(left: Value, right: Value, depth: number): boolean {
  if (typeof left !== "object" || left === null || typeof right !== "object" || right === null) return left === right;
  if (depth > maxNesting) throw failed(`values are nested deeper than ${maxNesting}`);
  if (left instanceof Pattern || right instanceof Pattern) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => areEqual(item, right[index], depth + 1));
  }
  return sameFields(left as FloatObject, right as FloatObject, depth);
}

function sameFields(left: FloatObject, right: FloatObject, depth: number): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every(
    (name) => Object.hasOwn(right, name) && areEqual(left[name] ?? null, right[name] ?? null, depth + 1),
  );
}

function isIn(left: Value, right: Value): boolean {
  if (!Array.isArray(right)) throw unfit(right, "the comparator in", "a list");
  return right.some((item: FloatJson) => {
    if (item === left) return typeof left !== "object" || left === null || refuse();
    const isSameKind = typeof item === "object" && typeof left === "object" && item !== null && left !== null;
    return isSameKind && Array.isArray(item) === Array.isArray(left) && refuse();
  });
}

/** The original panics. */
function refuse(): never {
  throw failed("lists and objects cannot be looked for with in");
}

/** A list on the left gets one more item; nothing else can be told from `(a, b), c`. */
function separate(left: Value, right: Value): Value {
  return (Array.isArray(left) ? [...left, right] : [left, right]) as FloatJson;
}

const bits = (operator: string, compute: (left: bigint, right: bigint) => bigint): Operator =>
  arithmetic(operator, (left, right) => Number(compute(toInt64(left), toInt64(right))));

const shift = (operator: string, compute: (left: bigint, right: bigint) => bigint): Operator =>
  arithmetic(operator, (left, right) => {
    const places = toUint64(right);
    return places > 63n ? 0 : Number(BigInt.asUintN(64, compute(toUint64(left), places)));
  });

/** Those that need both sides; `&&`, `||`, `?`, `:` and `??` may leave their right side alone. */
export const operators: Readonly<Record<string, Operator>> = {
  "+": add,
  "-": arithmetic("-", (left, right) => left - right),
  "*": arithmetic("*", (left, right) => left * right),
  "/": arithmetic("/", (left, right) => left / right),
  "%": arithmetic("%", (left, right) => left % right),
  "**": arithmetic("**", goPow),
  "&": bits("&", (left, right) => left & right),
  "|": bits("|", (left, right) => left | right),
  "^": bits("^", (left, right) => left ^ right),
  "<<": shift("<<", (left, right) => left << right),
  ">>": shift(">>", (left, right) => left >> right),
  "==": equality(true),
  "!=": equality(false),
  ">": comparison(">", (difference) => difference > 0),
  ">=": comparison(">=", (difference) => difference >= 0),
  "<": comparison("<", (difference) => difference < 0),
  "<=": comparison("<=", (difference) => difference <= 0),
  in: isIn,
  ",": separate,
};

export const prefixOperators: Readonly<Record<string, (value: Value) => Value>> = {
  "-": (value) => -numberOf(value, "-"),
  "~": (value) => Number(~toInt64(numberOf(value, "~"))),
  "!": (value) => {
    if (typeof value !== "boolean") throw unfit(value, "the prefix !", "a bool");
    return !value;
  },
};

function numberOf(value: Value, operator: string): number {
  if (typeof value !== "number") throw unfit(value, `the prefix ${operator}`, "a number");
  return value;
}

/** `=~`, and `!~` where `wanted` is false. The last pattern of its own is kept: most often it is the same. */
export function matching(wanted: boolean): Operator {
  const operator = wanted ? "=~" : "!~";
  let last: Pattern | undefined;
  return (left, right) => {
    if (typeof left !== "string") throw unfit(left, `the comparator ${operator}`, "a string");
    if (right instanceof Pattern) return right.regex.matches(left) === wanted;
    if (typeof right !== "string") throw unfit(right, `the comparator ${operator}`, "a pattern");
    if (last?.source !== right) last = patternOf(right);
    return last.regex.matches(left) === wanted;
  };
}

function patternOf(text: string): Pattern {
  if (text.length > maxPattern) throw failed(`a pattern is longer than ${maxPattern} characters`);
  try {
    return new Pattern(text);
  } catch (error) {
    throw failed(messageOf(error));
  }
}

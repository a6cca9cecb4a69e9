import { messageOf } from "../errors.ts";
import { readable, searchable } from "../go/bytes.ts";
import { goPow } from "../go/float.ts";
import { compileRegex, type Regex } from "../regex.ts";
import { failed } from "./fault.ts";
import type { Evaluate, Frame } from "./frame.ts";
import { add, divide, modulo, multiply, subtract } from "./values/arithmetic.ts";
import { areEqual, compare, fieldName, isIn } from "./values/equality.ts";
import { toFloat, toInt, toText, wrap } from "./values/numbers.ts";
import { range, typeOf, type Value } from "./values/values.ts";

type Apply = (left: Value, right: Value, frame: Frame) => Value;

/** Those that look at both sides, always. */
const operators: Readonly<Record<string, Apply>> = {
  "==": (left, right, { work }) => areEqual(left, right, work),
  "!=": (left, right, { work }) => !areEqual(left, right, work),
  "<": (left, right) => compare(left, right, "<") < 0,
  "<=": (left, right) => compare(left, right, "<=") <= 0,
  ">": (left, right) => compare(left, right, ">") > 0,
  ">=": (left, right) => compare(left, right, ">=") >= 0,
  "+": (left, right, { work }) => add(left, right, work),
  "-": subtract,
  "*": multiply,
  "/": divide,
  "%": modulo,
  "**": (left, right) => goPow(toFloat(left), toFloat(right)),
  "^": (left, right) => goPow(toFloat(left), toFloat(right)),
  "..": (left, right, frame) => makeRange(toInt(left), toInt(right), frame),
  in: (left, right, { work }) => isIn(left, right, work),
  contains: ofTexts((text, part) => text.includes(part)),
  startsWith: ofTexts((text, part) => text.startsWith(part)),
  endsWith: ofTexts((text, part) => text.endsWith(part)),
};

function ofTexts(test: (text: string, part: string) => boolean): Apply {
  return (left, right, { work }) => {
    const [text = "", part = ""] = searchable(toText(left), toText(right)).texts;
    work.text(text.length);
    return test(text, part);
  };
}

/** A size that overflows is less than 0, and so is none. */
function makeRange(from: bigint, to: bigint, { work }: Frame): Value {
  const size = wrap(to - from + 1n);
  const length = size < 0n ? 0 : Number(size);
  work.allocate(length);
  return range(from, length);
}

/** Evaluates both sides, the left one first. */
export function both(operator: string, left: Evaluate, right: Evaluate): Evaluate {
  const apply = operators[operator];
  if (apply === undefined) throw new Error(`there is no operator ${operator}`);
  return (frame) => apply(left(frame), right(frame), frame);
}

export function ofType(value: Value, wanted: "int" | "string"): Value {
  if (typeOf(value) !== wanted) throw failed(`a value of type ${typeOf(value)} is no ${wanted}`);
  return value;
}

/** Nil is the zero of the type; a value of another type is an error, as for keys of a map. */
export function inSet(needle: Evaluate, items: ReadonlySet<unknown>): Evaluate {
  const [first] = items;
  if (typeof first === "string") return (frame) => items.has(fieldName(needle(frame)));
  return (frame) => items.has(ofType(needle(frame) ?? 0n, "int"));
}

const maxPattern = 10_000;

/** The last pattern that came with the values is kept: most often it is the same. */
export function matching(left: Evaluate, right: Evaluate, known: Regex | undefined): Evaluate {
  let last = known;
  return (frame) => {
    const given = left(frame);
    const pattern = known ?? toText(right(frame));
    const text = toText(given);
    if (typeof pattern === "string" && last?.source !== pattern) last = patternOf(pattern);
    frame.work.text(text.length * 16);
    return last?.matches(readable(text)) ?? false;
  };
}

function patternOf(text: string): Regex {
  if (!text.isWellFormed()) throw failed("a pattern has bytes that are no text");
  if (text.length > maxPattern) throw failed(`a pattern is longer than ${maxPattern} characters`);
  try {
    return compileRegex(text);
  } catch (error) {
    throw failed(messageOf(error));
  }
}

import { sliceBytes } from "../go/bytes.ts";
import { comparisons } from "./comparisons.ts";
import { escapeHtml, escapeJs, escapeQuery } from "./escapes.ts";
import { indexOf, lengthOf, rangeOf } from "./fields.ts";
import { printed } from "./format/print.ts";
import { sprintf } from "./format/printf.ts";
import { any, type FunctionTable, fn, operand, reads, text, variadic } from "./function.ts";
import { GoList, int, isTrue, itemsOf, typeOf, type Value } from "./values.ts";
import { Failure, type Work } from "./work.ts";

/** Spaces stand between operands when neither is a string. */
function print(values: readonly Value[], work: Work): string {
  let result = "";
  for (const [index, value] of values.entries()) {
    const before = values[index - 1];
    if (index > 0 && typeof value !== "string" && typeof before !== "string") result += " ";
    result += printed(value, work);
    work.text(result.length);
  }
  return result;
}

function printLine(values: readonly Value[], work: Work): string {
  const line = `${values.map((value) => printed(value, work)).join(" ")}\n`;
  work.text(line.length);
  return line;
}

/** Escaping makes a text up to six times as long. What is not there is told here as an action tells it. */
function escaping(make: (text: string) => string) {
  return variadic([], any, (values, work) => {
    const plain = print(
      values.map((value) => value ?? "<no value>"),
      work,
    );
    work.text(plain.length * 2);
    const escaped = make(plain);
    work.text(escaped.length);
    return escaped;
  });
}

function slice(value: Value | undefined, keys: readonly (Value | undefined)[], work: Work): Value {
  if (value === undefined || value === null) throw new Failure("slice of untyped nil");
  if (typeof value === "string") {
    reads(work, value);
    return sliceBytes(value, ...rangeOf(lengthOf(value), keys));
  }
  const items = itemsOf(value);
  if (items === undefined) throw new Failure(`can't slice item of type ${typeOf(value)}`);
  const part = items.slice(...rangeOf(items.length, keys));
  work.spend(part.length);
  return value instanceof GoList ? new GoList(value.type, part) : part;
}

/** The functions of `text/template` itself. `and` and `or` are in the table for their names: the compiler has them. */
export const builtins: FunctionTable = {
  ...comparisons,
  and: fn([], () => null),
  or: fn([], () => null),
  not: fn([operand], (value) => !isTrue(value)),
  len: fn([operand], (value, work) => {
    if (typeof value === "string") reads(work, value);
    return int(lengthOf(value));
  }),
  index: variadic([operand], operand, (value, keys, work) => {
    if (typeof value === "string") reads(work, value);
    return indexOf(value, keys);
  }),
  slice: variadic([operand], operand, slice),
  print: variadic([], any, print),
  println: variadic([], any, printLine),
  printf: variadic([text], any, sprintf),
  html: escaping(escapeHtml),
  js: escaping(escapeJs),
  urlquery: escaping(escapeQuery),
  call: variadic([operand], operand, (value) => {
    throw new Failure(`${typeOf(value)} is no function, and data has none`);
  }),
};

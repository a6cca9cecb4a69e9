import { toInt64 } from "../go/float.ts";
import { sprintf } from "../go-template/format/printf.ts";
import { GoInt, type Value } from "../go-template/values.ts";
import { Work } from "../go-template/work.ts";
import { numberText } from "./numbers.ts";

/** What `string.format` is given: others come as the text that `tostring` makes of them. */
export type FormatValue = undefined | boolean | number | string;

const limits = { maxBytes: 1_048_576, maxSteps: 200_000, maxDepth: 10 };

/**
 * gopher-lua's `string.format`, which is Go's `fmt.Sprintf`: widths count characters, `%s` takes anything, what is missing
 * is told in the result.
 * @throws Failure when the result is too long
 */
export function formatText(format: string, values: readonly FormatValue[]): string {
  const count = Math.max(0, occurrences(format, "%") - occurrences(format, "%%"));
  const args: Value[] = [];
  const goFormat = format.replace(directive, (all, verb: string) => {
    if (verb === "%" || args.length >= values.length) return all;
    const { value, as } = argumentFor(values[args.length], verb);
    args.push(value);
    return all.slice(0, all.length - verb.length) + as;
  });
  args.push(...values.slice(args.length).map((value) => argumentFor(value, "v").value));
  return sprintf(goFormat, args.slice(0, count), new Work(limits, new Map()));
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

const directive = /%[-+# 0]*\d{0,9}(?:\.\d{0,9})?(.)/gsu;

interface Argument {
  readonly value: Value;
  /** The verb that prints it. */
  readonly as: string;
}

function argumentFor(value: FormatValue, verb: string): Argument {
  const as = verb === "i" ? "d" : verb;
  if (typeof value === "number") return { value: numberFor(value, as), as };
  if (typeof value === "boolean") return { value: verb === "t" ? value : String(value), as };
  if (value === undefined) return { value: "nil", as };
  if (as !== "d") return { value, as };
  // Numbers as text are printed as they are, other texts as 0.
  return isNumber(value) ? { value, as: "s" } : { value: new GoInt("int64", 0n), as };
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && !Number.isNaN(Number(text));
}

function numberFor(value: number, verb: string): Value {
  if (verb === "s" || verb === "q") return numberText(value);
  if ("bcdoxXU".includes(verb)) return new GoInt("int64", toInt64(value));
  if ("eEfFgG".includes(verb)) return value;
  const integer = toInt64(value);
  return Number(integer) === value ? new GoInt("int64", integer) : value;
}

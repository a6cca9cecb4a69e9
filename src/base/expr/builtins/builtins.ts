import type { Builtin } from "../frame.ts";
import { len } from "../values/fetch.ts";
import { decodeJson, encodeJson } from "../values/json.ts";
import { toText } from "../values/numbers.ts";
import { print } from "../values/print.ts";
import {
  AnyMap,
  Byte,
  Duration,
  ExprFunction,
  isFields,
  isList,
  NamedInt,
  Time,
  typeOf,
  type Value,
} from "../values/values.ts";
import { listBuiltins } from "./lists.ts";
import { numberBuiltins } from "./numbers.ts";
import { textBuiltins } from "./texts.ts";
import { timeBuiltins } from "./times.ts";

/** `type(value)`. */
function typeName(value: Value): string {
  if (value instanceof Duration || value instanceof Time || value instanceof NamedInt) return typeOf(value);
  if (isList(value)) return "array";
  if (value instanceof AnyMap || isFields(value)) return "map";
  if (value instanceof Byte) return "uint";
  if (value instanceof ExprFunction) return "func";
  return typeof value === "number" ? "float" : typeOf(value);
}

/** Those without a closure; loops.ts has the others. Types of arguments are those of builtin-types.ts. */
export const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["len", ([value = null], { work }) => BigInt(len(value, work))],
  ["type", ([value = null]) => typeName(value)],
  ["string", ([value = null], { work }) => print(value, work)],
  ["toJSON", ([value = null], { work }) => encodeJson(value, work)],
  ["fromJSON", ([text], { work }) => decodeJson(toText(text), work)],
  ...textBuiltins,
  ...numberBuiltins,
  ...listBuiltins,
  ...timeBuiltins,
]);

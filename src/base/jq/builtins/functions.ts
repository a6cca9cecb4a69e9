import { sortTexts } from "../../go/bytes.ts";
import { ErrorValue, fault, Halt, notFor } from "../fault.ts";
import { toInt } from "../values/numbers.ts";
import { builderNames } from "./builders.ts";
import { collections } from "./collections.ts";
import { formats } from "./formats.ts";
import { type FunctionTable, of0, of1, type ValueFunction } from "./function.ts";
import { numbers } from "./numbers.ts";
import { preludeNames } from "./prelude.ts";
import { regexes } from "./regexes.ts";
import { texts } from "./texts.ts";
import { times } from "./times.ts";

const control: FunctionTable = {
  "error/0": of0((value) => {
    throw new ErrorValue(value);
  }),
  "error/1": of1((_input, value) => {
    throw new ErrorValue(value);
  }),
  "halt/0": of0(() => {
    throw new Halt(null);
  }),
  "halt_error/0": of0((value) => {
    throw new Halt(value);
  }),
  "halt_error/1": of1((value, code) => {
    if (toInt(code) === undefined) throw notFor("halt_error", code);
    throw new Halt(value);
  }),
  "modulemeta/0": of0((value) => {
    throw typeof value === "string"
      ? fault(`cannot load module: ${JSON.stringify(value)}`)
      : notFor("modulemeta", value);
  }),
  "builtins/0": of0((_value, work) => {
    work.items(names.length);
    return names;
  }),
};

const functions: FunctionTable = { ...collections, ...texts, ...formats, ...numbers, ...regexes, ...times, ...control };

/** Two that are known, but not to be used here. */
const refused = ["debug/1", "input/0", "inputs/0"];

const names: readonly string[] = sortTexts(
  [...Object.keys(functions), ...builderNames, ...preludeNames(), ...refused].filter((name) => !name.startsWith("@")),
);

export function valueFunctionOf(name: string, arity: number): ValueFunction | undefined {
  const key = `${name}/${arity}`;
  return Object.hasOwn(functions, key) ? functions[key] : undefined;
}

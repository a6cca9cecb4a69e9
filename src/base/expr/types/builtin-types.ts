import {
  anyType,
  boolType,
  durationType,
  floatType,
  intType,
  isAssignable,
  isInteger,
  listType,
  nameOf,
  pairsMapType,
  sliceOf,
  stringType,
  type Type,
  timeType,
} from "./types.ts";

/** Types of arguments → the type of the result, or what is wrong with them. */
export type BuiltinType = (name: string, args: readonly (Type | undefined)[]) => Type | string;

type Kind = Type["kind"];

interface Signature {
  readonly parameters: readonly Type[];
  readonly result: Type;
}

function signature(result: Type, ...parameters: readonly Type[]): Signature {
  return { parameters, result };
}

/** The first signature that fits; when none does, what the last has against it. */
function overloads(...signatures: readonly Signature[]): BuiltinType {
  return (name, args) => {
    let fault = "";
    for (const { parameters, result } of signatures) {
      const misfit = misfitOf(name, parameters, args);
      if (misfit === undefined) return result;
      fault = misfit;
    }
    return fault;
  };
}

export function misfitOf(
  name: string,
  parameters: readonly Type[],
  args: readonly (Type | undefined)[],
): string | undefined {
  if (args.length > parameters.length) return `too many arguments to call ${name}`;
  if (args.length < parameters.length) return `not enough arguments to call ${name}`;
  for (const [index, parameter] of parameters.entries()) {
    const arg = args[index];
    if (arg === undefined || arg.kind === "interface" || isAssignable(arg, parameter)) continue;
    if (isInteger(parameter) && isInteger(arg) && parameter.kind !== arg.kind) continue;
    return `cannot use ${nameOf(arg)} as argument (type ${parameter.name}) to call ${name}`;
  }
  return undefined;
}

/** `kinds` are those that each argument may have, `result` what comes of them. */
function validated(
  kinds: readonly (readonly Kind[])[],
  result: Type | ((first: Type) => Type),
  optional: number = 0,
): BuiltinType {
  return (name, args) => {
    const least = kinds.length - optional;
    if (args.length < least || args.length > kinds.length) {
      const wanted = optional === 0 ? String(least) : `${least} or ${kinds.length}`;
      return `invalid number of arguments for ${name} (expected ${wanted}, got ${args.length})`;
    }
    for (const [index, arg] of args.entries()) {
      if (arg !== undefined && kinds[index]?.includes(arg.kind)) continue;
      return `invalid argument for ${name} (type ${nameOf(arg)})`;
    }
    return typeof result === "function" ? result(args[0] ?? anyType) : result;
  };
}

/** Stops at the first argument that is not known, as the original does. */
const extremes: BuiltinType = (name, args) => {
  if (args.length === 0) return `not enough arguments to call ${name}`;
  for (const arg of args) {
    if (arg?.kind === "interface") return anyType;
    if (arg === undefined || !numbers.includes(arg.kind)) return `invalid argument for ${name} (type ${nameOf(arg)})`;
  }
  return args[0] ?? anyType;
};

const numbers: readonly Kind[] = ["interface", "int", "int64", "float64"];
const lists: readonly Kind[] = ["interface", "slice"];
const maps: readonly Kind[] = ["interface", "map"];
const texts: readonly Kind[] = ["interface", "string"];
const stringsType = sliceOf(stringType);
const itemOf = (list: Type): Type => list.item ?? anyType;

function text(result: Type, ...more: readonly Type[]): Signature {
  return signature(result, stringType, ...more);
}

const table: Readonly<Record<string, BuiltinType>> = {
  len: validated([["interface", "slice", "map", "string"]], intType),
  type: overloads(signature(stringType, anyType)),
  abs: validated([numbers], (first) => first),
  ceil: validated([numbers], floatType),
  floor: validated([numbers], floatType),
  round: validated([numbers], floatType),
  int: validated([[...numbers, "string"]], intType),
  float: validated([[...numbers, "string"]], floatType),
  string: overloads(signature(stringType, anyType)),
  trim: overloads(text(stringType), text(stringType, stringType)),
  trimPrefix: overloads(text(stringType, stringType), text(stringType)),
  trimSuffix: overloads(text(stringType, stringType), text(stringType)),
  upper: overloads(text(stringType)),
  lower: overloads(text(stringType)),
  split: overloads(text(stringsType, stringType), text(stringsType, stringType, intType)),
  splitAfter: overloads(text(stringsType, stringType), text(stringsType, stringType, intType)),
  replace: overloads(text(stringType, stringType, stringType, intType), text(stringType, stringType, stringType)),
  repeat: overloads(text(stringType, intType)),
  join: overloads(
    signature(stringType, stringsType, stringType),
    signature(stringType, listType, stringType),
    signature(stringType, listType),
    signature(stringType, stringsType, stringType),
    signature(stringType, stringsType),
  ),
  indexOf: overloads(text(intType, stringType)),
  lastIndexOf: overloads(text(intType, stringType)),
  hasPrefix: overloads(text(boolType, stringType)),
  hasSuffix: overloads(text(boolType, stringType)),
  max: extremes,
  min: extremes,
  sum: validated([lists], anyType),
  mean: validated([lists], floatType),
  median: validated([lists], floatType),
  toJSON: overloads(signature(stringType, anyType)),
  fromJSON: overloads(text(anyType)),
  toBase64: overloads(text(stringType)),
  fromBase64: overloads(text(stringType)),
  now: overloads(signature(timeType)),
  duration: overloads(text(durationType)),
  date: overloads(text(timeType), text(timeType, stringType), text(timeType, stringType, stringType)),
  first: validated([lists], itemOf),
  last: validated([lists], itemOf),
  get: getType,
  take: validated([lists, ["interface", "int", "int64"]], (first) => first),
  keys: validated([maps], listType),
  values: validated([maps], listType),
  toPairs: validated([maps], listType),
  fromPairs: validated([lists], pairsMapType),
  sort: validated([lists, texts], listType, 1),
  sortBy: validated([lists, texts, texts], listType, 1),
};

function getType(name: string, args: readonly (Type | undefined)[]): Type | string {
  const [of, property] = args;
  if (args.length !== 2) return `invalid number of arguments for ${name} (expected 2, got ${args.length})`;
  if (of?.kind === "interface") return anyType;
  if (of?.kind !== "slice" && of?.kind !== "map") return `type ${nameOf(of)} does not support indexing`;
  if (property === undefined) return `cannot use nil as ${of.kind} index`;
  if (property.kind === "interface") return itemOf(of);
  const fits = of.kind === "slice" ? isInteger(property) : isAssignable(property, of.key ?? anyType);
  return fits ? itemOf(of) : `cannot use ${property.name} to get an element from ${of.name}`;
}

export const builtinTypes: ReadonlyMap<string, BuiltinType> = new Map(Object.entries(table));

export const builtinNames: ReadonlySet<string> = new Set(builtinTypes.keys());

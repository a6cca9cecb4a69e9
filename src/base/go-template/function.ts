import type { Operand } from "./nodes.ts";
import { type Fields, type GoInt, GoStruct, isFields, nilFields, typeOf, type Value } from "./values.ts";
import { Failure, type Work } from "./work.ts";

/**
 * The type of a parameter. As in Go, an argument has to be of exactly this type: a float64 (any number of JSON) is no
 * int, an int64 (any sum) neither.
 */
export interface Param<T> {
  /** As Go writes it. */
  readonly type: string;
  /** `undefined` is Go's invalid value: a missing key. @throws Failure */
  accept(value: Value | undefined): T;
  /** A literal takes the type of the parameter where it can. @throws Failure */
  literal(node: Operand): T;
  /** The literal nil, too, becomes this type's zero. */
  readonly takesNil: boolean;
}

/** What a template may call. `call` gets what the parameters made of the arguments. */
export interface GoFunction {
  readonly params: readonly Param<unknown>[];
  /** The type of any further arguments. */
  readonly rest?: Param<unknown>;
  /** @throws Failure */
  readonly call: (values: readonly unknown[], work: Work) => Value | undefined;
}

export type FunctionTable = Readonly<Record<string, GoFunction>>;

type ValuesOf<Params> = { [Index in keyof Params]: Params[Index] extends Param<infer T> ? T : never };

/** A function with a fixed number of parameters. */
export function fn<const Params extends readonly Param<unknown>[]>(
  params: Params,
  body: (...args: [...ValuesOf<Params>, Work]) => Value | undefined,
): GoFunction {
  const call = untyped(body);
  return { params, call: (values, work) => call(...values, work) };
}

/** A function that takes any number of arguments after the first ones; the body gets those as one list. */
export function variadic<const Params extends readonly Param<unknown>[], Rest>(
  params: Params,
  rest: Param<Rest>,
  body: (...args: [...ValuesOf<Params>, readonly Rest[], Work]) => Value | undefined,
): GoFunction {
  const call = untyped(body);
  const { length } = params;
  return {
    params,
    rest,
    call: (values, work) => call(...values.slice(0, length), values.slice(length), work),
  };
}

/** The values that the parameters made, one by one, are what the body takes. */
function untyped<Args extends readonly unknown[], Result>(body: (...args: Args) => Result) {
  return body as unknown as (...args: readonly unknown[]) => Result;
}

function typed<T>(
  type: string,
  accept: (value: Value | undefined) => T | undefined,
  literal: (node: Operand) => T | undefined,
  word = type,
): Param<T> {
  return {
    type,
    takesNil: false,
    accept(value) {
      const accepted = accept(value);
      if (accepted !== undefined) return accepted;
      if (value === undefined) throw new Failure(`invalid value; expected ${type}`);
      const got = value === null ? "interface {}" : typeOf(value);
      throw new Failure(`wrong type for value; expected ${type}; got ${got}`);
    },
    literal(node) {
      const value = literal(node);
      if (value === undefined) throw new Failure(`expected ${word}; found ${node.text}`);
      return value;
    },
  };
}

/** As `typed`, where nothing becomes a zero and no literal fits. */
function nillable<T>(type: string, nil: T, accept: (value: Value | undefined) => T | undefined): Param<T> {
  const { accept: acceptSome } = typed(type, accept, () => undefined);
  return {
    type,
    takesNil: true,
    accept: (value) => (value === undefined ? nil : acceptSome(value)),
    literal(node) {
      throw new Failure(`can't handle ${node.text} for arg of type ${type}`);
    },
  };
}

export const text: Param<string> = typed(
  "string",
  (value) => (typeof value === "string" ? value : undefined),
  (node) => (node.kind === "string" ? node.value : undefined),
);

/** An int, as a number: what is longer than 2^53 is no count of anything here. */
export const count: Param<number> = typed(
  "int",
  (value) => (isInt(value) ? Number(value.value) : undefined),
  (node) => (node.kind === "number" && node.int !== undefined ? Number(node.int) : undefined),
  "integer",
);

export const float: Param<number> = typed(
  "float64",
  (value) => (typeof value === "number" ? value : undefined),
  (node) => (node.kind === "number" ? node.float : undefined),
  "float",
);

export const bool: Param<boolean> = typed(
  "bool",
  (value) => (typeof value === "boolean" ? value : undefined),
  (node) => (node.kind === "bool" ? node.value : undefined),
);

function isInt(value: Value | undefined): value is GoInt {
  return typeOf(value) === "int";
}

/** A map as `set` may change it: data is copied before a template that has such functions runs. */
export const dict: Param<Fields> = nillable("map[string]interface {}", nilFields, (value) =>
  isFields(value) ? value : undefined,
);

/** A struct of one class. */
export function struct<T extends GoStruct>(type: string, is: (value: GoStruct) => value is T): Param<T> {
  return typed(
    type,
    (value) => (value instanceof GoStruct && is(value) ? value : undefined),
    () => undefined,
  );
}

/** Anything, nothing included, which becomes nil. */
export const any: Param<Value> = {
  type: "interface {}",
  takesNil: true,
  accept: (value) => value ?? null,
  literal: literalValue,
};

/** Anything as it is: what is missing stays apart from nil. */
export const operand: Param<Value | undefined> = {
  type: "reflect.Value",
  takesNil: true,
  accept: (value) => value,
  literal: literalValue,
};

/** A literal where nothing says which type it should have. */
export function literalValue(node: Operand): Value {
  switch (node.kind) {
    case "bool":
    case "string":
      return node.value;
    case "number":
      if (node.ideal === undefined) throw new Failure(`${node.text} overflows int`);
      return node.ideal;
    default:
      throw new Failure(`can't evaluate ${node.text}`);
  }
}

/** Says that a function reads `text` from end to end. */
export function reads(work: Work, ...texts: readonly string[]): void {
  for (const each of texts) work.spend(each.length / 16);
}

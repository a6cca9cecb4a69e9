import type { FloatObject } from "../json.ts";

/** The integer types that templates meet: constants are `int`, sums `int64`, bytes of a string `uint8`. */
export type IntType = "int" | "int64" | "uint8" | "uint64";

/** What is neither a value of JSON nor made of such: told from objects by its class. */
abstract class Typed {
  /** As Go writes it: `[]string`. */
  abstract readonly type: string;
}

export class GoInt extends Typed {
  readonly type: IntType;
  readonly value: bigint;
  constructor(type: IntType, value: bigint) {
    super();
    this.type = type;
    this.value = value;
  }
}

/** A list that is no `[]interface {}`, or one that is nil. */
export class GoList extends Typed {
  readonly type: string;
  readonly items: readonly Value[];
  readonly isNil: boolean;
  constructor(type: string, items: readonly Value[], isNil = false) {
    super();
    this.type = type;
    this.items = items;
    this.isNil = isNil;
  }
}

/** A `map[string]string`. */
export class GoStrings extends Typed {
  readonly type = "map[string]string";
  readonly fields: Fields;
  constructor(fields: Fields) {
    super();
    this.fields = fields;
  }
}

/** A struct with methods: a time, a version. */
export abstract class GoStruct extends Typed {
  abstract readonly kind: "struct" | "ptr";
  /** Its String(). */
  abstract text(): string;
  /** What encoding/json makes of it, a string. */
  abstract json(): string;
  /** A method of it that takes no arguments; undefined when it has none of that name. */
  abstract get(name: string): Value | undefined;

  /** What a method gives for arguments; undefined when it has none of that name that takes some. @throws Failure */
  call(_name: string, _args: readonly Value[]): Value | undefined {
    return undefined;
  }
}

export interface Fields {
  readonly [name: string]: Value;
}

/**
 * A value at run time. What came as JSON stays what it is: numbers are float64, objects `map[string]interface {}`, lists
 * `[]interface {}`, null a nil interface. `undefined` beside it is Go's invalid value, a key that is missing: the two
 * differ (`.null.x` is an error, `.missing.x` is not).
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | GoInt
  | GoList
  | GoStrings
  | GoStruct
  | readonly Value[]
  | Fields;

export type Kind = "bool" | "float64" | "string" | IntType | "slice" | "map" | "struct" | "ptr" | "invalid";

export function int(value: number | bigint): GoInt {
  return new GoInt("int", BigInt(value));
}

export function int64(value: bigint): GoInt {
  return new GoInt("int64", BigInt.asIntN(64, value));
}

export function strings(items: readonly string[]): GoList {
  return new GoList("[]string", items);
}

export function isFields(value: Value | undefined): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Typed);
}

/** The fields of any map. */
export function fieldsOf(value: Value | undefined): Fields | undefined {
  if (value instanceof GoStrings) return value.fields;
  return isFields(value) ? value : undefined;
}

function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** The items of any list. */
export function itemsOf(value: Value | undefined): readonly Value[] | undefined {
  if (isList(value)) return value;
  return value instanceof GoList ? value.items : undefined;
}

export function typeOf(value: Value | undefined): string {
  if (value === undefined || value === null) return "<nil>";
  if (value instanceof Typed) return value.type;
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "float64";
  if (typeof value === "string") return "string";
  return isList(value) ? "[]interface {}" : "map[string]interface {}";
}

export function kindOf(value: Value | undefined): Kind {
  if (value === undefined || value === null) return "invalid";
  if (value instanceof GoInt) return value.type;
  if (value instanceof GoStruct) return value.kind;
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "float64";
  if (typeof value === "string") return "string";
  return itemsOf(value) === undefined ? "map" : "slice";
}

/** Whether a value is not the zero of its kind: what `if`, `and` and `or` go by. */
export function isTrue(value: Value | undefined): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== "object") return typeof value === "number" ? value !== 0 : Boolean(value);
  if (value instanceof GoInt) return value.value !== 0n;
  if (value instanceof GoStruct) return true;
  const items = itemsOf(value);
  return items === undefined ? hasFields(fieldsOf(value) ?? {}) : items.length > 0;
}

function hasFields(fields: Fields): boolean {
  for (const name in fields) if (Object.hasOwn(fields, name)) return true;
  return false;
}

/** A nil `map[string]interface {}`, for a parameter that wants one and gets nothing. */
export const nilFields: Fields = Object.freeze({});

export function nilList(): GoList {
  return new GoList("[]interface {}", [], true);
}

/** The data as a map of its own, so that `set` and the like change no event. */
export function copyOf(data: FloatObject): Fields {
  return structuredClone(data);
}

import type { ZonedTime } from "../../go/zoned-time.ts";

/** What is no value of JSON: told from objects by its class. */
abstract class Typed {
  /** As Go writes it. */
  abstract readonly type: string;
}

/** A byte of a string: `name[0]`, `uint8` in Go. */
export class Byte extends Typed {
  readonly type = "uint8";
  readonly value: number;
  constructor(value: number) {
    super();
    this.value = value;
  }
}

export class Duration extends Typed {
  readonly type = "time.Duration";
  readonly nanoseconds: bigint;
  constructor(nanoseconds: bigint) {
    super();
    this.nanoseconds = BigInt.asIntN(64, nanoseconds);
  }
}

export class Time extends Typed {
  readonly type = "time.Time";
  readonly at: ZonedTime;
  constructor(at: ZonedTime) {
    super();
    this.at = at;
  }
}

/** A month or a day of the week, which is no number to operators. */
export class NamedInt extends Typed {
  readonly type: "time.Month" | "time.Weekday";
  readonly value: number;
  readonly text: string;
  constructor(type: "time.Month" | "time.Weekday", value: number, text: string) {
    super();
    this.type = type;
    this.value = value;
    this.text = text;
  }
}

/** A list that is no `[]interface {}`, or one that is nil. Items may be made when they are asked for. */
export class TypedList extends Typed {
  readonly type: "[]int" | "[]string" | "[]interface {}" | "[][2]interface {}" | "[2]interface {}";
  readonly length: number;
  readonly isNil: boolean;
  readonly #item: (index: number) => Value;
  constructor(type: TypedList["type"], length: number, item: (index: number) => Value, isNil = false) {
    super();
    this.type = type;
    this.length = length;
    this.isNil = isNil;
    this.#item = item;
  }
  item(index: number): Value {
    return this.#item(index);
  }
}

/** A map whose keys may be of any type: what `groupBy` and `fromPairs` make. Keys stand in the order of their coming. */
export class AnyMap extends Typed {
  readonly type: "map[interface {}][]interface {}" | "map[interface {}]interface {}";
  /** By `hashOf` of the key. */
  readonly entries: ReadonlyMap<unknown, readonly [key: Value, value: Value]>;
  constructor(type: AnyMap["type"], entries: AnyMap["entries"]) {
    super();
    this.type = type;
    this.entries = entries;
  }
  get isGroups(): boolean {
    return this.type === "map[interface {}][]interface {}";
  }
}

/** A function that comes with the values, or a method of one. It says itself what is wrong with its arguments. */
export class ExprFunction extends Typed {
  readonly type = "func";
  readonly call: (args: readonly Value[]) => Value;
  constructor(call: (args: readonly Value[]) => Value) {
    super();
    this.call = call;
  }
}

export interface Fields {
  readonly [name: string]: Value;
}

/**
 * A value at run time. What came as JSON stays what it is: numbers are float64, objects `map[string]interface {}`, lists
 * `[]interface {}`, null nil. Integers of the expression are bigints, Go's `int`. Strings: see base/go/bytes.ts.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Byte
  | Duration
  | Time
  | NamedInt
  | TypedList
  | AnyMap
  | ExprFunction
  | readonly Value[]
  | Fields;

export type List = readonly Value[] | TypedList;

function isPlainList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isList(value: Value): value is List {
  return isPlainList(value) || value instanceof TypedList;
}

export function itemAt(list: List, index: number): Value {
  return (list instanceof TypedList ? list.item(index) : list[index]) ?? null;
}

/** For what needs all at once; costs what it makes. */
export function itemsOf(list: List): readonly Value[] {
  return list instanceof TypedList ? Array.from({ length: list.length }, (_, index) => list.item(index)) : list;
}

export function isFields(value: Value): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Typed);
}

export function fieldOf(fields: Fields, name: string): Value {
  return Object.hasOwn(fields, name) ? (fields[name] ?? null) : null;
}

/** Nil, or a list or map that is nil in Go. */
export function isNil(value: Value): boolean {
  if (value === null) return true;
  return value instanceof TypedList
    ? value.isNil
    : value instanceof AnyMap && value.isGroups && value.entries.size === 0;
}

export function typeOf(value: Value): string {
  if (value === null) return "nil";
  if (value instanceof Typed) return value.type;
  if (typeof value === "object") return isPlainList(value) ? "[]interface {}" : "map[string]interface {}";
  if (typeof value === "number") return "float64";
  if (typeof value === "bigint") return "int";
  return typeof value === "boolean" ? "bool" : "string";
}

/** A nil `[]interface {}`. */
export const nilList = new TypedList("[]interface {}", 0, () => null, true);

export function strings(items: readonly string[]): TypedList {
  return new TypedList("[]string", items.length, (index) => items[index] ?? "");
}

export function range(from: bigint, length: number): TypedList {
  return new TypedList("[]int", length, (index) => from + BigInt(index));
}

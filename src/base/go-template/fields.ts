import { byteLength, bytesOf } from "../go/bytes.ts";
import { type Fields, fieldsOf, GoInt, GoStrings, GoStruct, itemsOf, typeOf, type Value } from "./values.ts";
import { Failure } from "./work.ts";

/**
 * What a key that a map does not have gives: an invalid value, which prints as `<no value>` and has no fields but is no
 * error (`default`); the zero value of the map's type (`zero`); a failure (`error`).
 */
export type MissingKey = "default" | "zero" | "error";

/** `.name` of a value. @throws Failure */
export function fieldOf(value: Value | undefined, name: string, missing: MissingKey): Value | undefined {
  if (value === undefined) {
    if (missing === "error") throw new Failure(`nil data; no entry for key ${JSON.stringify(name)}`);
    return undefined;
  }
  if (value === null) throw new Failure(`nil pointer evaluating interface {}.${name}`);
  const fields = fieldsOf(value);
  if (fields !== undefined) {
    return Object.hasOwn(fields, name) ? fields[name] : missingKey(value, name, missing);
  }
  const result = value instanceof GoStruct ? value.get(name) : undefined;
  if (result === undefined) throw new Failure(`can't evaluate field ${name} in type ${typeOf(value)}`);
  return result;
}

function missingKey(map: Value, name: string, missing: MissingKey): Value | undefined {
  if (missing === "error") throw new Failure(`map has no entry for key ${JSON.stringify(name)}`);
  return missing === "zero" ? zeroOf(map) : undefined;
}

function zeroOf(map: Value): Value {
  return map instanceof GoStrings ? "" : null;
}

/** `index value key…`, which is value[key]… @throws Failure */
export function indexOf(value: Value | undefined, keys: readonly (Value | undefined)[]): Value {
  if (value === undefined || value === null) throw new Failure("index of untyped nil");
  let item: Value = value;
  for (const key of keys) {
    if (item === null) throw new Failure("index of nil pointer");
    item = indexOnce(item, key);
  }
  return item;
}

function indexOnce(item: Value, key: Value | undefined): Value {
  if (typeof item === "string") {
    const bytes = bytesOf(item);
    return new GoInt("uint8", BigInt(bytes[placeIn(bytes.length, key)] ?? 0));
  }
  const items = itemsOf(item);
  if (items !== undefined) return items[placeIn(items.length, key)] ?? null;
  const fields = fieldsOf(item);
  if (fields === undefined) throw new Failure(`can't index item of type ${typeOf(item)}`);
  if (key === undefined || key === null) throw new Failure("value is nil; should be of type string");
  if (typeof key !== "string") throw new Failure(`value has type ${typeOf(key)}; should be string`);
  return own(fields, key) ?? zeroOf(item);
}

function placeIn(length: number, key: Value | undefined): number {
  const place = positionOf(key, "index");
  if (place >= length) throw new Failure(`index out of range: ${place}`);
  return place;
}

function positionOf(key: Value | undefined, verb: string): number {
  if (key === undefined || key === null) throw new Failure(`cannot ${verb} slice/array with nil`);
  if (!(key instanceof GoInt)) throw new Failure(`cannot ${verb} slice/array with type ${typeOf(key)}`);
  if (key.value < 0n) throw new Failure(`index out of range: ${key.value}`);
  return Number(key.value);
}

/** A field that the object has itself, whatever its name. */
export function own(fields: Fields, name: string): Value | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** From and to of `slice value from to`. @throws Failure */
export function rangeOf(length: number, keys: readonly (Value | undefined)[]): readonly [number, number] {
  if (keys.length > 2) throw new Failure(`too many slice indexes: ${keys.length}`);
  const [from = 0, to = length] = keys.map((key) => positionOf(key, "index"));
  if (from > length || to > length) throw new Failure(`index out of range: ${Math.max(from, to)}`);
  if (from > to) throw new Failure(`invalid slice index: ${from} > ${to}`);
  return [from, to];
}

/** Go's `len`. @throws Failure */
export function lengthOf(value: Value | undefined): number {
  if (value === undefined || value === null) throw new Failure("len of nil pointer");
  if (typeof value === "string") return byteLength(value);
  const items = itemsOf(value);
  if (items !== undefined) return items.length;
  const fields = fieldsOf(value);
  if (fields === undefined) throw new Failure(`len of type ${typeOf(value)}`);
  return Object.keys(fields).length;
}

import { fieldsOf, GoInt, GoList, GoStruct, itemsOf, typeOf, type Value } from "../values.ts";
import type { Work } from "../work.ts";

/** Go's reflect.DeepEqual: values of different types differ, the int 1 from the int64 1 too. */
export function equalDeep(a: Value, b: Value, work: Work, depth = 0): boolean {
  work.nest(depth);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  if (typeOf(a) !== typeOf(b)) return false;
  if (a instanceof GoInt && b instanceof GoInt) return a.value === b.value;
  if (a instanceof GoStruct && b instanceof GoStruct) return a.text() === b.text();
  const [itemsA, itemsB] = [itemsOf(a), itemsOf(b)];
  if (itemsA !== undefined && itemsB !== undefined) {
    if (isNil(a) !== isNil(b)) return false;
    if (itemsA.length !== itemsB.length) return false;
    return itemsA.every((item, index) => equalDeep(item, itemsB[index] ?? null, work, depth + 1));
  }
  return equalFields(a, b, work, depth);
}

function isNil(value: Value): boolean {
  return value instanceof GoList && value.isNil;
}

function equalFields(a: Value, b: Value, work: Work, depth: number): boolean {
  const [fieldsA = {}, fieldsB = {}] = [fieldsOf(a), fieldsOf(b)];
  const names = Object.keys(fieldsA);
  if (names.length !== Object.keys(fieldsB).length) return false;
  return names.every(
    (name) => Object.hasOwn(fieldsB, name) && equalDeep(fieldsA[name] ?? null, fieldsB[name] ?? null, work, depth + 1),
  );
}

import { type JsonObject, setOwn } from "../../json.ts";
import { expected, Fault, failedFor, notFor } from "../fault.ts";
import type { Work } from "../work.ts";
import { clampIndex, fetch, indexNoNumber, keyNoText, resolveBounds, sliceBounds } from "./fetch.ts";
import { type Numeric, toInt } from "./numbers.ts";
import { isList, isNumber, isObject, type List, type Value } from "./values.ts";

/** Undefined is a place that is going to be deleted: others must not move before all are known. */
type Place = Value | undefined;
type Places = Place[];
type Fields = Record<string, Place>;

const maxIndex = 0x2000_0000;

/**
 * Changes one value at many paths. What it made itself it changes in place, everything else is copied on the way, so that
 * a thousand changes of a list do not make a thousand lists.
 */
export class Update {
  readonly #work: Work;
  readonly #own = new Set<unknown>();

  constructor(work: Work) {
    this.#work = work;
  }

  /** @throws Fault as `setpath` does */
  set(value: Value, path: Value, to: Value): Value {
    if (!isList(path)) throw notFor("setpath", value, path);
    try {
      return this.#change(value, path, 0, to) ?? null;
    } catch (error) {
      throw error instanceof Fault ? failedFor(error, "setpath", value, path, to) : error;
    }
  }

  /** @throws Fault as `delpaths` does */
  delete(value: Value, paths: Value): Value {
    if (!isList(paths)) throw notFor("delpaths", value, paths);
    let result: Place = value;
    for (const path of paths) {
      if (!isList(path)) throw failedFor(expected("an array", path), "delpaths", value, paths);
      try {
        result = this.#change(result, path, 0, undefined);
      } catch (error) {
        throw error instanceof Fault ? failedFor(error, "delpaths", value, paths) : error;
      }
    }
    return paths.length === 0 ? value : this.#withoutPlaces(result);
  }

  /** What was handed out must not change in place any more. */
  release(value: Value): void {
    if (this.#own.has(value)) this.#own.clear();
  }

  #change(value: Place, path: List, at: number, to: Place): Place {
    if (at === path.length) return to;
    this.#work.nest(at);
    const key = path[at] ?? null;
    if (typeof key === "string") return this.#changeField(value, key, path, at, to);
    if (isNumber(key)) return this.#changeItem(value, key, path, at, to);
    if (isObject(key)) return this.#changeSlice(value, key, path, at, to);
    throw isList(value) ? indexNoNumber(key) : keyNoText(key);
  }

  #changeField(value: Place, key: string, path: List, at: number, to: Place): Place {
    if (value === undefined) return value;
    if (value !== null && !isObject(value)) throw expected("an object", value);
    const isThere = value !== null && Object.hasOwn(value, key);
    if (!isThere && to === undefined) return value;
    const changed = this.#change(isThere ? value[key] : null, path, at + 1, to);
    const fields = this.#ownFields(value ?? {});
    setOwn(fields, key, changed);
    return fields as JsonObject;
  }

  #changeItem(value: Place, key: Numeric, path: List, at: number, to: Place): Place {
    if (value === undefined) return value;
    if (value !== null && !isList(value)) throw expected("an array", value);
    const index = toInt(key) ?? 0;
    const length = value?.length ?? 0;
    const found = clampIndex(index, -1, length);
    if (to === undefined && (found < 0 || found >= length)) return value;
    if (found < 0) throw new Fault(() => `array index should not be negative: ${intText(key)}`);
    if (found >= length && index >= maxIndex) throw new Fault(() => `array index too large: ${intText(key)}`);
    const place = found < length ? found : index;
    const changed = this.#change(found < length ? value?.[found] : null, path, at + 1, to);
    const items = this.#ownItems(value ?? []);
    this.#work.items(Math.max(place - items.length, 0));
    while (items.length < place) items.push(null);
    items[place] = changed;
    return items as List;
  }

  #changeSlice(value: Place, key: JsonObject, path: List, at: number, to: Place): Place {
    if (value === undefined) return value;
    if (value !== null && !isList(value)) throw expected("an array", value);
    const list = value ?? [];
    const [from, end] = resolveBounds(...sliceBounds(key), list.length, indexNoNumber);
    if (from === end && to === undefined) return value;
    this.#work.items(list.length);
    const changed = this.#change(list.slice(from, end), path, at + 1, to);
    if (changed !== undefined && !isList(changed)) throw expected("an array", changed);
    const middle: readonly Place[] = changed ?? new Array<Place>(end - from).fill(undefined);
    const items = (list as readonly Place[]).slice(0, from).concat(middle, list.slice(end));
    this.#own.add(items);
    return items as List;
  }

  #ownFields(object: JsonObject): Fields {
    if (this.#own.has(object)) return object as Fields;
    this.#work.fields(Object.keys(object).length);
    const copy = { ...object };
    this.#own.add(copy);
    return copy;
  }

  #ownItems(list: List): Places {
    if (this.#own.has(list)) return list as unknown as Places;
    this.#work.items(list.length);
    const copy = list.slice();
    this.#own.add(copy);
    return copy;
  }

  /** Only what was made here can have such places. */
  #withoutPlaces(value: Place): Value {
    if (value === undefined) return null;
    if (typeof value !== "object" || !this.#own.has(value)) return value;
    if (isList(value)) {
      const kept = (value as readonly Place[]).filter((item) => item !== undefined);
      return kept.map((item) => this.#withoutPlaces(item));
    }
    const result: Record<string, Value> = {};
    const entries = Object.entries(value as Fields);
    this.#work.fields(entries.length);
    for (const [key, item] of entries) {
      if (item !== undefined) setOwn(result, key, this.#withoutPlaces(item));
    }
    return result;
  }
}

/** Cut, and clamped to 64 bits. */
function intText(key: Numeric): string {
  const index = typeof key === "bigint" ? key : (toInt(key) ?? 0);
  if (index >= 2 ** 63) return "9223372036854775807";
  return index < -(2 ** 63) ? "-9223372036854775808" : String(index);
}

export function getPath(value: Value, path: Value, work: Work): Value {
  if (!isList(path)) throw notFor("getpath", value, path);
  let found = value;
  for (const key of path) {
    if (found !== null && typeof found !== "object") throw notFor("getpath", value, path);
    try {
      found = fetch(found, key, work);
    } catch (error) {
      throw error instanceof Fault ? failedFor(error, "getpath", value, path) : error;
    }
  }
  return found;
}

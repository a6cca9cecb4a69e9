import { messageOf, TerminalError } from "./errors.ts";
import { refuseHuge } from "./gjson/gjson.ts";
import { compileLocator, type Locator, type Place } from "./gjson/locate.ts";
import { isJsonObject, type JsonObject, type JsonValue, setOwn } from "./json.ts";
import { memoize } from "./memo.ts";

interface SetPart {
  readonly key: string;
  /** The part read as an array index. */
  readonly index?: number;
  /** Finds an element by its number: not when there are escapes in it, as in the original. */
  readonly isPlain: boolean;
  /** `-1`: one after the last element. */
  readonly appends: boolean;
}

/** An index further behind the end than this is refused: it would be filled with nulls. */
const maxPadding = 10_000;

/** Parts within each other: more would nest deeper than JSON can be written. */
const maxParts = 1_000;

/**
 * A copy of `document` with `value` at a path of SJSON 1.2 (https://github.com/tidwall/sjson): missing containers are made,
 * an array where the next part is a number or `-1`, padded with nulls; `-1` appends; `:1` is the key "1"; `\.` is a dot.
 * A path with `*`, `?`, `#`, `|` or `@` is one of GJSON that changes only what it finds. `undefined` as document means that
 * there is none yet.
 * @throws TerminalError PARAMETER_ERROR
 */
export function setJson(document: JsonValue, path: string, value: JsonValue): JsonValue;
export function setJson(document: JsonValue | undefined, path: string, value: JsonValue): JsonValue | undefined;
export function setJson(document: JsonValue | undefined, path: string, value: JsonValue): JsonValue | undefined {
  const { parts, locate } = compileDestination(path);
  if (parts) return setAt(document, parts, 0, value, path);
  if (document === undefined) return undefined;
  return setPlaces(
    document,
    asDestination(path, () => locate(document)),
    value,
  );
}

type Destination = { readonly parts: readonly SetPart[]; readonly locate?: undefined } | Finder;

/** Of a path that changes only what is there. */
interface Finder {
  readonly parts?: undefined;
  readonly locate: Locator;
}

/** Each path of a Sensor is parsed once, not with each event. */
const compileDestination = memoize((path): Destination => {
  if (path === "") throw fault(path, "a path must not be empty");
  if (!changesOnly(path)) return { parts: parseParts(path) };
  return asDestination(path, () => {
    refuseHuge(path);
    return { locate: compileLocator(path) };
  });
}, 10_000);

/** Throws what `setJson` would throw for the path in an empty document; true when it is none. */
export const checkSjsonPath: (path: string) => true = memoize((path) => {
  setJson({}, path, null);
  return true;
}, 10_000);

/** Whether the path changes what is there and adds nothing, since it has an unescaped `|`, `#`, `@`, `*` or `?`. */
export function changesOnly(path: string): boolean {
  for (let index = 0; index < path.length; index++) {
    if (path[index] === "\\") index++;
    else if ("|#@*?".includes(path.charAt(index))) return true;
  }
  return false;
}

/** What GJSON says against the path, as a fault of the destination. */
function asDestination<Result>(path: string, find: () => Result): Result {
  try {
    return find();
  } catch (error) {
    throw new TerminalError("PARAMETER_ERROR", `destination ${JSON.stringify(path)}: ${messageOf(error)}`, error);
  }
}

function parseParts(path: string): SetPart[] {
  const parts: SetPart[] = [];
  let key = "";
  let isPlain = true;
  let isForced = path.startsWith(":");
  for (let index = isForced ? 1 : 0; index <= path.length; index++) {
    const char = path.charAt(index);
    if (char === "\\") {
      key += path.charAt(++index);
      isPlain = false;
      if (index < path.length) continue;
    } else if (char !== "." && index < path.length) {
      key += char;
      continue;
    }
    parts.push(toPart(key, isPlain, isForced));
    [key, isPlain, isForced] = ["", true, path[index + 1] === ":"];
    if (isForced) index++;
  }
  if (parts.length > maxParts) throw fault(path, `has more than ${maxParts} parts`);
  return parts;
}

function toPart(key: string, isPlain: boolean, isForced: boolean): SetPart {
  if (isForced) return { key, isPlain, appends: false };
  // The original reads an empty part as a number, but finds no element by it.
  const number = /^[0-9]{0,9}$/.test(key) ? { index: Number(key) } : {};
  return { key, isPlain: isPlain && key !== "", appends: key === "-1", ...number };
}

function setAt(
  at: JsonValue | undefined,
  parts: readonly SetPart[],
  from: number,
  value: JsonValue,
  path: string,
): JsonValue {
  const part = parts[from];
  if (!part) return value;
  if (Array.isArray(at)) return setInArray(at, parts, from, value, path);
  if (isJsonObject(at)) {
    const child = Object.hasOwn(at, part.key) ? at[part.key] : undefined;
    return withKey(at, part.key, setAt(child, parts, from + 1, value, path));
  }
  // Missing, or a scalar that gives way. At the root and for a scalar, `-1` is a key as in the original.
  const makesArray = part.index !== undefined || (part.appends && at === undefined && from > 0);
  return makesArray
    ? setInArray([], parts, from, value, path)
    : withKey({}, part.key, setAt(undefined, parts, from + 1, value, path));
}

function setInArray(
  list: readonly JsonValue[],
  parts: readonly SetPart[],
  from: number,
  value: JsonValue,
  path: string,
): JsonValue {
  const part = parts[from] as SetPart;
  const index = indexIn(list, part);
  if (index === undefined) throw fault(path, `"${part.key}" is not an index of an array`);
  if (index - list.length > maxPadding) throw fault(path, `index ${index} is too far behind the end of the array`);
  const copy = [...list];
  while (copy.length < index) copy.push(null);
  copy[index] = setAt(list[index], parts, from + 1, value, path);
  return copy;
}

function indexIn(list: readonly JsonValue[], part: SetPart): number | undefined {
  if (part.appends) return list.length;
  if (part.index !== undefined) {
    return part.isPlain && part.index < list.length ? part.index : Math.max(part.index, list.length);
  }
  // `:1` finds an element that exists, as in the original.
  const isThere = part.isPlain && /^[0-9]{1,9}$/.test(part.key) && Number(part.key) < list.length;
  return isThere ? Number(part.key) : undefined;
}

/** The document itself where nothing changes; otherwise each container on the way is copied once. */
function setPlaces(document: JsonValue, places: readonly Place[], value: JsonValue): JsonValue {
  const owned = new Set<JsonValue>();
  let root = document;
  for (const place of places) root = setPlace(root, place, value, owned);
  return root;
}

function setPlace(at: JsonValue, place: Place, value: JsonValue, owned: Set<JsonValue>): JsonValue {
  const [key, ...rest] = place;
  if (key === undefined) return value;
  if (Array.isArray(at) && typeof key === "number") {
    const list: JsonValue[] = owned.has(at) ? at : [...at];
    owned.add(list);
    list[key] = setPlace(list[key] ?? null, rest, value, owned);
    return list;
  }
  if (!isJsonObject(at)) return at;
  const object: Record<string, JsonValue> = owned.has(at) ? at : { ...at };
  owned.add(object);
  setOwn(object, String(key), setPlace(object[String(key)] ?? null, rest, value, owned));
  return object;
}

/** A spread would call the setter of `__proto__` no more than this does, but an assignment would. */
function withKey(object: JsonObject, key: string, value: JsonValue): JsonObject {
  return { ...object, [key]: value };
}

function fault(path: string, what: string): TerminalError {
  return new TerminalError("PARAMETER_ERROR", `destination ${JSON.stringify(path)}: ${what}`);
}

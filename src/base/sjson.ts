import { TerminalError } from "./errors.ts";
import { type PathPart, parseGjsonPath } from "./gjson.ts";
import { globMatches } from "./glob.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import { memoize } from "./memo.ts";

interface SetPart {
  readonly key: string;
  /** The part read as an array index. */
  readonly index?: number;
  /** `-1`: one after the last element. */
  readonly appends: boolean;
}

/** An index further behind the end than this is refused: it would be filled with nulls. */
const maxPadding = 10_000;

/**
 * A copy of `document` with `value` at an SJSON path (https://github.com/tidwall/sjson): missing containers are made, an
 * array where the next part is a number or `-1`, padded with nulls; `-1` appends; `:1` is the key "1"; `\.` is a dot.
 * `*`, `?` and `#` change existing values only. `undefined` as document means that there is none yet.
 * @throws TerminalError PARAMETER_ERROR
 */
export function setJson(document: JsonValue | undefined, path: string, value: JsonValue): JsonValue {
  if (path === "") throw fault(path, "a path must not be empty");
  if (!isComplex(path)) return setAt(document, parseParts(path), 0, value, path);
  return document === undefined ? null : setExisting(document, parseComplex(path), 0, value);
}

/** Throws what `setJson` would throw for the path in an empty document; true when it is none. */
export const checkSjsonPath: (path: string) => true = memoize((path) => {
  setJson({}, path, null);
  return true;
}, 1_000);

function isComplex(path: string): boolean {
  for (let index = 0; index < path.length; index++) {
    if (path[index] === "\\") index++;
    else if ("|#@*?".includes(path.charAt(index))) return true;
  }
  return false;
}

function parseComplex(path: string): readonly PathPart[] {
  try {
    return parseGjsonPath(path);
  } catch (error) {
    throw new TerminalError("PARAMETER_ERROR", error instanceof Error ? error.message : String(error), error);
  }
}

function parseParts(path: string): SetPart[] {
  const parts: SetPart[] = [];
  let key = "";
  let isForced = path.startsWith(":");
  for (let index = isForced ? 1 : 0; index <= path.length; index++) {
    const char = path.charAt(index);
    if (char === "\\" && index + 1 < path.length) key += path.charAt(++index);
    else if (char !== "." && index < path.length) key += char;
    else {
      parts.push(toPart(key, isForced));
      key = "";
      isForced = path[index + 1] === ":";
      if (isForced) index++;
    }
  }
  return parts;
}

function toPart(key: string, isForced: boolean): SetPart {
  const appends = !isForced && key === "-1";
  // The original reads an empty part as index 0.
  return !isForced && /^[0-9]{0,9}$/.test(key) ? { key, appends, index: Number(key) } : { key, appends };
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
  const index = part.appends ? list.length : (part.index ?? existingIndex(list, part));
  if (index === undefined) throw fault(path, `"${part.key}" is not an index of an array`);
  if (index - list.length > maxPadding) throw fault(path, `index ${index} is too far behind the end of the array`);
  const copy = [...list];
  while (copy.length < index) copy.push(null);
  copy[index] = setAt(list[index], parts, from + 1, value, path);
  return copy;
}

/** `:1` finds an element that exists, as in the original. */
function existingIndex(list: readonly JsonValue[], part: SetPart): number | undefined {
  return /^[0-9]{1,9}$/.test(part.key) && Number(part.key) < list.length ? Number(part.key) : undefined;
}

/** A path with wildcards or `#`: what is not there stays away, without an error. */
function setExisting(at: JsonValue, parts: readonly PathPart[], from: number, value: JsonValue): JsonValue {
  const part = parts[from];
  if (!part) return value;
  if (Array.isArray(at)) {
    if (part.each && from + 1 < parts.length) return at.map((item) => setExisting(item, parts, from + 1, value));
    const index = part.index;
    if (index === undefined || index >= at.length) return at;
    return at.with(index, setExisting(at[index], parts, from + 1, value));
  }
  if (!isJsonObject(at)) return at;
  const glob = part.glob;
  const key = glob ? Object.keys(at).find((name) => globMatches(glob, name)) : part.text;
  const child = key !== undefined && Object.hasOwn(at, key) ? at[key] : undefined;
  return key === undefined || child === undefined ? at : withKey(at, key, setExisting(child, parts, from + 1, value));
}

/** A spread would call the setter of `__proto__` no more than this does, but an assignment would. */
function withKey(object: JsonObject, key: string, value: JsonValue): JsonObject {
  return { ...object, [key]: value };
}

function fault(path: string, what: string): TerminalError {
  return new TerminalError("PARAMETER_ERROR", `destination ${JSON.stringify(path)}: ${what}`);
}

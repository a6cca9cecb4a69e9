import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { ownField, setField } from "./merge-patch.ts";

/** A patch that does not apply; the message says which operation and why. */
export class PatchError extends Error {}

/** JSON patch (RFC 6902). Changes neither argument. @throws PatchError */
export function applyJsonPatch(target: JsonValue, operations: readonly unknown[]): JsonValue {
  let result = target;
  for (const [index, operation] of operations.entries()) {
    if (!isJsonObject(operation)) throw new PatchError(`operation ${index}: must be an object`);
    try {
      result = applyOne(result, operation);
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      throw new PatchError(`operation ${index} (${String(operation.op)} ${String(operation.path)}): ${error.message}`);
    }
  }
  return result;
}

function applyOne(target: JsonValue, operation: Readonly<Record<string, JsonValue>>): JsonValue {
  const path = parsePointer(operation.path, "path");
  switch (operation.op) {
    case "add":
      return add(target, path, needValue(operation));
    case "remove":
      return edit(target, path, removeAt);
    case "replace":
      return edit(target, path, (parent, key) => replaceAt(parent, key, needValue(operation)), needValue(operation));
    case "test":
      if (!isDeepStrictEqual(read(target, path), operation.value ?? null)) throw new PatchError("test failed");
      return target;
    case "copy":
      return add(target, path, read(target, parsePointer(operation.from, "from")));
    case "move":
      return move(target, parsePointer(operation.from, "from"), path);
    default:
      throw new PatchError(`unknown op ${JSON.stringify(operation.op)}`);
  }
}

function needValue(operation: Readonly<Record<string, JsonValue>>): JsonValue {
  if (operation.value === undefined) throw new PatchError("value is missing");
  return operation.value;
}

function parsePointer(pointer: unknown, field: string): readonly string[] {
  if (typeof pointer !== "string" || (pointer !== "" && !pointer.startsWith("/"))) {
    throw new PatchError(`${field} must be "" or begin with "/"`);
  }
  const tokens = pointer.split("/").slice(1);
  return tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function move(target: JsonValue, from: readonly string[], to: readonly string[]): JsonValue {
  if (to.length > from.length && from.every((token, index) => to[index] === token)) {
    throw new PatchError("cannot move a value into itself");
  }
  return add(edit(target, from, removeAt), to, read(target, from));
}

function read(target: JsonValue, path: readonly string[]): JsonValue {
  return path.reduce((value, key) => child(value, key), target);
}

function child(parent: JsonValue, key: string): JsonValue {
  const found = Array.isArray(parent)
    ? parent[indexOf(parent, key)]
    : isJsonObject(parent)
      ? ownField(parent, key)
      : undefined;
  if (found === undefined) throw new PatchError(`nothing at ${JSON.stringify(key)}`);
  return found;
}

function indexOf(list: readonly JsonValue[], key: string): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(key) || Number(key) >= list.length) {
    throw new PatchError(`no index ${JSON.stringify(key)} in a list of ${list.length}`);
  }
  return Number(key);
}

function add(target: JsonValue, path: readonly string[], value: JsonValue): JsonValue {
  return edit(target, path, (parent, key) => addAt(parent, key, value), value);
}

function addAt(parent: JsonValue, key: string, value: JsonValue): JsonValue {
  if (!Array.isArray(parent)) return withField(parent, key, value);
  const at = key === "-" || key === String(parent.length) ? parent.length : indexOf(parent, key);
  return parent.toSpliced(at, 0, value);
}

function replaceAt(parent: JsonValue, key: string, value: JsonValue): JsonValue {
  child(parent, key);
  return Array.isArray(parent) ? parent.with(indexOf(parent, key), value) : withField(parent, key, value);
}

function removeAt(parent: JsonValue, key: string): JsonValue {
  child(parent, key);
  if (Array.isArray(parent)) return parent.toSpliced(indexOf(parent, key), 1);
  const { [key]: _removed, ...rest } = isJsonObject(parent) ? parent : {};
  return rest;
}

function withField(parent: JsonValue, key: string, value: JsonValue): JsonValue {
  if (!isJsonObject(parent)) throw new PatchError("parent is neither an object nor a list");
  const result = { ...parent };
  setField(result, key, value);
  return result;
}

/** Rebuilds the way from the root to the parent of `path`, whose last step `change` makes. */
function edit(
  target: JsonValue,
  path: readonly string[],
  change: (parent: JsonValue, key: string) => JsonValue,
  whole?: JsonValue,
): JsonValue {
  const [key, ...rest] = path;
  if (key === undefined) {
    if (whole === undefined) throw new PatchError("cannot remove the whole document");
    return whole;
  }
  if (rest.length === 0) return change(target, key);
  return replaceAt(target, key, edit(child(target, key), rest, change, whole));
}

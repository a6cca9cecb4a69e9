import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { Difference } from "./diff.ts";
import { isSameQuantity } from "./quantity.ts";
import { type FindWriter, type PathStep, writersOf } from "./writers.ts";

/** Beyond this, differences of one object are not listed. */
const maxDifferences = 200;

interface Found {
  readonly list: Difference[];
  readonly isBuiltIn: boolean;
  readonly writerOf: FindWriter;
}

interface Options {
  /** In built-in kinds, quantities that are the same amount are equal. */
  readonly isBuiltIn: boolean;
  /** Absent: nobody is said to have written. */
  readonly live?: KubeObject;
}

/** Every place in which they differ, in the order of keys; at most 200. */
export function listDifferences(
  live: JsonObject,
  target: JsonObject,
  { isBuiltIn, live: written }: Options = { isBuiltIn: true },
): readonly Difference[] {
  const found: Found = { isBuiltIn, writerOf: written === undefined ? () => undefined : writersOf(written), list: [] };
  compare(live, target, "", [], found);
  return found.list;
}

function compare(
  live: JsonValue | undefined,
  target: JsonValue | undefined,
  path: string,
  steps: readonly PathStep[],
  found: Found,
): void {
  if (found.list.length >= maxDifferences) return;
  if (isJsonObject(live) && isJsonObject(target)) compareFields(live, target, path, steps, found);
  else if (Array.isArray(live) && Array.isArray(target)) compareLists(live, target, path, steps, found);
  else if (!isEqual(live, target, path, found)) found.list.push(differenceAt(live, target, path, steps, found));
}

function isEqual(
  live: JsonValue | undefined,
  target: JsonValue | undefined,
  path: string,
  { isBuiltIn }: Found,
): boolean {
  return (live ?? null) === (target ?? null) || (isBuiltIn && isSameQuantity(path, live, target));
}

function differenceAt(
  live: JsonValue | undefined,
  target: JsonValue | undefined,
  path: string,
  steps: readonly PathStep[],
  found: Found,
): Difference {
  const lastWriter = found.writerOf(steps);
  return {
    path,
    ...(live === undefined ? {} : { live }),
    ...(target === undefined ? {} : { target }),
    ...(lastWriter === undefined ? {} : { lastWriter }),
  };
}

function compareLists(
  live: readonly JsonValue[],
  target: readonly JsonValue[],
  path: string,
  steps: readonly PathStep[],
  found: Found,
): void {
  for (let index = 0; index < Math.max(live.length, target.length); index++) {
    const [left, right] = [live[index], target[index]];
    if (left !== right) compare(left, right, `${path}[${index}]`, [...steps, { index, list: live }], found);
  }
}

function compareFields(
  live: JsonObject,
  target: JsonObject,
  path: string,
  steps: readonly PathStep[],
  found: Found,
): void {
  const names = Object.keys(live);
  for (const key of Object.keys(target)) if (!Object.hasOwn(live, key)) names.push(key);
  for (const key of names.sort()) {
    const [left, right] = [own(live, key), own(target, key)];
    if (left !== right) compare(left, right, fieldPath(path, key), [...steps, key], found);
  }
}

function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function fieldPath(path: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

import { isJsonObject, type JsonObject, type JsonValue } from "../../../base/json.ts";
import type { ImpactedResource } from "../actions.ts";
import type { TrialProblem } from "./problem.ts";

/** Written by the server, whatever an action says. */
const serverFields = new Set(["creationTimestamp", "generation", "resourceVersion", "uid", "managedFields"]);
/** An action on one of these cannot change its status. */
const workloads = new Set(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]);
const maxDifferences = 50;

/**
 * What of the expected objects an action did not do. As with the original, which asks its comparison, fields that a test does
 * not name may be there; lists have to be as long. `later` is what the action gave at another time: values that differ
 * from those of `found` were made of the time, and are not compared.
 */
export function actionProblems(
  found: readonly ImpactedResource[],
  later: readonly ImpactedResource[],
  expected: readonly JsonObject[],
): readonly TrialProblem[] {
  const left = [...expected];
  const problems: TrialProblem[] = [];
  for (const [index, { object }] of found.entries()) {
    const at = left.findIndex(({ kind }) => kind === object.kind);
    const [wanted] = at < 0 ? [] : left.splice(at, 1);
    const name = `${text(object.kind)} ${text(isJsonObject(object.metadata) ? object.metadata.name : undefined)}`;
    if (wanted === undefined) {
      problems.push({ message: `${name} is not expected` });
      continue;
    }
    const diff: string[] = [];
    compare(
      { expected: prepared(wanted), found: prepared(object), later: prepared(later[index]?.object ?? object) },
      "",
      diff,
    );
    if (diff.length > 0) problems.push({ message: `${name} is not as expected`, diff: diff.slice(0, maxDifferences) });
  }
  return [...problems, ...left.map(({ kind }) => ({ message: `${text(kind)} is expected and does not come` }))];
}

function prepared(object: JsonObject): JsonObject {
  const { status, metadata, ...rest } = object;
  const kept = Object.entries(isJsonObject(metadata) ? metadata : {}).filter(([key]) => !serverFields.has(key));
  const hasStatus = status !== undefined && !workloads.has(text(object.kind));
  return { ...rest, metadata: Object.fromEntries(kept), ...(hasStatus ? { status } : {}) };
}

interface Sides {
  readonly expected: JsonValue | undefined;
  readonly found: JsonValue | undefined;
  readonly later: JsonValue | undefined;
}

function compare(sides: Sides, path: string, diff: string[]): void {
  const { expected, found, later } = sides;
  if (isJsonObject(expected) && isJsonObject(found)) {
    compareFields(expected, found, isJsonObject(later) ? later : {}, path, diff);
  } else if (Array.isArray(expected) && Array.isArray(found)) {
    compareLists(expected, found, Array.isArray(later) ? later : [], path, diff);
  } else if (!isSame(expected, found) && !isOfTheTime(found, later)) {
    diff.push(...line("-", path, expected), ...line("+", path, found));
  }
}

function line(sign: string, path: string, value: JsonValue | undefined): readonly string[] {
  return value === undefined ? [] : [`${sign} ${path}: ${JSON.stringify(value)}`];
}

function compareFields(expected: JsonObject, found: JsonObject, later: JsonObject, path: string, diff: string[]): void {
  for (const [key, value] of Object.entries(expected)) {
    compare({ expected: value, found: found[key], later: later[key] }, path === "" ? key : `${path}.${key}`, diff);
  }
}

function compareLists(
  expected: readonly JsonValue[],
  found: readonly JsonValue[],
  later: readonly JsonValue[],
  path: string,
  diff: string[],
): void {
  for (let index = 0; index < Math.max(expected.length, found.length); index++) {
    compare({ expected: expected[index], found: found[index], later: later[index] }, `${path}[${index}]`, diff);
  }
}

/** Null and nothing are the same, and so are an empty object and an empty list: Lua has one for both. */
function isSame(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (isEmpty(a) && isEmpty(b)) return true;
  if (typeof a === "bigint" || typeof b === "bigint") return Number(a) === Number(b);
  return a === b;
}

function isEmpty(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function isOfTheTime(found: JsonValue | undefined, later: JsonValue | undefined): boolean {
  const isScalar = typeof found === "string" || typeof found === "number";
  return isScalar && typeof later === typeof found && later !== found;
}

function text(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { Writer } from "./diff.ts";
import { isLeaf } from "./last-applied.ts";
import { stepFinder } from "./list-steps.ts";

/** A step of a path: the name of a field, or an index with its list. */
export type PathStep = string | { readonly index: number; readonly list: readonly JsonValue[] };

/** Says who wrote the field at a path last. */
export type FindWriter = (path: readonly PathStep[]) => Writer | undefined;

/**
 * Of the managers that own the field at a path, or the nearest thing around it that is owned as a whole, the one that
 * wrote last. Undefined: nobody owns it.
 */
export function writersOf(live: KubeObject): FindWriter {
  const entries = (live.metadata.managedFields ?? []).filter(isJsonObject);
  const stepsIn: StepsIn = memoizeByObject(stepFinder);
  return (path) => {
    let best: { readonly entry: JsonObject; readonly depth: number } | undefined;
    for (const entry of entries) {
      const depth = isJsonObject(entry.fieldsV1) ? ownedDepth(entry.fieldsV1, path, 0, stepsIn) : -1;
      if (depth < 0) continue;
      const isNewer = best !== undefined && depth === best.depth && timeOf(entry) >= timeOf(best.entry);
      if (best === undefined || depth > best.depth || isNewer) best = { entry, depth };
    }
    return best === undefined ? undefined : writerIn(best.entry);
  };
}

type StepsIn = (fields: JsonObject) => ReturnType<typeof stepFinder>;

function memoizeByObject<T>(make: (of: JsonObject) => T): (of: JsonObject) => T {
  const known = new Map<JsonObject, T>();
  return (of) => {
    const found = known.get(of) ?? make(of);
    known.set(of, found);
    return found;
  };
}

/** How many steps of the path an entry goes along; -1: it does not own it. */
function ownedDepth(fields: JsonObject, path: readonly PathStep[], depth: number, stepsIn: StepsIn): number {
  const [step, ...rest] = path;
  if (step === undefined || isLeaf(fields)) return depth;
  const name = typeof step === "string" ? `f:${step}` : stepsIn(fields)(step.list[step.index] ?? null);
  const below = name !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
  return isJsonObject(below) ? ownedDepth(below, rest, depth + 1, stepsIn) : -1;
}

function writerIn({ manager, operation, time, subresource }: JsonObject): Writer {
  return {
    manager: typeof manager === "string" ? manager : "",
    operation: typeof operation === "string" ? operation : "",
    ...(typeof time === "string" ? { time } : {}),
    ...(typeof subresource === "string" && subresource !== "" ? { subresource } : {}),
  };
}

function timeOf({ time }: JsonObject): string {
  return typeof time === "string" ? time : "";
}

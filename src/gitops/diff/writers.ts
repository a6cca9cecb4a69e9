import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { Writer } from "./diff.ts";

/** A step of a path: the name of a field, or an index with its list. */
export type PathStep = string | { readonly index: number; readonly list: readonly JsonValue[] };

/**
 * Of the managers that own the field at a path, or the nearest thing around it that is owned as a whole, the one that
 * wrote last. Undefined: nobody owns it.
 */
export function writerOf(live: KubeObject, path: readonly PathStep[]): Writer | undefined {
  const entries = (live.metadata.managedFields ?? []).filter(isJsonObject);
  let best: { readonly entry: JsonObject; readonly depth: number } | undefined;
  for (const entry of entries) {
    const depth = isJsonObject(entry.fieldsV1) ? ownedDepth(entry.fieldsV1, path, 0) : -1;
    if (depth < 0) continue;
    const isNewer = best !== undefined && depth === best.depth && timeOf(entry) >= timeOf(best.entry);
    if (best === undefined || depth > best.depth || isNewer) best = { entry, depth };
  }
  return best === undefined ? undefined : writerIn(best.entry);
}

/** How many steps of the path an entry goes along; -1: it does not own it. */
function ownedDepth(fields: JsonObject, path: readonly PathStep[], depth: number): number {
  const [step, ...rest] = path;
  const names = Object.keys(fields).filter((name) => name !== ".");
  if (step === undefined || names.length === 0) return depth;
  const name = names.find((one) => isStep(one, step));
  const below = name === undefined ? undefined : fields[name];
  return isJsonObject(below) ? ownedDepth(below, rest, depth + 1) : -1;
}

function isStep(name: string, step: PathStep): boolean {
  if (typeof step === "string") return name === `f:${step}`;
  const item = step.list[step.index];
  const value = readKey(name.slice(2));
  if (name.startsWith("v:")) return isDeepStrictEqual(value, item);
  if (!name.startsWith("k:") || !isJsonObject(value) || !isJsonObject(item)) return false;
  return Object.entries(value).every(([key, wanted]) => isDeepStrictEqual(item[key], wanted));
}

function readKey(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined; // names nothing
  }
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

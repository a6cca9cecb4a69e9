import { compileGjson } from "../../base/gjson/gjson.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { compileRegex } from "../../base/regex.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ResourceSpec } from "./resource-spec.ts";

export type ChangeType = "ADD" | "UPDATE" | "DELETE";

type Filter = NonNullable<ResourceSpec["filter"]>;

/** The label selector that the server applies; empty for all (spec argo-events 3.6, resource). */
export function labelSelectorOf({ filter }: ResourceSpec): string {
  return (filter?.labels ?? []).map(labelTerm).join(",");
}

function labelTerm({ key = "", operation, value = "" }: NonNullable<Filter["labels"]>[number]): string {
  switch (operation || "=") {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "in":
      return `${key} in (${value})`;
    case "notin":
      return `${key} notin (${value})`;
    case "gt":
      return `${key}>${value}`;
    case "lt":
      return `${key}<${value}`;
    default:
      return `${key}${operation || "="}${value}`;
  }
}

/** Whether a change counts, for what the server does not select. `since`: when the source began. */
export function isWanted(
  { eventTypes, filter }: ResourceSpec,
  type: ChangeType,
  object: KubeObject,
  times: { readonly since: number; readonly now: number },
): boolean {
  if (!eventTypes.includes(type)) return false;
  if (!filter) return true;
  const { metadata } = object;
  if (filter.prefix && !metadata.name?.startsWith(filter.prefix)) return false;
  if (filter.createdBy && Date.parse(metadata.creationTimestamp ?? "") > Date.parse(filter.createdBy)) return false;
  // Kubernetes' times are of whole seconds.
  if (filter.afterStart && timeOf(type, object, times.now) < Math.floor(times.since / 1_000) * 1_000) return false;
  return (filter.fields ?? []).every((selector) => fieldMatches(selector, object));
}

function timeOf(type: ChangeType, { metadata }: KubeObject, now: number): number {
  const created = Date.parse(metadata.creationTimestamp ?? "") || 0;
  if (type === "ADD") return created;
  if (type === "DELETE") return metadata.deletionTimestamp ? Date.parse(metadata.deletionTimestamp) : now;
  const updates = (metadata.managedFields ?? []).flatMap((entry) =>
    isJsonObject(entry) && entry.operation === "Update" ? [Date.parse(String(entry.time)) || 0] : [],
  );
  return Math.max(created, ...updates);
}

/** The path must exist; what is no text is compared as an empty one, as the original does. */
function fieldMatches(
  { key = "", operation, value = "" }: NonNullable<Filter["fields"]>[number],
  object: KubeObject,
): boolean {
  const found = compileGjson(key).read(object as unknown as JsonValue);
  if (found === undefined) return false;
  const matches = compileRegex(value).matches(typeof found === "string" ? found : "");
  return operation === "!=" ? !matches : matches;
}

const maxPaths = 256;

/** The paths of all that differs, as filters write them; the first 256. What the server itself keeps is left out. */
export function changedPaths(before: JsonValue, after: JsonValue): string[] {
  const found: string[] = [];
  collect(before, after, "", found);
  return found;
}

function collect(before: JsonValue | undefined, after: JsonValue | undefined, path: string, found: string[]): void {
  if (found.length >= maxPaths || path === "metadata.managedFields" || path === "metadata.resourceVersion") return;
  if (isJsonObject(before) && isJsonObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const name = key.replace(/[.*?\\|#@]/g, "\\$&");
      collect(before[key], after[key], path === "" ? name : `${path}.${name}`, found);
    }
  } else if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++) {
      collect(before[index], after[index], `${path}.${index}`, found);
    }
  } else if (before !== after) found.push(path);
}

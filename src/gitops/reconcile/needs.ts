import { objectOf, textOf } from "../../api/fields.ts";
import type { JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";

/** Names of Applications (`name` or `namespace/name`, separated by commas) that must be synced and healthy first. */
export const needsAnnotation = "tiphys.io/needs";

const maxNeeds = 100;

/** As `namespace/name`, each once; without a namespace they are in that of the Application itself. */
export function needsOf({
  metadata: { namespace = "", annotations = {} },
}: Pick<KubeObject, "metadata">): readonly string[] {
  const names = (annotations[needsAnnotation] ?? "").split(",").map((name) => name.trim());
  const keys = names.filter((name) => name !== "").map((name) => (name.includes("/") ? name : `${namespace}/${name}`));
  return [...new Set(keys)].slice(0, maxNeeds);
}

/** What an Application that others need has come to; a change of it is a reason to look at them again. */
export function readinessOf(application: KubeObject | undefined): string {
  if (application === undefined) return "not there";
  const { sync, health, operationState } = objectOf(application.status as JsonValue | undefined);
  const syncStatus = textOf(objectOf(sync).status) || "Unknown";
  const healthStatus = textOf(objectOf(health).status) || "Unknown";
  if (syncStatus !== "Synced") return syncStatus;
  return textOf(objectOf(operationState).phase) === "Running" ? "syncing" : healthStatus;
}

export interface UnmetNeed {
  readonly kind: "wait" | "circle";
  readonly reason: string;
  /** Of `wait`: the Application that is waited for, as `namespace/name`. */
  readonly need?: string;
  /** It is ready, but was not compared at the commits of this one yet: it is to be looked at. */
  readonly isBehind?: boolean;
}

/**
 * Why a sync has to wait for another Application; undefined: it has not. Needs that go in a circle are refused for each
 * of those in it, since none could ever go first.
 */
export function unmetNeed(
  application: KubeObject,
  find: (key: string) => KubeObject | undefined,
): UnmetNeed | undefined {
  const needs = needsOf(application);
  if (needs.length === 0) return undefined;
  const circle = circleFrom(`${application.metadata.namespace ?? ""}/${application.metadata.name ?? ""}`, needs, find);
  if (circle !== undefined) return { kind: "circle", reason: `${needsAnnotation}: ${circle.join(" → ")} is a circle` };
  for (const need of needs) {
    const readiness = readinessOf(find(need));
    if (readiness !== "Healthy") return { kind: "wait", reason: `it needs ${need}, which is ${readiness}`, need };
  }
  return undefined;
}

/** The way from an Application back to itself; each of those on it is visited once. */
function circleFrom(
  start: string,
  needs: readonly string[],
  find: (key: string) => KubeObject | undefined,
): readonly string[] | undefined {
  const seen = new Set<string>();
  const open: { readonly key: string; readonly way: readonly string[] }[] = needs.map((key) => ({ key, way: [start] }));
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { key, way } = next;
    if (key === start) return [...way, key];
    if (seen.has(key)) continue;
    seen.add(key);
    const object = find(key);
    for (const need of object === undefined ? [] : needsOf(object)) open.push({ key: need, way: [...way, key] });
  }
  return undefined;
}

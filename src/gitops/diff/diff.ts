import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";

/** One place in which live and target differ. */
export interface Difference {
  /** `spec.template.spec.containers[0].image`; keys with dots stand in brackets. */
  readonly path: string;
  /** Absent: the live object lacks it. */
  readonly live?: JsonValue;
  /** Absent: it would be removed. */
  readonly target?: JsonValue;
}

export interface ObjectDiff {
  readonly isModified: boolean;
  readonly differences: readonly Difference[];
  /** Null where that side is missing. */
  readonly normalizedLive: JsonObject | null;
  /** The live object as it would be after a sync. */
  readonly predictedLive: JsonObject | null;
}

/** What names an object within a cluster, whatever its version. */
export interface ObjectKey {
  readonly group: string;
  readonly kind: string;
  /** "" for objects of the cluster. */
  readonly namespace: string;
  readonly name: string;
}

export function groupOf({ apiVersion }: { readonly apiVersion: string }): string {
  const at = apiVersion.indexOf("/");
  return at < 0 ? "" : apiVersion.slice(0, at);
}

export function keyOf(object: KubeObject): ObjectKey {
  const { namespace = "", name = "" } = object.metadata;
  return { group: groupOf(object), kind: object.kind, namespace, name };
}

/** `group/kind/namespace/name` */
export function keyText({ group, kind, namespace, name }: ObjectKey): string {
  return `${group}/${kind}/${namespace}/${name}`;
}

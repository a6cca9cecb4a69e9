import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";

/** Who wrote a field of a live object last, as its `managedFields` say. */
export interface Writer {
  readonly manager: string;
  readonly operation: string;
  /** RFC 3339; absent where the server did not say. */
  readonly time?: string;
  readonly subresource?: string;
}

/**
 * How the live object after a sync is foretold:
 * - server-side: a server's dry run said what it would be;
 * - structured-merge: as server-side apply by our manager, whose fields in `managedFields` are what a sync wrote last;
 * - three-way: as `kubectl apply`, whose annotation holds what was written last;
 * - two-way: nobody knows what was written last, so that nothing is removed.
 */
export type Strategy = "server-side" | "structured-merge" | "three-way" | "two-way";

/** One place in which live and target differ. */
export interface Difference {
  /** `spec.template.spec.containers[0].image`; keys with dots stand in brackets. */
  readonly path: string;
  /** Absent: the live object lacks it. */
  readonly live?: JsonValue;
  /** Absent: it would be removed. */
  readonly target?: JsonValue;
  /** Who wrote the live value last; absent where nobody owns it. */
  readonly lastWriter?: Writer;
}

export interface ObjectDiff {
  readonly isModified: boolean;
  readonly differences: readonly Difference[];
  /** Absent where one side is missing. */
  readonly strategy?: Strategy;
  /** Null where that side is missing. */
  readonly normalizedLive: JsonObject | null;
  /** The live object as it would be after a sync. */
  readonly predictedLive: JsonObject | null;
  /** Rules that took too long on the object and left nothing out of it, and why; absent: none. */
  readonly unapplied?: readonly string[];
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

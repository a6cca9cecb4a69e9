import type { JsonObject } from "../../base/json.ts";
import type { GroupVersionKind, KubeObject } from "../../objects/object.ts";
import { groupOf, keyOf, keyText, type ObjectKey } from "./diff.ts";
import { setTracking, type Tracking, toKubeObject } from "./tracking.ts";

export interface TargetOptions {
  /** The destination's namespace; may be "". */
  readonly namespace: string;
  readonly tracking: Tracking;
  /** Undefined: the cluster does not know the kind; it is taken for one in namespaces. */
  isNamespaced(kind: GroupVersionKind): boolean | undefined;
  /** Kinds that are left out, with a warning for each object. Default: none. */
  isExcluded?(kind: Pick<ObjectKey, "group" | "kind">): boolean;
}

export interface TargetCondition {
  readonly type: "ComparisonError" | "InvalidSpecError" | "RepeatedResourceWarning" | "ExcludedResourceWarning";
  readonly message: string;
}

export interface Targets {
  /** In the order of the source; of doubles the last one, at its place. */
  readonly objects: readonly KubeObject[];
  readonly conditions: readonly TargetCondition[];
}

/**
 * Rendered manifests as they will be applied: with namespace and tracking, without doubles (spec argo-cd-engine 3.1).
 */
export function toTargets(manifests: readonly JsonObject[], options: TargetOptions): Targets {
  const conditions: TargetCondition[] = [];
  const counts = new Map<string, number>();
  const byKey = new Map<string, KubeObject>();
  for (const [index, manifest] of manifests.entries()) {
    const read = toKubeObject("metadata" in manifest ? manifest : { ...manifest, metadata: {} });
    if (read === undefined || !(read.metadata.name || read.metadata.generateName)) {
      conditions.push({ type: "ComparisonError", message: unusable(manifest) });
      continue;
    }
    const object = inNamespace(read, options, conditions);
    const text = keyText(keyOf(object));
    const key = object.metadata.name ? text : `${text}${object.metadata.generateName}#${index}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    byKey.delete(key);
    byKey.set(key, setTracking(object, options.tracking, options.namespace));
  }
  for (const [key, count] of counts) {
    if (count < 2) continue;
    const message = `Resource ${key} appeared ${count} times among application resources.`;
    conditions.push({ type: "RepeatedResourceWarning", message });
  }
  const objects = [...byKey.values()].filter((object) => {
    const key = keyOf(object);
    if (options.isExcluded?.(key) !== true) return true;
    const message = `Resource ${key.group}/${key.kind} ${key.name} is excluded in the settings`;
    conditions.push({ type: "ExcludedResourceWarning", message });
    return false;
  });
  return { objects, conditions };
}

function inNamespace(object: KubeObject, options: TargetOptions, conditions: TargetCondition[]): KubeObject {
  const { namespace, ...rest } = object.metadata;
  if (options.isNamespaced(object) === false) return { ...object, metadata: rest };
  const where = namespace || options.namespace;
  if (where === "") {
    const kind = `${groupOf(object) || ""}/${object.apiVersion.split("/").at(-1)}, Kind=${object.kind}`;
    const message = `Namespace for ${rest.name ?? rest.generateName} ${kind} is missing.`;
    conditions.push({ type: "InvalidSpecError", message });
    return object;
  }
  return { ...object, metadata: { ...rest, namespace: where } };
}

function unusable(manifest: JsonObject): string {
  const text = JSON.stringify(manifest).slice(0, 120);
  return `Failed to normalize target state: a manifest needs apiVersion, kind and metadata.name: ${text}`;
}

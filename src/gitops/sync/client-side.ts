import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import { builtInType } from "../../objects/kubernetes-types.ts";
import { diffMergePatch } from "../../objects/merge-patch.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf } from "../diff/diff.ts";
import { lastAppliedAnnotation, normalizeSecret } from "../diff/normalize.ts";
import { predictLive } from "../diff/predict.ts";

/** The target with the annotation by which the next client-side apply knows what this one wrote. */
export function withLastApplied(target: KubeObject): KubeObject {
  const { [lastAppliedAnnotation]: _, ...annotations } = target.metadata.annotations ?? {};
  const plain = { ...target, metadata: { ...target.metadata, annotations } };
  const text = `${JSON.stringify(plain)}\n`;
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [lastAppliedAnnotation]: text } } };
}

/**
 * The merge patch from the live object to what `kubectl apply` would make of it: the target's fields, without those that the
 * last apply wrote and the target lacks; lists with keys are merged by them. Undefined: nothing to change.
 */
export function clientSidePatch(target: KubeObject, live: KubeObject): JsonObject | undefined {
  const type = builtInType(target);
  const { managedFields: _, ...metadata } = live.metadata;
  const current = { ...live, metadata } as unknown as JsonObject;
  const wanted = plainTarget(withLastApplied(target));
  return diffMergePatch(current, predictLive(wanted, current, appliedTo(live), type));
}

/** As the server keeps it: no text beside the data of a Secret, and nothing that only the server writes. */
function plainTarget(target: KubeObject): JsonObject {
  const { status: _status, ...object } = target as unknown as JsonObject;
  const { creationTimestamp: _, ...metadata } = isJsonObject(object.metadata) ? object.metadata : {};
  const plain = { ...object, metadata };
  return target.kind === "Secret" && groupOf(target) === "" ? normalizeSecret(plain) : plain;
}

/** What cannot be read counts as absent, as with the original. */
function appliedTo(live: KubeObject): JsonObject | undefined {
  const text = live.metadata.annotations?.[lastAppliedAnnotation];
  if (text === undefined) return undefined;
  try {
    const value: unknown = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

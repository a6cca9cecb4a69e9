import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import { builtInResources } from "../objects/kubernetes-types.ts";
import type { KubeObject } from "../objects/object.ts";
import { threeWayPatch } from "../objects/three-way-patch.ts";
import type { KubeClient, WriteOptions } from "./kube.ts";

/** Where `kubectl apply` keeps what was applied last. */
const annotation = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * Applies an object as `kubectl apply` without `--server-side` does: by a patch of what was applied last, what is wanted
 * and what is there. Sends nothing when there is nothing to change. Without an earlier apply nothing is removed.
 * @throws EngineError API_* as the verbs of the client
 */
export async function applyThreeWay(
  kube: KubeClient,
  object: KubeObject,
  options: Pick<WriteOptions, "dryRun" | "fieldManager"> = {},
  signal?: AbortSignal,
): Promise<{ readonly object: KubeObject; readonly outcome: "created" | "configured" | "unchanged" }> {
  const { apiVersion, kind, metadata } = object;
  const { name = "", namespace } = metadata;
  const ref = { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
  const target = withAnnotation(object);
  const live = await kube.get(ref, signal);
  if (live === undefined) return { object: await kube.create(target, options, signal), outcome: "created" };
  const type = builtInResources.find((one) => one.kind === kind && versionOf(one) === apiVersion)?.type;
  const patch = threeWayPatch(lastApplied(live), asJson(target), asJson(live), type);
  if (Object.keys(patch).length === 0) return { object: live, outcome: "unchanged" };
  const patchType = type === undefined ? "application/merge-patch+json" : "application/strategic-merge-patch+json";
  return { object: await kube.patch(ref, patchType, patch, options, signal), outcome: "configured" };
}

function versionOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === "" ? version : `${group}/${version}`;
}

function asJson(object: KubeObject): JsonObject {
  return object as unknown as JsonObject;
}

/** Carries itself, without the annotation. */
function withAnnotation(object: KubeObject): KubeObject {
  const { [annotation]: _old, ...annotations } = object.metadata.annotations ?? {};
  const plain = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${JSON.stringify(plain)}\n`;
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [annotation]: text } } };
}

/** What cannot be read counts as nothing: then nothing is removed. */
function lastApplied(live: KubeObject): JsonObject {
  const text = live.metadata.annotations?.[annotation];
  if (text === undefined) return {};
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

import type { Manifest } from "../api/manifest.ts";
import { EngineError, messageOf, TerminalError } from "../base/errors.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";

const fieldManager = "tiphys-up";
/** How many objects are sent before the first of them is answered. */
const maxAtOnce = 32;

/** What others need comes first. */
const firstKinds = [
  "Namespace",
  "CustomResourceDefinition",
  "ServiceAccount",
  "Secret",
  "ConfigMap",
  "EventBus",
  "Sensor",
];

/** A manifest that could not be applied; a TerminalError if it cannot be before something changes. */
export interface Refusal {
  readonly manifest: Manifest;
  /** The message begins with `file:line`. */
  readonly error: EngineError;
}

/** In groups: each needs at most what is in those before it. Within one the order of the files stands. */
export function inRanks(manifests: readonly Manifest[]): readonly (readonly Manifest[])[] {
  const ranks = Map.groupBy(manifests, rankOf);
  return [...ranks].sort(([a], [b]) => a - b).map(([, group]) => group);
}

function rankOf({ object }: Manifest): number {
  const index = firstKinds.indexOf(String(object.kind));
  return index === -1 ? firstKinds.length : index;
}

/**
 * Applies the manifests of one rank, a bounded number at once; those of the same object one after the other. Gives back
 * what was refused. @throws the signal's reason
 */
export async function applyTogether(
  kube: KubeClient,
  manifests: readonly Manifest[],
  signal: AbortSignal,
): Promise<readonly Refusal[]> {
  const refusals: Refusal[] = [];
  // Shared by the workers: each takes the next.
  const groups = Map.groupBy(manifests, (manifest) => keyOf(objectOf(manifest))).values();
  async function work(): Promise<void> {
    for (const group of groups) {
      for (const manifest of group) {
        const error = await applyOne(kube, manifest, signal);
        if (error !== undefined) refusals.push({ manifest, error });
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(maxAtOnce, manifests.length) }, work));
  return refusals;
}

async function applyOne(kube: KubeClient, manifest: Manifest, signal: AbortSignal): Promise<EngineError | undefined> {
  try {
    const ref = await refOf(kube, objectOf(manifest), signal);
    await kube.patch(ref, "application/apply-patch+yaml", manifest.object, { fieldManager, force: true }, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const message = `${manifest.file}:${manifest.line}: ${messageOf(error)}`;
    const isTransient = error instanceof EngineError && !(error instanceof TerminalError);
    return isTransient
      ? new EngineError(error.code, message, error)
      : new TerminalError("MANIFEST_INVALID", message, error);
  }
}

/** An object that is not there, or whose kind is not there any more, is deleted. @throws EngineError API_* */
export async function deleteObject(kube: KubeClient, object: KubeObject, signal: AbortSignal): Promise<void> {
  try {
    await kube.delete(await refOf(kube, object, signal), {}, signal);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "API_NOT_FOUND") throw error;
  }
}

async function refOf(kube: KubeClient, object: KubeObject, signal: AbortSignal): Promise<ObjectRef> {
  const { apiVersion, kind, metadata } = object;
  if (!apiVersion || !kind) throw new TerminalError("MANIFEST_INVALID", "an object must have apiVersion and kind");
  if (!metadata?.name) throw new TerminalError("MANIFEST_INVALID", `${kind}: metadata.name is required`);
  const namespaced = await kube.isNamespaced({ apiVersion, kind }, signal);
  return {
    apiVersion,
    kind,
    name: metadata.name,
    ...(namespaced ? { namespace: metadata.namespace ?? "default" } : {}),
  };
}

export function objectOf({ object }: Manifest): KubeObject {
  return object as unknown as KubeObject;
}

/** Only which object it is, for what is kept: copied, since a piece of a file's text keeps all of it in memory. */
export function namedBy(manifest: Manifest): KubeObject {
  const { apiVersion, kind, metadata } = objectOf(manifest);
  const { name, namespace } = metadata ?? {};
  return structuredClone({
    apiVersion,
    kind,
    metadata: { ...(name === undefined ? {} : { name }), ...(namespace === undefined ? {} : { namespace }) },
  });
}

/** The same for manifests of the same object. */
export function keyOf({ apiVersion, kind, metadata }: KubeObject): string {
  return [apiVersion, kind, metadata?.namespace ?? "default", metadata?.name].join("/");
}

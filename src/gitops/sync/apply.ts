import { hookFinalizer, optionValue, syncOptionsOf } from "../../api/resource-annotations.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import { fieldManager } from "../diff/last-applied.ts";
import type { SyncTask } from "./sync.ts";

export interface WriteContext {
  readonly kube: KubeClient;
  readonly syncOptions: readonly string[];
  readonly signal: AbortSignal;
}

export function refOf({ apiVersion, kind, metadata: { name = "", namespace } }: KubeObject): ObjectRef {
  return { apiVersion, kind, name, ...(namespace ? { namespace } : {}) };
}

/**
 * Writes the task's target by server-side apply, or in place of the live object with `Replace=true`.
 * @returns the message of the result, as `kubectl` prints it
 */
export async function applyTarget(target: KubeObject, dryRun: boolean, context: WriteContext): Promise<string> {
  const { kube, syncOptions, signal } = context;
  const name = `${resourceName(target)}/${target.metadata.name}`;
  const isReplaced = hasOption("Replace=true", target, syncOptions);
  if (!isReplaced) {
    const options = { fieldManager, force: true, dryRun };
    await kube.patch(refOf(target), "application/apply-patch+yaml", target as unknown as JsonObject, options, signal);
    return `${name} serverside-applied`;
  }
  const live = await kube.get(refOf(target), signal);
  if (live === undefined) {
    await kube.create(target, { fieldManager, dryRun }, signal);
    return `${name} created`;
  }
  const { resourceVersion } = live.metadata;
  const metadata = resourceVersion === undefined ? target.metadata : { ...target.metadata, resourceVersion };
  await kube.update({ ...target, metadata }, { fieldManager, dryRun }, signal);
  return `${name} replaced`;
}

function hasOption(option: string, target: KubeObject, syncOptions: readonly string[]): boolean {
  return syncOptions.includes(option) || syncOptionsOf(target.metadata.annotations ?? {}).includes(option);
}

function resourceName({ apiVersion, kind }: KubeObject): string {
  const group = apiVersion.includes("/") ? `.${apiVersion.slice(0, apiVersion.indexOf("/"))}` : "";
  return `${kind.toLowerCase()}${group}`;
}

/** Deletes what the source does not name any more; children go first unless PrunePropagationPolicy says otherwise. */
export async function pruneLive(live: KubeObject, context: WriteContext): Promise<void> {
  const { kube, syncOptions, signal } = context;
  if (live.metadata.deletionTimestamp) return;
  await kube.delete(refOf(live), { propagationPolicy: propagationOf(syncOptions) }, signal);
}

function propagationOf(syncOptions: readonly string[]): "Foreground" | "Background" | "Orphan" {
  switch (optionValue(syncOptions, "PrunePropagationPolicy")) {
    case "background":
      return "Background";
    case "orphan":
      return "Orphan";
    default:
      return "Foreground";
  }
}

/** Lets go of a hook: its result was read, so that it may vanish. A hook that is gone is fine. */
export async function releaseHook(live: KubeObject, { kube, signal }: WriteContext): Promise<void> {
  const finalizers = live.metadata.finalizers ?? [];
  if (!finalizers.includes(hookFinalizer)) return;
  const left = finalizers.filter((finalizer) => finalizer !== hookFinalizer);
  const patch = { metadata: { finalizers: left.length > 0 ? left : null } };
  try {
    await kube.patch(refOf(live), "application/merge-patch+json", patch, { fieldManager }, signal);
  } catch (error) {
    if ((await kube.get(refOf(live), signal)) !== undefined) throw error;
  }
}

/** Removes a hook's object; false when there was none. */
export async function deleteHook(task: SyncTask, context: WriteContext): Promise<boolean> {
  const { kube, signal } = context;
  if (task.target === undefined) return false;
  const live = await kube.get(refOf(task.target), signal);
  if (live === undefined) return false;
  await releaseHook(live, context);
  if (live.metadata.deletionTimestamp) return true;
  return kube.delete(refOf(live), { propagationPolicy: "Foreground" }, signal);
}

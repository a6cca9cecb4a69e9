import { type HookDeletePolicy, hookDeletePoliciesOf, hookFinalizer } from "../../api/resource-annotations.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { type KubeObject, refOf } from "../../objects/object.ts";
import { fieldManager } from "../diff/last-applied.ts";
import type { Health } from "../health/health.ts";
import type { SyncTask } from "./sync.ts";
import { propagationOf } from "./write-mode.ts";

/** On a hook's object: the attempt of the sync that made it. */
export const runAnnotation = "tiphys.io/sync-run";

export interface HookContext {
  readonly kube: KubeClient;
  readonly syncOptions: readonly string[];
  readonly signal: AbortSignal;
}

/** The hook as it is created: marked, so that it is known as this run's even if its result was never stored. */
export function markedHook(target: KubeObject, runId: string): KubeObject {
  const annotations = { ...target.metadata.annotations, [runAnnotation]: runId };
  return { ...target, metadata: { ...target.metadata, annotations } };
}

/**
 * What is done about an object that has the hook's name already: `adopt` this run's own, which a crash kept from being
 * recorded; `replace` what an earlier sync left, by BeforeHookCreation or because it is over and would be taken for the
 * result of this one; `keep` anything else, which is applied over as the original does.
 */
export function onExisting(
  live: KubeObject,
  policies: ReadonlySet<HookDeletePolicy>,
  runId: string,
  health: Health | undefined,
): "adopt" | "replace" | "keep" {
  if (live.metadata.annotations?.[runAnnotation] === runId) return "adopt";
  if (policies.has("BeforeHookCreation") || live.metadata.deletionTimestamp !== undefined) return "replace";
  return health?.status === "Healthy" || health?.status === "Degraded" ? "replace" : "keep";
}

export function policiesOf({ target }: SyncTask): ReadonlySet<HookDeletePolicy> {
  return hookDeletePoliciesOf(target?.metadata.annotations ?? {});
}

/** Lets go of a hook: its result was read, so that it may vanish. A hook that is gone is fine. */
export async function releaseHook(live: KubeObject, { kube, signal }: Omit<HookContext, "syncOptions">): Promise<void> {
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
export async function deleteHook(target: KubeObject, context: HookContext): Promise<boolean> {
  const { kube, syncOptions, signal } = context;
  const live = await kube.get(refOf(target), signal);
  if (live === undefined) return false;
  await releaseHook(live, context);
  if (live.metadata.deletionTimestamp) return true;
  return kube.delete(refOf(live), { propagationPolicy: propagationOf(syncOptions) }, signal);
}

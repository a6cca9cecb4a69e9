import { type HookDeletePolicy, hookDeletePoliciesOf, hookFinalizer } from "../../api/resource-annotations.ts";
import { isConflict } from "../../kube/api-error.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { type KubeObject, refOf } from "../../objects/object.ts";
import { fieldManager } from "../diff/last-applied.ts";
import type { Health } from "../health/health.ts";
import { deleteKnown } from "./delete-known.ts";
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

/** The object that ran as a hook, while it is there; another one that took its name is not. `uid` undefined: any. */
export async function liveHook(
  target: KubeObject,
  uid: string | undefined,
  { kube, signal }: Pick<HookContext, "kube" | "signal">,
): Promise<KubeObject | undefined> {
  const live = await kube.get(refOf(target), signal);
  return uid === undefined || live?.metadata.uid === uid ? live : undefined;
}

/** Others may write a hook while it is let go: their finalizers stay. */
const maxAttempts = 5;

/**
 * Lets go of a hook's object: its result was read, so that it may vanish. One that is gone is fine, and another one of its
 * name is left alone.
 */
export async function releaseHook(
  known: KubeObject,
  { kube, signal }: Pick<HookContext, "kube" | "signal">,
): Promise<void> {
  let live: KubeObject | undefined = known;
  for (let attempt = 1; live?.metadata.finalizers?.includes(hookFinalizer); attempt++) {
    const left = live.metadata.finalizers.filter((finalizer) => finalizer !== hookFinalizer);
    const { resourceVersion = "" } = live.metadata;
    const patch = { metadata: { resourceVersion, finalizers: left.length > 0 ? left : null } };
    try {
      await kube.patch(refOf(known), "application/merge-patch+json", patch, { fieldManager }, signal);
      return;
    } catch (error) {
      live = await liveHook(known, known.metadata.uid, { kube, signal });
      if (live !== undefined && (!isConflict(error) || attempt === maxAttempts)) throw error;
    }
  }
}

/** Removes a hook's object as it was looked at: not another one that took its name. */
export async function deleteHook(known: KubeObject, context: HookContext): Promise<void> {
  await releaseHook(known, context);
  await deleteKnown(known, { propagationPolicy: propagationOf(context.syncOptions) }, context);
}

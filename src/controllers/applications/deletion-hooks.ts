import type { Application } from "../../api/application-types.ts";
import { type HookType, hookDeletePoliciesOf, hookTypesOf } from "../../api/resource-annotations.ts";
import { EngineError } from "../../base/errors.ts";
import { keyOf, keyText } from "../../gitops/diff/diff.ts";
import { assessHealth } from "../../gitops/health/assess.ts";
import { type Health, isWorse } from "../../gitops/health/health.ts";
import { placeOf } from "../../gitops/reconcile/destination.ts";
import { createMemory, type Look, lookAt } from "../../gitops/reconcile/look.ts";
import type { ReconcileDeps } from "../../gitops/reconcile/reconcile.ts";
import { readTime } from "../../gitops/reconcile/timestamps.ts";
import { deleteKnown } from "../../gitops/sync/delete-known.ts";
import { isConflict } from "../../kube/api-error.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { type KubeObject, refOf } from "../../objects/object.ts";
import type { ApplicationStore } from "./application-store.ts";

export type DeletionHookType = Extract<HookType, "PreDelete" | "PostDelete">;

/** On an Application that has such hooks: they run before it goes, and are cleaned up (spec argo-cd-engine 1.8, 4.5). */
export const deletionFinalizers: Readonly<Record<DeletionHookType, string>> = {
  PreDelete: "pre-delete-finalizer.argocd.argoproj.io",
  PostDelete: "post-delete-finalizer.argocd.argoproj.io",
};

export function cleanupFinalizer(type: DeletionHookType): string {
  return `${deletionFinalizers[type]}/cleanup`;
}

/** The finalizers that the hooks among the manifests ask for; undefined: those that are there are right. */
export function wantedFinalizers(
  finalizers: readonly string[],
  hooks: readonly KubeObject[],
): readonly string[] | undefined {
  const types = new Set(hooks.flatMap(({ metadata }) => hookTypesOf(metadata.annotations ?? {})));
  let wanted = finalizers;
  for (const type of ["PreDelete", "PostDelete"] as const) {
    const own = [deletionFinalizers[type], cleanupFinalizer(type)];
    const others = wanted.filter((name) => !own.includes(name));
    const isThere = finalizers.includes(deletionFinalizers[type]);
    if (types.has(type) !== isThere) wanted = types.has(type) ? [...others, ...own] : others;
  }
  return wanted === finalizers ? undefined : wanted;
}

/** Sets, or takes away, the finalizers of an Application by the hooks that were found. @throws EngineError API_CONFLICT */
export async function keepDeletionFinalizers(
  key: string,
  { deletedAt }: Application,
  look: Look | undefined,
  { store }: { readonly store: ApplicationStore },
  signal: AbortSignal,
): Promise<void> {
  const { finalizers = [], resourceVersion } = store.find(key)?.metadata ?? {};
  const wanted = look && deletedAt === "" ? wantedFinalizers(finalizers, look.comparison.hooks) : undefined;
  if (wanted === undefined) return;
  await store.patch(key, { metadata: { finalizers: wanted.length > 0 ? wanted : null } }, signal, resourceVersion);
}

/**
 * Creates the hooks of one type that are not there, all at once, and looks at those that are (spec argo-cd-engine 4.5).
 * @returns whether all are over
 * @throws EngineError when one failed: it was deleted, and the next call makes it again
 */
export async function runDeletionHooks(
  type: DeletionHookType,
  application: Application,
  deps: ReconcileDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const { kube, hooks } = await hooksOf(type, application, deps, signal);
  const found = await Promise.all(hooks.map((hook) => kube.get(refOf(hook), signal)));
  const missing = hooks.filter((_, index) => found[index] === undefined);
  await Promise.all(missing.map((hook) => createHook(hook, kube, signal)));
  if (missing.length > 0) return false;
  const judged = found.flatMap((live) => (live === undefined ? [] : [{ live, health: healthOf(live, deps) }]));
  if (judged.some(({ health }) => health?.status === "Progressing")) return false;
  const failed = judged.filter(({ health }) => health?.status === "Degraded").map(({ live }) => live);
  if (failed.length === 0) return true;
  await Promise.all(failed.map((live) => deleteKnown(live, { propagationPolicy: "Foreground" }, { kube, signal })));
  const names = failed.map(({ metadata: { namespace, name } }) => (namespace ? `${namespace}/${name}` : name));
  throw new EngineError("API_INVALID", `${type} hook(s) failed: ${names.join(", ")}`);
}

/** Deletes hooks by their policies, judged by the worst of all. What has only the default policy stays. */
export async function cleanUpDeletionHooks(
  type: DeletionHookType,
  application: Application,
  deps: ReconcileDeps,
  signal: AbortSignal,
): Promise<void> {
  const { kube, hooks } = await hooksOf(type, application, deps, signal);
  const found = (await Promise.all(hooks.map((hook) => kube.get(refOf(hook), signal)))).filter(
    (live) => live !== undefined,
  );
  const worst = found.reduce<Health["status"]>((status, live) => {
    const health = healthOf(live, deps);
    return health !== undefined && isWorse(health.status, status) ? health.status : status;
  }, "Healthy");
  const policy = worst === "Healthy" ? "HookSucceeded" : worst === "Degraded" ? "HookFailed" : undefined;
  const done = found.filter(({ metadata }) => policy && hookDeletePoliciesOf(metadata.annotations ?? {}).has(policy));
  await Promise.all(done.map((live) => deleteKnown(live, { propagationPolicy: "Foreground" }, { kube, signal })));
}

function healthOf(live: KubeObject, { settings }: ReconcileDeps): Health | undefined {
  return assessHealth(live, settings?.().checks);
}

async function hooksOf(
  type: DeletionHookType,
  application: Application,
  deps: ReconcileDeps,
  signal: AbortSignal,
): Promise<{ readonly kube: KubeClient; readonly hooks: readonly KubeObject[] }> {
  const place = placeOf(application, deps.directory);
  if ("problems" in place) throw new EngineError("NOT_FOUND", place.problems.join("; "));
  const request = { level: 2 as const, hard: false, seen: [] };
  const { comparison } = await lookAt(application, place, request, [], createMemory(), deps, signal);
  const hooks = comparison.hooks.filter(({ metadata }) => hookTypesOf(metadata.annotations ?? {}).includes(type));
  return { kube: place.cluster.kube, hooks: namedHooks(hooks, type, application) };
}

/** Hooks without a name get one each, the same at the next look: of those with one generateName the later ones a number. */
export function namedHooks(
  hooks: readonly KubeObject[],
  type: DeletionHookType,
  { deletedAt }: Pick<Application, "deletedAt">,
): readonly KubeObject[] {
  const seconds = Math.floor((readTime(deletedAt) ?? 0) / 1_000);
  const taken = new Set<string>();
  return hooks.map((hook) => {
    const { generateName, ...metadata } = hook.metadata;
    if (metadata.name) return hook;
    const wanted = `${generateName}${type}-${seconds}`.toLowerCase();
    const named = (name: string): KubeObject => ({ ...hook, metadata: { ...metadata, name } });
    let made = named(wanted);
    for (let n = 2; taken.has(keyText(keyOf(made))); n++) made = named(`${wanted}-${n}`);
    taken.add(keyText(keyOf(made)));
    return made;
  });
}

async function createHook(hook: KubeObject, kube: KubeClient, signal: AbortSignal): Promise<void> {
  try {
    await kube.create(hook, { fieldManager: "argocd-controller" }, signal);
  } catch (error) {
    if (!isConflict(error)) throw error; // it is there already
  }
}

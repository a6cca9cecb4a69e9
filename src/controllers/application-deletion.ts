import type { Application } from "../api/application-types.ts";
import { optionValue, syncOptionsOf, waveOf } from "../api/resource-annotations.ts";
import { groupOf } from "../gitops/diff/diff.ts";
import { placeOf } from "../gitops/reconcile/destination.ts";
import { claimantOf } from "../gitops/reconcile/look.ts";
import type { ReconcileDeps } from "../gitops/reconcile/reconcile.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import type { ApplicationStore } from "./application-store.ts";

const cascadePrefix = "resources-finalizer.argocd.argoproj.io";
const backgroundFinalizer = `${cascadePrefix}/background`;
const prePostPrefixes = ["pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"];
/** How soon to look whether what was deleted is gone; changes are told at once anyway. */
const waitMs = 2_000;

/**
 * Brings the deletion of an Application one step further (spec argo-cd-engine 2.9): objects of the highest wave are
 * deleted, and when none is left the finalizer is removed. Without that finalizer the cluster is not touched.
 * @returns when to look again
 */
export async function deleteApplication(
  key: string,
  application: Application,
  deps: ReconcileDeps & { readonly store: ApplicationStore },
  signal: AbortSignal,
): Promise<{ readonly againAfterMs?: number }> {
  const { finalizers } = application;
  const ours = finalizers.filter(isOurs);
  if (ours.length === 0) return {};
  const cascade = finalizers.find((name) => name.startsWith(cascadePrefix));
  const place = placeOf(application, deps.directory);
  if (cascade !== undefined && !("problems" in place)) {
    const { instance } = claimantOf(application, deps.controllerNamespace);
    await place.cluster.live.ensure(kindsOf(application), signal);
    const left = place.cluster.live.ofGroup(instance).filter((object) => isDeleted(object, application));
    if (left.length > 0) {
      const policy = cascade === backgroundFinalizer ? "Background" : "Foreground";
      const waiting = left.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
      const wave = Math.max(...left.map(waveOfObject));
      const next = waiting.length > 0 ? [] : left.filter((object) => waveOfObject(object) === wave);
      await Promise.all(
        next.map((object) => place.cluster.kube.delete(refOf(object), { propagationPolicy: policy }, signal)),
      );
      return { againAfterMs: waitMs };
    }
  }
  await releaseApplication(key, deps, signal);
  return {};
}

/** Removes our finalizers, and only these. @throws EngineError API_CONFLICT when somebody wrote meanwhile */
export async function releaseApplication(
  key: string,
  { store }: { readonly store: ApplicationStore },
  signal: AbortSignal,
): Promise<void> {
  const { finalizers = [], resourceVersion } = store.find(key)?.metadata ?? {};
  const kept = finalizers.filter((name) => !isOurs(name));
  if (kept.length === finalizers.length) return;
  await store.patch(key, { metadata: { finalizers: kept.length > 0 ? kept : null } }, signal, resourceVersion);
}

function isOurs(finalizer: string): boolean {
  return finalizer.startsWith(cascadePrefix) || prePostPrefixes.some((prefix) => finalizer.startsWith(prefix));
}

function kindsOf({ status }: Application): readonly { apiVersion: string; kind: string }[] {
  const resources = Array.isArray(status.resources) ? status.resources : [];
  return resources.flatMap((resource: { group?: unknown; version?: unknown; kind?: unknown }) => {
    const { group = "", version, kind } = resource;
    if (typeof version !== "string" || typeof kind !== "string") return [];
    return [{ apiVersion: group === "" ? version : `${String(group)}/${version}`, kind }];
  });
}

/** What its author wants to keep stays. */
function isDeleted(object: KubeObject, { metadata, syncPolicy }: Application): boolean {
  const annotations = object.metadata.annotations ?? {};
  const isSelf = object.kind === "Application" && object.metadata.uid === metadata.uid;
  const isCrd = groupOf(object) === "apiextensions.k8s.io" && object.kind === "CustomResourceDefinition";
  const allowed = optionValue(syncOptionsOf(annotations), "Delete") ?? optionValue(syncPolicy.syncOptions, "Delete");
  return !isSelf && !isCrd && allowed !== "false" && annotations["helm.sh/resource-policy"] !== "keep";
}

function waveOfObject({ metadata }: KubeObject): number {
  return waveOf(metadata.annotations ?? {});
}

function refOf({ apiVersion, kind, metadata: { name = "", namespace } }: KubeObject): ObjectRef {
  return { apiVersion, kind, name, ...(namespace ? { namespace } : {}) };
}

import { isDeepStrictEqual } from "node:util";
import type { Application, AppProject } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { optionValue, syncOptionsOf, waveOf } from "../../api/resource-annotations.ts";
import type { Instant } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { keyOf, keyText } from "../../gitops/diff/diff.ts";
import { checkObject } from "../../gitops/project/kind-check.ts";
import { missingProjectMessage } from "../../gitops/project/project.ts";
import { setConditions } from "../../gitops/reconcile/conditions.ts";
import { clusterOf, type DestinationCluster } from "../../gitops/reconcile/destination.ts";
import { claimantOf, knownObjects } from "../../gitops/reconcile/look.ts";
import { approvedAnnotation } from "../../gitops/reconcile/operate.ts";
import type { ReconcileDeps } from "../../gitops/reconcile/reconcile.ts";
import { defaultSettings, trackingOf } from "../../gitops/reconcile/settings.ts";
import { readTime } from "../../gitops/reconcile/timestamps.ts";
import { deleteKnown } from "../../gitops/sync/delete-known.ts";
import { inPool } from "../../gitops/sync/in-pool.ts";
import { type GroupVersionKind, type KubeObject, refOf } from "../../objects/object.ts";
import { applicationObject, type Ledger } from "../../record/records.ts";
import type { ApplicationStore } from "./application-store.ts";
import { cleanUpDeletionHooks, cleanupFinalizer, deletionFinalizers, runDeletionHooks } from "./deletion-hooks.ts";
import { lastSyncOf } from "./operation-progress.ts";
import { shownDestination } from "./sync-record.ts";

const cascadePrefix = "resources-finalizer.argocd.argoproj.io";
const backgroundFinalizer = `${cascadePrefix}/background`;
const hookTypes = ["PreDelete", "PostDelete"] as const;
/** How soon to look whether what was deleted is gone; changes are told at once anyway. */
const waitMs = 2_000;
/** How soon to try again what failed. */
const failedMs = 30_000;

export interface DeletionDeps extends ReconcileDeps {
  readonly store: ApplicationStore;
  readonly ledger: Pick<Ledger, "write">;
  readonly log: Logger;
}

/**
 * Brings the deletion of an Application one step further (spec argo-cd-engine 2.9): PreDelete hooks run, then objects of the
 * highest wave are deleted until none is left, then PostDelete hooks run and hooks are cleaned up; each stage has a
 * finalizer, and without it is left out. What fails is told in the condition DeletionError and tried again.
 * @returns when to look again
 */
export async function deleteApplication(
  key: string,
  application: Application,
  deps: DeletionDeps,
  signal: AbortSignal,
): Promise<{ readonly againAfterMs?: number }> {
  if (!application.finalizers.some(isOurs)) return {};
  const restMs = pauseOf(application, deps.clock.now());
  if (restMs > 0) return { againAfterMs: restMs };
  try {
    const isDone = await advance(key, application, deps, signal);
    await tell(key, application, undefined, deps, signal);
    if (!isDone) return { againAfterMs: waitMs };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    deps.log.warn("the objects of an Application cannot be deleted, will retry", { application: key, error });
    await tell(key, application, error.message, deps, signal);
    return { againAfterMs: failedMs };
  }
  return {};
}

/** What failed is told by a write, which is a reason to look: it must not be tried again for that. Milliseconds. */
function pauseOf({ status }: Application, now: Instant): number {
  const told = listOf(status.conditions)
    .map(objectOf)
    .find(({ type }) => type === "DeletionError");
  const at = readTime(told?.lastTransitionTime);
  return at === undefined || at > now ? 0 : Math.max(0, at + failedMs - now);
}

/** Stage after stage, each with its finalizer; whether none is left. */
async function advance(
  key: string,
  application: Application,
  deps: DeletionDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const { finalizers, destination } = application;
  const isReachable = typeof clusterOf({ destination }, deps.directory.clusters()) !== "string";
  // Nobody can reach what is there, and the Application could never be deleted.
  if (!isReachable) return release(key, isOurs, deps, signal);
  const { PreDelete: before, PostDelete: after } = deletionFinalizers;
  if (finalizers.includes(before)) {
    if (!(await runDeletionHooks("PreDelete", application, deps, signal))) return false;
    await release(key, (name) => name === before, deps, signal);
  }
  if (finalizers.some(isCascade)) {
    if (!(await deleteObjects(application, deps, signal))) return false;
    await recordDeleted(application, deps);
    await release(key, isCascade, deps, signal);
  }
  if (finalizers.includes(after)) {
    if (!(await runDeletionHooks("PostDelete", application, deps, signal))) return false;
    await release(key, (name) => name === after, deps, signal);
  }
  for (const type of hookTypes) {
    const cleanup = cleanupFinalizer(type);
    if (!finalizers.includes(cleanup)) continue;
    await cleanUpDeletionHooks(type, application, deps, signal);
    await release(key, (name) => name === cleanup, deps, signal);
  }
  return release(key, isOurs, deps, signal);
}

/** That it went with its objects; kept before anything else forgets it, so a crash may record it twice, but not never. */
async function recordDeleted({ metadata, destination, status }: Application, deps: DeletionDeps): Promise<void> {
  const { namespace, name, uid } = metadata;
  const record = {
    kind: "observation",
    at: deps.clock.now(),
    causes: [lastSyncOf(objectOf(status.operationState)) ?? `application/${namespace}/${name}`],
    application: { namespace, name, uid },
    object: applicationObject(metadata),
    change: "deleted",
    message: "with its objects",
    destination: shownDestination(destination),
  } as const;
  await deps.ledger.write(record).kept;
}

/** Removes our finalizers, and only these. @throws EngineError API_CONFLICT when somebody wrote meanwhile */
export async function releaseApplication(
  key: string,
  deps: { readonly store: ApplicationStore },
  signal: AbortSignal,
): Promise<void> {
  await release(key, isOurs, deps, signal);
}

async function release(
  key: string,
  isReleased: (finalizer: string) => boolean,
  { store }: { readonly store: ApplicationStore },
  signal: AbortSignal,
): Promise<true> {
  const { finalizers = [], resourceVersion } = store.find(key)?.metadata ?? {};
  const kept = finalizers.filter((name) => !isReleased(name));
  if (kept.length < finalizers.length) {
    await store.patch(key, { metadata: { finalizers: kept.length > 0 ? kept : null } }, signal, resourceVersion);
  }
  return true;
}

/** Whether none is left. */
async function deleteObjects(application: Application, deps: DeletionDeps, signal: AbortSignal): Promise<boolean> {
  const policy = application.finalizers.find(isCascade);
  const cluster = clusterOf(application, deps.directory.clusters());
  if (typeof cluster === "string") return true;
  const project = deps.directory.project(application.project);
  // Which objects it may touch is not known: this can be mended, objects left behind cannot be found again.
  if (project === undefined) throw new EngineError("NOT_FOUND", missingProjectMessage(application.project));
  const left = await objectsOf(application, project, cluster, deps, signal);
  if (left.length === 0) return true;
  if (left.some(isBeingDeleted) || !isConfirmed(application, left)) return false;
  const wave = left.reduce((highest, object) => Math.max(highest, waveOfObject(object)), Number.NEGATIVE_INFINITY);
  const propagationPolicy = policy === backgroundFinalizer ? "Background" : "Foreground";
  const next = left.filter((object) => waveOfObject(object) === wave);
  const { method, label } = trackingOf(deps.settings?.() ?? defaultSettings);
  // Said by now, it counts; the next look finds what was left and sees whether it is this Application's still.
  const whyKept = (object: KubeObject) => (isDeleted(object, application) ? undefined : "to be kept");
  const terms = { propagationPolicy, trackingLabel: method === "label" ? label : undefined, whyKept } as const;
  await inPool(next, (object) => deleteKnown(object, terms, { kube: cluster.kube, signal }));
  return false;
}

/** Those that go with the Application. */
async function objectsOf(
  application: Application,
  project: AppProject,
  cluster: DestinationCluster,
  { controllerNamespace, settings = () => defaultSettings }: DeletionDeps,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  const { isExcluded } = settings();
  const { instance } = claimantOf(application, controllerNamespace);
  await cluster.live.ensure(kindsOf(application), signal);
  await cluster.live.fetch(knownObjects(application).map(refOf), instance, signal);
  return cluster.live.ofGroup(instance).filter((object) => {
    const { group, kind, namespace, name } = keyOf(object);
    if (isExcluded({ group, kind }, cluster.server)) return false;
    const named = { group, kind, name, isNamespaced: namespace !== "" };
    return checkObject(project, named, cluster, namespace).permitted && isDeleted(object, application);
  });
}

async function tell(
  key: string,
  { status }: Application,
  message: string | undefined,
  { store, clock }: DeletionDeps,
  signal: AbortSignal,
): Promise<void> {
  const found = message === undefined ? [] : [{ type: "DeletionError" as const, message }];
  const conditions = setConditions(status.conditions, found, ["DeletionError"], clock.now());
  if (isDeepStrictEqual(conditions, listOf(status.conditions))) return;
  await store.patch(key, { status: { conditions } }, signal);
}

function isOurs(finalizer: string): boolean {
  const all = hookTypes.flatMap((type) => [deletionFinalizers[type], cleanupFinalizer(type)]);
  return isCascade(finalizer) || all.includes(finalizer);
}

function isCascade(finalizer: string): boolean {
  return finalizer.startsWith(cascadePrefix);
}

/** Kinds of what is managed, and of what the last sync made: hooks, too. */
function kindsOf({ status }: Application): readonly GroupVersionKind[] {
  const { resources } = objectOf(objectOf(status.operationState).syncResult);
  return [...listOf(status.resources), ...listOf(resources)].map(objectOf).flatMap(({ group, version, kind }) => {
    if (textOf(version) === "" || textOf(kind) === "") return [];
    const apiVersion = textOf(group) === "" ? textOf(version) : `${textOf(group)}/${textOf(version)}`;
    return [{ apiVersion, kind: textOf(kind) }];
  });
}

/** What its author wants to keep stays. */
function isDeleted(object: KubeObject, { metadata, syncPolicy }: Application): boolean {
  const annotations = object.metadata.annotations ?? {};
  const { group, kind } = keyOf(object);
  const isSelf = kind === "Application" && object.metadata.uid === metadata.uid;
  const isCrd = group === "apiextensions.k8s.io" && kind === "CustomResourceDefinition";
  const allowed = optionValue(syncOptionsOf(annotations), "Delete") ?? optionValue(syncPolicy.syncOptions, "Delete");
  return !isSelf && !isCrd && allowed !== "false" && annotations["helm.sh/resource-policy"] !== "keep";
}

/** Whether nothing that is left needs a confirmation, or a person has given it since the deletion. */
function isConfirmed({ status, metadata, deletedAt }: Application, left: readonly KubeObject[]): boolean {
  const asked = listOf(status.resources)
    .map(objectOf)
    .filter(({ requiresDeletionConfirmation }) => requiresDeletionConfirmation === true)
    .map(({ group, kind, namespace, name }) =>
      keyText({ group: textOf(group), kind: textOf(kind), namespace: textOf(namespace), name: textOf(name) }),
    );
  if (!left.some((object) => asked.includes(keyText(keyOf(object))))) return true;
  const approvedAt = readTime(metadata.annotations[approvedAnnotation]);
  return approvedAt !== undefined && approvedAt >= (readTime(deletedAt) ?? Number.POSITIVE_INFINITY);
}

function isBeingDeleted({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function waveOfObject({ metadata }: KubeObject): number {
  return waveOf(metadata.annotations ?? {});
}

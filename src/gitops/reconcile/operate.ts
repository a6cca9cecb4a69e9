import type { Application, AppProject, SyncOperation } from "../../api/application-types.ts";
import { optionValue } from "../../api/resource-annotations.ts";
import type { Impersonation } from "../../api/resource-settings.ts";
import { type Clock, type Instant, instant } from "../../base/clock.ts";
import { parseNanoseconds } from "../../base/duration.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ComparedObject } from "../diff/compare.ts";
import { keyOf, keyText } from "../diff/diff.ts";
import { respectIgnored } from "../diff/respect.ts";
import { assessObject } from "../health/assess.ts";
import type { HealthChecks } from "../health/checks.ts";
import { checkObject } from "../project/kind-check.ts";
import { missingProjectMessage } from "../project/project.ts";
import { syncIdentity } from "../project/service-account.ts";
import { blockedText, canSync, type SyncWindow, windowsFor } from "../project/windows.ts";
import { executeSync } from "../sync/executor.ts";
import { approvedPlanAnnotation, guardPlan, parkedMessage } from "../sync/guard.ts";
import { migrationManagerAnnotation } from "../sync/migrate.ts";
import { patiently } from "../sync/patience.ts";
import { type PlanOptions, planSync } from "../sync/plan.ts";
import type { ExecuteOptions } from "../sync/run.ts";
import { allTasks, type ResourceResult, type SyncPlan, type SyncProgress } from "../sync/sync.ts";
import type { Place } from "./destination.ts";
import { isForeignTo, type Look } from "./look.ts";
import { readTime } from "./timestamps.ts";

/** On the Application, a time: what needs confirmation may go if it is not before the operation, or the deletion. */
export const approvedAnnotation = "argocd.argoproj.io/deletion-approved";

/** An operation that runs; everything in it is stored in the Application, so that a restart goes on with it. */
export interface RunningOperation {
  readonly sync: SyncOperation;
  readonly isAutomated: boolean;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Names this attempt of the operation; the same after a restart. */
  readonly runId: string;
  /** What was done before a restart. */
  readonly previous: readonly ResourceResult[];
  /** The Application as it is now: people approve by its annotations while a sync waits for them. */
  current(): Application;
  /** The project as it is now, since it may change while a sync waits; undefined: it is gone. */
  project(): AppProject | undefined;
}

export interface OperateDeps {
  readonly clock: Clock;
  /** What users say of health; default: nothing. */
  readonly checks?: HealthChecks | undefined;
  /** Awaited before the operation goes on: what is stored is what a restart resumes from. */
  report(progress: SyncProgress): Promise<void>;
  readonly pollMs: number;
  readonly waveDelayMs: number;
  /** Default: off. */
  readonly impersonation?: Impersonation;
}

/** Conditions that keep an operation from starting (spec argo-cd-engine 4.1). */
const blocking = new Set(["ComparisonError", "InvalidSpecError"]);

/**
 * One sync, from what a look found to its end (spec argo-cd-engine 4.1). Failures are phases, not exceptions; it throws
 * only the signal's reason, when it is cut off.
 */
export async function operate(
  application: Application,
  place: Place,
  look: Look,
  operation: RunningOperation,
  deps: OperateDeps,
  signal: AbortSignal,
): Promise<SyncProgress> {
  const refused = refusalOf(application, look, operation);
  if (refused !== undefined) return { ...refused, resources: operation.previous };
  const { namespace } = application.metadata;
  const { namespace: where = "" } = application.destination;
  const identity = syncIdentity(place.project, place.cluster, where, namespace, deps.impersonation ?? "off");
  if (identity.kind === "refused") return { phase: "Error", message: identity.reason, resources: operation.previous };
  const { kube } = place.cluster;
  const cluster = { ...place.cluster, kube: identity.kind === "user" ? kube.as(identity.user) : kube };
  try {
    const plan = await planOf(application, { cluster }, look, operation, deps.clock, signal);
    return await run(plan, application, { ...place, cluster }, look, operation, deps, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    return { phase: "Error", message: messageOf(error), resources: operation.previous };
  }
}

/** Why it may not begin; undefined when it may. */
export function refusalOf(
  application: Application,
  { conditions, ownedByOthers }: Pick<Look, "conditions" | "ownedByOthers">,
  { sync }: Pick<RunningOperation, "sync">,
): Pick<SyncProgress, "phase" | "message"> | undefined {
  const options = [...application.syncPolicy.syncOptions, ...sync.syncOptions];
  if (ownedByOthers.length > 0 && options.includes("FailOnSharedResource=true")) {
    return { phase: "Failed", message: `Shared resource found: ${ownedByOthers.join(", ")}` };
  }
  const errors = conditions.filter(({ type }) => blocking.has(type));
  if (errors.length === 0) return undefined;
  return { phase: "Error", message: errors.map(({ type, message }) => `${type}: ${message}`).join(";") };
}

/** What the operation would do; reads only. */
export async function planOf(
  application: Application,
  { cluster }: Pick<Place, "cluster">,
  look: Look,
  { sync, isAutomated, startedAt }: Pick<RunningOperation, "sync" | "isAutomated" | "startedAt">,
  clock: Clock,
  signal: AbortSignal,
): Promise<SyncPlan> {
  const { destination, syncPolicy } = application;
  const { namespace = "" } = destination;
  const metadata = syncPolicy.managedNamespaceMetadata;
  const wantsNamespace = namespace !== "" && sync.syncOptions.includes("CreateNamespace=true");
  return planSync(objectsToSync(look, isAutomated, sync.syncOptions), look.comparison.hooks, look.liveHooks, {
    prune: sync.prune,
    syncOptions: sync.syncOptions,
    strategy: sync.strategy,
    resources: sync.resources,
    revision: look.revisions[0] ?? "",
    startedAt: instant(startedAt),
    namespace,
    ...(wantsNamespace ? await namespaceState(namespace, cluster.kube, clock, signal) : { namespaceExists: false }),
    ...(metadata === undefined ? {} : { namespaceMetadata: metadata }),
  });
}

/** Two Applications that want one object would undo each other's work for ever. */
export function objectsToSync(
  look: Look,
  isAutomated: boolean,
  syncOptions: readonly string[],
): readonly ComparedObject[] {
  const { objects } = look.comparison;
  const own = isAutomated ? objects.filter((object) => !isForeignTo(look, object)) : objects;
  return syncOptions.includes("RespectIgnoreDifferences=true") ? own.map((one) => respected(one, look)) : own;
}

/** What the rules leave out keeps its live value. */
function respected(object: ComparedObject, { rules }: Look): ComparedObject {
  const { target, live } = object;
  return target === undefined || live === undefined
    ? object
    : { ...object, target: respectIgnored(target, live, rules) };
}

async function namespaceState(
  name: string,
  kube: KubeClient,
  clock: Clock,
  signal: AbortSignal,
): Promise<Pick<PlanOptions, "namespaceExists" | "namespaceProblem">> {
  const ref = { apiVersion: "v1", kind: "Namespace", name };
  try {
    return { namespaceExists: (await patiently(() => kube.get(ref, signal), clock, signal)) !== undefined };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    return { namespaceExists: false, namespaceProblem: error.message };
  }
}

/** Live objects that would still be there after the plan. */
export function keptBy(plan: SyncPlan, look: Look): number {
  const pruned = new Set(
    allTasks(plan).flatMap(({ action, skip, key }) => (action === "prune" && !skip ? [keyText(key)] : [])),
  );
  const isOwn = ({ live, isSelfReferenced, isHook }: ComparedObject): boolean => {
    return live !== undefined && isSelfReferenced && !isHook && !pruned.has(keyText(keyOf(live)));
  };
  return look.comparison.objects.filter(isOwn).length;
}

async function run(
  plan: SyncPlan,
  application: Application,
  { project, cluster }: Place,
  look: Look,
  operation: RunningOperation,
  { clock, checks, report, pollMs, waveDelayMs }: OperateDeps,
  signal: AbortSignal,
): Promise<SyncProgress> {
  const { sync, previous, runId, startedAt, current } = operation;
  const { dryRun, syncOptions, force } = sync;
  const parked = operation.isAutomated ? guardPlan(plan, keptBy(plan, look), syncOptions) : undefined;
  const migrationManager = application.metadata.annotations[migrationManagerAnnotation];
  const { method, label } = look.rules.tracking ?? {};
  const options: ExecuteOptions = {
    dryRun,
    syncOptions,
    force,
    ...(migrationManager === undefined ? {} : { migrationManager }),
    ...(method === "label" && label !== undefined ? { trackingLabel: label } : {}),
    runId,
    previous,
    isApproved: () => isApproved(current(), startedAt),
    hold: (isFirst) => {
      const now = current();
      if (isFirst && parked !== undefined && now.metadata.annotations[approvedPlanAnnotation] !== parked.digest) {
        return parkedMessage(parked, now.metadata.name, now.metadata.namespace);
      }
      const project = operation.project();
      return project === undefined ? undefined : blockedBy(application, project, operation, clock.now());
    },
    ...permission(application, { project, cluster }, operation),
    pollMs,
    waveDelayMs,
    waveTimeoutMs: waveTimeoutOf(syncOptions),
  };
  const assess = (live: KubeObject) => assessObject(live, checks);
  return executeSync(plan, options, { kube: cluster.kube, clock, assess, report }, signal);
}

/** What the project says of tasks, as it is at each look. */
function permission(
  application: Application,
  place: Place,
  operation: Pick<RunningOperation, "project">,
): Pick<ExecuteOptions, "refusal" | "rules"> {
  let refusal = refusalBy(application, place);
  return {
    refusal: (task, isNamespaced) => refusal(task, isNamespaced),
    rules() {
      const project = operation.project();
      refusal =
        project === undefined
          ? () => missingProjectMessage(application.project)
          : refusalBy(application, { ...place, project });
      return JSON.stringify(project ?? null);
    },
  };
}

/** Why the project does not permit a task; in its words. */
export function refusalBy(application: Application, { project, cluster }: Place): ExecuteOptions["refusal"] {
  return (task, isNamespaced) => {
    const { group, kind, name, namespace } = task.key;
    // The words by which users of kubectl know it. Hooks have got a name by now.
    if (name === "") return `from ${task.target?.metadata.generateName}: cannot use generate name with apply`;
    const where = namespace || application.destination.namespace || "";
    const verdict = checkObject(project, { group, kind, name, isNamespaced }, cluster, where);
    return verdict.permitted ? undefined : verdict.reason;
  };
}

/** Whether somebody approved, since the operation began, what must be confirmed. */
function isApproved({ metadata }: Application, startedAt: number): boolean {
  const at = readTime(metadata.annotations[approvedAnnotation]);
  return at !== undefined && at >= Math.floor(startedAt / 1_000) * 1_000;
}

/** The message of an operation that a sync window keeps back now; undefined: none does. */
export function blockedBy(
  application: Application,
  project: AppProject,
  { isAutomated, startedAt }: Pick<RunningOperation, "isAutomated" | "startedAt">,
  now: Instant,
): string | undefined {
  const question = { isManual: !isAutomated, now, startedAt: instant(startedAt) };
  const verdict = canSync(windowsOf(application, project), question);
  return verdict.allowed ? undefined : blockedText(verdict);
}

export function windowsOf({ metadata, destination }: Application, project: AppProject): readonly SyncWindow[] {
  const { server, name, namespace = "" } = destination;
  const cluster = { ...(server ? { server } : {}), ...(name ? { clusterName: name } : {}) };
  return windowsFor(project.syncWindows, { application: metadata.name, ...cluster, namespace });
}

/** `WaveTimeout=10m`, an option of ours; 0: no limit, as in the original. */
function waveTimeoutOf(syncOptions: readonly string[]): number {
  const nanoseconds = parseNanoseconds(optionValue(syncOptions, "WaveTimeout") ?? "0");
  return nanoseconds === undefined || nanoseconds < 0n ? 0 : Number(nanoseconds / 1_000_000n);
}

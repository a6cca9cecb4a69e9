import type { Application, SyncOperation } from "../../api/application-types.ts";
import { type Clock, instant } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { ComparedObject } from "../diff/compare.ts";
import { respectIgnored } from "../diff/respect.ts";
import type { HealthChecks } from "../health/checks.ts";
import { checkObject } from "../project/kind-check.ts";
import { executeSync } from "../sync/executor.ts";
import { planSync } from "../sync/plan.ts";
import type { ResourceResult, SyncPlan, SyncProgress, SyncTask } from "../sync/sync.ts";
import type { Place } from "./destination.ts";
import { isForeignTo, type Look } from "./look.ts";

/** An operation that runs; everything in it is stored in the Application, so that a restart goes on with it. */
export interface RunningOperation {
  readonly sync: SyncOperation;
  readonly isAutomated: boolean;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** What was done before a restart. */
  readonly previous: readonly ResourceResult[];
  /** Whether a person approved what needs it. */
  readonly isApproved: boolean;
}

export interface OperateDeps {
  readonly clock: Clock;
  /** What users say of health; default: nothing. */
  readonly checks?: HealthChecks | undefined;
  /** Awaited before the operation goes on: what is stored is what a restart resumes from. */
  report(progress: SyncProgress): Promise<void>;
  readonly pollMs: number;
  readonly waveDelayMs: number;
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
  try {
    const plan = await planOf(application, place, look, operation, signal);
    return await run(plan, application, place, operation, deps, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    return { phase: "Error", message: messageOf(error), resources: operation.previous };
  }
}

function refusalOf(
  application: Application,
  { conditions, ownedByOthers }: Look,
  { sync }: RunningOperation,
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
  { destination: { namespace = "" }, syncPolicy }: Application,
  { cluster }: Pick<Place, "cluster">,
  look: Look,
  { sync, isAutomated, startedAt }: RunningOperation,
  signal: AbortSignal,
): Promise<SyncPlan> {
  const { comparison, revisions, liveHooks } = look;
  const { syncOptions } = sync;
  // Two Applications that want one object would undo each other's work for ever.
  const own = isAutomated ? comparison.objects.filter((object) => !isForeignTo(look, object)) : comparison.objects;
  const wantsNamespace = namespace !== "" && sync.syncOptions.includes("CreateNamespace=true");
  const ref = { apiVersion: "v1", kind: "Namespace", name: namespace };
  const metadata = syncPolicy.managedNamespaceMetadata;
  const objects = syncOptions.includes("RespectIgnoreDifferences=true") ? own.map((one) => respected(one, look)) : own;
  return planSync(objects, comparison.hooks, liveHooks, {
    prune: sync.prune,
    syncOptions: sync.syncOptions,
    strategy: sync.strategy,
    resources: sync.resources,
    revision: revisions[0] ?? "",
    startedAt: instant(startedAt),
    namespace,
    namespaceExists: wantsNamespace && (await cluster.kube.get(ref, signal)) !== undefined,
    ...(metadata === undefined ? {} : { namespaceMetadata: metadata }),
  });
}

/** What the rules leave out keeps its live value. */
function respected(object: ComparedObject, { rules }: Look): ComparedObject {
  const { target, live } = object;
  return target === undefined || live === undefined
    ? object
    : { ...object, target: respectIgnored(target, live, rules) };
}

function run(
  plan: SyncPlan,
  application: Application,
  place: Place,
  { sync, previous, isApproved }: RunningOperation,
  { clock, checks, report, pollMs, waveDelayMs }: OperateDeps,
  signal: AbortSignal,
): Promise<SyncProgress> {
  const { project, cluster } = place;
  const refusal = (task: SyncTask, isNamespaced: boolean): string | undefined => {
    const { group, kind, name, namespace } = task.key;
    // The words by which users of kubectl know it. Hooks have got a name by now.
    if (name === "") return `from ${task.target?.metadata.generateName}: cannot use generate name with apply`;
    const where = namespace || application.destination.namespace || "";
    const verdict = checkObject(project, { group, kind, name, isNamespaced }, cluster, where);
    return verdict.permitted ? undefined : verdict.reason;
  };
  const { dryRun, syncOptions } = sync;
  const options = { dryRun, syncOptions, previous, isApproved, refusal, pollMs, waveDelayMs };
  return executeSync(plan, options, { kube: cluster.kube, clock, checks, report }, signal);
}

/** The objects that a sync wrote or removed, for records. */
export function touchedBy({
  resources,
}: SyncProgress): readonly { readonly object: string; readonly status: string }[] {
  return resources.map(({ group, version, kind, namespace, name, status }) => {
    const parts = [group ? `${group}/${version}` : version, kind, ...(namespace ? [namespace] : []), name];
    return { object: parts.join("/"), status };
  });
}

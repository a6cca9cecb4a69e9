import type { Application } from "../api/application-types.ts";
import { objectOf } from "../api/fields.ts";
import type { JsonObject } from "../base/json.ts";
import { sourceFields } from "../gitops/reconcile/compared-to.ts";
import { beginOperation, operationStatePatch } from "../gitops/reconcile/operation-state.ts";
import type { Reconciled } from "../gitops/reconcile/reconcile.ts";
import { refreshAnnotation, refreshTimestampAnnotation } from "../gitops/reconcile/refresh-needed.ts";
import { type ReconcileRequest, requestOf, type SyncWish } from "../gitops/reconcile/request.ts";
import { statusPatch } from "../gitops/reconcile/status.ts";
import type { EventHead, RecordId, SensorHead } from "../record/records.ts";
import { type OperationDeps, withDecision } from "./application-operation.ts";

type WriteDeps = Pick<OperationDeps, "store" | "ledger" | "clock">;

export interface ReconciledApplication {
  /** `namespace/name` */
  readonly key: string;
  readonly application: Application;
  /** Of the object that it was read from: an operation begins only if nobody wrote since. */
  readonly resourceVersion: string | undefined;
  readonly request: ReconcileRequest;
  readonly result: Reconciled;
  /** The Application as the Sensor that it is. */
  readonly sensor: SensorHead | undefined;
}

export interface Written {
  /** Whether an operation began. */
  readonly began: boolean;
  /** Whether a sync is wished for that has to wait for the one in progress. */
  readonly keepsWish: boolean;
}

export function isInProgress({ operation, status }: Application): boolean {
  const { phase } = objectOf(status.operationState);
  return operation !== undefined && (phase === "Running" || phase === "Terminating");
}

/** Status, the begin of an operation and its cause, in one write; nothing is written when nothing changed. */
export async function writeReconciled(
  reconciled: ReconciledApplication,
  deps: WriteDeps,
  signal: AbortSignal,
): Promise<Written> {
  const { key, application, request, result, sensor } = reconciled;
  const status = objectOf(changedStatus(application, result)?.status);
  const started = startOf(application, request, result);
  const keepsWish = request.sync !== undefined && application.operation !== undefined;
  if (sensor !== undefined && !keepsWish && (started !== undefined || isStored(request))) {
    const id = await recordDecision(sensor, request, started?.reason ?? reasonOf(result.decision), deps);
    if (started !== undefined) return begin(reconciled, { operation: started.operation, id, status }, deps, signal);
  }
  const patch = { ...clearedAnnotations(application), ...(Object.keys(status).length > 0 ? { status } : {}) };
  if (Object.keys(patch).length > 0) await deps.store.patch(key, patch, signal);
  return { began: false, keepsWish };
}

/** A look that found nothing new is not worth a write. */
function changedStatus({ status }: Application, result: Reconciled): JsonObject | undefined {
  const patch = statusPatch(status, result.status);
  const fields = Object.keys(objectOf(patch?.status));
  return fields.length === 1 && fields[0] === "reconciledAt" && status.reconciledAt !== undefined ? undefined : patch;
}

interface Started {
  readonly operation: JsonObject;
  readonly reason: string;
}

/** The operation to begin: what somebody wishes for comes before what the policy says. */
function startOf(application: Application, { sync }: ReconcileRequest, { decision }: Reconciled): Started | undefined {
  if (application.operation !== undefined || application.deletedAt !== "") return undefined;
  if (sync !== undefined)
    return { operation: wishedOperation(application, sync), reason: `${sync.by} asks for a sync` };
  return decision.kind === "start" ? decision : undefined;
}

function wishedOperation(application: Application, { revision, prune, dryRun, syncOptions, by }: SyncWish): JsonObject {
  const options = [...application.syncPolicy.syncOptions, ...syncOptions];
  const { retry } = objectOf(application.spec.syncPolicy);
  return {
    sync: {
      ...sourceFields(application),
      ...(revision === undefined ? {} : { revision }),
      ...(prune ? { prune } : {}),
      ...(dryRun ? { dryRun } : {}),
      ...(options.length > 0 ? { syncOptions: options } : {}),
    },
    initiatedBy: { username: by },
    ...(retry === undefined ? {} : { retry }),
  };
}

function reasonOf(decision: Reconciled["decision"]): string {
  return decision.kind === "error" ? decision.message : decision.reason;
}

/** Whether a stored event or an effect is among the causes: its chain must not end in nothing. */
function isStored({ causes }: ReconcileRequest): boolean {
  return causes.some(({ reason, event }) => event !== undefined || reason === "event");
}

async function recordDecision(
  sensor: SensorHead,
  { causes, causeCount }: ReconcileRequest,
  reason: string,
  { ledger, clock }: WriteDeps,
): Promise<RecordId> {
  const events: Record<string, EventHead> = {};
  for (const { reason: dependency, event } of causes) if (event !== undefined) events[dependency] = event;
  const [first] = causes;
  const more = causeCount > 1 ? ` (and ${causeCount - 1} more)` : "";
  const { id, kept } = ledger.write({
    kind: "decision",
    at: clock.now(),
    causes: causes.map((cause) => cause.id),
    sensor,
    trigger: "reconcile",
    verdict: "fired",
    reason: `${first?.reason}: ${first?.text}${more}; ${reason}`,
    events,
  });
  await kept;
  return id;
}

interface Beginning {
  readonly operation: JsonObject;
  /** The decision that it comes from. */
  readonly id: RecordId;
  /** What else changes. */
  readonly status: JsonObject;
}

/** Only if nobody wrote since: two operations must not begin at once. @throws EngineError API_CONFLICT */
async function begin(
  { key, application, resourceVersion }: Pick<ReconciledApplication, "key" | "application" | "resourceVersion">,
  { operation, id, status }: Beginning,
  { store, clock }: WriteDeps,
  signal: AbortSignal,
): Promise<Written> {
  const caused = withDecision(operation, id);
  const state = operationStatePatch(application.status.operationState, beginOperation(caused, clock.now()));
  const patch = {
    ...clearedAnnotations(application),
    operation: caused,
    status: { ...status, ...objectOf(state?.status) },
  };
  const stored = await store.patch(key, patch, signal, resourceVersion);
  return { began: stored !== undefined, keepsWish: false };
}

/** An operation that somebody set begins: it gets its cause and its state. */
export async function beginAsked(
  asked: Pick<ReconciledApplication, "key" | "application" | "resourceVersion" | "sensor">,
  deps: WriteDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const { key, sensor } = asked;
  const { operation } = asked.application;
  if (operation === undefined || sensor === undefined) return false;
  const by = operation.initiatedBy.username ?? "somebody";
  const request = requestOf({ reason: "spec", id: `operation/${key}`, text: `${by} set an operation` }, 2);
  const id = await recordDecision(sensor, request, "it begins", deps);
  return (await begin(asked, { operation: operation.raw, id, status: {} }, deps, signal)).began;
}

function clearedAnnotations({ metadata: { annotations } }: Application): JsonObject {
  const asked = [refreshAnnotation, refreshTimestampAnnotation].filter((name) => annotations[name] !== undefined);
  if (asked.length === 0) return {};
  return { metadata: { annotations: Object.fromEntries(asked.map((name) => [name, null])) } };
}

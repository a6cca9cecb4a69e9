import type { Application } from "../../api/application-types.ts";
import { objectOf } from "../../api/fields.ts";
import { argoApiVersion } from "../../api/resources.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { sourceFields } from "../../gitops/reconcile/compared-to.ts";
import { beginOperation, operationStatePatch } from "../../gitops/reconcile/operation-state.ts";
import { quarantineAnnotation } from "../../gitops/reconcile/quarantine.ts";
import type { Reconciled } from "../../gitops/reconcile/reconcile.ts";
import { refreshAnnotation, refreshTimestampAnnotation } from "../../gitops/reconcile/refresh-needed.ts";
import { type ReconcileRequest, requestOf, type SyncWish } from "../../gitops/reconcile/request.ts";
import { rollbackOperation, withQuarantine } from "../../gitops/reconcile/rollback.ts";
import { statusPatch, tooLargeStatus } from "../../gitops/reconcile/status.ts";
import type { EventHead, RecordId, SensorHead } from "../../record/records.ts";
import type { OperationDeps } from "./application-operation.ts";
import { isTooLarge } from "./application-store.ts";
import { requestsOf, withDecision } from "./operation-progress.ts";

type WriteDeps = Pick<OperationDeps, "store" | "ledger" | "clock">;

export interface ReconciledApplication {
  /** `namespace/name` */
  readonly key: string;
  readonly application: Application;
  /** What its spec is to be without what says nothing, as a merge patch (spec argo-cd-engine 2.6). */
  readonly specChanges?: JsonObject | undefined;
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
  const { key, application, request, result, sensor, specChanges } = reconciled;
  const status = objectOf(changedStatus(application, result)?.status);
  const started = startOf(application, request, result);
  const keepsWish = request.sync !== undefined && application.operation !== undefined;
  if (sensor !== undefined && !keepsWish && (started !== undefined || isStored(request))) {
    const id = await recordDecision(sensor, request, started?.reason ?? reasonOf(result.decision), deps);
    if (started?.operation !== undefined) {
      const requests = request.sync === undefined ? [] : askedBy(request);
      const { operation, annotations = {} } = started;
      return begin(reconciled, { operation, annotations, id, status, requests }, deps, signal);
    }
  }
  if (Object.keys(status).length > 0 || specChanges !== undefined) await writeStatus(reconciled, status, deps, signal);
  const seen = refreshAnnotations(application);
  if (Object.keys(seen).length > 0) await deps.store.removeAnnotations(key, seen, signal);
  return { began: false, keepsWish };
}

/** What is too large for the API is left out, with a condition that says so (spec argo-cd-engine 1.7). */
async function writeStatus(
  { key, application, specChanges }: Pick<ReconciledApplication, "key" | "application" | "specChanges">,
  status: JsonObject,
  { store, clock }: WriteDeps,
  signal: AbortSignal,
): Promise<void> {
  try {
    await store.patch(key, { ...specPatch(specChanges), status }, signal);
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    const patch = statusPatch(application.status, tooLargeStatus(application, error, clock.now()));
    if (patch !== undefined) await store.patch(key, patch, signal);
  }
}

/** A look that found nothing new is not worth a write. */
function changedStatus({ status }: Application, result: Reconciled): JsonObject | undefined {
  const patch = statusPatch(status, result.status);
  const fields = Object.keys(objectOf(patch?.status));
  return fields.length === 1 && fields[0] === "reconciledAt" && status.reconciledAt !== undefined ? undefined : patch;
}

/** The effects that asked, by their keys. */
function askedBy({ causes }: ReconcileRequest): readonly string[] {
  return causes.flatMap(({ reason, id }) => (reason === "event" ? [id] : []));
}

/**
 * A stored request comes again after a crash. Its wish for a sync is granted already when the operation in progress, or
 * the last one, came from it.
 */
export function withoutRepeatedWish(request: ReconcileRequest, application: Application): ReconcileRequest {
  const { sync, ...rest } = request;
  if (sync === undefined) return request;
  const last = objectOf(objectOf(application.status.operationState).operation);
  const granted = new Set([...requestsOf(application.operation?.raw ?? {}), ...requestsOf(last)]);
  const ids = askedBy(request);
  return ids.length > 0 && ids.every((id) => granted.has(id)) ? rest : request;
}

interface Started {
  /** Absent: what was wished for cannot be. */
  readonly operation?: JsonObject;
  readonly annotations?: JsonObject;
  readonly reason: string;
}

/** The operation to begin: what somebody wishes for comes before what the policy says. */
function startOf(application: Application, { sync }: ReconcileRequest, { decision }: Reconciled): Started | undefined {
  if (application.operation !== undefined || application.deletedAt !== "") return undefined;
  if (sync?.rollbackTo !== undefined) return rollbackStart(application, { ...sync, rollbackTo: sync.rollbackTo });
  if (sync !== undefined)
    return { operation: wishedOperation(application, sync), reason: `${sync.by} asks for a sync` };
  return decision.kind === "start" ? decision : undefined;
}

/** What it goes away from does not come back by itself, as with a rollback by hand. */
function rollbackStart(
  application: Application,
  { rollbackTo, prune, dryRun, by }: SyncWish & { readonly rollbackTo: number },
): Started {
  const { metadata, spec, status } = application;
  const { name, namespace, annotations } = metadata;
  const object = {
    apiVersion: argoApiVersion,
    kind: "Application",
    metadata: { name, namespace, annotations },
    spec,
    status,
  };
  try {
    const body = { id: rollbackTo, prune, dryRun };
    const operation = rollbackOperation(object, body, by);
    const text = withQuarantine(object, operation).metadata.annotations?.[quarantineAnnotation];
    const kept = text === undefined ? {} : { annotations: { [quarantineAnnotation]: text } };
    return { operation, ...kept, reason: `${by} asks for a rollback to ${rollbackTo}` };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { reason: `${by} asks for a rollback to ${rollbackTo}, which cannot be: ${error.message}` };
  }
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
export function isStored({ causes }: ReconcileRequest): boolean {
  return causes.some(({ reason, event }) => event !== undefined || reason === "event");
}

/** Resolves once it is stored: nothing may happen without its cause. */
export async function recordDecision(
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
  /** Keys of the effects that asked for it. */
  readonly requests: readonly string[];
  readonly annotations: JsonObject;
  /** What else changes. */
  readonly status: JsonObject;
}

/** Only if nobody wrote since: two operations must not begin at once. @throws EngineError API_CONFLICT */
async function begin(
  { key, application, resourceVersion, specChanges }: Omit<ReconciledApplication, "request" | "result" | "sensor">,
  { operation, id, requests, status, annotations }: Beginning,
  { store, clock }: WriteDeps,
  signal: AbortSignal,
): Promise<Written> {
  const caused = withDecision(operation, id, requests);
  const state = operationStatePatch(application.status.operationState, beginOperation(caused, clock.now()));
  const patchWith = (found: JsonObject): JsonObject => ({
    ...annotationsPatch({ ...clearedAnnotations(application), ...annotations }),
    ...specPatch(specChanges),
    operation: caused,
    status: { ...found, ...objectOf(state?.status) },
  });
  try {
    const write = (found: JsonObject) => store.patch(key, patchWith(found), signal, resourceVersion);
    const stored = await write(status).catch((error: unknown) => {
      if (!isTooLarge(error)) throw error;
      const small = statusPatch(application.status, tooLargeStatus(application, error, clock.now()));
      return write(objectOf(small?.status));
    });
    return { began: stored !== undefined, keepsWish: false };
  } catch (error) {
    // The watch may be far behind: the next try is to know what was written.
    if (error instanceof EngineError && error.code === "API_CONFLICT") await store.read(key, signal);
    throw error;
  }
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
  return (await begin(asked, { operation: operation.raw, id, requests: [], status: {}, annotations: {} }, deps, signal))
    .began;
}

function specPatch(spec: JsonObject | undefined): JsonObject {
  return spec === undefined ? {} : { spec };
}

function clearedAnnotations(application: Application): JsonObject {
  return Object.fromEntries(Object.keys(refreshAnnotations(application)).map((name) => [name, null]));
}

function annotationsPatch(annotations: JsonObject): JsonObject {
  return Object.keys(annotations).length === 0 ? {} : { metadata: { annotations } };
}

/** Those that were answered by this look; another one may be asked for meanwhile. */
function refreshAnnotations({ metadata: { annotations } }: Application): Record<string, string> {
  const names = [refreshAnnotation, refreshTimestampAnnotation];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = annotations[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

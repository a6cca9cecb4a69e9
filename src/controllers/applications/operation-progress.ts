import { parseApplication } from "../../api/application.ts";
import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { type Instant, instant } from "../../base/clock.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { isSameField, revisionFields, sourceFields } from "../../gitops/reconcile/compared-to.ts";
import { appendHistory, isKeptInHistory } from "../../gitops/reconcile/history.ts";
import type { ResourceResult, SyncProgress } from "../../gitops/sync/sync.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { SyncRecord } from "../../record/records.ts";
import { type TraceContext, traceContextOf } from "../../record/trace-context.ts";

/** `info` of an operation that names the decision behind it (the original's field, an entry of ours). */
const causeInfo = "tiphys.io/decision";
/** The same for what asked for it, by the keys of effects: a request that comes again is known by it. */
const requestInfo = "tiphys.io/request";

/** The operation with the decision that it comes from, and with the requests that asked for it. */
export function withDecision(operation: JsonObject, decision: string, requests: readonly string[] = []): JsonObject {
  const asked = requests.map((value) => ({ name: requestInfo, value }));
  return { ...operation, info: [...listOf(operation.info), ...asked, { name: causeInfo, value: decision }] };
}

/** The decision behind an operation; undefined for one that somebody set. */
export function decisionOf(operation: JsonObject): string | undefined {
  return infoOf(operation, causeInfo).at(-1);
}

/** What asked for an operation, by the keys of effects. */
export function requestsOf(operation: JsonObject): readonly string[] {
  return infoOf(operation, requestInfo);
}

function infoOf(operation: JsonObject, wanted: string): readonly string[] {
  return listOf(operation.info)
    .map(objectOf)
    .flatMap(({ name, value }) => (name === wanted && textOf(value) !== "" ? [textOf(value)] : []));
}

/** The trace in which somebody asked for it, as `info` says: the original's field, the names of W3C. */
export function traceOfOperation(operation: JsonObject): TraceContext | undefined {
  return traceContextOf(infoOf(operation, "traceparent").at(-1), infoOf(operation, "tracestate").at(-1));
}

const maxOptions = 20;

/** By whom an operation was asked for, and how, as its record keeps it. */
export function orderOf(operation: JsonObject): Pick<SyncRecord, "by" | "options" | "traceparent"> {
  const { dryRun, prune, syncStrategy, syncOptions, resources } = objectOf(operation.sync);
  const { apply, hook } = objectOf(syncStrategy);
  const alone = listOf(resources).length;
  const options = [
    ...(dryRun === true ? ["dry run"] : []),
    ...(prune === true ? ["prune"] : []),
    ...(objectOf(apply).force === true || objectOf(hook).force === true ? ["force"] : []),
    ...(alone === 0 ? [] : [alone === 1 ? "1 object alone" : `${alone} objects alone`]),
    ...listOf(syncOptions).map(textOf),
  ].slice(0, maxOptions);
  const { username, automated } = objectOf(operation.initiatedBy);
  const by = automated === true ? "" : textOf(username);
  const { traceparent } = traceOfOperation(operation) ?? {};
  return {
    ...(by === "" ? {} : { by }),
    ...(options.length === 0 ? {} : { options }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

/** How records name the sync of a decision. */
export function syncKey(decision: string): string {
  return `sync/${decision}`;
}

/** How the record of an operation is named; one that another program began has no decision. */
export function recordKeyOf(key: string, operation: JsonObject, startedAt: string): string {
  return syncKey(decisionOf(operation) ?? `${key}/${startedAt}`);
}

/**
 * Commits to sync to: those that were resolved before, since a restart goes on at the same ones; else what the operation
 * names. `state` holds the operation as its retries left it: with the commit of the first attempt, or without any.
 */
export function wantedRevisions(state: JsonObject): readonly (string | undefined)[] {
  const resolved = revisionsIn(objectOf(state.syncResult));
  if (resolved.length > 0) return resolved;
  const named = revisionsIn(objectOf(objectOf(state.operation).sync));
  return named.length > 0 ? named : [undefined];
}

export function revisionsIn({ revision, revisions }: JsonObject): readonly string[] {
  const several = listOf(revisions).map(textOf);
  if (several.length > 0) return several;
  return textOf(revision) === "" ? [] : [textOf(revision)];
}

/** The newer revisions that took the place of a sync, as its result tells. */
export function supersededIn({ supersededBy }: JsonObject): { readonly supersededBy?: readonly string[] } {
  const revisions = listOf(supersededBy).map(textOf);
  return revisions.length === 0 ? {} : { supersededBy: revisions };
}

/** What an operation has done so far. */
export function resultsIn(state: JsonObject): readonly ResourceResult[] {
  return listOf(objectOf(state.syncResult).resources).filter(isJsonObject) as unknown as readonly ResourceResult[];
}

/** The state with what the sync has come to. */
export function withProgress(
  application: Application,
  state: JsonObject,
  revisions: readonly string[],
  progress: SyncProgress,
): JsonObject {
  const metadata = objectOf(application.spec.syncPolicy).managedNamespaceMetadata;
  const { finishedAt: _, ...rest } = state;
  return {
    ...rest,
    ...(state.phase === "Terminating" ? {} : { phase: "Running", message: progress.message }),
    syncResult: {
      ...revisionFields(application, revisions),
      ...sourceFields(application),
      ...(isJsonObject(metadata) ? { managedNamespaceMetadata: metadata } : {}),
      resources: progress.resources.map((resource) => ({ ...resource })),
    },
  };
}

/** `status.history` after an operation that is kept there. */
export function historyOf(application: Application, state: JsonObject, now: Instant): JsonObject {
  if (!isKeptInHistory(state)) return {};
  const { status, revisionHistoryLimit } = application;
  return { history: appendHistory(status.history, state, revisionHistoryLimit, instant(now)) };
}

/** The Application with the sources that its operation names (a rollback's), in place of the spec's. */
export function withOperationSources(object: KubeObject, application: Application): Application {
  const { source, sources } = objectOf(application.operation?.raw.sync);
  const own = sourceFields(application);
  const several = listOf(sources);
  const isNamed = isJsonObject(source) || several.length > 0;
  const wanted: JsonObject = several.length > 0 ? { sources: several } : { source: objectOf(source) };
  if (!isNamed || (isSameField(own.source, wanted.source) && isSameField(own.sources, wanted.sources))) {
    return application;
  }
  const { source: _, sources: __, sourceHydrator: ___, ...spec } = application.spec;
  return parseApplication({ ...object, spec: { ...spec, ...wanted } }).resource;
}

/** After a restart: from the state that the last operation left. */
export function lastSyncOf(state: JsonObject): string | undefined {
  const decision = decisionOf(objectOf(state.operation));
  return decision === undefined || textOf(state.finishedAt) === "" ? undefined : syncKey(decision);
}

/** Whether the message of an operation says that nothing runs: it waits for health, a window or an approval. */
export function onlyWaits(message: string): boolean {
  return isHeld(message) || (message.startsWith("waiting for") && !message.includes("hook"));
}

/** Whether the message says that nothing is written: a hook may run. */
export function isWaitingText(message: string): boolean {
  return isHeld(message) || message.startsWith("waiting for");
}

function isHeld(message: string): boolean {
  return message.startsWith("needs approval") || message.startsWith("Sync operation blocked");
}

/** Without what became of each object; what else is known of the attempt stays. */
export function withoutResults(state: JsonObject): JsonObject {
  const { resources: _, ...result } = objectOf(state.syncResult);
  return state.syncResult === undefined ? state : { ...state, syncResult: result };
}

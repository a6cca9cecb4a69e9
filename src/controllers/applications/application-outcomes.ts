import { createHash } from "node:crypto";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { EmittedEvent } from "../../events/triggers/trigger.ts";
import type { ConditionType } from "../../gitops/reconcile/conditions.ts";
import { cdeventOf } from "../../ledger/export/cdevents.ts";
import type { KubeObject } from "../../objects/object.ts";
import { builtInEventSource } from "../../record/cloud-event.ts";
import type { SyncRecord } from "../../record/records.ts";
import { spanUnder, type TraceContext } from "../../record/trace-context.ts";
import {
  decisionOf,
  recordKeyOf,
  requestsOf,
  revisionsIn,
  supersededIn,
  traceOfOperation,
} from "./operation-progress.ts";

export const applicationOutcomeNames = [
  "application-synced",
  "application-sync-failed",
  "application-healthy",
  "application-degraded",
  "application-out-of-sync",
  "application-needs-timed-out",
] as const;

type OutcomeName = (typeof applicationOutcomeNames)[number];

/** What of an Application's status outcomes are told of. Plain JSON: it is stored. */
export interface ApplicationState {
  readonly uid: string;
  readonly sync: string;
  readonly health: string;
  /** When its last operation ended; "" before. */
  readonly finishedAt: string;
  /** When its wait for other Applications timed out; "": it does not wait, or not for so long. */
  readonly needsTimedOutAt: string;
}

export function stateOf({ metadata, status }: KubeObject): ApplicationState {
  const { sync, health, operationState, conditions } = objectOf(status as JsonValue);
  return {
    uid: metadata.uid ?? "",
    sync: textOf(objectOf(sync).status),
    health: textOf(objectOf(health).status),
    finishedAt: textOf(objectOf(operationState).finishedAt),
    needsTimedOutAt: textOf(conditionOf(conditions, "NeedsTimeoutWarning").lastTransitionTime),
  };
}

function conditionOf(conditions: JsonValue | undefined, type: ConditionType): JsonObject {
  const found = listOf(conditions).map(objectOf);
  return found.find((condition) => condition.type === type) ?? {};
}

/** What has come about since `before`, in the order of cause and effect. */
export function outcomesSince(before: ApplicationState, object: KubeObject): readonly OutcomeName[] {
  const after = stateOf(object);
  if (before.uid !== after.uid) return [];
  const names: OutcomeName[] = [];
  const { phase, operation } = objectOf(objectOf(object.status as JsonValue).operationState);
  const isDryRun = objectOf(objectOf(operation).sync).dryRun === true;
  if (isAnother(before.finishedAt, after.finishedAt) && !isDryRun) {
    if (phase === "Succeeded") names.push("application-synced");
    if (phase === "Failed" || phase === "Error") names.push("application-sync-failed");
  }
  if (after.sync !== before.sync && after.sync === "OutOfSync") names.push("application-out-of-sync");
  if (after.health !== before.health && after.health === "Healthy") names.push("application-healthy");
  if (after.health !== before.health && after.health === "Degraded") names.push("application-degraded");
  return isAnother(before.needsTimedOutAt, after.needsTimedOutAt) ? [...names, "application-needs-timed-out"] : names;
}

function isAnother(before: string, after: string): boolean {
  return after !== "" && after !== before;
}

export interface OutcomeOrigin {
  readonly hop: number;
  /** Of the operation. */
  readonly trace?: TraceContext | undefined;
  /** The record of the sync that it tells of. */
  readonly sync?: SyncRecord | undefined;
}

/** `since` tells one turn from the next of the same kind: the same for a repeat after a crash. */
export function outcomeEvent(
  event: OutcomeName,
  object: KubeObject,
  since: string,
  { hop, trace, sync: record }: OutcomeOrigin,
): EmittedEvent {
  const { namespace = "", name = "", uid = "" } = object.metadata;
  const { source, destination, project } = objectOf(object.spec as JsonValue);
  const { sync, health, operationState, conditions } = objectOf(object.status as JsonValue);
  const { phase, message, startedAt, finishedAt, operation, syncResult } = objectOf(operationState);
  const isNeeding = event === "application-needs-timed-out";
  // Nothing of the last operation led to a wait.
  const decision = isNeeding ? undefined : decisionOf(objectOf(operation));
  const id = createHash("sha256").update([uid, event, since].join("\n")).digest("hex").slice(0, 32);
  return {
    id,
    eventSource: builtInEventSource,
    event,
    type: `${builtInEventSource}.${event}`,
    data: {
      application: { namespace, name },
      project: textOf(project) || "default",
      ...defined("source", source),
      ...defined("destination", destination),
      syncStatus: textOf(objectOf(sync).status),
      healthStatus: textOf(objectOf(health).status),
      healthSince: healthSince(object.status as JsonValue),
      revisions: revisionsIn(objectOf(sync)),
      operation: {
        phase: textOf(phase),
        message: textOf(message),
        startedAt: textOf(startedAt),
        finishedAt: textOf(finishedAt),
        ...supersededIn(objectOf(syncResult)),
      },
      ...(isNeeding ? { needs: needsData(conditions) } : {}),
      ...(record === undefined ? {} : defined("cdevent", cdeventOf({ ...record, id }))),
    },
    causes: decision === undefined ? [`application/${namespace}/${name}`] : [decision],
    hop,
    ...(trace && !isNeeding ? { trace: spanUnder(id, trace) } : {}),
  };
}

/**
 * Since when the Application has its health at its revisions: the health of before a sync says nothing of what came with it.
 * RFC 3339; "" where it is not known.
 */
function healthSince(status: JsonValue | undefined): string {
  const { sync, health, operationState } = objectOf(status);
  const { phase, finishedAt, syncResult } = objectOf(operationState);
  const since = textOf(objectOf(health).lastTransitionTime);
  const isOfSync = revisionsIn(objectOf(syncResult)).join() === revisionsIn(objectOf(sync)).join();
  const synced = phase === "Succeeded" && isOfSync ? textOf(finishedAt) : "";
  const [, last = ""] = [since, synced].sort(); // whole seconds in UTC: their order is that of their texts
  return last;
}

function needsData(conditions: JsonValue | undefined): JsonObject {
  const [waiting, timedOut] = [
    conditionOf(conditions, "WaitingForNeeds"),
    conditionOf(conditions, "NeedsTimeoutWarning"),
  ];
  return {
    message: [waiting, timedOut].map(({ message }) => textOf(message)).join("; "),
    since: textOf(waiting.lastTransitionTime),
    timedOutAt: textOf(timedOut.lastTransitionTime),
  };
}

function defined(name: string, value: JsonValue | undefined): JsonObject {
  return value === undefined ? {} : { [name]: value };
}

/** How the record of the last operation is found, which is written before its end is. */
export function lastSyncKey({ metadata, status }: KubeObject): string {
  const { operation, startedAt } = objectOf(objectOf(status as JsonValue).operationState);
  return recordKeyOf(`${metadata.namespace}/${metadata.name}`, objectOf(operation), textOf(startedAt));
}

/** Keys of the effects that asked for the last operation. */
export function askedFor({ status }: KubeObject): readonly string[] {
  const { operation } = objectOf(objectOf(status as JsonValue).operationState);
  return requestsOf(objectOf(operation));
}

/** The trace in which a person, or a pipeline, asked for the last operation. */
export function traceAskedIn({ status }: KubeObject): TraceContext | undefined {
  return traceOfOperation(objectOf(objectOf(objectOf(status as JsonValue).operationState).operation));
}

/** For stored state: what is no such state counts as none. */
export function parseState(value: JsonValue): ApplicationState | undefined {
  const [uid, sync = "", health = "", finishedAt = "", needsTimedOutAt = ""] = listOf(value).map(textOf);
  return uid === undefined ? undefined : { uid, sync, health, finishedAt, needsTimedOutAt };
}

export function writtenState(state: ApplicationState): readonly string[] {
  const { uid, sync, health, finishedAt, needsTimedOutAt } = state;
  return [uid, sync, health, finishedAt, needsTimedOutAt];
}

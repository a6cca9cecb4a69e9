import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { type Instant, isoTime } from "../../base/clock.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import type { GitOpsOperation } from "../../events/triggers/gitops-request.ts";
import {
  type ComparisonLevel,
  type Reason,
  type ReconcileRequest,
  reasons,
  requestOf,
  type SyncWish,
} from "../../gitops/reconcile/request.ts";
import { builtInEventSource, type CloudEvent } from "../../record/cloud-event.ts";
import type { EventHead } from "../../record/records.ts";

/** What is found again by listing after a restart: it is not stored, and concerns one Application. */
export interface LocalReason {
  readonly reason: Exclude<Reason, "push" | "poll">;
  /** `namespace/name` */
  readonly application: string;
  /** Names it in records: `drift/apps/Deployment/default/web/123`. */
  readonly id: string;
  /** One line for people. */
  readonly what: string;
  readonly level: ComparisonLevel;
  readonly hard?: boolean;
  /** Objects that changed. */
  readonly objects?: readonly string[];
}

/** As an event of the built-in EventSource, which the Application's Sensor takes. */
export function localEvent(local: LocalReason, now: Instant): ReceivedEvent {
  const { reason, id, ...data } = local;
  return receivedEvent(id, reason, { ...data }, now);
}

/**
 * Why an Application is looked at that another one needs at a commit where nobody has compared it yet. One of another
 * engine is asked by the push itself, or finds it at its next poll.
 */
export function neededBy(by: string, application: string): LocalReason {
  const what = `Application ${by} needs it at a newer commit`;
  return { reason: "timer", application, id: `timer/${application}/needed`, what, level: 2 };
}

/** What a `gitOps` trigger of a user's Sensor asks for; `id` is the firing's key. */
export interface AskedEvent {
  readonly application: string;
  readonly id: string;
  readonly operation: Exclude<GitOpsOperation, "terminate" | "revert">;
  readonly by: string;
  readonly sync?: Omit<SyncWish, "by">;
  readonly rollback?: { readonly id?: number; readonly prune: boolean; readonly dryRun: boolean };
}

export function askedEvent({ id, ...data }: AskedEvent, now: Instant): ReceivedEvent {
  return receivedEvent(id, "event", { ...data } as unknown as JsonObject, now);
}

function receivedEvent(id: string, reason: Reason, data: JsonObject, now: Instant): ReceivedEvent {
  const time = isoTime(now);
  const type = `${builtInEventSource}.${reason}`;
  const event: CloudEvent = {
    id,
    source: builtInEventSource,
    subject: reason,
    type,
    time,
    datacontenttype: "application/json",
    data,
  };
  return { event, head: headOf(event, now) };
}

/** For an event that no stream holds. */
function headOf({ id, source, subject, type, time }: CloudEvent, now: Instant): EventHead {
  return { id, namespace: "", eventSource: source, event: subject, type, time, bus: "", sequence: 0, storedAt: now };
}

/** What the Application's Sensor asks for when it takes the event. Pure; `undefined` for an event that is none of ours. */
export function requestFor({ event, head }: ReceivedEvent): ReconcileRequest | undefined {
  const reason = reasons.find((one) => one === event.subject);
  const data = objectOf(event.data as JsonValue);
  const id = event.id;
  switch (reason) {
    case "push":
    case "poll":
      return refRequest(reason, data, id, head);
    case "drift":
    case "spec":
    case "timer": {
      const objects = listOf(data.objects).filter((key) => typeof key === "string");
      const cause = { reason, id, text: textOf(data.what) };
      return requestOf(cause, levelOf(data.level), { hard: data.hard === true, objects });
    }
    case "event":
      return askedRequest(data, id);
    case undefined:
      return undefined;
  }
}

function refRequest(reason: "push" | "poll", data: JsonObject, id: string, head: EventHead): ReconcileRequest {
  const ref = textOf(data.ref);
  const commit = textOf(data.after);
  const text = `${ref} of ${textOf(data.url)} is ${commit.slice(0, 7)}`;
  const event = head.bus === "" ? {} : { event: head };
  const seen = { repository: textOf(data.repository), ref, commit, before: textOf(data.before) };
  return requestOf({ reason, id, text, ...event }, 2, { seen: [seen] });
}

function askedRequest(data: JsonObject, id: string): ReconcileRequest {
  const by = textOf(data.by);
  const operation = textOf(data.operation);
  const sync = objectOf(data.sync);
  const cause = { reason: "event" as const, id, text: `${by} asks for: ${operation}` };
  if (operation === "rollback") return requestOf(cause, 2, { sync: rollbackWish(objectOf(data.rollback), by) });
  if (operation !== "sync") return requestOf(cause, 3, { hard: operation === "hardRefresh" });
  const revision = textOf(sync.revision);
  const wish: SyncWish = {
    ...(revision === "" ? {} : { revision }),
    prune: sync.prune === true,
    dryRun: sync.dryRun === true,
    syncOptions: listOf(sync.syncOptions).filter((option) => typeof option === "string"),
    by,
  };
  return requestOf(cause, 2, { sync: wish });
}

function rollbackWish({ id, prune, dryRun }: JsonObject, by: string): SyncWish {
  return { rollbackTo: Number(id), prune: prune === true, dryRun: dryRun === true, syncOptions: [], by };
}

function levelOf(value: JsonValue | undefined): ComparisonLevel {
  return value === 0 || value === 1 || value === 3 ? value : 2;
}

import { formatDuration } from "../base/duration.ts";
import type {
  DecisionRecord,
  EffectRecord,
  EventHead,
  LedgerRecord,
  MissedRecord,
  ObservationRecord,
  SyncRecord,
} from "../record/records.ts";
import { traceIdOf } from "../record/trace-context.ts";
import { colored, shownDelta } from "./output.ts";

/** Objects of one sync are kept up to this many (`SyncRecord.objects`). */
const maxKeptObjects = 100;

export function eventText(head: EventHead, at: number): string {
  const { id, namespace, eventSource, event, type, storedAt, traceparent } = head;
  const trace = traceparent === undefined ? "" : `, in trace ${traceIdOf(traceparent)}`;
  return `event ${id}: ${namespace}/${eventSource} ${event} (${type}), stored ${shownDelta(storedAt - at)}${trace}`;
}

/** One line for people. */
export function recordText(record: LedgerRecord): string {
  switch (record.kind) {
    case "decision":
      return decisionText(record);
    case "effect":
      return effectText(record);
    case "sync":
      return syncText(record);
    case "observation":
      return observationText([record]);
    case "lost":
      return `lost: ${record.bus} ${record.from} to ${record.to}`;
    case "missed":
      return missedText(record);
    case "invalid":
      return `invalid: ${record.bus} ${record.sequence}: ${record.message}`;
    default:
      return unknownText(record);
  }
}

function missedText({ eventSource: { namespace, name }, event, events, message }: MissedRecord): string {
  return `missed: EventSource ${namespace}/${name} ${event}, ${events === 0 ? "nobody knows how many" : `${events} events`}: ${message}`;
}

/** Written by a newer version: kept by readers, so shown as far as it is understood. */
function unknownText(record: never): string {
  const { kind, id } = record as LedgerRecord;
  return `${kind} ${id}`;
}

const verdictStyles = { fired: "green", error: "red", expired: "yellow", redriven: "green" } as const;

function decisionText({ id, sensor, verdict, trigger, dependency, reason }: DecisionRecord): string {
  const { kind = "Sensor", namespace, name } = sensor;
  const what = colored(verdictStyles[verdict], verdict);
  const on = trigger ?? `dependency ${dependency}`;
  return `decision ${id}: ${kind} ${namespace}/${name} ${what} ${on}${reason === undefined ? "" : `: ${reason}`}`;
}

function effectText(record: EffectRecord): string {
  const { id, triggerKind, dlqOf, outcome, at, startedAt, attempt, message } = record;
  const limited = limitedText(record);
  const style = outcome === "succeeded" ? "green" : outcome === "failed" ? "yellow" : "red";
  const nth = attempt > 1 ? `, attempt ${attempt}` : "";
  const since = dlqOf === undefined ? "" : `, since ${dlqOf} failed`;
  return `effect ${id}: ${triggerKind}${since} ${colored(style, outcome)} in ${tookText(startedAt, at)}${nth}${limited}: ${message}`;
}

/** Shorter waits are the usual spacing of turns, and explain nothing. */
const minLimitedMs = 1_000;

/** How long an attempt had to wait for its rate limit; empty where that is not worth telling. */
export function limitedText({ limitedMs = 0 }: EffectRecord): string {
  return limitedMs < minLimitedMs ? "" : `, after ${formatDuration(limitedMs)} for its rate limit`;
}

/** `sync ID: Application shop/web Succeeded at 1a2b3c4, manifests sha256:9f86d08 in 120 ms: message; 3 objects` */
function syncText(record: SyncRecord): string {
  const {
    id,
    application,
    phase,
    startedAt,
    at,
    revisions,
    manifests,
    retries,
    message,
    objects,
    by,
    options = [],
    traceparent,
  } = record;
  const which = `Application ${application.namespace}/${application.name}`;
  const commits = revisions.length === 0 ? "" : ` at ${revisions.map(shortRevision).join(", ")}`;
  const brought = manifests === undefined ? "" : `, manifests ${manifests.slice(0, 14)}`;
  const again = retries === 0 ? "" : ` after ${counted(retries, "retry", "retries")}`;
  const said = message === "" ? "" : `: ${message}`;
  const more = objects.length >= maxKeptObjects ? " or more" : "";
  const outcome = colored(phase === "Succeeded" ? "green" : "red", phase);
  const took = tookText(startedAt, at);
  const order = `${by === undefined ? "" : `, by ${by}`}${options.length === 0 ? "" : ` (${options.join(", ")})`}`;
  const trace = traceparent === undefined ? "" : `, in trace ${traceIdOf(traceparent)}`;
  return `sync ${id}: ${which} ${outcome}${commits}${brought} in ${took}${again}${order}${trace}${said}; ${counted(objects.length, "object", "objects")}${more}`;
}

/** States of one object beyond this are counted: a flapping object must not fill the screen. */
const maxStates = 6;

/** One object's states in their order, on one line: `observation ID: v1/Pod/default/web-abc created, Progressing → Healthy`. */
export function observationText(states: readonly [ObservationRecord, ...ObservationRecord[]]): string {
  const [first] = states;
  const left = states.length - maxStates;
  const shown = left > 0 ? [...states.slice(0, maxStates - 1), ...states.slice(-1)] : states;
  const texts = shown.map(stateText);
  if (left > 0) texts.splice(maxStates - 1, 0, `${left} more`);
  return `observation ${first.id}: ${first.object} ${texts.join(" → ")}`;
}

function stateText({ change, health, message }: ObservationRecord): string {
  const said = message === undefined || message === "" ? "" : `: ${message}`;
  const state = health === undefined ? "" : colored(styleOf(health), health);
  if (change === "health") return `${state === "" ? "changed" : state}${said}`;
  return `${change}${state === "" ? "" : `, ${state}`}${said}`;
}

function styleOf(health: string): "green" | "yellow" | "red" {
  return health === "Healthy" ? "green" : health === "Degraded" ? "red" : "yellow";
}

function tookText(startedAt: number, at: number): string {
  return `${Math.round(at - startedAt)} ms`;
}

function shortRevision(revision: string): string {
  return /^[0-9a-f]{40,64}$/.test(revision) ? revision.slice(0, 7) : revision;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

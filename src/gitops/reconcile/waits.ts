import type { Application, AppProject } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { isTrue, skipReconcile } from "../../api/resource-annotations.ts";
import { type Instant, instant, isoTime } from "../../base/clock.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { nextChange } from "../project/windows.ts";
import type { Obstacle } from "./auto-sync.ts";
import { isErrorCondition } from "./conditions.ts";
import type { HoldScope } from "./holds.ts";
import type { Memory } from "./look.ts";
import { windowsOf } from "./operate.ts";
import { isWaitingForRetry, retryAfterMs } from "./operation-state.ts";

/** One thing that an Application waits for now. */
export interface Wait {
  readonly for:
    | ("deletion" | "skip-reconcile" | "look" | "project" | "cluster" | "repository" | "spec" | "error")
    | ("operation" | "termination" | "retry" | "hook" | "confirmation" | "newer-revision" | "self-heal" | "health")
    | Obstacle["kind"];
  /** A sentence for people. */
  readonly text: string;
  /** RFC 3339: since when; absent: not known. */
  readonly since?: string;
  /** RFC 3339: when it passes by itself; absent: not known, or never. */
  readonly until?: string;
  /** Of `need`: the Application that is waited for, as `namespace/name`. */
  readonly need?: string;
  /** Of `hold`: those that are in force. */
  readonly holds?: readonly HoldScope[];
}

export interface WaitFacts {
  readonly application: Application;
  /** Undefined: there is none. */
  readonly project: AppProject | undefined;
  /** The name of its cluster, if nothing is to be done there. */
  readonly pausedCluster?: string | undefined;
  /** Whether nothing is done about Applications of its namespace. */
  readonly isLeftOut?: boolean;
  /** What the last reconcile came to; undefined: there was none. */
  readonly decided: Memory["decided"];
  /** False: another engine looks at it. */
  readonly isOurs: boolean;
  readonly now: Instant;
}

/** Objects whose health is waited for that are named. */
const maxObjects = 10;

/** Everything that keeps an Application from being as it should, the most important first; empty: nothing does. */
export function waitsOf(facts: WaitFacts): readonly Wait[] {
  const { application } = facts;
  const { annotations, namespace } = application.metadata;
  if (isTrue(annotations[skipReconcile])) {
    return [{ for: "skip-reconcile", text: `reconciling is turned off by ${skipReconcile}` }];
  }
  if (facts.isLeftOut) {
    return [{ for: "skip-reconcile", text: `its namespace ${namespace} is not one of application.namespaces` }];
  }
  if (facts.pausedCluster !== undefined) {
    const text = `reconciling is turned off by ${skipReconcile} of the cluster ${facts.pausedCluster}`;
    return [{ for: "skip-reconcile", text }];
  }
  const deletion = application.deletedAt === "" ? [] : [deletionOf(application)];
  const errors = errorsOf(application);
  const running = application.operation === undefined ? [] : operationWaits(facts);
  const due =
    application.operation === undefined && errors.length === 0 && deletion.length === 0 ? dueWaits(facts) : [];
  const others = [...deletion, ...errors, ...running, ...due];
  return [...others, ...healthWaits(application, others)];
}

function deletionOf({ deletedAt, finalizers }: Application): Wait {
  const what = finalizers.length === 0 ? "" : ` with ${finalizers.join(", ")}`;
  return { for: "deletion", text: `it is being deleted since ${deletedAt}${what}`, since: deletedAt };
}

/** Conditions that are errors; what the decision says better stands there. */
function errorsOf({ status }: Application): readonly Wait[] {
  const conditions = listOf(status.conditions).map(objectOf);
  return conditions.flatMap(({ type, message, lastTransitionTime }): Wait[] => {
    const [name, text] = [textOf(type), textOf(message)];
    if (!isErrorCondition({ type: name }) || name === "SyncError") return [];
    return [{ for: errorKind(name, text), text: `${name}: ${text}`, ...sinceOf(lastTransitionTime) }];
  });
}

/** As `destination.ts` says it. The word alone says nothing: URLs of clusters and folders of repositories have it, too. */
const unknownCluster = /^(there are (no|\d+) clusters with|error getting cluster by server)/;

function errorKind(type: string, message: string): Wait["for"] {
  if (type === "DeletionError") return "deletion";
  if (message.startsWith("Failed to load live state") || unknownCluster.test(message)) return "cluster";
  if (type === "ComparisonError") return "repository";
  if (type === "InvalidSpecError") return /\bproject\b/.test(message) ? "project" : "spec";
  return "error";
}

function operationWaits({ application, project, now }: WaitFacts): readonly Wait[] {
  const state = objectOf(application.status.operationState);
  const message = textOf(state.message);
  const wait = operationWait(application, project, state, message, now);
  return [{ ...wait, ...sinceOf(state.startedAt) }, ...newerRevision(application, state)];
}

function operationWait(
  application: Application,
  project: AppProject | undefined,
  state: JsonObject,
  message: string,
  now: Instant,
): Wait {
  if (state.phase === "Terminating") return { for: "termination", text: "the sync is being terminated" };
  if (isWaitingForRetry(state)) {
    const at = now + retryAfterMs(state, application.operation?.retry, now);
    return { for: "retry", text: message, until: isoTime(instant(at)) };
  }
  if (message.startsWith("Sync operation blocked")) {
    const next = project === undefined ? undefined : nextChange(windowsOf(application, project), now);
    return { for: "window", text: message, ...untilOf(next) };
  }
  return { for: messageKind(message), text: message === "" ? "a sync is in progress" : message };
}

function messageKind(message: string): Wait["for"] {
  if (message.startsWith("needs approval")) return "approval";
  if (message.startsWith("waiting for pruning confirmation")) return "confirmation";
  if (!message.startsWith("waiting for")) return "operation";
  if (message.includes("hook")) return "hook";
  return message.startsWith("waiting for deletion") ? "deletion" : "health";
}

/** What the last comparison was with, when a sync to something else is in progress. */
function newerRevision({ status }: Application, state: JsonObject): readonly Wait[] {
  const [now, running] = [revisionsOf(objectOf(status.sync)), revisionsOf(objectOf(state.syncResult))];
  if (now.length === 0 || running.length === 0 || now.join() === running.join()) return [];
  return [{ for: "newer-revision", text: `${now.join(", ")} comes after the sync to ${running.join(", ")}` }];
}

function dueWaits({ application, decided, isOurs }: WaitFacts): readonly Wait[] {
  if (decided === undefined) {
    return [{ for: "look", text: `it was not looked at yet${isOurs ? "" : "; another engine has it"}` }];
  }
  const { at, decision } = decided;
  const since = decided.since === undefined ? {} : { since: isoTime(instant(decided.since)) };
  const isDifferent = objectOf(application.status.sync).status === "OutOfSync";
  switch (decision.kind) {
    case "start":
      return [{ for: "operation", text: decision.reason }];
    case "wait":
      return [{ for: "self-heal", text: decision.reason, ...since, ...untilOf(instant(at + decision.afterMs)) }];
    case "error":
      return [{ ...obstacleWait(decision.obstacle ?? { kind: "error" }, decision.message), ...since }];
    case "none": {
      const { obstacle, reason } = decision;
      if (obstacle === undefined || (obstacle.kind === "manual" && !isDifferent)) return [];
      return [{ ...obstacleWait(obstacle, reason), ...since }];
    }
  }
}

function obstacleWait(
  { kind, until, ...what }: Omit<Obstacle, "kind"> & { readonly kind: Wait["for"] },
  text: string,
): Wait {
  return { for: kind, text, ...untilOf(until), ...what };
}

/** Objects that are not healthy; those that are missing say nothing beside what else is waited for. */
function healthWaits({ status }: Application, others: readonly Wait[]): readonly Wait[] {
  const { status: overallStatus, lastTransitionTime } = objectOf(status.health);
  const overall = textOf(overallStatus);
  const since = sinceOf(lastTransitionTime);
  if (["Healthy", "Unknown", ""].includes(overall)) return [];
  const said = others.length > 0 ? ["Healthy", "Missing", ""] : ["Healthy", ""];
  const ill = listOf(status.resources)
    .map(objectOf)
    .filter(({ health }) => !said.includes(textOf(objectOf(health).status)));
  if (ill.length === 0)
    return others.length > 0 ? [] : [{ for: "health", text: `the Application is ${overall}`, ...since }];
  const more = ill.length - maxObjects;
  return [
    // The time is the Application's: of several nobody knows which brought it about.
    ...ill.slice(0, maxObjects).map((one) => ({ ...healthWait(one), ...(ill.length === 1 ? since : {}) })),
    ...(more > 0 ? [{ for: "health" as const, text: `${more} more objects are not healthy` }] : []),
  ];
}

function healthWait({ group, kind, namespace, name, health }: JsonObject): Wait {
  const { status, message } = objectOf(health);
  const what = [group, kind, namespace, name].map(textOf).filter((part) => part !== "");
  const said = textOf(message) === "" ? "" : `: ${textOf(message)}`;
  return { for: "health", text: `${what.join("/")} is ${textOf(status)}${said}` };
}

function revisionsOf({ revision, revisions }: JsonObject): readonly string[] {
  const several = listOf(revisions).map(textOf);
  return several.length > 0 ? several : [textOf(revision)].filter((one) => one !== "");
}

function sinceOf(time: JsonValue | undefined): Pick<Wait, "since"> {
  return textOf(time) === "" ? {} : { since: textOf(time) };
}

function untilOf(at: Instant | undefined): Pick<Wait, "until"> {
  return at === undefined ? {} : { until: isoTime(at) };
}

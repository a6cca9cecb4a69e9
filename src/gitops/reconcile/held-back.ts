import type { Application, SyncOperation } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { Instant } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import { canSync, nextChange } from "../project/windows.ts";
import { approvedPlanAnnotation, guardPlan, parkedMessage } from "../sync/guard.ts";
import { planSync } from "../sync/plan.ts";
import type { AutoSyncDecision } from "./auto-sync.ts";
import type { Place } from "./destination.ts";
import type { Look } from "./look.ts";
import { needsAnnotation, type unmetNeed } from "./needs.ts";
import { keptBy, objectsToSync, windowsOf } from "./operate.ts";
import { quarantineAnnotation, quarantined } from "./quarantine.ts";
import { readTime } from "./timestamps.ts";

/** Why nothing is synced by itself; ends at `holdUntilAnnotation`, if that is there. */
export const holdAnnotation = "tiphys.io/hold";
export const holdUntilAnnotation = "tiphys.io/hold-until";

/** Looked at again after so long in any case: rules may be read anew. */
const longestMs = 6 * 3_600_000;

/** What people said by annotations about automated syncs; another text is a reason to look again. */
export function consentOf({ metadata: { annotations } }: Application): string {
  const names = [approvedPlanAnnotation, holdAnnotation, holdUntilAnnotation, needsAnnotation, quarantineAnnotation];
  return JSON.stringify(names.map((name) => annotations[name]));
}

export interface HeldBack {
  readonly decision: AutoSyncDecision;
  /** When the reason may have passed. */
  readonly againAfterMs?: number;
}

export interface HoldDeps {
  readonly now: Instant;
  /** Another Application that has to be ready first. */
  readonly unmet: ReturnType<typeof unmetNeed>;
}

/**
 * What may keep an automated sync from beginning, though it is due: a quarantine, a hold, another Application, sync
 * windows, the guard; in this order.
 */
export function heldBack(
  decision: AutoSyncDecision,
  application: Application,
  look: Look,
  place: Place,
  { now, unmet }: HoldDeps,
): HeldBack {
  if (decision.kind !== "start") return { decision };
  const left = quarantined(application, look.revisions);
  if (left !== undefined) return { decision: { kind: "none", reason: `a sync is due, but ${left}` } };
  const held = holdOf(application, now);
  if (held !== undefined) return held;
  if (unmet?.kind === "circle") return { decision: { kind: "error", message: unmet.reason } };
  if (unmet !== undefined) return { decision: { kind: "none", reason: `a sync is due, but ${unmet.reason}` } };
  const windows = windowsOf(application, place.project);
  const verdict = canSync(windows, { isManual: false, now });
  if (!verdict.allowed) {
    const next = nextChange(windows, now);
    const waiting = { kind: "none" as const, reason: `a sync is due, but ${verdict.reason}` };
    return { decision: waiting, ...(next === undefined ? {} : { againAfterMs: Math.min(longestMs, next - now) }) };
  }
  const parked = parkedBy(decision.operation, application, look);
  return { decision: parked === undefined ? decision : { kind: "error", message: parked } };
}

function holdOf({ metadata: { annotations } }: Application, now: Instant): HeldBack | undefined {
  const reason = annotations[holdAnnotation];
  if (reason === undefined) return undefined;
  const until = readTime(annotations[holdUntilAnnotation]);
  if (until !== undefined && until <= now) return undefined;
  const decision = { kind: "none" as const, reason: `a sync is due, but it is on hold: ${reason}` };
  return { decision, ...(until === undefined ? {} : { againAfterMs: Math.min(longestMs, until - now) }) };
}

/** The message of a plan that waits for a person; undefined: none is needed, or it was given. */
function parkedBy(operation: JsonObject, application: Application, look: Look): string | undefined {
  const { name, namespace, annotations } = application.metadata;
  const { prune, syncOptions, resources } = objectOf(operation.sync);
  const options = listOf(syncOptions).map(textOf);
  const plan = planSync(objectsToSync(look, true, options), [], [], {
    prune: prune === true,
    syncOptions: options,
    strategy: "apply",
    resources: listOf(resources) as unknown as SyncOperation["resources"],
    revision: "",
    startedAt: 0 as Instant,
    namespace: "",
    namespaceExists: true,
  });
  const parked = guardPlan(plan, keptBy(plan, look), options);
  if (parked === undefined || annotations[approvedPlanAnnotation] === parked.digest) return undefined;
  return parkedMessage(parked, name, namespace);
}

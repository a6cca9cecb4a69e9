import type { Application, SyncOperation } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { type Instant, instant } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import { canSync, nextChange } from "../project/windows.ts";
import { approvedPlanAnnotation, guardPlan, parkedMessage } from "../sync/guard.ts";
import { planSync } from "../sync/plan.ts";
import type { AutoSyncDecision, Obstacle } from "./auto-sync.ts";
import type { Place } from "./destination.ts";
import { type Hold, holdAnnotation, holdText, holdUntilAnnotation, isHeldBy, isHoldOver, ownHold } from "./holds.ts";
import type { Look } from "./look.ts";
import { needsAnnotation, type UnmetNeed } from "./needs.ts";
import { type NeedsWait, needsTimeoutAnnotation } from "./needs-timeout.ts";
import { keptBy, objectsToSync, windowsOf } from "./operate.ts";
import { onDriftAnnotation, onRevisionAnnotation } from "./policies.ts";
import { quarantineAnnotation, quarantined } from "./quarantine.ts";

/** Looked at again after so long in any case: rules may be read anew. */
const longestMs = 6 * 3_600_000;
/** Holds that are not read yet are so in a moment. */
const unreadHoldsMs = 1_000;

/**
 * What people say about syncs, beside what a comparison is of (`refresh-needed.ts`); another text is a reason to look again.
 * The original looks at once where automated sync or self-heal is turned on, and at the next poll for anything else.
 */
export function consentOf({ metadata: { annotations, labels }, spec }: Application): string {
  const names = [
    ...[approvedPlanAnnotation, holdAnnotation, holdUntilAnnotation, needsAnnotation, quarantineAnnotation],
    ...[onRevisionAnnotation, onDriftAnnotation, needsTimeoutAnnotation, "argocd.argoproj.io/compare-options"],
  ];
  return JSON.stringify([names.map((name) => annotations[name]), labels, spec.project, spec.syncPolicy]);
}

export interface HeldBack {
  readonly decision: AutoSyncDecision;
  /** When the reason may have passed. */
  readonly againAfterMs?: number;
}

export interface HoldDeps {
  readonly now: Instant;
  /** Another Application that has to be ready first. */
  readonly unmet: UnmetNeed | undefined;
  /** Undefined: there is none that is waited for. */
  readonly needing: NeedsWait | undefined;
  /** Those of many Applications; undefined: they are not read yet. */
  readonly holds: readonly Hold[] | undefined;
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
  deps: HoldDeps,
): HeldBack {
  const kept = keptBack(decision, application, look.revisions, place, deps);
  if (kept.decision.kind !== "start") return kept;
  const parked = parkedBy(kept.decision.operation, application, look);
  if (parked === undefined) return kept;
  return { decision: { kind: "error", message: parked, obstacle: { kind: "approval" } } };
}

/** The same without the guard, for which the objects must be known. */
export function keptBack(
  decision: AutoSyncDecision,
  application: Application,
  revisions: readonly string[],
  place: Place,
  { now, unmet, needing, holds }: HoldDeps,
): HeldBack {
  if (decision.kind !== "start") return { decision };
  const left = quarantined(application, revisions);
  if (left !== undefined) return { decision: waiting(left, { kind: "quarantine" }) };
  const held = onHold(application, place, holds, now);
  if (held !== undefined) return held;
  if (unmet?.kind === "circle") {
    return { decision: { kind: "error", message: unmet.reason, obstacle: { kind: "circle" } } };
  }
  if (needing?.problem !== undefined) {
    return { decision: { kind: "error", message: needing.problem, obstacle: { kind: "need" } } };
  }
  if (needing !== undefined) {
    const need = unmet?.need === undefined ? {} : { need: unmet.need };
    return { decision: waiting(needing.text, { kind: "need", ...need }) };
  }
  const windows = windowsOf(application, place.project);
  const verdict = canSync(windows, { isManual: false, now });
  if (!verdict.allowed) {
    const next = nextChange(windows, now);
    const until = next === undefined ? {} : { until: next };
    const againAfterMs = next === undefined ? {} : { againAfterMs: Math.min(longestMs, next - now) };
    return { decision: waiting(verdict.reason, { kind: "window", ...until }), ...againAfterMs };
  }
  return { decision };
}

function waiting(reason: string, obstacle: Obstacle): AutoSyncDecision {
  return { kind: "none", reason: `a sync is due, but ${reason}`, obstacle };
}

function onHold(
  application: Application,
  { cluster }: Pick<Place, "cluster">,
  holds: readonly Hold[] | undefined,
  now: Instant,
): HeldBack | undefined {
  const own = ownHold(application);
  if (holds === undefined) {
    return { decision: waiting("holds are not read yet", { kind: "hold" }), againAfterMs: unreadHoldsMs };
  }
  const all = [...(own === undefined ? [] : [own]), ...holds];
  const active = all.filter((hold) => !isHoldOver(hold, now) && isHeldBy(hold, application, cluster));
  const [first] = active;
  if (first === undefined) return undefined;
  const ends = active.flatMap(({ until }) => until ?? []);
  const until = ends.length < active.length ? {} : { until: instant(Math.max(...ends)) };
  const next = ends.length === 0 ? undefined : Math.min(...ends) - now;
  return {
    decision: waiting(active.map(holdText).join("; "), {
      kind: "hold",
      holds: active.map(({ scope }) => scope),
      ...until,
    }),
    ...(next === undefined ? {} : { againAfterMs: Math.min(longestMs, next) }),
  };
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

import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf } from "../../api/fields.ts";
import type { Instant } from "../../base/clock.ts";
import type { AutoSyncDecision } from "./auto-sync.ts";
import type { Decided } from "./look.ts";
import { readTime } from "./timestamps.ts";

/** The decision, with the time since when looks come to the same; `before`: what the last look of this engine came to. */
export function decidedAt(
  application: Application,
  decision: AutoSyncDecision,
  before: Decided | undefined,
  now: Instant,
): Decided {
  const isFirst = before === undefined && readTime(application.status.reconciledAt) === undefined;
  const ownTime = isSame(before?.decision, decision)
    ? before?.since
    : before !== undefined || isFirst
      ? now
      : undefined;
  const since = toldSince(application, decision) ?? ownTime;
  return { at: now, decision, ...(since === undefined ? {} : { since }) };
}

/** As a condition tells it, which outlives this engine; undefined: none does. */
export function toldSince({ status }: Application, decision: AutoSyncDecision): Instant | undefined {
  const conditions = listOf(status.conditions).map(objectOf);
  const told = conditions.find(({ type, message }) =>
    decision.kind === "error"
      ? type === "SyncError" && message === decision.message
      : type === "WaitingForNeeds" && obstacleOf(decision) === "need",
  );
  return readTime(told?.lastTransitionTime);
}

/** Whether both stand for one cause, whatever their words. */
function isSame(before: AutoSyncDecision | undefined, now: AutoSyncDecision): boolean {
  if (before?.kind !== now.kind) return false;
  const [was, is] = [obstacleOf(before), obstacleOf(now)];
  if (was !== is) return false;
  return was !== undefined || textOfDecision(before) === textOfDecision(now);
}

function obstacleOf(decision: AutoSyncDecision): string | undefined {
  return "obstacle" in decision ? decision.obstacle?.kind : undefined;
}

function textOfDecision(decision: AutoSyncDecision): string {
  return decision.kind === "error" ? decision.message : decision.reason;
}

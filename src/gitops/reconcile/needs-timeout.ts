import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf } from "../../api/fields.ts";
import { type Instant, instant } from "../../base/clock.ts";
import { parseNanoseconds } from "../../base/duration.ts";
import type { FoundCondition } from "./conditions.ts";
import { readTime, timeText } from "./timestamps.ts";

/** How long a due sync waits for the Applications of `tiphys.io/needs` until that is told of; it goes on waiting. */
export const needsTimeoutAnnotation = "tiphys.io/needs-timeout";

/** A sync that is due and waits for another Application. */
export interface NeedsWait {
  readonly conditions: readonly FoundCondition[];
  /** What it waits for, and what its time-out says of that. */
  readonly text: string;
  /** The annotation cannot be read: there is no time-out. */
  readonly problem?: string;
  /** When it times out. */
  readonly againAfterMs?: number;
}

/**
 * How long it waits is known from the condition of the look before, so that neither another engine nor another reason
 * begins anew; it is over once a look finds it no longer due, or what it needs ready.
 */
export function needsWait({ metadata, status }: Application, reason: string, now: Instant): NeedsWait {
  const since = waitingSince(status.conditions) ?? now;
  const waiting: FoundCondition = { type: "WaitingForNeeds", message: reason, since };
  const written = metadata.annotations[needsTimeoutAnnotation];
  if (written === undefined) return { conditions: [waiting], text: reason };
  const timeoutMs = Number(parseNanoseconds(written) ?? 0n) / 1e6;
  if (timeoutMs <= 0) {
    const problem = `metadata.annotations["${needsTimeoutAnnotation}"]: "${written}" must be a duration such as 30m`;
    return { conditions: [waiting], text: reason, problem: `${problem}; ${reason}` };
  }
  const end = instant(since + timeoutMs);
  if (now < end) {
    const text = `${reason} (time-out ${timeText(end)})`;
    return { conditions: [waiting], text, againAfterMs: end - now };
  }
  const message = `a sync waits since ${timeText(since)}, longer than ${written} (${needsTimeoutAnnotation})`;
  const timedOut: FoundCondition = { type: "NeedsTimeoutWarning", message, since: end };
  return { conditions: [waiting, timedOut], text: `${reason}; ${message}` };
}

function waitingSince(conditions: Application["status"][string] | undefined): Instant | undefined {
  const found = listOf(conditions)
    .map(objectOf)
    .find(({ type }) => type === "WaitingForNeeds");
  return readTime(found?.lastTransitionTime);
}

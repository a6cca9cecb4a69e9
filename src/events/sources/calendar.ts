import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Instant, instant, isoTime, sleepFor } from "../../base/clock.ts";
import { parseCron } from "../../base/cron.ts";
import { parseDuration } from "../../base/duration.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { goTimeString } from "../../base/go-time.ts";
import { createSchema } from "../../base/schema.ts";
import { findTimeZone, type TimeZone } from "../../base/time-zone.ts";
import { filterSchema, metadataSchema } from "./schemas.ts";
import type { SourceContext, SourceKind } from "./source.ts";

export interface CalendarSpec {
  /** Wins over `interval`. */
  readonly schedule?: string;
  readonly interval?: string;
  readonly exclusionDates?: readonly string[];
  readonly timezone?: string;
  readonly persistence?: {
    readonly catchup?: { readonly enabled?: boolean; readonly maxDuration?: string };
  };
  readonly metadata?: Readonly<Record<string, string>>;
}

export const calendarSource: SourceKind<CalendarSpec> = {
  eventType: "calendar",
  singleton: true,
  schema: createSchema<CalendarSpec>({
    type: "object",
    description: "Time: a cron schedule or an interval.",
    properties: {
      schedule: { type: "string", description: "Five fields: minute hour day-of-month month day-of-week." },
      interval: { type: "string", description: "A duration such as 10s, at least 1s." },
      exclusionDates: { type: "array", items: { type: "string" }, description: "EXDATE:20060102T150405Z,…" },
      timezone: { type: "string", description: "IANA name; default UTC." },
      persistence: {
        type: "object",
        properties: {
          catchup: {
            type: "object",
            properties: { enabled: { type: "boolean" }, maxDuration: { type: "string" } },
          },
          configMap: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
      metadata: metadataSchema,
      filter: filterSchema,
    },
  }),
  async run(spec, context, signal) {
    const path = `spec.calendar.${context.event}`;
    const plan = planCalendar(spec, path);
    const live = context.clock.now();
    let last = await startingPoint(spec, path, live, context);
    context.ready();
    while (!signal.aborted) {
      const tick = plan.next(last);
      if (tick === undefined) {
        throw new TerminalError("MANIFEST_INVALID", `${path}.schedule: "${spec.schedule}" never comes`);
      }
      await sleepUnlessAborted(tick, context, signal);
      if (signal.aborted) return;
      last = tick;
      if (plan.isExcluded(tick)) continue;
      await emitTick(spec, tick, tick < live ? plan.zone : utc, context, signal);
    }
  },
};

export interface CalendarPlan {
  readonly zone: TimeZone;
  next(after: Instant): Instant | undefined;
  isExcluded(tick: Instant): boolean;
}

const utc = findTimeZone("UTC", "");

/** @throws TerminalError MANIFEST_INVALID for a schedule, interval, zone or date that cannot be read. */
export function planCalendar(spec: CalendarSpec, path: string): CalendarPlan {
  const zone = findTimeZone(spec.timezone ?? "", `${path}.timezone`);
  const excluded = parseExclusions(spec.exclusionDates ?? [], `${path}.exclusionDates`);
  const base = { zone, isExcluded: (tick: Instant) => excluded.has(localDate(tick, zone)) };
  if (spec.schedule) {
    const schedule = parseCron(spec.schedule, `${path}.schedule`);
    return { ...base, next: (after) => schedule.next(after, zone) };
  }
  if (!spec.interval) throw new TerminalError("MANIFEST_INVALID", `${path}: must have either schedule or interval`);
  const interval = durationOf(spec.interval, `${path}.interval`);
  if (interval < 1_000) {
    throw new TerminalError("MANIFEST_INVALID", `${path}.interval: "${spec.interval}" must be at least 1s`);
  }
  return { ...base, next: (after) => instant(Math.floor((after + interval) / 1_000) * 1_000) };
}

function durationOf(text: string, path: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new TerminalError("MANIFEST_INVALID", `${path}: ${messageOf(error)}`, error);
  }
}

function localDate(at: Instant, zone: TimeZone): string {
  return isoTime(instant(at + zone.offsetMinutes(at) * 60_000)).slice(0, 10);
}

/** Days without ticks, as `2006-01-02`. Entries that are not `EXDATE:` are ignored, as the original does. */
function parseExclusions(entries: readonly string[], path: string): ReadonlySet<string> {
  const days = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    if (!entry.startsWith("EXDATE:")) continue;
    for (const text of entry.slice("EXDATE:".length).split(",")) {
      const match = /^(\d{4})(\d\d)(\d\d)T\d{6}Z$/.exec(text);
      if (!match) {
        throw new TerminalError("MANIFEST_INVALID", `${path}[${index}]: "${text}" must look like 20060102T150405Z`);
      }
      days.add(`${match[1]}-${match[2]}-${match[3]}`);
    }
  }
  return days;
}

const stateKey = "last-tick";

/** Ticks after this instant are due: the last one sent where ticks are caught up, otherwise now. */
async function startingPoint(
  { persistence }: CalendarSpec,
  path: string,
  now: Instant,
  context: SourceContext,
): Promise<Instant> {
  const catchup = persistence?.catchup;
  if (!catchup?.enabled) return now;
  const entry = await context.state.get(stateKey);
  const last = entry ? Number(Buffer.from(entry.value).toString("utf8")) : Number.NaN;
  if (!Number.isFinite(last)) return now;
  const maxDuration = catchup.maxDuration
    ? durationOf(catchup.maxDuration, `${path}.persistence.catchup.maxDuration`)
    : Number.POSITIVE_INFINITY;
  return instant(Math.min(now, Math.max(last, now - maxDuration)));
}

async function sleepUnlessAborted(tick: Instant, { clock }: SourceContext, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleepUntil(tick, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/**
 * Emits one tick and remembers it. While the bus is away it tries again until it is kept; ticks that come meanwhile
 * follow one after another. The id is made of the tick, so that a repeat is stored once.
 */
async function emitTick(
  spec: CalendarSpec,
  tick: Instant,
  zone: TimeZone,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, eventSource, event, log, clock } = context;
  const draft = {
    id: `${namespace}/${eventSource}/${event}@${isoTime(tick)}`,
    data: {
      eventTime: goTimeString(tick, zone),
      ...(spec.metadata && Object.keys(spec.metadata).length > 0 && { metadata: spec.metadata }),
    },
  };
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      await context.emit(draft);
      await rememberTick(tick, context);
      return;
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== "BUS_UNAVAILABLE") throw error;
      log.warn("tick not recorded, trying again", { tick: isoTime(tick), attempt, error });
      await sleepFor(clock, backoffMs(reconnectBackoff, attempt), signal).catch(() => undefined);
    }
  }
}

/** A tick that is not remembered is at worst sent again, with the same id. */
async function rememberTick(tick: Instant, { state, log }: SourceContext): Promise<void> {
  try {
    await state.put(stateKey, Buffer.from(String(tick)));
  } catch (error) {
    log.warn("last tick not remembered", { tick: isoTime(tick), error });
  }
}

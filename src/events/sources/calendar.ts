import { errorAt, listOf, objectOf, textOf, warningAt } from "../../api/fields.ts";
import { flagField, textField, textList } from "../../api/shared-schemas.ts";
import { type Instant, instant, isoTime } from "../../base/clock.ts";
import { parseCron } from "../../base/cron.ts";
import { parseDuration } from "../../base/duration.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { goTimeString } from "../../base/go/time.ts";
import type { JsonValue } from "../../base/json.ts";
import type { JsonSchema, Problem } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { findTimeZone, type TimeZone } from "../../base/time-zone.ts";
import { eventId, keepEvent, withMetadata } from "./draft.ts";
import { commonFields } from "./schemas.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { checkDuration, has } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Time: a cron schedule or an interval.",
  properties: {
    schedule: textField("Five fields: minute hour day-of-month month day-of-week. Wins over `interval`."),
    interval: textField("A duration such as 10s, at least 1s."),
    exclusionDates: textList("Days without events: EXDATE:20060102T150405Z,…"),
    timezone: { ...textField("IANA name."), default: "UTC" },
    persistence: {
      type: "object",
      description: "What becomes of events that were due while nothing ran.",
      properties: {
        catchup: {
          type: "object",
          description: "Whether they are made up for.",
          properties: {
            enabled: flagField("They are emitted at the next start."),
            maxDuration: textField("Not those older than this duration."),
          },
        },
        configMap: {
          type: "object",
          description: "Where Argo Events keeps the last event. Here it is kept by the bus.",
          properties: {
            name: textField("Name of the ConfigMap."),
            createIfNotExist: flagField("Has no effect: Tiphys keeps the position itself."),
          },
        },
      },
    },
    ...commonFields,
  },
} as const satisfies JsonSchema;

export type CalendarSpec = SpecOf<typeof json>;

/** What the original refuses: neither of the two, or one that cannot be read. */
const timesRule: SourceRule = (event, path) => {
  const [schedule, interval] = [textOf(event.schedule), textOf(event.interval)];
  if (schedule === "" && interval === "") return [errorAt(path, "must have either schedule or interval")];
  return schedule === ""
    ? checkDuration(interval, `${path}.interval`, "error")
    : faultOf(() => parseCron(schedule, ""), `${path}.schedule`, errorAt);
};

/** What the original takes, and what then fails, never comes or has no effect. */
const trapRule: SourceRule = (event, path) => {
  const [schedule, interval] = [textOf(event.schedule), textOf(event.interval)];
  const { catchup, configMap } = objectOf(event.persistence);
  const problems = [
    ...(schedule === "" ? checkInterval(interval, `${path}.interval`) : checkSchedule(schedule, `${path}.schedule`)),
    ...faultOf(() => findTimeZone(textOf(event.timezone), ""), `${path}.timezone`, warningAt),
    ...checkExclusions(event.exclusionDates, `${path}.exclusionDates`),
    ...checkDuration(objectOf(catchup).maxDuration, `${path}.persistence.catchup.maxDuration`, "warning"),
  ];
  if (schedule !== "" && interval !== "") problems.push(warningAt(`${path}.interval`, "has no effect beside schedule"));
  if (objectOf(catchup).enabled === true && !has(objectOf(configMap), "name")) {
    const message = "is missing: Argo Events makes up for nothing without it, Tiphys does";
    problems.push(warningAt(`${path}.persistence.configMap`, message));
  }
  return problems;
};

const utc = findTimeZone("UTC", "");

/** Any instant would do: the answer is about the calendar, which repeats. */
const someDay = instant(0);

function checkSchedule(text: string, path: string): Problem[] {
  try {
    const schedule = parseCron(text, path);
    return schedule.next(someDay, utc) === undefined ? [warningAt(path, `"${text}" never comes`)] : [];
  } catch {
    return []; // an error of timesRule
  }
}

function checkInterval(text: string, path: string): Problem[] {
  if (text === "" || checkDuration(text, path, "error").length > 0) return [];
  const ms = parseDuration(text);
  if (ms < 1_000) {
    return [warningAt(path, `"${text}" must be at least 1s: Argo Events floods the bus then, Tiphys does not run it`)];
  }
  return ms % 1_000 === 0 ? [] : [warningAt(path, `"${text}" is cut to whole seconds`)];
}

function checkExclusions(dates: JsonValue | undefined, path: string): Problem[] {
  return listOf(dates).flatMap((entry, index) => {
    const at = `${path}[${index}]`;
    const text = textOf(entry);
    if (!text.startsWith("EXDATE:")) return [warningAt(at, `"${text}" must begin with EXDATE:, it has no effect`)];
    return faultOf(() => parseExclusions([text], ""), at, warningAt);
  });
}

/** What `read` says is wrong. Its own path is left out: it is told with `at`. */
function faultOf(read: () => unknown, at: string, problem: typeof errorAt): Problem[] {
  try {
    read();
    return [];
  } catch (error) {
    return [problem(at, messageOf(error).replace(/^(\[0\])?: /, ""))];
  }
}

export const calendarSource: SourceKind<CalendarSpec> = {
  eventType: "calendar",
  singleton: true,
  schema: sourceSchema<CalendarSpec>(json, timesRule, trapRule),
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
  const id = eventId(context, isoTime(tick));
  const data = withMetadata({ eventTime: goTimeString(tick, zone) }, spec);
  try {
    if (!(await keepEvent({ id, data }, context, signal))) {
      throw new EngineError("BUS_MESSAGE_TOO_LARGE", "a tick is too large for the bus: make its metadata smaller");
    }
  } catch (error) {
    if (signal.aborted) return; // it is caught up
    throw error;
  }
  await rememberTick(tick, context);
}

/** A tick that is not remembered is at worst sent again, with the same id. */
async function rememberTick(tick: Instant, { state, log }: SourceContext): Promise<void> {
  try {
    await state.put(stateKey, Buffer.from(String(tick)));
  } catch (error) {
    log.warn("last tick not remembered", { tick: isoTime(tick), error });
  }
}

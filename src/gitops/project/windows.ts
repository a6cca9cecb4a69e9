import type { AppProject } from "../../api/application-types.ts";
import { type Instant, instant } from "../../base/clock.ts";
import { parseCron } from "../../base/cron.ts";
import { parseDuration } from "../../base/duration.ts";
import { EngineError } from "../../base/errors.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { findTimeZone, type TimeZone } from "../../base/time-zone.ts";

export type SyncWindow = AppProject["syncWindows"][number];

/** What windows select by. */
export interface WindowSubject {
  /** Without its namespace. */
  readonly application: string;
  /** As the destination writes them. */
  readonly server?: string;
  readonly clusterName?: string;
  readonly namespace: string;
}

export interface WindowQuestion {
  /** Whether a person asked, not the engine itself. */
  readonly isManual: boolean;
  readonly now: Instant;
  /** When the operation in progress began; absent: it is about to begin. */
  readonly startedAt?: Instant;
}

export type WindowVerdict =
  | { readonly allowed: true }
  /** `error`: a window that cannot be read keeps everything back. */
  | { readonly allowed: false; readonly reason: string; readonly error?: string };

const blockedMessage = "Sync operation blocked by sync window";

/** The message of an operation that is kept back. */
export function blockedText({ error }: Extract<WindowVerdict, { allowed: false }>): string {
  return error === undefined ? blockedMessage : `${blockedMessage}: ${error}`;
}

/** The windows that concern the Application, in order (spec argo-cd-engine 4.12). */
export function windowsFor(windows: readonly SyncWindow[], subject: WindowSubject): readonly SyncWindow[] {
  return windows.filter((window) => isFor(window, subject));
}

function isFor(window: SyncWindow, { application, server, clusterName, namespace }: WindowSubject): boolean {
  const { applications = [], clusters = [], namespaces = [], andOperator = false } = window;
  const verdicts = [
    verdictOf(applications, [application]),
    verdictOf(
      clusters,
      [clusterName, server].flatMap((text) => (text === undefined ? [] : [text])),
    ),
    verdictOf(namespaces, [namespace]),
  ].filter((verdict) => verdict !== undefined);
  // Without any list a window concerns nobody.
  if (verdicts.length === 0) return false;
  return andOperator ? verdicts.every(Boolean) : verdicts.some(Boolean);
}

/** Undefined: the list is empty and does not count. */
function verdictOf(patterns: readonly string[], texts: readonly string[]): boolean | undefined {
  if (patterns.length === 0) return undefined;
  return patterns.some((pattern) => texts.some((text) => compilePathGlob(pattern, { dialect: "gobwas" })(text)));
}

/**
 * Whether a sync may run now: deny before allow; outside of all allow windows nothing runs. `windows` are those for the
 * Application. An operation that began while it was allowed goes on where every window in its way has `syncOverrun`.
 */
export function canSync(windows: readonly SyncWindow[], question: WindowQuestion): WindowVerdict {
  try {
    return decide(windows, question.now, question);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { allowed: false, reason: `a sync window cannot be read: ${error.message}`, error: error.message };
  }
}

function decide(windows: readonly SyncWindow[], at: Instant, question: WindowQuestion): WindowVerdict {
  const { isManual, now, startedAt } = question;
  const opensAt = (window: SyncWindow): boolean => isActive(window, at, now);
  const denying = windows.filter((window) => window.kind === "deny" && opensAt(window));
  const allowing = windows.filter(({ kind }) => kind === "allow");
  const isOpen = allowing.some(opensAt);
  const inTheWay = denying.length > 0 ? denying : isOpen ? [] : allowing;
  if (inTheWay.length === 0) return { allowed: true };
  if (isManual && inTheWay.every(({ manualSync }) => manualSync === true)) return { allowed: true };
  const mayOverrun = startedAt !== undefined && inTheWay.every(({ syncOverrun }) => syncOverrun === true);
  if (mayOverrun && decide(windows, startedAt, { isManual, now }).allowed) return { allowed: true };
  const { schedule = "", duration = "" } = inTheWay[0] ?? {};
  const what = denying.length > 0 ? "the deny window" : "outside of the allow window";
  return { allowed: false, reason: `${what} "${schedule}" for ${duration} keeps it back` };
}

/**
 * Whether the window is open at `at`. Its zone's offset is that of `now`, also for other times, as in the original. A window
 * that starts at this very moment is not open yet.
 */
function isActive(window: SyncWindow, at: Instant, now: Instant): boolean {
  const { schedule, durationMs, offsetMs } = read(window, now);
  const local = at + offsetMs;
  const next = schedule.next(instant(local - durationMs), utc);
  return next !== undefined && next < local;
}

/** Those that are open; one that cannot be read counts as closed. */
export function activeWindows(windows: readonly SyncWindow[], now: Instant): readonly SyncWindow[] {
  return windows.filter((window) => {
    try {
      return isActive(window, now, now);
    } catch (error) {
      if (error instanceof EngineError) return false;
      throw error;
    }
  });
}

/** When a window opens or closes next, so that it is looked at again then; undefined: none ever does, or none can be read. */
export function nextChange(windows: readonly SyncWindow[], now: Instant): Instant | undefined {
  const times = windows.flatMap((window): number[] => {
    try {
      const { schedule, durationMs, offsetMs, zone } = read(window, now);
      const local = now + offsetMs;
      const opens = schedule.next(instant(local), utc);
      const last = schedule.next(instant(local - durationMs), utc);
      // One that opened at this moment is open from the next on.
      const closes = last !== undefined && last <= local ? [last === local ? last + 1 : last + durationMs] : [];
      return [...closes, ...(opens === undefined ? [] : [opens + 1])].map((time) => momentOf(time, zone, now));
    } catch (error) {
      if (error instanceof EngineError) return [];
      throw error;
    }
  });
  const later = times.filter((time) => time > now);
  return later.length === 0 ? undefined : instant(Math.ceil(Math.min(...later)));
}

/** When the clocks of a zone show a time, or have jumped over it; they may be set between now and then. */
function momentOf(local: number, zone: TimeZone, now: Instant): number {
  const offsetAt = (time: number): number => zone.offsetMinutes(time) * 60_000;
  const asNow = local - offsetAt(now);
  const then = local - offsetAt(asNow);
  if (offsetAt(then) === offsetAt(asNow)) return then;
  let [before, after] = [Math.min(then, asNow), Math.max(then, asNow)];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (middle + offsetAt(middle) < local) before = middle;
    else after = middle;
  }
  return after;
}

interface ReadWindow {
  readonly schedule: ReturnType<typeof parseCron>;
  readonly durationMs: number;
  readonly offsetMs: number;
  readonly zone: TimeZone;
}

/** @throws TerminalError MANIFEST_INVALID */
function read({ schedule = "", duration = "", timeZone = "" }: SyncWindow, now: Instant): ReadWindow {
  const zone = zoneOf(timeZone);
  return {
    schedule: parseCron(schedule, "schedule"),
    durationMs: parseDuration(duration),
    offsetMs: zone.offsetMinutes(now) * 60_000,
    zone,
  };
}

const utc = findTimeZone("UTC", "timeZone");

/** A zone that is not known counts as UTC. */
function zoneOf(name: string): TimeZone {
  try {
    return findTimeZone(name, "timeZone");
  } catch (error) {
    if (error instanceof EngineError) return utc;
    throw error;
  }
}

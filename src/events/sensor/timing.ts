import { objectOf, objectsOf, textOf } from "../../api/fields.ts";
import type { Dependency } from "../../api/resources.ts";
import { batchEventsName } from "../../api/timing-traps.ts";
import { instant } from "../../base/clock.ts";
import { type CronSchedule, parseCron } from "../../base/cron.ts";
import { parseDuration } from "../../base/duration.ts";
import { messageOf } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { Problem } from "../../base/schema.ts";
import { findTimeZone, type TimeZone } from "../../base/time-zone.ts";
import { compileKey, type KeyOf } from "./event-key.ts";
import type { ExpiryReason } from "./state.ts";

/** What a trigger says about keys and time, as closures; a trigger that says nothing has none. */
export interface TriggerTiming {
  /** By dependency: events are joined with those of the same key only. Absent: with all. */
  readonly correlate?: ReadonlyMap<string, KeyOf>;
  /** Until when an event that was stored at `storedAt` waits for others; undefined: for ever. */
  expiryOf(dependency: string, storedAt: number): Expiry | undefined;
  readonly pace?: Pace;
  /** Effects follow each other, in lanes by key; without a key of its own by that of the join, debounce or batch. */
  readonly ordering?: { readonly keyOf?: KeyOf };
}

export interface Expiry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: ExpiryReason;
  readonly message: string;
}

/** Holds firings back. Without `keyOf`: by the key of the join, or all together. */
export type Pace =
  | { readonly kind: "debounce"; readonly quietMs: number; readonly keyOf?: KeyOf }
  | { readonly kind: "batch"; readonly size: number; readonly waitMs: number; readonly keyOf?: KeyOf };

/** The most that a batch takes. */
export const maxBatchSize = 1_000;

/** Longer waits are mistakes, or a matter for a database. */
const maxWaitMs = 366 * 24 * 3_600_000;

/** By name, each with its place in the spec. */
export type WrittenDependencies = ReadonlyMap<string, { readonly dependency: Dependency; readonly path: string }>;

interface Source {
  readonly template: JsonObject;
  /** Of its conditions, in order. */
  readonly names: readonly string[];
  readonly joins: boolean;
  readonly dependencies: WrittenDependencies;
  /** `spec.triggers[0].template` */
  readonly path: string;
}

type Add = (path: string, message: string) => void;

/** Undefined where the trigger uses none of it. What does not compile or contradicts itself is added to `problems`. */
export function compileTiming(source: Source, problems: Problem[]): TriggerTiming | undefined {
  const { template, joins, path } = source;
  const add: Add = (at, message) => problems.push({ severity: "error", path: at, message });
  const pace = compilePace(source, add);
  const ordering = compileOrdering(source, pace !== undefined, add);
  const correlate = joins ? compileCorrelate(source, add) : undefined;
  const windows = joins ? compileWindows(source, add) : new Map<string, number>();
  const reset = compileResets(template.conditionsReset, `${path}.conditionsReset`, add);
  const expires = joins && (windows.size > 0 || reset !== undefined);
  if (!pace && !ordering && !correlate && !expires) return undefined;
  return {
    ...(correlate && { correlate }),
    expiryOf: (dependency, storedAt) => earlier(windowOf(windows.get(dependency), storedAt), reset?.(storedAt)),
    ...(pace && { pace }),
    ...(ordering && { ordering }),
  };
}

/** A reset at the same instant is the one to name: it takes all. */
function earlier(window: Expiry | undefined, reset: Expiry | undefined): Expiry | undefined {
  return window && (!reset || window.at < reset.at) ? window : reset;
}

function windowOf(withinMs: number | undefined, storedAt: number): Expiry | undefined {
  if (withinMs === undefined) return undefined;
  const message = `within: nothing that it is joined with came in ${withinMs / 1000} s`;
  return { at: storedAt + withinMs, reason: "window", message };
}

function compileCorrelate({ names, dependencies }: Source, add: Add): ReadonlyMap<string, KeyOf> | undefined {
  const keys = new Map<string, KeyOf>();
  const without: string[] = [];
  for (const name of names) {
    const { dependency, path = "" } = dependencies.get(name) ?? {};
    const text = textOf(dependency?.correlate);
    const key = text === "" ? undefined : keyOf(text, `${path}.correlate`, add);
    if (key) keys.set(name, key);
    else if (text === "") without.push(name);
  }
  if (keys.size === 0) return undefined;
  for (const name of without) {
    const { path } = dependencies.get(name) ?? {};
    if (path === undefined) continue; // no dependency: said elsewhere
    add(`${path}.correlate`, `is missing: ${JSON.stringify(name)} is joined with ${[...keys.keys()].join(", ")}`);
  }
  return keys;
}

function compileWindows({ names, dependencies }: Source, add: Add): ReadonlyMap<string, number> {
  const windows = new Map<string, number>();
  for (const name of names) {
    const { dependency, path } = dependencies.get(name) ?? {};
    if (dependency?.within === undefined) continue;
    const ms = durationOf(dependency.within, `${path}.within`, add);
    if (ms !== undefined) windows.set(name, ms);
  }
  return windows;
}

function compilePace(source: Source, add: Add): Pace | undefined {
  const { template, names, path } = source;
  const { debounce, batch } = template;
  if (debounce !== undefined && batch !== undefined) add(`${path}.batch`, "cannot be used together with debounce");
  if (debounce !== undefined) {
    const at = `${path}.debounce`;
    const quietMs = durationOf(objectOf(debounce).quiet, `${at}.quiet`, add);
    return quietMs === undefined ? undefined : { kind: "debounce", quietMs, ...groupKey(debounce, source, at, add) };
  }
  if (batch === undefined) return undefined;
  const at = `${path}.batch`;
  if (names.includes(batchEventsName)) {
    add(at, `needs the name "${batchEventsName}" for its list: give the dependency of that name another one`);
  }
  const waitMs = durationOf(objectOf(batch).wait, `${at}.wait`, add);
  const { size = maxBatchSize } = objectOf(batch);
  if (typeof size !== "number" || !Number.isInteger(size) || size < 1 || size > maxBatchSize) {
    add(`${at}.size`, `${JSON.stringify(size)} must be a whole number from 1 to ${maxBatchSize}`);
    return undefined;
  }
  return waitMs === undefined ? undefined : { kind: "batch", size, waitMs, ...groupKey(batch, source, at, add) };
}

function compileOrdering(source: Source, isPaced: boolean, add: Add): TriggerTiming["ordering"] {
  const { template, path } = source;
  if (template.ordering === undefined) return undefined;
  const at = `${path}.ordering`;
  if (!isPaced) return groupKey(template.ordering, source, at, add);
  if (objectOf(template.ordering).key !== undefined) {
    add(`${at}.key`, "cannot be used together with debounce or batch: their key is the one that counts");
  }
  return {};
}

/** A join has its key from `correlate`: a path could not be read from events of several kinds at once. */
function groupKey(written: JsonValue, { joins }: Source, path: string, add: Add): { readonly keyOf?: KeyOf } {
  const text = textOf(objectOf(written).key);
  if (text === "") return {};
  const at = `${path}.key`;
  if (joins) {
    add(at, "cannot be used where events are joined: the key of the join counts, write correlate on the dependencies");
    return {};
  }
  const read = keyOf(text, at, add);
  return read ? { keyOf: read } : {};
}

function keyOf(text: string, path: string, add: Add): KeyOf | undefined {
  try {
    // `correlate`, or `batch.key`
    const field = path.split(".").slice(path.endsWith(".key") ? -2 : -1);
    return compileKey(text, field.join("."));
  } catch (error) {
    add(path, messageOf(error));
    return undefined;
  }
}

function durationOf(written: JsonValue | undefined, path: string, add: Add): number | undefined {
  const text = textOf(written);
  if (text === "") {
    add(path, 'is missing: a duration such as "10s" or "1m30s"');
    return undefined;
  }
  try {
    const ms = Math.ceil(parseDuration(text));
    if (ms > 0 && ms <= maxWaitMs) return ms;
    add(path, `${JSON.stringify(text)} must be more than 0 and at most ${maxWaitMs / 3_600_000}h`);
  } catch (error) {
    add(path, messageOf(error));
  }
  return undefined;
}

type Reset = (storedAt: number) => Expiry | undefined;

/** The first tick after an event was stored lets it go, also one that fell into a time when nothing ran. */
function compileResets(written: JsonValue | undefined, path: string, add: Add): Reset | undefined {
  const resets: Reset[] = [];
  objectsOf(written).forEach((rule, index) => {
    const { cron, timezone } = objectOf(rule.byTime);
    const at = `${path}[${index}].byTime`;
    const schedule = readAt(`${at}.cron`, (field) => parseCron(textOf(cron), field), add);
    const zone = readAt(`${at}.timezone`, (field) => findTimeZone(textOf(timezone), field), add);
    if (schedule && zone) resets.push(resetOf(schedule, zone, textOf(cron)));
  });
  if (resets.length === 0) return undefined;
  return (storedAt) =>
    resets.reduce<Expiry | undefined>((first, reset) => {
      const next = reset(storedAt);
      return next && (!first || next.at < first.at) ? next : first;
    }, undefined);
}

/** What `read` gives; its errors name the field. */
function readAt<Result>(path: string, read: (field: string) => Result, add: Add): Result | undefined {
  try {
    return read(path);
  } catch (error) {
    add(path, messageOf(error).replace(`${path}: `, ""));
    return undefined;
  }
}

/** What has no tick within five years is asked again after a day's worth of events. */
const neverMs = 86_400_000;

/** Between two ticks the answer is the same, and finding it is costly. */
function resetOf(schedule: CronSchedule, zone: TimeZone, cron: string): Reset {
  const message = `conditionsReset ${JSON.stringify(cron)}`;
  let known = { from: 0, until: 0, next: undefined as Expiry | undefined };
  return (storedAt) => {
    if (storedAt >= known.from && storedAt < known.until) return known.next;
    const at = schedule.next(instant(storedAt), zone);
    const next: Expiry | undefined = at === undefined ? undefined : { at, reason: "reset", message };
    known = { from: storedAt, until: at ?? storedAt + neverMs, next };
    return next;
  };
}

import { ChurnMap } from "../base/churn-map.ts";
import { type Clock, instant, isoTime, sleepFor } from "../base/clock.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { ReportAttempt } from "../events/sensor/attempts.ts";

/** What changes little is written this often at most. */
const quietMs = 5 * 60 * 1000;
/** So is news: a trigger's first success, its first failure after a success and the other way round, another error. */
const newsMs = 10_000;
/** What comes together is written together. */
const gatherMs = 1_000;
const maxMessageLength = 256;
/** Of one Sensor. */
const maxTriggers = 100;

interface State {
  /** Milliseconds since 1970. */
  successAt?: number;
  failureAt?: number;
  error?: string;
}

/** Last success and last failure of each trigger of the Sensors that run here, for their status. */
export interface TriggerStates {
  /** Begins with what the status says; `key` is `<namespace>/<name>`. */
  start(key: string, status: unknown): ReportAttempt;
  /** `status.triggers`, the same until it is time for it to change; undefined when nothing has run yet. */
  shown(key: string): readonly JsonObject[] | undefined;
  forget(key: string): void;
}

interface Sensor {
  readonly states: ChurnMap<string, State>;
  shown: readonly JsonObject[] | undefined;
  shownStates: ReadonlyMap<string, State>;
  /** On the monotonic clock. */
  shownAt: number;
  dueAt: number | undefined;
  /** Absent: nothing is due. */
  timer: AbortController | undefined;
}

const none: ReadonlyMap<string, State> = new Map();

/** `onShown`: what is shown of a Sensor changed, so that its status is to be written. */
export function createTriggerStates(clock: Clock, onShown: (key: string) => void): TriggerStates {
  const sensors = new Map<string, Sensor>();

  function showAt(key: string, sensor: Sensor, dueAt: number): void {
    if (sensor.dueAt !== undefined && sensor.dueAt <= dueAt) return;
    sensor.timer?.abort();
    const timer = new AbortController();
    sensor.timer = timer;
    sensor.dueAt = dueAt;
    sleepFor(clock, Math.max(0, dueAt - clock.monotonicMs()), timer.signal).then(
      () => {
        show(sensor);
        onShown(key);
      },
      () => undefined, // something is due earlier, or the Sensor stopped
    );
  }

  function show(sensor: Sensor): void {
    sensor.dueAt = undefined;
    sensor.shownAt = clock.monotonicMs();
    sensor.shownStates = new Map([...sensor.states.entries()].map(([name, state]) => [name, { ...state }]));
    sensor.shown = [...sensor.states.entries()].map(([name, state]) => toShown(name, state));
  }

  return {
    start(key, status) {
      const states = sensors.get(key)?.states ?? readStates(status);
      this.forget(key);
      const sensor: Sensor = {
        states,
        shown: undefined,
        shownStates: none,
        shownAt: Number.NEGATIVE_INFINITY,
        dueAt: undefined,
        timer: undefined,
      };
      if (states.size > 0) show(sensor);
      sensors.set(key, sensor);
      return (trigger, at, error) => {
        if (sensors.get(key) !== sensor) return; // an attempt that ended after its Sensor
        const state = note(states, trigger, at, error);
        const isNews = state !== undefined && differs(sensor.shownStates.get(trigger), state, error);
        if (!isNews && (state === undefined || sensor.dueAt !== undefined)) return;
        const earliest = clock.monotonicMs() + gatherMs;
        showAt(key, sensor, Math.max(earliest, sensor.shownAt + (isNews ? newsMs : quietMs)));
      };
    },
    shown: (key) => sensors.get(key)?.shown,
    forget(key) {
      sensors.get(key)?.timer?.abort();
      sensors.delete(key);
    },
  };
}

/** Undefined: there are too many. */
function note(
  states: ChurnMap<string, State>,
  trigger: string,
  at: number,
  error: string | undefined,
): State | undefined {
  if (states.size >= maxTriggers && !states.has(trigger)) return undefined;
  const state = states.get(trigger) ?? {};
  states.set(trigger, state);
  if (error === undefined) state.successAt = at;
  else Object.assign(state, { failureAt: at, error: error.slice(0, maxMessageLength) });
  return state;
}

function differs(shown: State | undefined, { error: message }: State, error: string | undefined): boolean {
  const failed = (shown?.failureAt ?? 0) > (shown?.successAt ?? 0);
  if (error === undefined) return shown?.successAt === undefined || failed;
  return !failed || shown?.error !== message;
}

function toShown(name: string, { successAt, failureAt, error }: State): JsonObject {
  return {
    name,
    ...(successAt === undefined ? {} : { lastSuccessTime: isoTime(instant(successAt)) }),
    ...(failureAt === undefined ? {} : { lastFailureTime: isoTime(instant(failureAt)) }),
    ...(error === undefined ? {} : { lastError: error }),
  };
}

/** What another engine, or this one before its restart, has written. */
function readStates(status: unknown): ChurnMap<string, State> {
  const states = new ChurnMap<string, State>();
  const listed = isJsonObject(status) && Array.isArray(status.triggers) ? status.triggers : [];
  for (const entry of listed.slice(0, maxTriggers)) {
    if (!isJsonObject(entry) || typeof entry.name !== "string") continue;
    const state: State = {};
    const [successAt, failureAt] = [timeOf(entry.lastSuccessTime), timeOf(entry.lastFailureTime)];
    if (successAt !== undefined) state.successAt = successAt;
    if (failureAt !== undefined) state.failureAt = failureAt;
    if (typeof entry.lastError === "string") state.error = entry.lastError;
    states.set(entry.name, state);
  }
  return states;
}

function timeOf(value: unknown): number | undefined {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

import type { EventDefinition, EventSource } from "../../api/resources.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { type Logger, silentLogger } from "../../base/log.ts";
import { createMetrics } from "../../base/metrics.ts";
import type { StateStore } from "../../events/bus/bus.ts";
import type { Ingress } from "../../events/sources/ingress.ts";
import type { AnySourceKind } from "../../events/sources/registry.ts";
import { type EventSourceRun, runEventSource } from "../../events/sources/runner.ts";
import type { SecretKeySelector, SecretReader } from "../../events/sources/source.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { createHurriedClock } from "./hurried-clock.ts";

export interface TrialDeps extends Pick<EventSourceRun, "secret" | "fetch" | "surroundings" | "fileRoot" | "kube"> {
  readonly kinds: Readonly<Record<string, AnySourceKind>>;
  readonly ingress: Ingress;
  readonly state: StateStore;
  /** Tells people while it runs: what came, and what does not work. */
  readonly onEvent: (event: string, came: CloudEvent) => void;
  readonly onNote: (event: string, note: string) => void;
}

export interface TrialPlan {
  /** With the events that are tried. */
  readonly eventSource: EventSource;
  /** How often each event must come. */
  readonly count: number;
  /** Whether upstream is told that what came was taken. */
  readonly takes: boolean;
}

/** What became of one event of the EventSource. */
export interface TriedEvent {
  readonly event: string;
  readonly kind: string;
  /** In their order. */
  readonly came: readonly CloudEvent[];
  /** Why it did not work, the last time that it did not. */
  readonly problem?: string;
}

/** Kinds that keep nothing upstream: what came cannot be lost there. HTTP kinds answer whoever sent it. */
const keepsNothing = new Set(["calendar", "file", "resource", "sftp", "minio"]);

/**
 * Runs the events side by side until each came `count` times or cannot come, or until `signal` aborts. What upstream wants
 * acknowledged is shown and not acknowledged, unless `takes`: it comes again, there and here.
 */
export async function tryEvents(plan: TrialPlan, deps: TrialDeps, signal: AbortSignal): Promise<readonly TriedEvent[]> {
  const done = new AbortController();
  const stop = AbortSignal.any([signal, done.signal]);
  const open = new Set(plan.eventSource.events.map(({ name }) => name));
  const close = (event: string): void => {
    open.delete(event);
    if (open.size === 0) done.abort();
  };
  return Promise.all(plan.eventSource.events.map((event) => tryEvent(event, { plan, deps, close }, stop)));
}

interface Trying {
  readonly plan: TrialPlan;
  readonly deps: TrialDeps;
  /** Called once an event need not be waited for any more. */
  readonly close: (event: string) => void;
}

async function tryEvent(event: EventDefinition, trying: Trying, signal: AbortSignal): Promise<TriedEvent> {
  const { plan, deps, close } = trying;
  const came: CloudEvent[] = [];
  const ids = new Set<string>();
  let problem: string | undefined;
  const isHttp = deps.kinds[event.kind]?.http === true;
  const isHurried = event.kind === "calendar";
  const isKept = plan.takes || isHttp || keepsNothing.has(event.kind);
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  const publish = async (one: CloudEvent): Promise<void> => {
    if (came.length < plan.count && !ids.has(one.id)) {
      ids.add(one.id);
      came.push(one);
      deps.onEvent(event.name, one);
      if (came.length === plan.count) close(event.name);
    }
    if (isHurried && came.length >= plan.count) ended.abort(); // it would go on for ever, and at once
    if (!isKept) await never(stop);
  };
  const clock = isHurried ? createHurriedClock(systemClock.now()) : systemClock;
  await runEventSource(
    {
      ...runOf(event, trying, clock),
      publish,
      fetch: isHttp ? refuseFetch : deps.fetch,
      onStatus(_, status) {
        if (status.state === "running") problem = undefined;
        else {
          problem = status.message;
          deps.onNote(event.name, status.message);
          if (!status.terminal && !isHurried) return;
          close(event.name);
          ended.abort();
        }
      },
    },
    stop,
  );
  return { event: event.name, kind: event.kind, came, ...(problem === undefined ? {} : { problem }) };
}

function runOf(
  event: EventDefinition,
  { plan, deps }: Trying,
  clock: Clock,
): Omit<EventSourceRun, "publish" | "fetch" | "onStatus"> {
  const { metadata } = plan.eventSource;
  return {
    ...deps,
    eventSource: { ...plan.eventSource, events: [event] },
    mountFor: (name) =>
      deps.ingress.mountFor(metadata, name, (warning) => {
        if (warning !== undefined) deps.onNote(name, warning);
      }),
    clock,
    metrics: {
      ...createMetrics(),
      eventFiltered: { add: () => deps.onNote(event.name, "one came, and filter.expression is false for it") },
    },
    secret: notingReader(deps.secret, (note) => deps.onNote(event.name, note)),
    log: notingLogger((note) => deps.onNote(event.name, note)),
    whenLeased: (work, stop) => work(stop),
    onWarning: deps.onNote,
    onLost: () => undefined, // the note says it
  };
}

/** Some adapters tell the sender alone that a Secret is missing. */
function notingReader(secret: SecretReader, onNote: (note: string) => void): SecretReader {
  const noting = (read: SecretReader["read"]) => async (selector: SecretKeySelector) => {
    try {
      return await read(selector);
    } catch (error) {
      onNote(messageOf(error));
      throw error;
    }
  };
  return { read: noting(secret.read), readConfigMap: noting(secret.readConfigMap) };
}

/** What an adapter warns about; that it failed, its status says. */
function notingLogger(onNote: (note: string) => void): Logger {
  const note: Logger["warn"] = (message, { error } = {}) => {
    if (!message.startsWith("event source ")) onNote(error === undefined ? message : `${message}: ${messageOf(error)}`);
  };
  const logger: Logger = { ...silentLogger, warn: note, error: note, child: () => logger };
  return logger;
}

/** Hooks at services lead to the engine that runs the EventSource: a test must not turn them to itself. */
const refuseFetch: TrialDeps["fetch"] = async () => {
  throw new EngineError("HTTP_REFUSED", "a test leaves the hooks of services alone; send it a request yourself");
};

/** Rejects once `signal` aborts. */
function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

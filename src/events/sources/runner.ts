import { randomUUID } from "node:crypto";
import { backoffPlanOf } from "../../api/backoff-plan.ts";
import type { Backoff, EventDefinition, EventSource } from "../../api/resources.ts";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, isoTime, sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { encodeToken } from "../../record/subject.ts";
import type { StateStore } from "../bus/bus.ts";
import { compileEventFilter, type EventFilter } from "./event-filter.ts";
import { hintOf } from "./failure-hint.ts";
import type { AnySourceKind } from "./registry.ts";
import { expressionField } from "./schemas.ts";
import type { EventDraft, HttpMount, OutgoingFetch, SecretReader, SourceContext } from "./source.ts";

export type SourceStatus =
  | { readonly state: "running" }
  /** `terminal`: it is not tried again until the EventSource changes. */
  | { readonly state: "failed"; readonly message: string; readonly terminal: boolean };

export interface EventSourceRun {
  readonly eventSource: EventSource;
  readonly kinds: Readonly<Record<string, AnySourceKind>>;
  /** Resolves once the event is kept. `event.id` makes a repeat a no-op. */
  readonly publish: (event: CloudEvent) => Promise<void>;
  readonly mountFor: (event: string) => HttpMount;
  readonly secret: SecretReader;
  readonly fetch: OutgoingFetch;
  readonly surroundings?: SourceContext["surroundings"];
  readonly fileRoot: string;
  readonly kube: KubeClient;
  /** For all EventSources: keys are prefixed here. */
  readonly state: StateStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /**
   * Runs singleton kinds whenever this engine is the one to, until `signal` aborts; an event that waits for its turn is no
   * failure.
   */
  readonly whenLeased: (work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal) => Promise<void>;
  /** Called at each change of an event's state. */
  readonly onStatus: (event: string, status: SourceStatus) => void;
  /** What stays to be said of an event that goes on; each takes the place of the last. */
  readonly onWarning: (event: string, message: string) => void;
  /** The upstream dropped `events` before they were read; 0: nobody knows how many. A warning says it, too. */
  readonly onLost: (event: string, events: number, message: string) => void;
}

/**
 * Runs every event of one EventSource side by side until `signal` aborts. A source that ends or fails is started again
 * for ever with back-off; one that fails with a TerminalError waits for the EventSource to change. Never rejects.
 */
export async function runEventSource(run: EventSourceRun, signal: AbortSignal): Promise<void> {
  const { name, namespace } = run.eventSource.metadata;
  let running = 0;
  const onRunning = (by: number): void => {
    running += by;
    run.metrics.sourcesRunning.set({ namespace, eventsource_name: name }, running);
  };
  await Promise.all(
    run.eventSource.events.map((event) => {
      const work = (stop: AbortSignal): Promise<void> => keepRunning(run, event, onRunning, stop);
      return isSingleton(run.kinds, event.kind) ? run.whenLeased(work, signal) : work(signal);
    }),
  );
}

/** Kinds that are not known run everywhere: they fail, and say so. */
export function isSingleton(kinds: EventSourceRun["kinds"], kind: string): boolean {
  return Object.hasOwn(kinds, kind) && kinds[kind]?.singleton === true;
}

/** Running this long, a source counts as mended: its next failure starts the back-off anew. */
const stableMs = 60_000;

async function keepRunning(
  run: EventSourceRun,
  definition: EventDefinition,
  onRunning: (by: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { clock, onStatus } = run;
  const log = run.log.child({ eventSource: run.eventSource.metadata.name, event: definition.name });
  for (let attempt = 1; !signal.aborted; attempt++) {
    const startedAt = clock.monotonicMs();
    const failure = await runOnce(run, definition, log, onRunning, signal);
    if (failure === undefined) return;
    const { error, hint } = failure;
    const terminal = error instanceof TerminalError;
    const message = hint === undefined ? messageOf(error) : `${messageOf(error)} (${hint})`;
    onStatus(definition.name, { state: "failed", message, terminal });
    if (terminal) {
      log.error("event source stopped until it changes", { error });
      return aborted(signal);
    }
    if (clock.monotonicMs() - startedAt > stableMs) attempt = 1;
    const delayMs = pauseMs(definition, attempt);
    log.warn("event source failed, starting again", { error, attempt, delayMs });
    await sleepFor(clock, delayMs, signal).catch(() => undefined);
  }
}

/** Pauses that a spec asks for grow up to this, or stay at their first. */
const maxAskedMs = 60_000;

/** `connectionBackoff` where the kind has one and it can be read; but a source is tried for ever, whatever `steps` says. */
function pauseMs({ spec, kind, name }: EventDefinition, attempt: number): number {
  const asked = isJsonObject(spec) ? spec.connectionBackoff : undefined;
  if (!isJsonObject(asked)) return backoffMs(reconnectBackoff, attempt);
  try {
    const plan = backoffPlanOf(asked as Backoff, `spec.${kind}.${name}.connectionBackoff`);
    const most = Math.max(
      maxAskedMs,
      plan.delayMs(2, () => 0),
    );
    return Math.round(Math.min(most, plan.delayMs(attempt + 1, Math.random)));
  } catch {
    return backoffMs(reconnectBackoff, attempt); // validation tells what is wrong with it
  }
}

interface Failure {
  readonly error: unknown;
  readonly hint?: string | undefined;
}

/** Undefined after a clean stop, otherwise why it ended. */
async function runOnce(
  run: EventSourceRun,
  definition: EventDefinition,
  log: Logger,
  onRunning: (by: number) => void,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  let isRunning = false;
  let wasReady = false;
  const ready = (): void => {
    if (isRunning) return;
    isRunning = true;
    wasReady = true;
    onRunning(1);
    run.onStatus(definition.name, { state: "running" });
  };
  const failing = (message: string): void => {
    if (isRunning) onRunning(-1);
    isRunning = false;
    run.onStatus(definition.name, { state: "failed", message, terminal: false });
  };
  try {
    const kind = findKind(run.kinds, definition);
    const context = createContext(run, { definition, kind, log, ready, failing });
    await kind.run(definition.spec, `spec.${definition.kind}.${definition.name}`, context, signal);
    return signal.aborted ? undefined : { error: new EngineError("SOURCE_FAILED", "the source ended by itself") };
  } catch (error) {
    return signal.aborted ? undefined : { error, hint: hintOf(error, wasReady) };
  } finally {
    if (isRunning) onRunning(-1);
  }
}

function findKind(kinds: EventSourceRun["kinds"], { kind, name }: EventDefinition): AnySourceKind {
  const found = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (found) return found;
  throw new TerminalError("SOURCE_UNSUPPORTED", `spec.${kind}.${name}: the kind "${kind}" is not supported yet`);
}

/**
 * Undefined: all pass; also of a third party's kind that has another `filter`. One that does not parse stops the source:
 * dropping every event unseen, as the original does, would look as if nothing came.
 */
function filterOf(
  { kind, name, spec }: EventDefinition,
  { schema }: AnySourceKind,
  clock: Clock,
): EventFilter | undefined {
  const filter = isJsonObject(spec) && isJsonObject(spec.filter) ? spec.filter.expression : undefined;
  const field = schema.json.properties?.filter?.properties?.expression;
  if (typeof filter !== "string" || filter === "" || field !== expressionField) return undefined;
  try {
    return compileEventFilter(filter, clock);
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    throw new TerminalError(error.code, `spec.${kind}.${name}.filter.expression: ${error.message}`);
  }
}

interface RunningEvent {
  readonly definition: EventDefinition;
  readonly kind: AnySourceKind;
  readonly log: Logger;
  readonly ready: () => void;
  readonly failing: (message: string) => void;
}

function createContext(run: EventSourceRun, { definition, kind, log, ready, failing }: RunningEvent): SourceContext {
  const { namespace, name } = run.eventSource.metadata;
  const event = definition.name;
  const labels = { namespace, eventsource_name: name, event_name: event };
  const attributes = { source: name, type: kind.eventType, subject: event };
  const { metrics } = run;
  const filter = filterOf(definition, kind, run.clock);
  /** One that fails drops the event, as in the original (spec argo-events 3.2), but is counted. */
  const passes = (data: JsonValue): boolean => {
    if (filter === undefined) return true;
    try {
      if (filter(data)) return true;
      metrics.eventFiltered.add(labels);
      log.debug("the filter's expression is false: the event is not published");
    } catch (error) {
      metrics.eventProcessingFailed.add(labels);
      log.error("the filter's expression failed: the event is not published", { error });
    }
    return false;
  };
  return {
    namespace,
    eventSource: name,
    event,
    async emit(draft) {
      if (!passes(draft.data)) return;
      const startedMs = run.clock.monotonicMs();
      const cloudEvent = toCloudEvent(draft, attributes, run.clock);
      try {
        await run.publish(cloudEvent);
      } catch (error) {
        metrics.eventSendFailed.add(labels);
        throw error;
      }
      metrics.eventSent.add(labels);
      metrics.eventProcessingDuration.observe(labels, run.clock.monotonicMs() - startedMs);
      log.debug("Succeeded to publish an event", { eventID: cloudEvent.id });
    },
    ready,
    failing,
    countFailed: (events = 1) => metrics.eventProcessingFailed.add(labels, events),
    lost(events, message) {
      metrics.sourceEventsLost.add(labels, events);
      log.error("events are lost: the upstream dropped them before they were read", { events, message });
      run.onWarning(event, message);
      run.onLost(event, events, message);
    },
    secret: run.secret,
    http: run.mountFor(event),
    fetch: run.fetch,
    surroundings: run.surroundings,
    fileRoot: run.fileRoot,
    kube: run.kube,
    get state() {
      return prefixed(run.state, `${[namespace, name, event].map(encodeToken).join("/")}/`); // few kinds keep something
    },
    clock: run.clock,
    log,
  };
}

function toCloudEvent(
  { id, time, data, trace }: EventDraft,
  { source, type, subject }: Pick<CloudEvent, "source" | "type" | "subject">,
  clock: Clock,
): CloudEvent {
  return {
    id: id ?? randomUUID().replaceAll("-", ""),
    source,
    type,
    subject,
    time: isoTime(time ?? clock.now()),
    datacontenttype: "application/json",
    data,
    ...(trace && { extensions: { ...trace } }),
  };
}

/** The part of `store` under `prefix`, with keys as if it were all there is. */
function prefixed(store: StateStore, prefix: string): StateStore {
  return {
    async get(key) {
      const entry = await store.get(prefix + key);
      return entry && { ...entry, key };
    },
    put: (key, value, expected) => store.put(prefix + key, value, expected),
    delete: (key, expected) => store.delete(prefix + key, expected),
    async entries(under) {
      const entries = await store.entries(prefix + under);
      return entries.map((entry) => ({ ...entry, key: entry.key.slice(prefix.length) }));
    },
    async *watch(under, signal) {
      for await (const change of store.watch(prefix + under, signal)) {
        yield { ...change, key: change.key.slice(prefix.length) };
      }
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

import { parseEventSource } from "../api/event-source.ts";
import type { EventDefinition, EventSource } from "../api/resources.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf, NotYetError, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Problem, Schema } from "../base/schema.ts";
import type { WatchCache } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { type BusDirectory, type BusHandle, createHandleIds } from "./bus-directory.ts";
import type { ConditionDraft } from "./conditions.ts";
import type { Reconciler } from "./reconciler.ts";
import { createRestarts } from "./restarts.ts";
import { createRunningSet } from "./running.ts";
import { warningsField } from "./sensor.ts";
import type { WriteStatus } from "./status.ts";

/** What the runner of an EventSource says of its events. */
export interface EventReport {
  /** Whether the event is listened for; `failure` says why not. */
  status(event: string, failure: string | undefined): void;
  /** Something that works only in part; undefined once it works. */
  warning(event: string, message: string | undefined): void;
}

/** How the events of one EventSource fare, by event name. */
interface EventStates {
  readonly failures: Map<string, string>;
  readonly warnings: Map<string, string>;
}

export interface EventSourceControllerDeps {
  readonly cache: WatchCache;
  readonly buses: BusDirectory;
  readonly schemas: Readonly<Record<string, Schema<unknown>>>;
  /** Runs all events of one EventSource until `signal` aborts. */
  readonly runSource: (
    eventSource: EventSource,
    bus: BusHandle,
    report: EventReport,
    signal: AbortSignal,
  ) => Promise<void>;
  /** The URL of an HTTP event on the ingress; undefined for other kinds. */
  readonly urlOf: (eventSource: EventSource, event: EventDefinition) => string | undefined;
  readonly writeStatus: WriteStatus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly request: (namespace: string, name: string) => void;
}

export interface EventSourceController extends Reconciler {
  running(): readonly EventSource[];
  stopAll(): Promise<void>;
}

/** Keeps one runner for each valid EventSource; its status shows each event that fails, and the URLs of HTTP events. */
export function createEventSourceController(deps: EventSourceControllerDeps): EventSourceController {
  const sources = new Map<string, EventSource>();
  const states = new Map<string, EventStates>();
  const restarts = createRestarts(deps.clock);
  const handleIds = createHandleIds();
  const running = createRunningSet((key, error) => {
    restarts.failed(key, messageOf(error));
    deps.log.error("event source stopped, will start again", { eventSource: key, error });
    requestKey(key);
  });

  function requestKey(key: string): void {
    const [namespace = "", name = ""] = key.split("/");
    deps.request(namespace, name);
  }

  async function stop(key: string): Promise<void> {
    await running.stop(key);
    sources.delete(key);
    states.delete(key);
    restarts.forget(key);
  }

  async function start(key: string, eventSource: EventSource): Promise<void> {
    const bus = deps.buses.busFor(eventSource.metadata.namespace, eventSource.eventBusName);
    const { uid } = eventSource.metadata;
    const fingerprint = JSON.stringify([uid, handleIds.of(bus), eventSource.events, eventSource.template]);
    await running.ensure(key, fingerprint, (signal) => {
      const own: EventStates = { failures: new Map(), warnings: new Map() };
      states.set(key, own);
      return deps.runSource(
        eventSource,
        bus,
        reportInto(own, () => requestKey(key)),
        signal,
      );
    });
    sources.set(key, eventSource);
  }

  return {
    running: () => [...sources.values()],
    stopAll: () => running.stopAll(),
    async reconcile(ref, signal) {
      const key = `${ref.namespace}/${ref.name}`;
      const object = deps.cache.find(ref.namespace, ref.name);
      if (!object || object.metadata.deletionTimestamp !== undefined) {
        await stop(key);
        return {};
      }
      const parsed = parse(object, deps.schemas);
      if ("error" in parsed) {
        await stop(key);
        await deps.writeStatus(object, { conditions: invalidConditions(parsed.error) }, signal);
        return {};
      }
      const failure = restarts.waiting(key);
      if (failure) {
        await deps.writeStatus(object, { conditions: deployedConditions(failure.message) }, signal);
        return { againAfterMs: failure.waitMs };
      }
      try {
        await start(key, parsed.resource);
      } catch (error) {
        if (!(error instanceof NotYetError)) throw error;
        await deps.writeStatus(object, { conditions: deployedConditions(error.message) }, signal);
        throw error;
      }
      const own = states.get(key);
      const warnings = [...parsed.warnings, ...warningsOf(own)];
      const fields = { ...warningsField(warnings), webhooks: urls(parsed.resource) };
      await deps.writeStatus(object, { conditions: conditionsOf(own), fields }, signal);
      return {};
    },
  };

  function urls(eventSource: EventSource): Readonly<Record<string, string>> | null {
    const found: Record<string, string> = {};
    for (const event of eventSource.events) {
      const url = deps.urlOf(eventSource, event);
      if (url !== undefined) found[event.name] = url;
    }
    return Object.keys(found).length > 0 ? found : null;
  }
}

type Parsed = { readonly resource: EventSource; readonly warnings: readonly Problem[] } | { readonly error: string };

function parse(object: KubeObject, schemas: EventSourceControllerDeps["schemas"]): Parsed {
  try {
    return parseEventSource(object, schemas);
  } catch (error) {
    if (error instanceof TerminalError) return { error: messageOf(error) };
    throw error;
  }
}

function reportInto({ failures, warnings }: EventStates, onChange: () => void): EventReport {
  const note = (map: Map<string, string>) => (event: string, message: string | undefined) => {
    if (map.get(event) === message) return;
    if (message === undefined) map.delete(event);
    else map.set(event, message);
    onChange();
  };
  return { status: note(failures), warning: note(warnings) };
}

function warningsOf(states: EventStates | undefined): Problem[] {
  return [...(states?.warnings ?? [])].map(([path, message]) => ({ severity: "warning", path, message }));
}

/** The original's two conditions (spec argo-events 2.7), and `Active` of ours: whether every event is listened for. */
function conditionsOf(states: EventStates | undefined): ConditionDraft[] {
  const failed = [...(states?.failures ?? [])].map(([event, message]) => `${event}: ${message}`);
  return [
    { type: "SourcesProvided", status: "True" },
    { type: "Deployed", status: "True" },
    failed.length === 0
      ? { type: "Active", status: "True" }
      : { type: "Active", status: "False", reason: "SourceFailed", message: failed.join("; ") },
  ];
}

function invalidConditions(message: string): ConditionDraft[] {
  return [
    { type: "SourcesProvided", status: "False", reason: "InvalidEventSource", message },
    { type: "Deployed", status: "Unknown" },
  ];
}

function deployedConditions(message: string): ConditionDraft[] {
  return [
    { type: "SourcesProvided", status: "True" },
    { type: "Deployed", status: "False", reason: "EventBusNotReady", message },
  ];
}

import { parseEventSource } from "../api/event-source.ts";
import type { EventDefinition, EventSource } from "../api/resources.ts";
import { messageOf, NotYetError, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Problem, Schema } from "../base/schema.ts";
import type { WatchCache } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import type { BusDirectory, BusHandle } from "./bus-directory.ts";
import type { ConditionDraft } from "./conditions.ts";
import type { Reconciler } from "./reconciler.ts";
import { createRunningSet } from "./running.ts";
import { warningsField } from "./sensor.ts";
import type { WriteStatus } from "./status.ts";

/** How one event of an EventSource fares; `warning` is something that works only in part. */
export type EventStatus =
  | { readonly state: "running"; readonly warning?: string }
  | { readonly state: "failed"; readonly message: string };

export interface EventSourceControllerDeps {
  readonly cache: WatchCache;
  readonly buses: BusDirectory;
  readonly schemas: Readonly<Record<string, Schema<unknown>>>;
  /** Runs all events of one EventSource until `signal` aborts. */
  readonly runSource: (
    eventSource: EventSource,
    bus: BusHandle,
    onStatus: (event: string, status: EventStatus) => void,
    signal: AbortSignal,
  ) => Promise<void>;
  /** The URL of an HTTP event on the ingress; undefined for other kinds. */
  readonly urlOf: (eventSource: EventSource, event: EventDefinition) => string | undefined;
  readonly writeStatus: WriteStatus;
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
  const statuses = new Map<string, Map<string, EventStatus>>();
  const running = createRunningSet((key, error) => {
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
    statuses.delete(key);
  }

  async function start(key: string, eventSource: EventSource): Promise<void> {
    const bus = deps.buses.busFor(eventSource.metadata.namespace, eventSource.eventBusName);
    const { uid } = eventSource.metadata;
    const fingerprint = JSON.stringify([uid, bus.name, eventSource.events, eventSource.template]);
    await running.ensure(key, fingerprint, (signal) => {
      const events = new Map<string, EventStatus>();
      statuses.set(key, events);
      const onStatus = (event: string, status: EventStatus) => {
        events.set(event, status);
        requestKey(key);
      };
      return deps.runSource(eventSource, bus, onStatus, signal);
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
      try {
        await start(key, parsed.resource);
      } catch (error) {
        if (!(error instanceof NotYetError)) throw error;
        await deps.writeStatus(object, { conditions: deployedConditions(error.message) }, signal);
        throw error;
      }
      const events = statuses.get(key) ?? new Map<string, EventStatus>();
      const fields = { ...warningsField([...parsed.warnings, ...warningsOf(events)]), webhooks: urls(parsed.resource) };
      await deps.writeStatus(object, { conditions: conditionsOf(events), fields }, signal);
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

function warningsOf(events: ReadonlyMap<string, EventStatus>): Problem[] {
  const warnings: Problem[] = [];
  for (const [event, status] of events) {
    if (status.state !== "running" || status.warning === undefined) continue;
    warnings.push({ severity: "warning", path: event, message: status.warning });
  }
  return warnings;
}

/** The original's two conditions (spec argo-events 2.7), and `Active` of ours: whether every event is listened for. */
function conditionsOf(events: ReadonlyMap<string, EventStatus>): ConditionDraft[] {
  const failed = [...events].flatMap(([event, status]) =>
    status.state === "failed" ? [`${event}: ${status.message}`] : [],
  );
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

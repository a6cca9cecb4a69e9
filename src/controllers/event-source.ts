import { createHash } from "node:crypto";
import { parseEventSource } from "../api/event-source.ts";
import type { EventBusResource, EventDefinition, EventSource } from "../api/resources.ts";
import { ChurnMap } from "../base/churn-map.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf, NotYetError, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Problem, Schema } from "../base/schema.ts";
import { partitionOf } from "../events/sensor/partition.ts";
import type { WatchCache } from "../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import { type BusDirectory, type BusHandle, createHandleIds } from "./bus-directory.ts";
import type { ConditionDraft } from "./conditions.ts";
import type { OwnPods, Place } from "./own-pod/own-pods.ts";
import type { Reconciler } from "./reconciler.ts";
import { createRestarts, type Restarts } from "./restarts.ts";
import { createRunningSet } from "./running.ts";
import { warningsField } from "./sensor.ts";
import type { SourceServices } from "./source-services.ts";
import type { StatusDraft, WriteStatus } from "./status.ts";
import { runsInside, standsAlone, templateWarnings } from "./template-warnings.ts";

/** What the runner of an EventSource says of its events. */
export interface EventReport {
  /** Whether the event is listened for; `failure` says why not. */
  status(event: string, failure: string | undefined): void;
  /** Something that works only in part; undefined once it works. */
  warning(event: string, message: string | undefined): void;
}

/** How the events of one EventSource fare, by event name. */
interface EventStates {
  readonly failures: ChurnMap<string, string>;
  readonly warnings: ChurnMap<string, string>;
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
  /** Whether this engine writes the status: several would each tell of their own. `source`: when it is valid. */
  readonly tells: (namespace: string, name: string, source: EventSource | undefined) => boolean;
  /** In a cluster. */
  readonly services?: SourceServices;
  readonly pods?: OwnPods;
  readonly writeStatus: WriteStatus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly request: (namespace: string, name: string) => void;
}

export interface EventSourceController extends Reconciler {
  running(): readonly EventSource[];
  stopAll(): Promise<void>;
  /** Asks for a reconcile of every EventSource of a partition: this engine has it now, or has it no longer. */
  requestPartition(partition: number): void;
}

/** Between looks at a Pod's Secrets, which may have changed. */
const podAgainMs = 60_000;

/** Keeps one runner for each valid EventSource; its status shows each event that fails, and the URLs of HTTP events. */
export function createEventSourceController(deps: EventSourceControllerDeps): EventSourceController {
  return new EventSourceReconciler(deps);
}

class EventSourceReconciler implements EventSourceController {
  readonly #deps: EventSourceControllerDeps;
  readonly #sources = new Map<string, EventSource>();
  readonly #states = new Map<string, EventStates>();
  readonly #restarts: Restarts;
  readonly #handleIds = createHandleIds();
  readonly #running = createRunningSet((key, error) => this.#onFailure(key, error));

  constructor(deps: EventSourceControllerDeps) {
    this.#deps = deps;
    this.#restarts = createRestarts(deps.clock);
  }

  running = (): readonly EventSource[] => [...this.#sources.values()];

  async stopAll(): Promise<void> {
    await this.#deps.services?.removeSlices(); // nobody is sent here while what runs ends
    await this.#running.stopAll();
  }

  async reconcile(ref: ObjectRef, signal: AbortSignal): Promise<{ readonly againAfterMs?: number }> {
    const { cache, schemas } = this.#deps;
    const key = `${ref.namespace}/${ref.name}`;
    const object = cache.find(ref.namespace, ref.name);
    if (!object || object.metadata.deletionTimestamp !== undefined) {
      await this.#stop(key);
      await this.#deps.services?.forget(ref.namespace ?? "", ref.name, signal);
      return {};
    }
    const parsed = parse(object, schemas);
    if ("error" in parsed) {
      await this.#stop(key);
      await this.#deps.services?.forget(ref.namespace ?? "", ref.name, signal);
      await this.#tell(object, undefined, { conditions: invalidConditions(parsed.error) }, signal);
      return {};
    }
    const place = await this.#placeOf(object, parsed.resource, signal);
    if (place.pod) return this.#runInPod(object, parsed, place.bus, signal);
    const failure = this.#restarts.waiting(key);
    if (failure) {
      await this.#tell(object, parsed.resource, { conditions: deployedConditions(failure.message) }, signal);
      return { againAfterMs: failure.waitMs };
    }
    await this.#sayingWhyNot(object, parsed.resource, signal, () => this.#start(key, parsed.resource));
    const { problems, ...again } = await this.#serve(parsed.resource, signal);
    const warnings = [...parsed.warnings, ...templateWarnings(object, this.#whyNoPod(place.obstacle)), ...problems];
    await this.#tell(object, parsed.resource, this.#statusOf(key, parsed.resource, warnings), signal);
    return again;
  }

  async #placeOf(object: KubeObject, source: EventSource, signal: AbortSignal): Promise<Place> {
    return this.#sayingWhyNot(object, source, signal, async () => {
      return (await this.#deps.pods?.placeOf(object, source, signal)) ?? { pod: false };
    });
  }

  /** What runs here ends first: two would take each event twice. */
  async #runInPod(
    object: KubeObject,
    { resource, warnings }: Valid,
    bus: EventBusResource,
    signal: AbortSignal,
  ): Promise<{ readonly againAfterMs?: number }> {
    const { pods, services, tells } = this.#deps;
    const { namespace, name } = resource.metadata;
    await this.#stop(`${namespace}/${name}`);
    await services?.forget(namespace, name, signal);
    if (!tells(namespace, name, undefined)) return {};
    const failure = await pods?.install(object, resource, bus, signal);
    const problems = (await services?.reconcileForPod(resource, this.#isHttp(resource), signal)) ?? [];
    const fields = { ...warningsField([...warnings, ...problems]), webhooks: null };
    const conditions =
      failure === undefined
        ? conditionsOf(undefined).filter(({ type }) => type !== "Active") // only its Pod knows
        : deployedConditions(failure, "DeploymentFailed");
    await this.#deps.writeStatus(object, { conditions, fields }, signal);
    return { againAfterMs: podAgainMs };
  }

  #whyNoPod(obstacle: string | undefined): string {
    if (this.#deps.services === undefined) return standsAlone;
    return obstacle === undefined ? runsInside : `${runsInside}: ${obstacle}`;
  }

  #isHttp(source: EventSource): boolean {
    return source.events.some((event) => this.#deps.urlOf(source, event) !== undefined);
  }

  async #serve(source: EventSource, signal: AbortSignal): ReturnType<SourceServices["reconcile"]> {
    const { services, pods, tells } = this.#deps;
    if (!services) return { problems: [] };
    const { namespace, name } = source.metadata;
    const writes = tells(namespace, name, source);
    if (writes) await pods?.remove(source, signal);
    return services.reconcile(source, { isHttp: this.#isHttp(source), writes }, signal);
  }

  requestPartition(partition: number): void {
    for (const { metadata } of this.#deps.cache.items()) {
      const { namespace = "", name = "" } = metadata;
      if (partitionOf(namespace, name) === partition) this.#deps.request(namespace, name);
    }
  }

  async #tell(
    object: KubeObject,
    source: EventSource | undefined,
    draft: StatusDraft,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace = "", name = "" } = object.metadata;
    if (this.#deps.tells(namespace, name, source)) await this.#deps.writeStatus(object, draft, signal);
  }

  async #sayingWhyNot<T>(
    object: KubeObject,
    source: EventSource,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof NotYetError) {
        await this.#tell(object, source, { conditions: deployedConditions(error.message) }, signal);
      }
      throw error;
    }
  }

  async #start(key: string, eventSource: EventSource): Promise<void> {
    const bus = this.#deps.buses.busFor(eventSource.metadata.namespace, eventSource.eventBusName);
    const { uid } = eventSource.metadata;
    const fingerprint = shortHash([uid, this.#handleIds.of(bus), eventSource.events, eventSource.template]);
    const isStarted = await this.#running.ensure(key, fingerprint, (signal) => {
      const own: EventStates = { failures: new ChurnMap(), warnings: new ChurnMap() };
      this.#states.set(key, own);
      const report = reportInto(own, () => this.#request(key));
      return this.#deps.runSource(eventSource, bus, report, signal);
    });
    // What runs has its own: a second one, which says the same, is not kept beside it.
    if (isStarted || !this.#sources.has(key)) this.#sources.set(key, eventSource);
  }

  async #stop(key: string): Promise<void> {
    await this.#running.stop(key);
    this.#sources.delete(key);
    this.#states.delete(key);
    this.#restarts.forget(key);
  }

  #statusOf(key: string, source: EventSource, problems: readonly Problem[]): StatusDraft {
    const own = this.#states.get(key);
    const fields = { ...warningsField([...problems, ...warningsOf(own)]), webhooks: this.#urls(source) };
    return { conditions: conditionsOf(own), fields };
  }

  #urls(eventSource: EventSource): Readonly<Record<string, string>> | null {
    const found: Record<string, string> = {};
    for (const event of eventSource.events) {
      const url = this.#deps.urlOf(eventSource, event);
      if (url !== undefined) found[event.name] = url;
    }
    return Object.keys(found).length > 0 ? found : null;
  }

  #onFailure(key: string, error: unknown): void {
    this.#restarts.failed(key, messageOf(error));
    this.#deps.log.error("event source stopped, will start again", { eventSource: key, error });
    this.#request(key);
  }

  #request(key: string): void {
    const [namespace = "", name = ""] = key.split("/");
    this.#deps.request(namespace, name);
  }
}

interface Valid {
  readonly resource: EventSource;
  readonly warnings: readonly Problem[];
}

type Parsed = Valid | { readonly error: string };

function parse(object: KubeObject, schemas: EventSourceControllerDeps["schemas"]): Parsed {
  try {
    return parseEventSource(object, schemas);
  } catch (error) {
    if (error instanceof TerminalError) return { error: messageOf(error) };
    throw error;
  }
}

function shortHash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64");
}

function reportInto({ failures, warnings }: EventStates, onChange: () => void): EventReport {
  const note = (map: ChurnMap<string, string>) => (event: string, message: string | undefined) => {
    if (map.get(event) === message) return;
    if (message === undefined) map.delete(event);
    else map.set(event, message);
    onChange();
  };
  return { status: note(failures), warning: note(warnings) };
}

function warningsOf(states: EventStates | undefined): Problem[] {
  return [...(states?.warnings.entries() ?? [])].map(([path, message]) => ({ severity: "warning", path, message }));
}

/** The original's two conditions (spec argo-events 2.7), and `Active` of ours: whether every event is listened for. */
function conditionsOf(states: EventStates | undefined): ConditionDraft[] {
  const failed = [...(states?.failures.entries() ?? [])].map(([event, message]) => `${event}: ${message}`);
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

function deployedConditions(message: string, reason = "EventBusNotReady"): ConditionDraft[] {
  return [
    { type: "SourcesProvided", status: "True" },
    { type: "Deployed", status: "False", reason, message },
  ];
}

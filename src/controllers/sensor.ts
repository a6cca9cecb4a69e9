import type { EventBusResource } from "../api/resources.ts";
import { parseSensor } from "../api/sensor.ts";
import type { StartAt } from "../api/start-at.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { EngineError, messageOf, NotYetError, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Problem, Schema } from "../base/schema.ts";
import { unlessAborted } from "../base/unless-aborted.ts";
import { type CompiledSensor, compileSensor } from "../events/sensor/compile.ts";
import { loopsAcross, mayLoop } from "../events/sensor/loops.ts";
import { type Partitions, partitionOf } from "../events/sensor/partition.ts";
import type { PendingEffect } from "../events/sensor/pending-effects.ts";
import type { SensorRunner, SensorRunnerDeps } from "../events/sensor/runner.ts";
import { cellPrefix } from "../events/sensor/sensor-cells.ts";
import type { WatchCache } from "../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import { type BusDirectory, type BusHandle, createHandleIds } from "./bus-directory.ts";
import type { ConditionDraft } from "./conditions.ts";
import type { Place } from "./own-pod/own-pods.ts";
import type { SensorMoves } from "./own-pod/sensor-moves.ts";
import type { Reconciler } from "./reconciler.ts";
import { createRestarts, type Restarts } from "./restarts.ts";
import { createRunningSet } from "./running.ts";
import { readLags, type SensorLag } from "./sensor-lag.ts";
import type { WriteStatus } from "./status.ts";
import { runsInside, standsAlone, templateWarnings } from "./template-warnings.ts";
import { createTriggerStates, type TriggerStates } from "./trigger-states.ts";

export interface SensorControllerDeps {
  readonly cache: WatchCache;
  /** Schemas of the trigger kinds, by the template's key. */
  readonly schemas: Readonly<Record<string, Schema<unknown>>>;
  readonly buses: BusDirectory;
  readonly partitions: Partitions;
  /** Whether this engine runs the Sensors of a partition; a Sensor of another has its status written there. */
  readonly owns: (partition: number) => boolean;
  /** `told`: what is to be told of a run, for the Sensor's status. */
  readonly createRunner: (compiled: CompiledSensor, bus: BusHandle, told: RunReports) => Promise<SensorRunner>;
  /** Whether there are Pods: of a real cluster. */
  readonly isInCluster?: boolean;
  /** In such a cluster: Sensors in Pods of their own. */
  readonly moves?: SensorMoves;
  readonly writeStatus: WriteStatus;
  readonly metrics?: Pick<Metrics, "forgetSensor">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Asks for another reconcile of a Sensor. */
  readonly request: (namespace: string, name: string) => void;
}

export interface RunReports extends Required<Pick<SensorRunnerDeps, "report" | "onSlowed">> {
  /** In place of what the Sensor says: it ran elsewhere before. */
  readonly startAt?: StartAt;
}

export interface SensorController extends Reconciler {
  /** Sensors that run, for questions. */
  running(): readonly CompiledSensor[];
  /** How far behind those that run are. */
  lags(): Promise<readonly SensorLag[]>;
  /** How far behind one is; undefined: this engine does not run it. */
  lag(namespace: string, name: string): Promise<SensorLag | undefined>;
  /** What a Sensor of this engine has not finished of an event. */
  pending(namespace: string, name: string, eventId: string): readonly PendingEffect[];
  stopAll(): Promise<void>;
  /** Asks for a reconcile of every Sensor of a partition: this engine has it now, or has it no longer. */
  requestPartition(partition: number): void;
  /** Stops its Sensors in order: what is under way ends, and state is stored. It must not be owned any more. */
  stopPartition(partition: number): Promise<void>;
}

/** How long a reconcile waits for a Sensor to be ready; while the bus is away it looks again later. */
const readyWithinMs = 5_000;

/** Readiness is told at once anyway. */
const notReadyRetryMs = 30_000;

/** Between looks at a Pod's Secrets, which may have changed. */
const podAgainMs = 60_000;

/** Between looks at the effects that keep a Sensor in the engine. */
const unfinishedAgainMs = 10_000;

/** One run of a Sensor, from its start on. */
interface Start {
  readonly ready: PromiseWithResolvers<void>;
  isReady: boolean;
  runner?: SensorRunner;
  /** Whether a reconcile gave up waiting: then readiness asks for another. */
  isLate: boolean;
  /** Whether what is left of its Pod has still to go. */
  cameFromPod: boolean;
}

/** Keeps one runner for each valid Sensor; editing one replaces its runner, which goes on from the stored position. */
export function createSensorController(deps: SensorControllerDeps): SensorController {
  return new SensorReconciler(deps);
}

class SensorReconciler implements SensorController {
  readonly #deps: SensorControllerDeps;
  readonly #compiled = new Map<string, CompiledSensor>();
  /** Whose state may be stored, also while the Sensor is invalid. */
  readonly #uids = new Map<string, string>();
  readonly #starts = new Map<string, Start>();
  /** Whose scripts take more than their share. */
  readonly #slowed = new Set<string>();
  readonly #restarts: Restarts;
  readonly #states: TriggerStates;
  readonly #handleIds = createHandleIds();
  readonly #running = createRunningSet((key, error) => this.#onFailure(key, error));

  constructor(deps: SensorControllerDeps) {
    this.#deps = deps;
    this.#restarts = createRestarts(deps.clock);
    this.#states = createTriggerStates(deps.clock, (key) => deps.request(...namesOf(key)));
  }

  running = (): readonly CompiledSensor[] => [...this.#compiled.values()];

  lags = (): Promise<readonly SensorLag[]> => readLags([...this.#starts.values()].map(({ runner }) => runner));

  async lag(namespace: string, name: string): Promise<SensorLag | undefined> {
    const [lag] = await readLags([this.#starts.get(`${namespace}/${name}`)?.runner]);
    return lag;
  }

  pending(namespace: string, name: string, eventId: string): readonly PendingEffect[] {
    return this.#starts.get(`${namespace}/${name}`)?.runner?.pending?.(eventId) ?? [];
  }

  async stopAll(): Promise<void> {
    await this.#running.stopAll();
    for (const key of this.#starts.keys()) this.#states.forget(key);
  }

  requestPartition(partition: number): void {
    for (const { metadata } of this.#deps.cache.items()) {
      const { namespace = "", name = "" } = metadata;
      if (partitionOf(namespace, name) === partition) this.#deps.request(namespace, name);
    }
  }

  async stopPartition(partition: number): Promise<void> {
    const keys = [...this.#uids.keys()].filter((key) => partitionOf(...namesOf(key)) === partition);
    await Promise.all(keys.map((key) => this.#leave(key)));
  }

  async reconcile(ref: ObjectRef, signal: AbortSignal): Promise<{ readonly againAfterMs?: number }> {
    const key = `${ref.namespace}/${ref.name}`;
    if (!this.#owns(key)) {
      await this.#leave(key);
      return {};
    }
    const object = this.#deps.cache.find(ref.namespace, ref.name);
    if (!object || object.metadata.deletionTimestamp !== undefined) {
      await this.#remove(ref, key, signal);
      return {};
    }
    const parsed = parse(object, this.#deps);
    if ("error" in parsed) {
      await this.#stop(key);
      await this.#writeStatus(object, conditionsOf({ invalid: parsed.error }), [], signal);
      return {};
    }
    const place = await this.#placeOf(object, parsed, signal);
    if (place.pod) return this.#runInPod(key, object, parsed, place.bus, signal);
    const warnings = [...parsed.warnings, ...templateWarnings(object, this.#whyNoPod(place.obstacle))];
    const valid = { ...parsed, warnings };
    const failure = this.#restarts.waiting(key);
    if (failure) {
      await this.#writeStatus(object, conditionsOf({ deployed: failure.message }), warnings, signal);
      return { againAfterMs: failure.waitMs };
    }
    await this.#startOrSayWhyNot(ref, object, valid, signal);
    await this.#writeStatus(object, conditionsOf({}), warnings, signal);
    return place.againAfterMs === undefined ? {} : { againAfterMs: place.againAfterMs };
  }

  /** Effects that wait for a retry end where they began: a Sensor that has some goes into its Pod later. */
  async #placeOf(object: KubeObject, { compiled, warnings }: ValidSensor, signal: AbortSignal): Promise<OwnPlace> {
    const { moves } = this.#deps;
    try {
      const place = (await moves?.placeOf(object, compiled.sensor, signal)) ?? { pod: false };
      const unfinished = place.pod && moves ? await moves.unfinished(compiled) : 0;
      if (unfinished === 0) return place;
      const obstacle = `it goes into its Pod when ${unfinished} effects that wait here are done`;
      return { pod: false, obstacle, againAfterMs: unfinishedAgainMs };
    } catch (error) {
      if (error instanceof NotYetError) {
        await this.#writeStatus(object, conditionsOf({ deployed: error.message }), warnings, signal);
      }
      throw error;
    }
  }

  /** What runs here ends first: two would do everything twice. */
  async #runInPod(
    key: string,
    object: KubeObject,
    { compiled, warnings }: ValidSensor,
    bus: EventBusResource,
    signal: AbortSignal,
  ): Promise<{ readonly againAfterMs?: number }> {
    await this.#stop(key);
    const failure = await this.#deps.moves?.toPod(object, compiled, bus, signal);
    this.#uids.delete(key);
    if (!this.#owns(key)) return {};
    const conditions = conditionsOf(failure === undefined ? {} : { deployed: failure, reason: "DeploymentFailed" });
    const fields = { ...warningsField(warnings), triggers: null }; // only its Pod knows how they fare
    await this.#deps.writeStatus(object, { conditions, fields }, signal);
    return { againAfterMs: podAgainMs };
  }

  #whyNoPod(obstacle: string | undefined): string {
    if (this.#deps.isInCluster !== true) return standsAlone;
    return obstacle === undefined ? runsInside : `${runsInside}: ${obstacle}`;
  }

  async #startOrSayWhyNot(ref: ObjectRef, object: KubeObject, valid: ValidSensor, signal: AbortSignal): Promise<void> {
    try {
      await this.#start(object, `${ref.namespace}/${ref.name}`, valid.compiled, signal);
    } catch (error) {
      if (error instanceof NotYetError) {
        await this.#writeStatus(object, conditionsOf({ deployed: error.message }), valid.warnings, signal);
      }
      throw error;
    }
  }

  async #start(object: KubeObject, key: string, compiled: CompiledSensor, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid, revision } = compiled.head;
    const bus = this.#deps.buses.busFor(namespace, compiled.sensor.eventBusName);
    if (this.#uids.has(key) && this.#uids.get(key) !== uid) await this.#remove({ namespace, name }, key, signal);
    this.#uids.set(key, uid);
    const fingerprint = `${uid} ${revision} ${this.#handleIds.of(bus)}`;
    const startAt = this.#starts.has(key) ? undefined : await this.#deps.moves?.toEngine(compiled, signal);
    const isStarted = await this.#running.ensure(key, fingerprint, (stopped) => {
      const begun: Start = {
        ready: Promise.withResolvers(),
        isReady: false,
        isLate: false,
        cameFromPod: startAt !== undefined,
      };
      this.#starts.set(key, begun);
      const own = { report: this.#states.start(key, object.status), onSlowed: this.#onSlowed(key) };
      const told = { ...own, ...(startAt === undefined ? {} : { startAt }) };
      return this.#run(compiled, { bus, begun, told }, stopped);
    });
    // One that runs already stays the one that there is: it says the same, and a second would be kept beside it.
    if (isStarted || !this.#compiled.has(key)) this.#compiled.set(key, compiled);
    const begun = this.#starts.get(key);
    if (begun) await this.#ready(begun, signal);
    if (!begun?.cameFromPod) return;
    await this.#deps.moves?.arrived(compiled, signal);
    begun.cameFromPod = false;
  }

  async #run(
    compiled: CompiledSensor,
    { bus, begun: start, told }: { readonly bus: BusHandle; readonly begun: Start; readonly told: RunReports },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const runner = await unlessAborted(this.#deps.createRunner(compiled, bus, told), signal);
      start.runner = runner;
      void runner.ready.then(() => {
        start.isReady = true;
        start.ready.resolve();
        if (start.isLate) this.#deps.request(compiled.head.namespace, compiled.head.name);
      });
      await runner.run(signal);
    } finally {
      delete start.runner;
      start.ready.resolve();
    }
  }

  /** Returns once the Sensor is ready. @throws NotYetError when that takes too long. */
  async #ready(start: Start, signal: AbortSignal): Promise<void> {
    if (!start.isReady && !start.isLate) await this.#readyInTime(start, signal);
    if (start.isReady) return;
    start.isLate = true;
    throw new NotYetError("BUS_UNAVAILABLE", "its position is not stored yet", notReadyRetryMs);
  }

  /** Resolves when it is ready, ended or out of time. */
  async #readyInTime({ ready }: Start, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const stop = AbortSignal.any([signal, done.signal]);
    const late = sleepFor(this.#deps.clock, readyWithinMs, stop).catch(() => undefined);
    await Promise.race([ready.promise, late]);
    done.abort();
    signal.throwIfAborted();
  }

  async #stop(key: string): Promise<void> {
    await this.#running.stop(key);
    this.#compiled.delete(key);
    this.#starts.delete(key);
    this.#slowed.delete(key);
    this.#restarts.forget(key);
    this.#states.forget(key);
  }

  /** Another engine runs it, or will: it is theirs to remove what is stored. */
  async #leave(key: string): Promise<void> {
    await this.#stop(key);
    this.#uids.delete(key);
  }

  #owns(key: string): boolean {
    return this.#deps.owns(partitionOf(...namesOf(key)));
  }

  async #remove({ namespace = "", name }: Named, key: string, signal: AbortSignal): Promise<void> {
    await this.#stop(key);
    this.#deps.metrics?.forgetSensor(namespace, name);
    const uid = this.#uids.get(key);
    if (uid === undefined) return;
    const partition = await unlessAborted(this.#deps.partitions.of(namespace, name), signal);
    await partition.forget(cellPrefix(uid));
    this.#uids.delete(key);
  }

  #onSlowed(key: string): (isSlowed: boolean) => void {
    this.#slowed.delete(key);
    return (isSlowed) => {
      if (isSlowed) this.#slowed.add(key);
      else this.#slowed.delete(key);
      this.#deps.request(...namesOf(key));
    };
  }

  #onFailure(key: string, error: unknown): void {
    if (error instanceof EngineError && error.code === "LEASE_LOST") {
      this.#deps.log.info("sensor stopped: another engine may run it", { sensor: key });
    } else {
      this.#restarts.failed(key, messageOf(error));
      this.#deps.log.error("sensor stopped, will start again", { sensor: key, error });
    }
    this.#deps.request(...namesOf(key));
  }

  #loops(key: string): readonly Problem[] {
    const compiled = this.#compiled.get(key);
    return compiled ? loopsOf(compiled, this.running()) : [];
  }

  async #writeStatus(
    object: KubeObject,
    conditions: readonly ConditionDraft[],
    warnings: readonly Problem[],
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace = "", name = "" } = object.metadata;
    if (!this.#owns(`${namespace}/${name}`)) return; // lost meanwhile: its new owner tells
    const key = `${namespace}/${name}`;
    const triggers = this.#states.shown(key);
    const found = [...warnings, ...(this.#slowed.has(key) ? [slowed] : []), ...this.#loops(key)];
    const fields = {
      ...warningsField(found),
      ...(triggers === undefined ? {} : { triggers }),
    };
    await this.#deps.writeStatus(object, { conditions, fields }, signal);
  }
}

/** In an engine each Sensor is there before the other: neither is refused, and the hop limit cuts what they do. */
function loopsOf(compiled: CompiledSensor, others: readonly CompiledSensor[]): readonly Problem[] {
  if (!mayLoop(compiled)) return [];
  return loopsAcross(others).flatMap(({ part, problem }) => (part === compiled ? [problem] : []));
}

const slowed: Problem = {
  severity: "warning",
  path: "spec.dependencies",
  message: "scripts take more than half of a core: events of this Sensor are slowed down",
};

type Named = Pick<ObjectRef, "namespace" | "name">;

function namesOf(key: string): readonly [namespace: string, name: string] {
  const [namespace = "", name = ""] = key.split("/");
  return [namespace, name];
}

type OwnPlace = Place & { readonly againAfterMs?: number };

interface ValidSensor {
  readonly compiled: CompiledSensor;
  readonly warnings: readonly Problem[];
}

type Parsed = ValidSensor | { readonly error: string };

function parse(object: KubeObject, { schemas }: SensorControllerDeps): Parsed {
  try {
    const { resource, warnings } = parseSensor(object, schemas);
    return { compiled: compileSensor(resource), warnings };
  } catch (error) {
    if (error instanceof TerminalError) return { error: error.message };
    throw error;
  }
}

/** The original's three conditions (spec argo-events 2.7); what could not be judged stays Unknown. */
function conditionsOf(problem: {
  readonly invalid?: string;
  readonly deployed?: string;
  readonly reason?: string;
}): ConditionDraft[] {
  const { invalid, deployed, reason = "EventBusNotReady" } = problem;
  if (invalid === undefined) {
    return [
      { type: "DependenciesProvided", status: "True" },
      { type: "TriggersProvided", status: "True" },
      deployed === undefined
        ? { type: "Deployed", status: "True" }
        : { type: "Deployed", status: "False", reason, message: deployed },
    ];
  }
  const triggers = invalid.includes("spec.triggers");
  const dependencies = invalid.includes("spec.dependencies") || !triggers;
  return [
    dependencies
      ? { type: "DependenciesProvided", status: "False", reason: "InvalidDependencies", message: invalid }
      : { type: "DependenciesProvided", status: "True" },
    triggers
      ? { type: "TriggersProvided", status: "False", reason: "InvalidTriggers", message: invalid }
      : { type: "TriggersProvided", status: "Unknown" },
    { type: "Deployed", status: "Unknown" },
  ];
}

/** Warnings are not a condition: health checks of the originals read a False condition as a failure. */
export function warningsField(warnings: readonly Problem[]): { readonly warnings: readonly string[] | null } {
  return { warnings: warnings.length > 0 ? warnings.map(({ path, message }) => `${path}: ${message}`) : null };
}

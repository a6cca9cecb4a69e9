import { parseSensor } from "../api/sensor.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { messageOf, NotYetError, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Problem, Schema } from "../base/schema.ts";
import { type CompiledSensor, compileSensor } from "../events/sensor/compile.ts";
import type { Partitions } from "../events/sensor/partition.ts";
import type { SensorRunner } from "../events/sensor/runner.ts";
import { cellPrefix } from "../events/sensor/sensor-cells.ts";
import type { WatchCache } from "../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import { type BusDirectory, type BusHandle, createHandleIds } from "./bus-directory.ts";
import type { ConditionDraft } from "./conditions.ts";
import type { Reconciler } from "./reconciler.ts";
import { createRestarts } from "./restarts.ts";
import { createRunningSet, unlessAborted } from "./running.ts";
import type { WriteStatus } from "./status.ts";

export interface SensorControllerDeps {
  readonly cache: WatchCache;
  /** Schemas of the trigger kinds, by the template's key. */
  readonly schemas: Readonly<Record<string, Schema<unknown>>>;
  readonly buses: BusDirectory;
  readonly partitions: Partitions;
  readonly createRunner: (compiled: CompiledSensor, bus: BusHandle) => Promise<SensorRunner>;
  readonly writeStatus: WriteStatus;
  readonly clock: Clock;
  readonly log: Logger;
  /** Asks for another reconcile of a Sensor. */
  readonly request: (namespace: string, name: string) => void;
}

export interface SensorController extends Reconciler {
  /** Sensors that run, for questions. */
  running(): readonly CompiledSensor[];
  stopAll(): Promise<void>;
}

/** How long a reconcile waits for a Sensor to be ready; while the bus is away it looks again later. */
const readyWithinMs = 5_000;

/** Readiness is told at once anyway. */
const notReadyRetryMs = 30_000;

/** One run of a Sensor, from its start on. */
interface Start {
  readonly ready: PromiseWithResolvers<void>;
  isReady: boolean;
  /** Whether a reconcile gave up waiting: then readiness asks for another. */
  isLate: boolean;
}

/** Keeps one runner for each valid Sensor; editing one replaces its runner, which goes on from the stored position. */
export function createSensorController(deps: SensorControllerDeps): SensorController {
  const compiledByKey = new Map<string, CompiledSensor>();
  /** Whose state may be stored, also while the Sensor is invalid. */
  const uidByKey = new Map<string, string>();
  const starts = new Map<string, Start>();
  const restarts = createRestarts(deps.clock);
  const handleIds = createHandleIds();
  const running = createRunningSet((key, error) => {
    restarts.failed(key, messageOf(error));
    deps.log.error("sensor stopped, will start again", { sensor: key, error });
    const [namespace = "", name = ""] = key.split("/");
    deps.request(namespace, name);
  });

  async function stop(key: string): Promise<void> {
    await running.stop(key);
    compiledByKey.delete(key);
    starts.delete(key);
    restarts.forget(key);
  }

  async function remove({ namespace = "", name }: ObjectRef, key: string, signal: AbortSignal): Promise<void> {
    await stop(key);
    const uid = uidByKey.get(key);
    if (uid === undefined) return;
    const partition = await unlessAborted(deps.partitions.of(namespace, name), signal);
    await partition.forget(cellPrefix(uid));
    uidByKey.delete(key);
  }

  async function run(compiled: CompiledSensor, bus: BusHandle, start: Start, signal: AbortSignal): Promise<void> {
    try {
      const runner = await unlessAborted(deps.createRunner(compiled, bus), signal);
      void runner.ready.then(() => {
        start.isReady = true;
        start.ready.resolve();
        if (start.isLate) deps.request(compiled.head.namespace, compiled.head.name);
      });
      await runner.run(signal);
    } finally {
      start.ready.resolve();
    }
  }

  async function start(ref: ObjectRef, key: string, compiled: CompiledSensor, signal: AbortSignal): Promise<void> {
    const { namespace, uid, revision } = compiled.head;
    const bus = deps.buses.busFor(namespace, compiled.sensor.eventBusName);
    if (uidByKey.has(key) && uidByKey.get(key) !== uid) await remove(ref, key, signal);
    uidByKey.set(key, uid);
    const fingerprint = `${uid} ${revision} ${handleIds.of(bus)}`;
    await running.ensure(key, fingerprint, (stopped) => {
      const begun: Start = { ready: Promise.withResolvers(), isReady: false, isLate: false };
      starts.set(key, begun);
      return run(compiled, bus, begun, stopped);
    });
    compiledByKey.set(key, compiled);
    const begun = starts.get(key);
    if (!begun || begun.isReady) return;
    if (!begun.isLate) await readyInTime(begun, signal);
    if (begun.isReady) return;
    begun.isLate = true;
    throw new NotYetError("BUS_UNAVAILABLE", "its position is not stored yet", notReadyRetryMs);
  }

  /** Resolves when it is ready, ended or out of time. */
  async function readyInTime({ ready }: Start, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const late = sleepFor(deps.clock, readyWithinMs, AbortSignal.any([signal, done.signal])).catch(() => undefined);
    await Promise.race([ready.promise, late]);
    done.abort();
    signal.throwIfAborted();
  }

  return {
    running: () => [...compiledByKey.values()],
    stopAll: () => running.stopAll(),
    async reconcile(ref, signal) {
      const key = `${ref.namespace}/${ref.name}`;
      const object = deps.cache.find(ref.namespace, ref.name);
      if (!object || object.metadata.deletionTimestamp !== undefined) {
        await remove(ref, key, signal);
        return {};
      }
      const parsed = parse(object, deps.schemas);
      if ("error" in parsed) {
        await stop(key);
        await deps.writeStatus(object, { conditions: conditionsOf({ invalid: parsed.error }) }, signal);
        return {};
      }
      const failure = restarts.waiting(key);
      if (failure) {
        await deps.writeStatus(object, { conditions: conditionsOf({ deployed: failure.message }) }, signal);
        return { againAfterMs: failure.waitMs };
      }
      try {
        await start(ref, key, parsed.compiled, signal);
      } catch (error) {
        if (!(error instanceof NotYetError)) throw error;
        await deps.writeStatus(object, { conditions: conditionsOf({ deployed: error.message }) }, signal);
        throw error;
      }
      await deps.writeStatus(object, { conditions: conditionsOf({}), fields: warningsField(parsed.warnings) }, signal);
      return {};
    },
  };
}

type Parsed = { readonly compiled: CompiledSensor; readonly warnings: readonly Problem[] } | { readonly error: string };

function parse(object: KubeObject, schemas: SensorControllerDeps["schemas"]): Parsed {
  try {
    const { resource, warnings } = parseSensor(object, schemas);
    return { compiled: compileSensor(resource), warnings };
  } catch (error) {
    if (error instanceof TerminalError) return { error: error.message };
    throw error;
  }
}

/** The original's three conditions (spec argo-events 2.7); what could not be judged stays Unknown. */
function conditionsOf(problem: { readonly invalid?: string; readonly deployed?: string }): ConditionDraft[] {
  const { invalid, deployed } = problem;
  if (invalid === undefined) {
    return [
      { type: "DependenciesProvided", status: "True" },
      { type: "TriggersProvided", status: "True" },
      deployed === undefined
        ? { type: "Deployed", status: "True" }
        : { type: "Deployed", status: "False", reason: "EventBusNotReady", message: deployed },
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

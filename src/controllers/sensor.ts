import type { Sensor } from "../api/resources.ts";
import { parseSensor } from "../api/sensor.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf, NotYetError, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Problem, Schema } from "../base/schema.ts";
import { type CompiledSensor, compileSensor } from "../events/sensor/compile.ts";
import type { Partitions } from "../events/sensor/partition.ts";
import type { SensorRunner } from "../events/sensor/runner.ts";
import { cellPrefix } from "../events/sensor/sensor-cells.ts";
import type { WatchCache } from "../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import type { BusDirectory, BusHandle } from "./bus-directory.ts";
import type { ConditionDraft } from "./conditions.ts";
import type { Reconciler } from "./reconciler.ts";
import { createRunningSet } from "./running.ts";
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

/** How soon a Sensor whose runner failed starts again from what was stored. */
const restartAfterMs = 2_000;

/** Keeps one runner for each valid Sensor; editing one replaces its runner, which goes on from the stored position. */
export function createSensorController(deps: SensorControllerDeps): SensorController {
  const compiledByKey = new Map<string, CompiledSensor>();
  const failures = new Map<string, string>();
  const running = createRunningSet((key, error) => {
    failures.set(key, messageOf(error));
    deps.log.error("sensor stopped, will start again", { sensor: key, error });
    const [namespace = "", name = ""] = key.split("/");
    deps.request(namespace, name);
  });

  async function remove(ref: ObjectRef, key: string): Promise<void> {
    await running.stop(key);
    const compiled = compiledByKey.get(key);
    compiledByKey.delete(key);
    if (!compiled) return;
    const partition = await deps.partitions.of(ref.namespace ?? "", ref.name);
    await partition.forget(cellPrefix(compiled.head.uid));
  }

  async function start(key: string, compiled: CompiledSensor): Promise<void> {
    const { namespace } = compiled.head;
    const bus = deps.buses.busFor(namespace, compiled.sensor.eventBusName);
    const previous = compiledByKey.get(key);
    if (previous && previous.head.uid !== compiled.head.uid) await remove(refOf(previous), key);
    const fingerprint = `${compiled.head.uid} ${compiled.head.revision} ${bus.name}`;
    const ready = Promise.withResolvers<void>();
    const started = await running.ensure(key, fingerprint, async (signal) => {
      try {
        const runner = await deps.createRunner(compiled, bus);
        void runner.ready.then(() => ready.resolve());
        await runner.run(signal);
      } finally {
        ready.resolve();
      }
    });
    compiledByKey.set(key, compiled);
    if (started) await ready.promise;
    failures.delete(key);
  }

  return {
    running: () => [...compiledByKey.values()],
    stopAll: () => running.stopAll(),
    async reconcile(ref, signal) {
      const key = `${ref.namespace}/${ref.name}`;
      const object = deps.cache.find(ref.namespace, ref.name);
      if (!object || object.metadata.deletionTimestamp !== undefined) {
        await remove(ref, key);
        return {};
      }
      const failure = failures.get(key);
      if (failure !== undefined) {
        failures.delete(key);
        await deps.writeStatus(object, { conditions: conditionsOf({ deployed: failure }) }, signal);
        return { againAfterMs: restartAfterMs };
      }
      const parsed = parse(object, deps.schemas);
      if ("error" in parsed) {
        await running.stop(key);
        compiledByKey.delete(key);
        await deps.writeStatus(object, { conditions: conditionsOf({ invalid: parsed.error }) }, signal);
        return {};
      }
      try {
        await start(key, parsed.compiled);
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

function refOf({ sensor }: { readonly sensor: Sensor }): ObjectRef {
  const { namespace, name } = sensor.metadata;
  return { apiVersion: "argoproj.io/v1alpha1", kind: "Sensor", namespace, name };
}

import type { EventBusResource, Sensor } from "../../api/resources.ts";
import { type Clock, type Instant, instant } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { CompiledSensor } from "../../events/sensor/compile.ts";
import type { Partitions } from "../../events/sensor/partition.ts";
import { cellPrefix, createSensorCells, type StoredPosition } from "../../events/sensor/sensor-cells.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { BusDirectory } from "../bus-directory.ts";
import type { SensorPods } from "./sensor-pods.ts";

export interface SensorMovesDeps {
  readonly pods: SensorPods;
  readonly partitions: Pick<Partitions, "of">;
  readonly buses: BusDirectory;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Sensors that go from the engine into a Pod of their own, and back. Whoever takes over begins with the first event that
 * the other has not passed; what waits in joins stays behind.
 */
export interface SensorMoves {
  placeOf: SensorPods["placeOf"];
  /** Effects that the engine has still to do: they must end where they began. */
  unfinished(compiled: CompiledSensor): Promise<number>;
  /** It must not run here any more. What the engine has stored of it goes once its Pod is there. Returns why it is not. */
  toPod(
    object: KubeObject,
    compiled: CompiledSensor,
    bus: EventBusResource,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  /** Its Pod ends. Returns from when on the engine reads; undefined: it had no Pod. */
  toEngine(compiled: CompiledSensor, signal: AbortSignal): Promise<Instant | undefined>;
  /** It runs here, and has stored its position. */
  arrived(compiled: CompiledSensor, signal: AbortSignal): Promise<void>;
}

/** How long reading the first event that was not passed may take. */
const readMs = 5_000;

export function createSensorMoves({ pods, partitions, buses, clock, log }: SensorMovesDeps): SensorMoves {
  const storedOf = async (compiled: CompiledSensor) => {
    const { namespace, name } = compiled.head;
    const partition = await partitions.of(namespace, name);
    return { partition, ...createSensorCells(compiled, partition.cells).restore() };
  };

  async function beginOf(compiled: CompiledSensor, position: StoredPosition | undefined): Promise<Instant> {
    const { sensor, head } = compiled;
    const handle = buses.busFor(head.namespace, sensor.eventBusName);
    const now = clock.now(); // before the look: what comes meanwhile is not missed
    if (position === undefined) return wishedBegin(sensor, now);
    const { bus, epoch, after } = position;
    if (bus !== handle.name || epoch !== (await handle.bus.end(handle.stream)).epoch) return now;
    const subjects = compiled.inputs.map((input) => handle.subjectOf(head.namespace, input.eventSource, input.event));
    const query = { subjects, from: { epoch, after }, follow: false, maxBatch: 1 };
    for await (const { messages } of handle.bus.read(query, AbortSignal.timeout(readMs))) {
      const [first] = messages;
      if (first !== undefined) return instant(first.storedAt);
    }
    return now;
  }

  return {
    placeOf: pods.placeOf,
    unfinished: async (compiled) => (await storedOf(compiled)).outbox.length,
    async toPod(object, compiled, bus, signal) {
      const { partition, position, events } = await storedOf(compiled);
      const begin = (): Promise<Instant> => beginOf(compiled, position);
      const failure = await pods.install({ object, resource: compiled.sensor, begin }, bus, signal);
      if (failure !== undefined || position === undefined) return failure;
      const { namespace, name, uid } = compiled.head;
      const { joins, waiting, held } = events;
      const left = Object.values(joins).flatMap((one) => Object.keys(one)).length + waiting.length + held.length;
      if (left > 0) log.warn("events that waited for others stay behind", { namespace, sensor: name, events: left });
      await partition.forget(cellPrefix(uid));
      return undefined;
    },
    toEngine: ({ sensor }, signal) => pods.end(sensor, signal),
    arrived: ({ sensor }, signal) => pods.remove(sensor, signal),
  };
}

function wishedBegin({ startAt = "latest" }: Sensor, now: Instant): Instant {
  if (startAt === "latest") return now;
  return startAt === "earliest" ? instant(0) : instant(startAt);
}

import { randomUUID } from "node:crypto";
import { parseSensor } from "../api/sensor.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { type CompiledSensor, compileSensor } from "../events/sensor/compile.ts";
import { partitionOf } from "../events/sensor/partition.ts";
import { applyReplay } from "../events/trial/apply-replay.ts";
import { type ReplayBus, replay } from "../events/trial/replay.ts";
import type { Replayer } from "../server/replay-routes.ts";
import type { Parts } from "./parts.ts";
import { createActing, type TriggerTargets } from "./sensors.ts";

/** Stored events through Sensors that callers bring, on the buses of this engine. */
export function createReplayer(parts: Parts, targets: () => TriggerTargets | undefined): Replayer {
  const busOf = ({ sensor }: CompiledSensor): ReplayBus => {
    const own = parts.directory.busFor(sensor.metadata.namespace, sensor.eventBusName);
    return own.readFrom ?? own;
  };
  return {
    dry({ sensor, ...window }, options) {
      const compiled = compile(sensor, parts);
      return replay(compiled, { from: busOf(compiled), ledger: parts.system.bus, window }, options);
    },
    async apply({ sensor, ...window }, id = randomUUID().slice(0, 8), options) {
      const compiled = compile(sensor, parts);
      const target = targets();
      if (!target) throw new EngineError("ENGINE_UNREACHABLE", "the engine is starting: its Sensors do not act yet");
      const { namespace, name } = compiled.head;
      if (!parts.leases.sensors.owns(partitionOf(namespace, name))) {
        throw new EngineError(
          "LEASE_LOST",
          `another engine on this bus acts for Sensor ${namespace}/${name}: ask that one`,
        );
      }
      const partition = await parts.partitions.of(namespace, name);
      const deps = { ...parts, ...createActing(parts, compiled, target, partition), partition };
      return applyReplay(compiled, { id, from: busOf(compiled), window }, deps, options);
    },
  };
}

/** @throws InvalidManifest */
function compile(manifest: JsonObject, { kinds }: Parts): CompiledSensor {
  return compileSensor(parseSensor(manifest, kinds.schemas.triggers).resource);
}

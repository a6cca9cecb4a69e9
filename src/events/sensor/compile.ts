import type { Sensor, Trigger } from "../../api/resources.ts";
import { TerminalError } from "../../base/errors.ts";
import type { SensorHead } from "../../record/records.ts";

/** A Sensor ready to run: paths, regexes and conditions are closures, so that nothing is parsed per event. */
export interface CompiledSensor {
  readonly sensor: Sensor;
  readonly head: SensorHead;
  readonly triggers: readonly CompiledTrigger[];
  /** Distinct pairs that it listens to, in the order of its dependencies. */
  readonly inputs: readonly SensorInput[];
  /** Dependencies fed by an event of this EventSource and event name, in the spec's order. */
  dependenciesOf(eventSource: string, event: string): readonly CompiledDependency[];
}

export interface SensorInput {
  readonly eventSource: string;
  readonly event: string;
}

export interface CompiledDependency {
  readonly name: string;
}

export interface CompiledTrigger {
  readonly name: string;
  readonly trigger: Trigger;
  /** The names in its conditions. */
  readonly dependencies: ReadonlySet<string>;
  /** false: one event suffices, and no state is kept. */
  readonly joins: boolean;
  isMet(present: ReadonlySet<string>): boolean;
}

/** @throws TerminalError MANIFEST_INVALID with every problem and its field path. */
export function compileSensor(_sensor: Sensor): CompiledSensor {
  throw new TerminalError("MANIFEST_INVALID", "not written yet");
}

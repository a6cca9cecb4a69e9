import type { Instant } from "../../base/clock.ts";
import type { CompiledSensor } from "../sensor/compile.ts";
import { type Decision, type ReceivedEvent, reduce, type SensorState } from "../sensor/reducer.ts";

/** What a Sensor decided at one moment. */
export interface Step {
  readonly at: Instant;
  readonly decisions: readonly Decision[];
}

/**
 * A Sensor on a clock that somebody else turns: no bus, no engine, the engine's reducer. Time passes in `passTime` only.
 */
export interface VirtualSensor {
  readonly state: SensorState;
  /** What is due until `until`, that moment included, in its order. */
  passTime(until: Instant): readonly Step[];
  /** One event at `at`, after what was due by then. */
  take(received: ReceivedEvent, at: Instant): readonly Step[];
}

export function createVirtualSensor(compiled: CompiledSensor, initial: SensorState): VirtualSensor {
  let state = initial;
  /** Sensors know no timers yet: what they do of themselves, between events, belongs here. */
  const passTime = (_until: Instant): readonly Step[] => [];
  return {
    get state() {
      return state;
    },
    passTime,
    take(received, at) {
      const due = passTime(at);
      const reduction = reduce(compiled, state, received, at);
      state = reduction.state;
      const step = { at, decisions: reduction.decisions };
      return due.length === 0 ? [step] : [...due, step];
    },
  };
}

import type { Instant } from "../../base/clock.ts";
import type { CompiledSensor } from "../sensor/compile.ts";
import { nextTickAt, reduce, tick } from "../sensor/reducer.ts";
import type { Decision, ReceivedEvent, Reduction, SensorState } from "../sensor/state.ts";

/** What a Sensor decided at one moment. */
export interface Step {
  readonly at: Instant;
  readonly decisions: readonly Decision[];
}

/** What time alone brings about in a Sensor, between events. */
export interface Timers {
  /** Undefined: nothing before another event. */
  nextTickAt(sensor: CompiledSensor, state: SensorState): Instant | undefined;
  tick(sensor: CompiledSensor, state: SensorState, now: Instant): Reduction;
}

const sensorTimers: Timers = { nextTickAt, tick };

/** Ticks between two events that are followed; a Sensor that never comes to rest is left there. */
const maxTicks = 100_000;

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

export function createVirtualSensor(
  compiled: CompiledSensor,
  initial: SensorState,
  timers = sensorTimers,
): VirtualSensor {
  let state = initial;

  function passTime(until: Instant): readonly Step[] {
    const steps: Step[] = [];
    for (let ticks = 0; ticks < maxTicks; ticks++) {
      const at = timers.nextTickAt(compiled, state);
      if (at === undefined || at > until) break;
      steps.push(stepOf(timers.tick(compiled, state, at), at));
    }
    return steps;
  }

  function stepOf(reduction: Reduction, at: Instant): Step {
    state = reduction.state;
    return { at, decisions: reduction.decisions };
  }

  return {
    get state() {
      return state;
    },
    passTime,
    take(received, at) {
      const due = passTime(at);
      const step = stepOf(reduce(compiled, state, received, at), at);
      return due.length === 0 ? [step] : [...due, step];
    },
  };
}

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { BusDirectory } from "../controllers/bus-directory.ts";
import { followOutcomeListeners, type OutcomeListeners } from "../controllers/outcome-listeners.ts";
import { publishOutcome } from "../controllers/own-events.ts";
import type { OutcomeTarget } from "../events/sensor/outcome-events.ts";
import type { EmittedEvent } from "../events/triggers/trigger.ts";
import type { WatchCache } from "../kube/kube.ts";

/** Outcomes as events of the EventSource `tiphys`. Nobody listens before the Sensors are followed. */
export interface Outcomes {
  follow(sensors: WatchCache): void;
  isHeard(namespace: string, event: string): boolean;
  /** On each bus of the namespace that somebody listens on; `own`: the EventBus on which it must be kept. */
  publish(event: EmittedEvent, place: { readonly namespace: string; readonly own: string }): Promise<void>;
  targetOf(namespace: string, eventBusName: string): OutcomeTarget;
}

export function createOutcomes(deps: {
  readonly directory: BusDirectory;
  readonly clock: Clock;
  readonly log: Logger;
}): Outcomes {
  let listeners: OutcomeListeners = { busesFor: () => new Set() };
  const isHeard: Outcomes["isHeard"] = (namespace, event) => listeners.busesFor(namespace, event).size > 0;
  const publish: Outcomes["publish"] = (event, place) => publishOutcome(event, place, { ...deps, listeners });
  return {
    follow(cache) {
      listeners = followOutcomeListeners(cache);
    },
    isHeard,
    publish,
    targetOf: (namespace, own) => ({
      isHeard: (event) => isHeard(namespace, event),
      announce: (event) => publish(event, { namespace, own }),
    }),
  };
}

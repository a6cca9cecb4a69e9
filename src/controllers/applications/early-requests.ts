import { type Clock, sleepFor } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";

/** A stored request and whom to tell once it was acted on. */
export interface StoredRequest {
  readonly received: ReceivedEvent;
  readonly done: () => void;
}

/** Stored requests for Applications that are not known yet: whoever stored one may know more than our watch. */
export interface EarlyRequests {
  add(application: string, request: StoredRequest): void;
  /** All for this Application; they are held no more. */
  take(application: string): readonly StoredRequest[];
  /** Holds those of such Applications no more, and tells nobody. */
  drop(isDropped: (application: string) => boolean): void;
}

export interface EarlyRequestsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly stop: AbortSignal;
  /** Whether there is such an Application, though it was not read yet. */
  readonly isThere: (application: string) => boolean;
}

/** How long an Application may take to appear. */
const patienceMs = 60_000;
/** Of all Applications; the reader of stored requests holds back at as many. */
const maxHeld = 10_000;

/** What no Application takes in time is let go, with a line in the log: it concerns nothing. */
export function createEarlyRequests({ clock, log, stop, isThere }: EarlyRequestsOptions): EarlyRequests {
  const held = new Map<string, StoredRequest[]>();
  let count = 0;

  function take(application: string): readonly StoredRequest[] {
    const requests = held.get(application) ?? [];
    held.delete(application);
    count -= requests.length;
    return requests;
  }

  function letGo(application: string): void {
    const requests = take(application);
    const ids = requests.slice(0, 10).map(({ received }) => received.event.id);
    log.warn("requests are for an Application that does not exist", { application, count: requests.length, ids });
    for (const { done } of requests) done();
  }

  function wait(application: string): void {
    sleepFor(clock, patienceMs, stop).then(
      () => {
        if (!held.has(application)) return;
        if (isThere(application)) wait(application);
        else letGo(application);
      },
      () => undefined, // the engine ends; they stay stored
    );
  }

  return {
    take,
    drop(isDropped) {
      for (const application of [...held.keys()].filter(isDropped)) take(application);
    },
    add(application, request) {
      const requests = held.get(application);
      if (requests === undefined) wait(application);
      held.set(application, [...(requests ?? []), request]);
      count += 1;
      const [first] = held.keys();
      if (count > maxHeld && first !== undefined) letGo(first);
    },
  };
}

import { type Clock, sleepFor, unneeded } from "../../base/clock.ts";
import { createKeyedSlots } from "../../base/slots.ts";

/**
 * Operations of one cluster that write at the same time, in the order of asking: of a thousand that begin at once the first
 * are soon over, and what is kept for each while it runs is kept for few. Whoever waits, for health or for a person, or
 * hangs, keeps nobody else from working.
 */
export interface WorkPlaces {
  /** Resolves with a place; disposal gives it back, and so does `heldMs`. Rejects with the signal's reason. */
  take(cluster: string, signal: AbortSignal): Promise<Disposable>;
}

const placesOfCluster = 64;
/** A cluster or a repository that takes longer to answer is waited for without a place. */
const heldMs = 3_000;

export function createWorkPlaces(clock: Clock, perCluster = placesOfCluster): WorkPlaces {
  const places = createKeyedSlots(perCluster);
  return {
    take: async (cluster, signal) => heldFor(await places.take(cluster, signal), clock),
  };
}

function heldFor(place: Disposable, clock: Clock): Disposable {
  const over = new AbortController();
  const giveBack = (): void => {
    over.abort(unneeded);
    place[Symbol.dispose]();
  };
  sleepFor(clock, heldMs, over.signal).then(giveBack, () => undefined); // it was given back before
  return { [Symbol.dispose]: giveBack };
}

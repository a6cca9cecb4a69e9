import type { Sequence } from "../bus/bus.ts";
import type { Arrival } from "./arrival.ts";
import type { ReceivedEvent } from "./state.ts";

/** Events that a subscriber is given at once. */
export const maxGiven = 200;

export interface EventBatch {
  readonly epoch: string;
  /** Can be gone through once: each is decoded when its turn comes. */
  readonly events: Iterable<ReceivedEvent>;
  /** The subscriber is past everything up to here. */
  readonly through: Sequence;
  /** Messages that the stream dropped before they were read. */
  readonly lost?: { readonly from: Sequence; readonly to: Sequence };
}

export interface QueuedBatch extends Omit<EventBatch, "events" | "through"> {
  readonly arrivals: Arrival[];
  through: Sequence;
}

export interface Place {
  readonly epoch: string;
  readonly after: Sequence;
}

/** One that the shared loop of `reader.ts` may feed. */
export interface Subscriber {
  readonly subjects: ReadonlySet<string>;
  readonly queue: QueuedBatch[];
  queued: number;
  attached: boolean;
  /** Whether it works on a batch that waited for it, and has not asked for the next. */
  busy: boolean;
  /** While it reads for itself. */
  catchingUp: AsyncIterator<EventBatch, void> | undefined;
  /** What it was given, or has read for itself. */
  place: Place | undefined;
  wake: () => void;
}

/** Small batches that follow each other are given as one. */
export function enqueue(queue: QueuedBatch[], batch: QueuedBatch): void {
  const last = queue.at(-1);
  const isOne = last?.epoch === batch.epoch && batch.lost === undefined;
  if (!last || !isOne || last.arrivals.length + batch.arrivals.length > maxGiven) {
    queue.push(batch);
    return;
  }
  last.arrivals.push(...batch.arrivals);
  last.through = batch.through;
}

export function isNew({ message }: Arrival, { place }: Subscriber): boolean {
  return message.sequence > (place?.after ?? 0);
}

export function add(routed: Map<Subscriber, Arrival[]>, subscriber: Subscriber, arrival: Arrival): void {
  const list = routed.get(subscriber);
  if (list) list.push(arrival);
  else routed.set(subscriber, [arrival]);
}

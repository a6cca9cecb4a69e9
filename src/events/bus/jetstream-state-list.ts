import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { StateEntry } from "./bus.ts";
import type { Connection } from "./jetstream-connection.ts";
import { Pull, type PulledMessage } from "./jetstream-pull.ts";

/** For all of it: a bucket is small. */
const listWithinMs = 10_000;
/** After this long without a message the server is asked whether there are more. */
const quietMs = 500;
const window = 1000;
/** How often the end is looked for again, for what was written meanwhile. */
const maxRounds = 3;

/**
 * What a bucket holds, each key once. What is written meanwhile may be told or not; a key that is replaced again and
 * again while it is read may be missing, so a list is not one moment. The library's own reading ends only when the server
 * says that nothing is pending, which 2.9 may never do while others write.
 *
 * @throws EngineError BUS_UNAVAILABLE when it takes longer than 10 s
 */
export async function listBucket(connection: Connection, bucket: string, clock: Clock): Promise<readonly StateEntry[]> {
  const stream = `KV_${bucket}`;
  const prefix = `$KV.${bucket}.`;
  const { jsm } = connection;
  const { name: consumer, num_pending: pending } = await jsm.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    filter_subject: `${prefix}>`,
    inactive_threshold: 30 * 1e9,
    mem_storage: true,
    num_replicas: 1,
  });
  const entries = new Map<string, StateEntry>();
  const take = (pulled: PulledMessage): void => {
    const { subject, headers, data } = pulled.message;
    const key = subject.slice(prefix.length);
    const isRemoval = headers?.has("KV-Operation") === true || headers?.has("Nats-Marker-Reason") === true;
    if (isRemoval) entries.delete(key);
    else entries.set(key, { key, value: data, revision: pulled.sequence });
  };
  try {
    if (pending > 0) await readAll({ connection, stream, consumer, clock }, take);
  } finally {
    jsm.consumers.delete(stream, consumer).catch(() => undefined); // else it expires
  }
  return [...entries.values()];
}

interface Listing {
  readonly connection: Connection;
  readonly stream: string;
  readonly consumer: string;
  readonly clock: Clock;
}

/** Up to where the stream ended at one time after the start. */
async function readAll(listing: Listing, take: (pulled: PulledMessage) => void): Promise<void> {
  using pull = new Pull({ ...listing, window });
  const deadline = listing.clock.monotonicMs() + listWithinMs;
  let end = await endOf(listing);
  for (let round = 0; round < maxRounds; round++) {
    const last = await readTo(end, pull, listing, { take, deadline });
    if (last === undefined) return;
    end = await endOf(listing);
    if (last >= end) return;
  }
}

/** The sequence that was reached, or undefined when there is no more. The last message may be gone: then a later one came. */
async function readTo(
  end: number,
  pull: Pull,
  listing: Listing,
  { take, deadline }: { readonly take: (pulled: PulledMessage) => void; readonly deadline: number },
): Promise<number | undefined> {
  const { signal: never } = new AbortController();
  for (;;) {
    const taken = pull.take(Number.POSITIVE_INFINITY);
    for (const pulled of taken) take(pulled);
    const last = taken.at(-1);
    if (last?.pending === 0) return undefined;
    if (last !== undefined && last.sequence >= end) return last.sequence;
    if (pull.isBroken || listing.clock.monotonicMs() >= deadline) {
      throw new EngineError("BUS_UNAVAILABLE", `"${listing.stream}" was not read within ${listWithinMs} ms`);
    }
    await pull.wait(quietMs, never);
    if (pull.buffered.length === 0 && (await hasNoMore(listing)) && pull.buffered.length === 0) return undefined;
  }
}

async function endOf({ connection, stream }: Listing): Promise<number> {
  return (await connection.jsm.streams.info(stream)).state.last_seq;
}

/** What counted as pending may have been replaced or expired since: nobody will ever deliver it. */
async function hasNoMore({ connection, stream, consumer }: Listing): Promise<boolean> {
  return (await connection.jsm.consumers.info(stream, consumer)).num_pending === 0;
}

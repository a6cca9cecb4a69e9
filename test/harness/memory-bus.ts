import { EngineError } from "../../src/base/errors.ts";
import type {
  BusMessage,
  Delivery,
  EventBus,
  Position,
  PublishAck,
  ReadBatch,
  ReadQuery,
  StateEntry,
  StateStore,
  StoredMessage,
  StreamUsage,
} from "../../src/events/bus/bus.ts";
import { StateListeners } from "../../src/events/bus/state-watch.ts";
import { type Subject, subjectMatches } from "../../src/record/subject.ts";

/** A bus in memory: one stream for each first token; all but `share` as the contract says. */
export interface MemoryBus extends EventBus {
  /** While set, publishes fail with it. */
  failure: Error | undefined;
  /** Called before each operation; what it throws or rejects with is how the operation fails. */
  fault: ((operation: Operation, subject: string) => void | Promise<void>) | undefined;
  /** Called after each operation that changed something, before who asked for it learns of it. */
  done: ((operation: Operation, subject: string) => void | Promise<void>) | undefined;
  /** Every message that is stored, in order. */
  stored(stream: string): readonly StoredMessage[];
  /** The stream is made anew: empty, with another epoch; those who read it begin at its first message. */
  recreate(stream: string): void;
  /** Drops the oldest messages of a stream, all below `before`. */
  drop(stream: string, before: number): void;
  /** A copy of what is stored now, as a crash would leave it. */
  clone(): MemoryBus;
}

export type Operation =
  | "positionAt"
  | "usage"
  | "publish"
  | "append"
  | "last"
  | "purge"
  | "end"
  | "read"
  | "get"
  | "put"
  | "delete"
  | "entries";

/** What a bus that has lost its server fails with. */
export function busAway(): EngineError {
  return new EngineError("BUS_UNAVAILABLE", "the bus is away");
}

function usageOf(name: string, messages: readonly StoredMessage[], last: number): StreamUsage {
  const [oldest, newest] = [messages[0], messages.at(-1)];
  const bytes = messages.reduce((sum, { data }) => sum + data.byteLength, 0);
  const edges = oldest && newest ? { oldest: edgeOf(oldest), newest: edgeOf(newest) } : {};
  return { name, messages: messages.length, bytes, last, ...edges, consumers: [] };
}

function edgeOf({ sequence, storedAt }: StoredMessage) {
  return { sequence, storedAt };
}

interface Stream {
  epoch: string;
  messages: StoredMessage[];
  readonly ids: Map<string, number>;
  after: number;
}

type States = ReadonlyMap<string, ReadonlyMap<string, StateEntry>>;

export function createMemoryBus(
  epoch = "one",
  stored: ReadonlyMap<string, Stream> = new Map(),
  kept: States = new Map(),
  now: () => number = Date.now,
): MemoryBus {
  const states = new Map([...kept].map(([name, entries]) => [name, new Map(entries)]));
  const stores = new Map<string, StateStore>();
  const streams = new Map<string, Stream>();
  for (const [name, { messages, ids, ...rest }] of stored) {
    streams.set(name, { ...rest, messages: [...messages], ids: new Map(ids) });
  }
  const wakers = new Set<() => void>();

  function streamOf(subject: string): Stream {
    const name = subject.split(".")[0] ?? "";
    const known = streams.get(name) ?? { epoch, messages: [], ids: new Map(), after: 0 };
    streams.set(name, known);
    return known;
  }

  function store(subject: Subject, data: Uint8Array): number {
    const stream = streamOf(subject);
    stream.after += 1;
    stream.messages.push({ subject, sequence: stream.after, storedAt: now(), data });
    for (const wake of [...wakers]) wake();
    return stream.after;
  }

  async function publish(subject: Subject, { id, data }: BusMessage): Promise<PublishAck> {
    await new Promise((resolve) => setImmediate(resolve));
    if (bus.failure) throw bus.failure;
    await bus.fault?.("publish", subject);
    const stream = streamOf(subject);
    const name = subject.split(".")[0] ?? "";
    const before = stream.ids.get(id);
    if (before !== undefined) return { stream: name, sequence: before, duplicate: true };
    const sequence = store(subject, data);
    stream.ids.set(id, sequence);
    await bus.done?.("publish", subject);
    return { stream: name, sequence, duplicate: false };
  }

  function startOf(stream: Stream, from: Position): number {
    if (from === "first") return 0;
    if (from === "next") return stream.after;
    return from.epoch === stream.epoch ? from.after : 0;
  }

  /** What a reader after `after` is given next; undefined when there is nothing. */
  function nextBatch(stream: Stream, { subjects, from, maxBatch = 1_000 }: ReadQuery, after: number) {
    const first = stream.messages[0]?.sequence ?? stream.after + 1;
    const begin = Math.max(
      0,
      stream.messages.findIndex(({ sequence }) => sequence > after),
    );
    const messages = stream.messages.slice(begin, begin + maxBatch).filter(({ sequence }) => sequence > after);
    const through = messages.at(-1)?.sequence;
    if (through === undefined) return undefined;
    const lost = from !== "first" && first > after + 1 ? { lost: { from: after + 1, to: first - 1 } } : {};
    const matching = messages.filter(({ subject }) => subjects.some((one) => subjectMatches(one, subject)));
    return { epoch: stream.epoch, messages: matching, through, ...lost };
  }

  async function* read(query: ReadQuery, signal: AbortSignal): AsyncIterable<ReadBatch> {
    const subject = query.subjects[0] ?? "";
    await bus.fault?.("read", subject);
    const stream = streamOf(subject);
    const end = query.follow ? Number.POSITIVE_INFINITY : stream.after;
    const place = { epoch: stream.epoch, after: startOf(stream, query.from) };
    while (!signal.aborted && place.after < end) {
      const batch = take(stream, query, place);
      if (batch) yield batch;
      else if (query.follow) await woken(signal);
      else return;
      await bus.fault?.("read", subject);
    }
  }

  /** The next batch, moving `place` past it; a stream made anew is read from its first message. */
  function take(stream: Stream, query: ReadQuery, place: { epoch: string; after: number }): ReadBatch | undefined {
    if (place.epoch !== stream.epoch) Object.assign(place, { epoch: stream.epoch, after: 0 });
    const batch = nextBatch(stream, query, place.after);
    place.after = batch?.through ?? place.after;
    return batch;
  }

  function woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        wakers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      wakers.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  const newest = (subject: Subject): StoredMessage | undefined =>
    streamOf(subject).messages.findLast((message) => message.subject === subject);

  const bus: MemoryBus = {
    failure: undefined,
    fault: undefined,
    done: undefined,
    stored: (name) => streamOf(name).messages,
    recreate(name) {
      const stream = streamOf(name);
      Object.assign(stream, { epoch: `${stream.epoch}+`, messages: [], after: 0 });
      stream.ids.clear();
    },
    clone: () => createMemoryBus(epoch, streams, states, now),
    publish,
    read,
    drop(name, before) {
      const stream = streamOf(name);
      stream.messages = stream.messages.filter(({ sequence }) => sequence >= before);
    },
    share: (): AsyncIterable<readonly Delivery[]> => {
      throw new Error("the bus in memory does not share");
    },
    async append(subject, data, expected) {
      await bus.fault?.("append", subject);
      if ((newest(subject)?.sequence ?? 0) !== expected) throw new EngineError("BUS_STALE", "another wrote");
      const sequence = store(subject, data);
      await bus.done?.("append", subject);
      return sequence;
    },
    async last(subject) {
      await bus.fault?.("last", subject);
      return newest(subject);
    },
    async purge(subject, before) {
      await bus.fault?.("purge", subject);
      const stream = streamOf(subject);
      stream.messages = stream.messages.filter((one) => one.subject !== subject || one.sequence >= before);
      await bus.done?.("purge", subject);
    },
    state: (name) => {
      const entries = states.get(name) ?? new Map<string, StateEntry>();
      states.set(name, entries);
      const store = stores.get(name) ?? stateOf(name, entries, bus);
      stores.set(name, store);
      return store;
    },
    async end(name) {
      await bus.fault?.("end", name);
      const stream = streamOf(name);
      return { epoch: stream.epoch, after: stream.after };
    },
    async positionAt(name, atMs) {
      await bus.fault?.("positionAt", name);
      const stream = streamOf(name);
      const first = stream.messages.find(({ storedAt }) => storedAt >= atMs);
      return { epoch: stream.epoch, after: first ? first.sequence - 1 : stream.after };
    },
    async usage() {
      await bus.fault?.("usage", "");
      return [...streams].map(([name, { messages, after }]) => usageOf(name, messages, after));
    },
    maxMessageBytes: 1024 * 1024,
    health: () => ({ state: "connected" }),
    [Symbol.asyncDispose]: async () => undefined,
  };
  return bus;
}

function stateOf(name: string, entries: Map<string, StateEntry>, bus: Pick<MemoryBus, "fault" | "done">): StateStore {
  const fault = (operation: Operation) => bus.fault?.(operation, name);
  const listeners = new StateListeners();
  // A key that is made anew must not get a revision that it had before.
  let last = Math.max(0, ...[...entries.values()].map(({ revision }) => revision));
  function expect(key: string, expected: number | undefined): void {
    const revision = entries.get(key)?.revision ?? 0;
    if (expected !== undefined && revision !== expected) throw new EngineError("BUS_STALE", `${name}: another wrote`);
  }
  return {
    async get(key) {
      await fault("get");
      return entries.get(key);
    },
    async put(key, value, expected) {
      await fault("put");
      expect(key, expected);
      last += 1;
      entries.set(key, { key, value, revision: last });
      const revision = last;
      listeners.tell(name, { key, value, revision });
      await bus.done?.("put", name);
      return revision;
    },
    async delete(key, expected) {
      await fault("delete");
      expect(key, expected);
      entries.delete(key);
      listeners.tell(name, { key, deleted: true });
      await bus.done?.("delete", name);
    },
    async entries(prefix) {
      await fault("entries");
      return [...entries.values()].filter(({ key }) => key.startsWith(prefix));
    },
    watch: (prefix, signal) => {
      const list = async (take: (known: readonly StateEntry[]) => void) => {
        await fault("entries");
        take([...entries.values()].filter(({ key }) => key.startsWith(prefix)));
      };
      return listeners.watch(name, prefix, list, signal);
    },
  };
}

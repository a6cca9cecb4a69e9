import { EngineError } from "../../src/base/errors.ts";
import type {
  BusMessage,
  Delivery,
  EventBus,
  Position,
  PublishAck,
  ReadBatch,
  ReadQuery,
  StateStore,
  StoredMessage,
} from "../../src/events/bus/bus.ts";
import { type Subject, subjectMatches } from "../../src/record/subject.ts";

/** A bus in memory: one stream for each first token; publish, read, append, last, purge and end as the contract says. */
export interface MemoryBus extends EventBus {
  /** While set, publishes fail with it. */
  failure: Error | undefined;
  /** Drops the oldest messages of a stream, all below `before`. */
  drop(stream: string, before: number): void;
  /** A copy of what is stored now, as a crash would leave it. */
  clone(): MemoryBus;
}

interface Stream {
  messages: StoredMessage[];
  readonly ids: Map<string, number>;
  after: number;
}

export function createMemoryBus(epoch = "one", stored: ReadonlyMap<string, Stream> = new Map()): MemoryBus {
  const streams = new Map<string, Stream>();
  for (const [name, { messages, ids, after }] of stored) {
    streams.set(name, { messages: [...messages], ids: new Map(ids), after });
  }
  const wakers = new Set<() => void>();

  function streamOf(subject: string): Stream {
    const name = subject.split(".")[0] ?? "";
    const known = streams.get(name) ?? { messages: [], ids: new Map(), after: 0 };
    streams.set(name, known);
    return known;
  }

  function store(subject: Subject, data: Uint8Array): number {
    const stream = streamOf(subject);
    stream.after += 1;
    stream.messages.push({ subject, sequence: stream.after, storedAt: Date.now(), data });
    for (const wake of [...wakers]) wake();
    return stream.after;
  }

  async function publish(subject: Subject, { id, data }: BusMessage): Promise<PublishAck> {
    await new Promise((resolve) => setImmediate(resolve));
    if (bus.failure) throw bus.failure;
    const stream = streamOf(subject);
    const name = subject.split(".")[0] ?? "";
    const before = stream.ids.get(id);
    if (before !== undefined) return { stream: name, sequence: before, duplicate: true };
    const sequence = store(subject, data);
    stream.ids.set(id, sequence);
    return { stream: name, sequence, duplicate: false };
  }

  function startOf(stream: Stream, from: Position): number {
    if (from === "first") return 0;
    if (from === "next") return stream.after;
    return from.epoch === epoch ? from.after : 0;
  }

  async function* read(query: ReadQuery, signal: AbortSignal): AsyncIterable<ReadBatch> {
    const stream = streamOf(query.subjects[0] ?? "");
    const end = query.follow ? Number.POSITIVE_INFINITY : stream.after;
    let after = startOf(stream, query.from);
    while (!signal.aborted && after < end) {
      const first = stream.messages[0]?.sequence ?? stream.after + 1;
      const lost = query.from !== "first" && first > after + 1 ? { lost: { from: after + 1, to: first - 1 } } : {};
      const begin = Math.max(0, after + 1 - first);
      const messages = stream.messages.slice(begin, begin + (query.maxBatch ?? 1_000));
      if (messages.length === 0 && !query.follow) return;
      if (messages.length === 0) await woken(signal);
      else {
        after = messages.at(-1)!.sequence;
        const matching = messages.filter(({ subject }) => query.subjects.some((one) => subjectMatches(one, subject)));
        yield { epoch, messages: matching, through: after, ...lost };
      }
    }
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
    clone: () => createMemoryBus(epoch, streams),
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
      if ((newest(subject)?.sequence ?? 0) !== expected) throw new EngineError("BUS_STALE", "another wrote");
      return store(subject, data);
    },
    last: async (subject) => newest(subject),
    async purge(subject, before) {
      const stream = streamOf(subject);
      stream.messages = stream.messages.filter((one) => one.subject !== subject || one.sequence >= before);
    },
    state: (): StateStore => {
      throw new Error("the bus in memory keeps no state");
    },
    end: async (stream) => ({ epoch, after: streamOf(stream).after }),
    maxMessageBytes: 1024 * 1024,
    health: () => ({ state: "connected" }),
    [Symbol.asyncDispose]: async () => undefined,
  };
  return bus;
}

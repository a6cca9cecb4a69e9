import { backoffMs, reconnectBackoff } from "../base/backoff.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { EngineError, NotYetError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { EventBus, ReadBatch } from "../events/bus/bus.ts";
import type { Subject } from "../record/subject.ts";
import type { History } from "./history.ts";
import { ledgerStream, ledgerSubjects } from "./ledger.ts";
import { ProjectionLink } from "./projection-link.ts";
import { type FollowedPosition, ledgerName, type PackedBatch } from "./projection-protocol.ts";

/** Messages in one transaction of the worker: few enough that a question waits for milliseconds only. */
const maxEvents = 256;
/** Each has up to 256 records. */
const maxLedgerMessages = 64;
const retainEveryMs = 60_000;
const maxCatchUpMs = 2_000;

/**
 * What happened, in SQLite tables built from the streams: safe to delete, as it is built again. All of its work is done
 * in a worker; rows and positions are written together, so a kill at any time loses and doubles nothing.
 */
export interface Projection extends AsyncDisposable {
  readonly history: History;
  /**
   * Takes in the events of a bus until `signal` aborts, and of the bus `system` the ledger too, which lives there.
   * `name`: `system`, or `<namespace>/<EventBus>`; the stream is named as the first token of its subjects.
   * @throws EngineError STORE_FAILED, TerminalError RECORD_TOO_NEW
   */
  follow(name: string, bus: EventBus, subjects: readonly Subject[], signal: AbortSignal): Promise<void>;
}

export interface ProjectionOptions {
  /** A file that is damaged or of another version is replaced. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** @throws EngineError STORE_FAILED when the file can be neither opened nor replaced. */
export async function openProjection(options: ProjectionOptions): Promise<Projection> {
  const link = new ProjectionLink(options.path);
  await link.ask("position", { name: ledgerName }).catch(async (error: unknown) => {
    await link[Symbol.asyncDispose]();
    throw error;
  });
  return new WorkerProjection(link, options);
}

interface Sourced {
  readonly bus: EventBus;
  readonly stream: string;
  readonly subjects: readonly Subject[];
}

interface Followed extends Sourced {
  position: FollowedPosition | undefined;
  readonly waiters: Set<() => void>;
}

class WorkerProjection implements Projection {
  readonly history: History;
  readonly #link: ProjectionLink;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #followed = new Map<string, Followed>();

  constructor(link: ProjectionLink, { clock, log }: ProjectionOptions) {
    this.#link = link;
    this.#clock = clock;
    this.#log = log;
    this.history = {
      event: (id) => link.ask("event", { id }),
      record: (id) => link.ask("record", { id }),
      find: (reference) => link.ask("find", { reference }),
      events: (query) => link.ask("events", query),
      records: (query) => link.ask("records", query),
      exportPage: (query) => link.ask("exportPage", query),
      causes: (id) => link.ask("causes", { id }),
      effects: (id) => link.ask("effects", { id }),
      caughtUp: () => this.#caughtUp(),
    };
  }

  async follow(name: string, bus: EventBus, subjects: readonly Subject[], signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const stopped = AbortSignal.any([signal, failed.signal]);
    const streams: [string, Sourced][] = [[name, { bus, subjects, stream: subjects[0]?.split(".")[0] ?? "" }]];
    if (name === "system") streams.push([ledgerName, { bus, subjects: ledgerSubjects, stream: ledgerStream }]);
    const following = streams.map(([label, sourced]) =>
      this.#follow(label, sourced, stopped).catch((error: unknown) => {
        failed.abort();
        throw error;
      }),
    );
    const ended = await Promise.allSettled(following);
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#link[Symbol.asyncDispose]();
  }

  async #caughtUp(): Promise<boolean> {
    const stop = new AbortController();
    const late = sleepFor(this.#clock, maxCatchUpMs, stop.signal).then(
      () => false,
      () => false,
    );
    const followed = [...this.#followed.values()];
    const all = Promise.all(followed.map((one) => reachEnd(one, stop.signal))).then(() => true);
    try {
      return await Promise.race([all, late]);
    } finally {
      stop.abort();
    }
  }

  async #follow(name: string, sourced: Sourced, signal: AbortSignal): Promise<void> {
    const followed: Followed = { ...sourced, position: undefined, waiters: new Set() };
    this.#followed.set(name, followed); // at once: who asks from now on waits for it
    const stop = new AbortController();
    const stopped = AbortSignal.any([signal, stop.signal]);
    let retaining: Promise<void> | undefined;
    try {
      moveTo(followed, await this.#link.ask("position", { name }));
      retaining = this.#retain(name, followed, stopped);
      await this.#takeInUntil(name, followed, signal);
    } finally {
      stop.abort();
      await retaining;
      if (this.#followed.get(name) === followed) this.#followed.delete(name);
    }
  }

  /** A full disk, or a bus that is away, is waited for: the history goes on from what it has stored. */
  async #takeInUntil(name: string, followed: Followed, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      const before = followed.position;
      try {
        return await this.#takeIn(name, followed, signal);
      } catch (error) {
        const mayPass =
          error instanceof NotYetError || (error instanceof EngineError && error.code === "BUS_UNAVAILABLE");
        if (!mayPass) throw error;
        if (followed.position !== before) attempt = 1;
        this.#log.warn("the history waits", { bus: name, attempt, error });
        await sleepFor(this.#clock, backoffMs(reconnectBackoff, attempt), signal).catch(() => undefined);
      }
    }
  }

  /** The worker stores one batch while the next is fetched; more is never under way. */
  async #takeIn(name: string, followed: Followed, signal: AbortSignal): Promise<void> {
    const { bus, subjects } = followed;
    const from = followed.position ?? "first";
    const maxBatch = name === ledgerName ? maxLedgerMessages : maxEvents;
    const failed = new AbortController();
    const stopped = AbortSignal.any([signal, failed.signal]);
    let storing = Promise.resolve();
    for await (const batch of bus.read({ subjects, from, follow: true, maxBatch }, stopped)) {
      await storing;
      storing = this.#store(name, followed, batch);
      storing.catch(() => failed.abort()); // ends the reading; thrown below
    }
    await storing;
  }

  async #store(name: string, followed: Followed, batch: ReadBatch): Promise<void> {
    const packed = pack(name, batch);
    const buffers = [packed.numbers.buffer, packed.bytes.buffer] as ArrayBuffer[];
    const { skipped, reason } = await this.#link.ask("store", packed, buffers);
    if (skipped > 0) this.#log.warn("messages could not be read into the history", { bus: name, skipped, reason });
    moveTo(followed, { epoch: batch.epoch, after: batch.through });
  }

  /** Forgets what the stream has dropped, now and then. */
  async #retain(name: string, followed: Followed, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const below = await firstSequence(followed, signal);
        while (!signal.aborted && (await this.#link.ask("forget", { name, below })));
        await sleepFor(this.#clock, retainEveryMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn("old history could not be dropped", { bus: name, error });
        await sleepFor(this.#clock, retainEveryMs, signal).catch(() => undefined);
      }
    }
  }
}

/** The oldest sequence that the stream still holds; past its end when it holds nothing. */
async function firstSequence({ bus, stream, subjects }: Sourced, signal: AbortSignal): Promise<number> {
  const { after } = await bus.end(stream);
  for await (const { messages } of bus.read({ subjects, from: "first", follow: false, maxBatch: 1 }, signal)) {
    if (messages[0]) return messages[0].sequence;
  }
  signal.throwIfAborted(); // cut short, so nothing is known
  return after + 1;
}

function moveTo(followed: Followed, position: FollowedPosition | undefined): void {
  followed.position = position;
  for (const wake of [...followed.waiters]) wake();
}

async function reachEnd(followed: Followed, signal: AbortSignal): Promise<void> {
  const end = await followed.bus.end(followed.stream).catch(() => undefined); // away: as far as it got
  const isThere = (): boolean =>
    !end || end.after === 0 || (followed.position?.epoch === end.epoch && followed.position.after >= end.after);
  while (!signal.aborted && !isThere()) await nextStored(followed, signal);
}

function nextStored({ waiters }: Followed, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      waiters.delete(wake);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    waiters.add(wake);
    signal.addEventListener("abort", wake, { once: true });
  });
}

function pack(name: string, { epoch, through, messages }: ReadBatch): PackedBatch {
  const numbers = new Float64Array(messages.length * 3);
  let size = 0;
  for (const { data } of messages) size += data.byteLength;
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const [index, { sequence, storedAt, data }] of messages.entries()) {
    numbers.set([sequence, storedAt, data.byteLength], index * 3);
    bytes.set(data, offset);
    offset += data.byteLength;
  }
  return { name, epoch, through, subjects: messages.map(({ subject }) => subject), numbers, bytes };
}

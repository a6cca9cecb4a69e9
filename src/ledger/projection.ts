import { type Clock, sleepFor } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { EventBus, ReadBatch } from "../events/bus/bus.ts";
import type { Subject } from "../record/subject.ts";
import type { History } from "./history.ts";
import { ledgerStream, ledgerSubjects } from "./ledger.ts";
import { ProjectionLink } from "./projection-link.ts";
import { type FollowedPosition, ledgerName, type PackedBatch } from "./projection-protocol.ts";

/** Messages in one transaction of the worker: few enough that a question waits for milliseconds only. */
const maxBatch = 256;
const retainEveryMs = 60_000;
const maxCatchUpMs = 2_000;

/**
 * What happened, in SQLite tables built from the streams: safe to delete, as it is built again. All of its work is done
 * in a worker; rows and positions are written together, so a kill at any time loses and doubles nothing.
 */
export interface Projection extends History, AsyncDisposable {
  /**
   * Takes in the events of a bus until `signal` aborts. `name`: `system`, or `<namespace>/<EventBus>`; one stream, named
   * as the first token of its subjects. Rejects when the projection cannot be written.
   */
  follow(name: string, bus: EventBus, subjects: readonly Subject[], signal: AbortSignal): Promise<void>;
  /** The same for the ledger, on the system bus. @throws TerminalError RECORD_TOO_NEW */
  followLedger(bus: EventBus, signal: AbortSignal): Promise<void>;
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

interface Followed {
  readonly bus: EventBus;
  readonly stream: string;
  position: FollowedPosition | undefined;
  readonly waiters: Set<() => void>;
}

class WorkerProjection implements Projection {
  readonly #link: ProjectionLink;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #followed = new Map<string, Followed>();

  constructor(link: ProjectionLink, { clock, log }: ProjectionOptions) {
    this.#link = link;
    this.#clock = clock;
    this.#log = log;
  }

  follow(name: string, bus: EventBus, subjects: readonly Subject[], signal: AbortSignal): Promise<void> {
    return this.#follow(name, bus, subjects[0]?.split(".")[0] ?? "", subjects, signal);
  }

  followLedger(bus: EventBus, signal: AbortSignal): Promise<void> {
    return this.#follow(ledgerName, bus, ledgerStream, ledgerSubjects, signal);
  }

  event = (id: string) => this.#link.ask("event", { id });
  record = (id: string) => this.#link.ask("record", { id });
  events: History["events"] = (query) => this.#link.ask("events", query);
  records: History["records"] = (query) => this.#link.ask("records", query);
  causes = (id: string) => this.#link.ask("causes", { id });
  effects = (id: string) => this.#link.ask("effects", { id });

  async caughtUp(): Promise<void> {
    const stop = new AbortController();
    const late = sleepFor(this.#clock, maxCatchUpMs, stop.signal).catch(() => undefined);
    const all = Promise.all([...this.#followed.values()].map((followed) => reachEnd(followed, stop.signal)));
    try {
      await Promise.race([all, late]);
    } finally {
      stop.abort();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#link[Symbol.asyncDispose]();
  }

  async #follow(
    name: string,
    bus: EventBus,
    stream: string,
    subjects: readonly Subject[],
    signal: AbortSignal,
  ): Promise<void> {
    const followed: Followed = { bus, stream, position: undefined, waiters: new Set() };
    this.#followed.set(name, followed); // at once: who asks from now on waits for it
    const stop = new AbortController();
    const stopped = AbortSignal.any([signal, stop.signal]);
    let retaining: Promise<void> | undefined;
    try {
      moveTo(followed, await this.#link.ask("position", { name }));
      retaining = this.#retain(name, followed, subjects, stopped);
      await this.#takeIn(name, followed, subjects, signal);
    } finally {
      stop.abort();
      await retaining;
      if (this.#followed.get(name) === followed) this.#followed.delete(name);
    }
  }

  /** The worker stores one batch while the next is fetched; more is never under way. */
  async #takeIn(name: string, followed: Followed, subjects: readonly Subject[], signal: AbortSignal): Promise<void> {
    const from = followed.position ?? "first";
    const failed = new AbortController();
    const stopped = AbortSignal.any([signal, failed.signal]);
    let storing = Promise.resolve();
    for await (const batch of followed.bus.read({ subjects, from, follow: true, maxBatch }, stopped)) {
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
  async #retain(name: string, followed: Followed, subjects: readonly Subject[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const below = await firstSequence(followed, subjects, signal);
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
async function firstSequence(
  { bus, stream }: Followed,
  subjects: readonly Subject[],
  signal: AbortSignal,
): Promise<number> {
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

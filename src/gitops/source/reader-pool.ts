import { type Clock, sleepFor, unneeded } from "../../base/clock.ts";
import { createSlots } from "../../base/slots.ts";
import type { GitCommand } from "./git-command.ts";
import { type ObjectReader, type OpenReader, openObjectReader } from "./object-reader.ts";

/** Open readers in all. */
const maxReaders = 8;
const idleMs = 30_000;

/**
 * Readers that stay open between uses: starting one costs more than most reads. A reader is idle or used by one caller;
 * one whose use failed or was aborted in the middle of an object is closed. Idle ones end after 30 s, or when another
 * mirror needs the place.
 */
export interface ReaderPool extends AsyncDisposable {
  /** Lends a reader of the mirror. An abort closes it and rejects with the signal's reason. */
  use<T>(gitDir: string, work: (reader: ObjectReader) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Ends the idle readers of a mirror. */
  readonly close: (gitDir: string) => void;
}

interface IdleReader {
  readonly gitDir: string;
  readonly open: OpenReader;
  readonly timer: AbortController;
}

export function createReaderPool(git: GitCommand, clock: Clock): ReaderPool {
  return new Pool(git, clock);
}

class Pool implements ReaderPool {
  readonly #git: GitCommand;
  readonly #clock: Clock;
  readonly #places = createSlots(maxReaders);
  readonly #idle = new Set<IdleReader>();
  readonly #closing = new Set<Promise<void>>();
  #used = 0;
  #isDisposed = false;

  constructor(git: GitCommand, clock: Clock) {
    this.#git = git;
    this.#clock = clock;
  }

  async use<T>(gitDir: string, work: (reader: ObjectReader) => Promise<T>, signal: AbortSignal): Promise<T> {
    using _place = await this.#places.take(signal);
    this.#used += 1;
    try {
      return await this.#lend(gitDir, work, signal);
    } finally {
      this.#used -= 1;
    }
  }

  readonly close = (gitDir: string): void => this.#closeIdle((reader) => reader.gitDir === gitDir);

  #closeIdle(isMeant: (reader: IdleReader) => boolean): void {
    for (const reader of [...this.#idle].filter(isMeant)) {
      this.#forget(reader);
      this.#close(reader.open);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#closeIdle(() => true);
    await Promise.all(this.#closing);
  }

  async #lend<T>(gitDir: string, work: (reader: ObjectReader) => Promise<T>, signal: AbortSignal): Promise<T> {
    const open = this.#take(gitDir);
    const onAbort = (): void => this.#close(open);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const result = await work(open.reader);
      signal.throwIfAborted();
      this.#keep(gitDir, open);
      return result;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      this.#close(open);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #take(gitDir: string): OpenReader {
    const known = [...this.#idle].find((reader) => reader.gitDir === gitDir);
    if (known !== undefined) {
      this.#forget(known);
      return known.open;
    }
    const [oldest] = this.#idle;
    if (oldest !== undefined && this.#idle.size + this.#used > maxReaders) {
      this.#forget(oldest);
      this.#close(oldest.open);
    }
    return openObjectReader(this.#git, gitDir);
  }

  #keep(gitDir: string, open: OpenReader): void {
    if (this.#isDisposed) {
      this.#close(open);
      return;
    }
    const reader = { gitDir, open, timer: new AbortController() };
    this.#idle.add(reader);
    sleepFor(this.#clock, idleMs, reader.timer.signal).then(
      () => {
        this.#forget(reader);
        this.#close(open);
      },
      () => undefined, // in use again
    );
  }

  #forget(reader: IdleReader): void {
    this.#idle.delete(reader);
    reader.timer.abort(unneeded);
  }

  #close(open: OpenReader): void {
    const closed = open.close();
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }
}

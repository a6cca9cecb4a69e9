import { rawSubject, type Subject } from "../../record/subject.ts";
import type { Delivery, EventBus, Position, ReadBatch, ShareOptions, StateStore, StoredMessage } from "./bus.ts";

/** Messages acknowledged above the first that is not, at most, before no more are handed out. */
const maxAhead = 100_000;

interface Pending {
  readonly message: StoredMessage;
  attempt: number;
  /** In hand: until the ack wait ends. Not in hand: to be handed out again from then on. Monotonic, milliseconds. */
  dueAt: number;
  isInHand: boolean;
}

/** `share` for a bus that one process has for itself: a durable is a position in the state store `shares`. */
export class LocalShares {
  readonly #bus: EventBus;
  readonly #stop: AbortSignal;
  readonly #durables = new Map<string, Promise<Durable>>();

  constructor(bus: EventBus, stop: AbortSignal) {
    this.#bus = bus;
    this.#stop = stop;
  }

  async *share(
    durable: string,
    subject: Subject,
    options: ShareOptions,
    signal: AbortSignal,
  ): AsyncIterable<readonly Delivery[]> {
    let opening = this.#durables.get(durable);
    if (!opening) {
      opening = Durable.open(this.#bus, durable, subject, options, this.#stop);
      this.#durables.set(durable, opening);
      opening.catch(() => this.#durables.delete(durable));
    }
    const shared = await opening;
    options.onReady?.();
    const either = AbortSignal.any([signal, this.#stop]);
    while (!either.aborted) {
      const deliveries = await shared.take(either);
      if (deliveries.length > 0) yield deliveries;
    }
  }

  /** Positions of what was acknowledged are stored. */
  async settle(): Promise<void> {
    for (const opening of this.#durables.values()) await (await opening.catch(() => undefined))?.save();
  }
}

/** What is handed out is `pending`; `floor` is the position that survives: everything up to it is acknowledged. */
class Durable {
  readonly #state: StateStore;
  readonly #name: string;
  readonly #options: ShareOptions;
  readonly #reader: AsyncIterator<ReadBatch>;
  readonly #pending = new Map<number, Pending>();
  readonly #done = new Set<number>();
  #fresh: StoredMessage[] = [];
  #epoch: string;
  #floor: number;
  /** The reader is past everything up to here. */
  #through: number;
  #isReading = false;
  #saving: Promise<void> | undefined;
  #savedFloor: number;
  #changed = Promise.withResolvers<void>();
  #failure: unknown;

  private constructor(
    bus: EventBus,
    name: string,
    subject: Subject,
    options: ShareOptions,
    start: Position & object,
    stop: AbortSignal,
  ) {
    this.#state = bus.state("shares");
    this.#name = name;
    this.#options = options;
    this.#epoch = start.epoch;
    this.#floor = start.after;
    this.#savedFloor = start.after;
    this.#through = start.after;
    this.#reader = bus.read({ subjects: [subject], from: start, follow: true }, stop)[Symbol.asyncIterator]();
  }

  static async open(
    bus: EventBus,
    name: string,
    subject: Subject,
    options: ShareOptions,
    stop: AbortSignal,
  ): Promise<Durable> {
    const state = bus.state("shares");
    const entry = await state.get(name);
    let start: { epoch: string; after: number };
    if (entry) start = JSON.parse(Buffer.from(entry.value).toString("utf8")) as typeof start;
    else {
      const end = await bus.end(rawSubject(subject).split(".", 1)[0] ?? "");
      start = options.from === "next" ? end : { epoch: end.epoch, after: 0 };
      await state.put(name, positionBytes(start.epoch, start.after));
    }
    return new Durable(bus, name, subject, options, start, stop);
  }

  /** Due redeliveries first, then new messages; waits for either. */
  async take(signal: AbortSignal): Promise<readonly Delivery[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const now = performance.now();
    const deliveries: Delivery[] = [];
    let earliest = Number.POSITIVE_INFINITY;
    for (const pending of this.#pending.values()) {
      if (pending.dueAt <= now) deliveries.push(this.#handOut(pending, now));
      else earliest = Math.min(earliest, pending.dueAt);
    }
    while (this.#fresh.length > 0 && this.#hasRoom()) {
      const message = this.#fresh.shift() as StoredMessage;
      const pending = { message, attempt: 0, dueAt: 0, isInHand: false };
      this.#pending.set(message.sequence, pending);
      deliveries.push(this.#handOut(pending, now));
    }
    if (deliveries.length > 0) return deliveries;
    if (this.#fresh.length === 0) this.#readOn();
    await this.#wait(earliest - now, signal);
    return [];
  }

  #hasRoom(): boolean {
    return this.#pending.size < this.#options.maxInFlight && this.#done.size < maxAhead;
  }

  #handOut(pending: Pending, now: number): Delivery {
    pending.attempt++;
    pending.dueAt = now + this.#options.ackWaitMs;
    pending.isInHand = true;
    const { sequence } = pending.message;
    const attempt = pending.attempt;
    return {
      ...pending.message,
      attempt,
      ack: () => this.#acknowledge(sequence),
      nak: async (delayMs) => {
        if (pending.attempt !== attempt) return; // handed out again meanwhile
        pending.isInHand = false;
        pending.dueAt = performance.now() + delayMs;
        this.#wakeTakers();
      },
      progress: () => {
        if (pending.isInHand && pending.attempt === attempt)
          pending.dueAt = performance.now() + this.#options.ackWaitMs;
      },
    };
  }

  #readOn(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    void this.#reader.next().then(
      ({ value, done }) => {
        this.#isReading = done === true; // the bus closes: nothing more to read
        if (!done) this.#takeBatch(value);
        this.#wakeTakers();
      },
      (error) => {
        this.#failure = error;
        this.#wakeTakers();
      },
    );
  }

  #takeBatch(batch: ReadBatch): void {
    if (batch.epoch !== this.#epoch) {
      this.#epoch = batch.epoch;
      this.#floor = 0;
      this.#savedFloor = -1;
      this.#done.clear();
      this.#pending.clear();
    }
    this.#fresh = [...batch.messages];
    this.#through = batch.through;
    this.#raiseFloor();
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    const timer = ms < 2 ** 31 ? setTimeout(resolve, ms) : undefined;
    await Promise.race([this.#changed.promise, promise]);
    clearTimeout(timer);
    resolve();
  }

  #wakeTakers(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #acknowledge(sequence: number): Promise<void> {
    if (!this.#pending.delete(sequence)) return;
    this.#done.add(sequence);
    this.#raiseFloor();
    this.#wakeTakers();
    await this.save();
  }

  #raiseFloor(): void {
    let floor = this.#through;
    const [oldest] = this.#pending.keys(); // entered in the order of the stream
    if (oldest !== undefined) floor = Math.min(floor, oldest - 1);
    const first = this.#fresh[0];
    if (first) floor = Math.min(floor, first.sequence - 1);
    if (floor <= this.#floor) return;
    this.#floor = floor;
    for (const sequence of this.#done) if (sequence <= floor) this.#done.delete(sequence);
  }

  /** Stores the floor; asked for while it is being stored, once more after that. */
  async save(): Promise<void> {
    while (this.#savedFloor < this.#floor) {
      this.#saving ??= this.#saveOnce().finally(() => {
        this.#saving = undefined;
      });
      await this.#saving;
    }
  }

  async #saveOnce(): Promise<void> {
    const floor = this.#floor;
    await this.#state.put(this.#name, positionBytes(this.#epoch, floor));
    this.#savedFloor = Math.max(this.#savedFloor, floor);
  }
}

function positionBytes(epoch: string, after: number): Uint8Array {
  return Buffer.from(JSON.stringify({ epoch, after }));
}

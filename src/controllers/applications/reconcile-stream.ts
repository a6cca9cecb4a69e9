import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { EventBus, Position, Sequence, StateStore } from "../../events/bus/bus.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import { rawSubject, subjectOf } from "../../record/subject.ts";

/** Subjects `reconcile.<namespace>.<application>` of the system bus (DESIGN section 4). */
const stream = "reconcile";
const version = 1;
/** How often the position is stored, at most. */
const flushMs = 1_000;
/** Requests that wait for their Applications; beyond, reading waits. */
const maxPending = 10_000;

export interface ReconcileStreamDeps {
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Takes a stored request. `done` is called once it was acted on, or is known to concern nothing; until then a restart
   * takes it again.
   */
  readonly onRequest: (application: string, received: ReceivedEvent, done: () => void) => void;
}

export interface ReconcileStream {
  /** Resolves once the request is kept. The same event for the same Application within two minutes is kept once. */
  store(application: string, received: ReceivedEvent): Promise<void>;
  /** Takes stored requests until `signal` aborts; waits for a bus that is away. */
  run(signal: AbortSignal): Promise<void>;
}

/** Requests that must not be lost: each is stored before anything is done about it. */
export function createReconcileStream(deps: ReconcileStreamDeps): ReconcileStream {
  return new StoredRequests(deps);
}

class StoredRequests implements ReconcileStream {
  readonly #deps: ReconcileStreamDeps;
  readonly #state: StateStore;
  readonly #pending = new Set<Sequence>();
  #epoch = "";
  #read: Sequence = 0;
  #stored: Sequence = 0;
  #revision = 0;
  #wake: () => void = () => undefined;

  constructor(deps: ReconcileStreamDeps) {
    this.#deps = deps;
    this.#state = deps.bus.state(stream);
  }

  async store(application: string, received: ReceivedEvent): Promise<void> {
    const subject = subjectOf(stream, ...application.split("/"));
    const data = new TextEncoder().encode(JSON.stringify({ v: version, application, received }));
    await this.#deps.bus.publish(subject, { id: `${subject} ${received.event.id}`, data });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#forget();
    const flushing = this.#flushUntil(signal);
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const from = await this.#position();
        await this.#follow(from, signal, () => {
          attempt = 0;
        });
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof EngineError) || error instanceof TerminalError) throw error;
        this.#deps.log.warn("stored requests wait for the bus", { attempt, error });
        await sleepFor(this.#deps.clock, backoffMs(reconnectBackoff, attempt), signal).catch(() => undefined);
      }
    }
    await flushing;
    await this.#flush().catch((error: unknown) => this.#deps.log.warn("a position could not be stored", { error }));
  }

  /** Another engine may have gone on since the last run: what is stored counts. */
  #forget(): void {
    this.#epoch = "";
    this.#read = 0;
    this.#stored = 0;
    this.#revision = 0;
    this.#pending.clear();
  }

  async #position(): Promise<Position> {
    if (this.#read > 0) return { epoch: this.#epoch, after: this.#read };
    const entry = await this.#state.get("position");
    if (entry === undefined) return "first";
    this.#revision = entry.revision;
    const position = positionIn(entry.value);
    if (position === undefined) {
      this.#deps.log.error("the position of stored requests cannot be read; all are taken again");
      return "first";
    }
    this.#epoch = position.epoch;
    this.#read = position.after;
    this.#stored = position.after;
    return position;
  }

  async #follow(from: Position, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const query = { subjects: [rawSubject(`${stream}.>`)], from, follow: true };
    for await (const batch of this.#deps.bus.read(query, signal)) {
      onProgress();
      if (batch.epoch !== this.#epoch) this.#startAnew(batch.epoch);
      if (batch.lost) this.#deps.log.error("requests were dropped by the bus before they were read", batch.lost);
      for (const { sequence, data } of batch.messages) this.#take(sequence, data);
      this.#read = batch.through;
      await this.#room(signal);
    }
  }

  /** The stream was made anew: its positions count from the start again. */
  #startAnew(epoch: string): void {
    this.#epoch = epoch;
    this.#pending.clear();
    this.#stored = 0;
  }

  #take(sequence: Sequence, data: Uint8Array): void {
    const epoch = this.#epoch;
    const stored = decode(data);
    if ("problem" in stored) {
      this.#deps.log.error("a stored request was skipped", { sequence, reason: stored.problem });
      return;
    }
    this.#pending.add(sequence);
    this.#deps.onRequest(stored.application, stored.received, () => {
      if (epoch !== this.#epoch) return;
      this.#pending.delete(sequence);
      this.#wake();
    });
  }

  async #room(signal: AbortSignal): Promise<void> {
    while (this.#pending.size > maxPending && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const leave = (): void => resolve();
      this.#wake = resolve;
      signal.addEventListener("abort", leave, { once: true });
      await promise;
      signal.removeEventListener("abort", leave);
    }
  }

  async #flushUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleepFor(this.#deps.clock, flushMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#flush().catch((error: unknown) => this.#deps.log.warn("a position could not be stored", { error }));
    }
  }

  /** The position passes a request once it was acted on. */
  async #flush(): Promise<void> {
    const [oldest] = this.#pending; // in the order of reading
    const after = oldest === undefined ? this.#read : oldest - 1;
    if (after <= this.#stored) return;
    const epoch = this.#epoch;
    const value = new TextEncoder().encode(JSON.stringify({ epoch: this.#epoch, after }));
    try {
      this.#revision = await this.#state.put("position", value, this.#revision);
      if (epoch === this.#epoch) this.#stored = after;
    } catch (error) {
      // A write whose answer was lost moved the revision on; one engine writes here.
      if (error instanceof EngineError && error.code === "BUS_STALE") {
        this.#revision = (await this.#state.get("position"))?.revision ?? 0;
      }
      throw error;
    }
  }
}

function positionIn(value: Uint8Array): { readonly epoch: string; readonly after: Sequence } | undefined {
  try {
    const position: unknown = JSON.parse(new TextDecoder().decode(value));
    if (!isJsonObject(position)) return undefined;
    const { epoch, after } = position;
    return typeof epoch === "string" && typeof after === "number" ? { epoch, after } : undefined;
  } catch {
    return undefined;
  }
}

function decode(
  data: Uint8Array,
): { readonly application: string; readonly received: ReceivedEvent } | { readonly problem: string } {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(data));
    if (!isJsonObject(value) || typeof value.application !== "string" || !isJsonObject(value.received)) {
      return { problem: "it is no request" };
    }
    if (value.v !== version) return { problem: `it has version ${value.v}, this program knows ${version}` };
    return { application: value.application, received: value.received as unknown as ReceivedEvent };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

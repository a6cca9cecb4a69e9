import { type Clock, type Instant, instant, unneeded } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { EventReader } from "./reader.ts";

/** How soon one is asked again that has not read far enough, or whose bus does not answer. */
const againMs = 25;
const busAgainMs = 1_000;
/** The longest sleep: the date may be set meanwhile, or the machine may have slept itself. */
const maxSleepMs = 60_000;

/** Where a stream ended at `at`: whoever is past it knows every event that was stored before. */
export interface Horizon {
  readonly at: Instant;
  readonly epoch: string;
  readonly after: number;
}

export interface TickMember {
  readonly reader: Pick<EventReader, "end">;
  /** Does what is due by `horizon.at` and says when it wants to be called next; false: not yet, ask again. */
  advance(horizon: Horizon): boolean;
}

/**
 * The one timer of an engine: it calls Sensors when something is due by their state. A tick must come after the events
 * that were stored before its instant and before those that came later; so the ticker asks the bus where the stream ends
 * when the instant has come, once for all Sensors of a reader, and the Sensor ticks when it has read up to there. A bus
 * that does not answer delays the tick: nobody could say which events come before it.
 */
export interface Ticker {
  /** In the place of what the member asked for before; undefined: nothing. */
  schedule(member: TickMember, at: Instant | undefined): void;
  run(signal: AbortSignal): Promise<void>;
}

export function createTicker(deps: { readonly clock: Clock; readonly log: Logger }): Ticker {
  return new SharedTicker(deps);
}

interface Appointment {
  /** When it is due. */
  readonly at: Instant;
  /** Not before, after it was called in vain. */
  askAt: Instant;
  horizon?: Horizon;
}

class SharedTicker implements Ticker {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #appointments = new Map<TickMember, Appointment>();
  /** Readers that are being asked. */
  readonly #asking = new Set<TickMember["reader"]>();
  #wakeAt = Number.POSITIVE_INFINITY;
  #wake: () => void = () => undefined;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = clock;
    this.#log = log;
  }

  schedule(member: TickMember, at: Instant | undefined): void {
    if (at === undefined) {
      this.#appointments.delete(member);
      return;
    }
    const before = this.#appointments.get(member);
    if (before?.at === at) return;
    // A horizon of before is good for all that was due then.
    const horizon = before?.horizon && before.horizon.at >= at ? { horizon: before.horizon } : {};
    this.#appointments.set(member, { at, askAt: at, ...horizon });
    if (at < this.#wakeAt) this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#advanceDue();
      await this.#pause(signal);
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort(unneeded);
    this.#wakeAt = Number.POSITIVE_INFINITY;
    for (const { askAt } of this.#appointments.values()) this.#wakeAt = Math.min(this.#wakeAt, askAt);
    const either = AbortSignal.any([signal, woken.signal]);
    if (this.#wakeAt < Number.POSITIVE_INFINITY) {
      const until = Math.min(this.#wakeAt, this.#clock.now() + maxSleepMs);
      await this.#clock.sleepUntil(instant(until), either).catch(() => undefined);
    } else if (!either.aborted) {
      await new Promise<void>((resolve) => either.addEventListener("abort", () => resolve(), { once: true }));
    }
    this.#wake = () => undefined;
  }

  #advanceDue(): void {
    const now = this.#clock.now();
    for (const [member, appointment] of [...this.#appointments]) {
      if (appointment.askAt > now) continue;
      const { horizon } = appointment;
      if (!horizon || horizon.at < appointment.at) this.#ask(member, appointment, now);
      else if (!member.advance(horizon)) appointment.askAt = instant(now + againMs);
      else if (this.#appointments.get(member) === appointment) this.#appointments.delete(member);
    }
  }

  /** Asks the member's reader, and all whose appointment has come are told its answer. */
  #ask(member: TickMember, appointment: Appointment, at: Instant): void {
    const { reader } = member;
    const isAsked = this.#asking.has(reader);
    appointment.askAt = instant(at + (isAsked ? againMs : busAgainMs));
    if (isAsked) return;
    this.#asking.add(reader);
    reader
      .end()
      .then(
        ({ epoch, after }) => this.#tell(reader, { at, epoch, after }),
        (error: unknown) => this.#log.debug("timers wait for the bus", { error: messageOf(error) }),
      )
      .finally(() => this.#asking.delete(reader));
  }

  #tell(reader: TickMember["reader"], horizon: Horizon): void {
    for (const [member, appointment] of this.#appointments) {
      if (member.reader !== reader || appointment.at > horizon.at) continue;
      appointment.horizon = horizon;
      appointment.askAt = horizon.at;
    }
    this.#wake();
  }
}

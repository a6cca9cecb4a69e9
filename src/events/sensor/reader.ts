import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor, systemClock, unneeded } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { memoize } from "../../base/memo.ts";
import { type Gate, Turns } from "../../base/turns.ts";
import { Waiters } from "../../base/waiters.ts";
import type { Ledger } from "../../record/records.ts";
import type { Subject } from "../../record/subject.ts";
import type { EventBus, Position, ReadBatch, Sequence, StoredMessage } from "../bus/bus.ts";
import { Arrival, type EventName, receivedOf, weightOf } from "./arrival.ts";
import { Follower, type FollowSteps, type GiveBatch } from "./follower.ts";
import type { ReceivedEvent } from "./state.ts";
import { add, type EventBatch, enqueue, isNew, maxGiven, type Place, type Subscriber } from "./subscriber.ts";

/**
 * What the shared loop reads at once. With many subscribers each gets some of it: what a Sensor works with has left the
 * processor's caches when its next turn comes, so that several events a turn cost half of what one at a time does.
 */
const maxSharedBatch = 5_000;
/** Events that wait for all subscribers together before the shared loop reads on. More live for long: the collector copies them. */
const maxQueued = 5_000;
/** What all are given between two turns of the event loop: 10 ms of work or so. */
const maxPerTurn = 250;
/** What they write of that into the ledger, so that none of them gets half through what it was given. */
const bytesPerTurn = 384 * 1024;
/** How long the loop waits for subscribers of whom none gets done with what it has, nor takes so many events together. */
const patienceMs = 100;
const leastProgress = 200;
/** Many may catch up at once, each with a batch or two in hand. */
const maxCatchUpBatch = 200;
/** Messages that the reader remembers, so that one who caught up can join without a gap. */
const maxRecent = 8_000;
/** The same while nobody catches up, for one that comes back at once: what is remembered lives long enough to cost most. */
const maxRecentAlone = 250;
/** A reader that starts goes back at most this far for a few subscribers; older ones catch up by themselves. */
const maxSharedBacklog = 100_000;
/** Subjects whose names are remembered: most events have one that was there before. */
const maxNames = 10_000;
/** Catching up may cost the bus a pass over the stream for each: more than these share one. */
const maxCatchingUp = 8;

export interface Subscription {
  /**
   * Gives each batch once the one before is done with, until `signal` aborts; once for each subscription.
   * @throws what `give` or reading failed with
   */
  follow(give: GiveBatch): Promise<void>;
  /** Where the reader stands, when this subscriber is done with all of its events up to there; else undefined. */
  idleThrough(): { readonly epoch: string; readonly after: Sequence } | undefined;
}

export interface EventReaderOptions {
  /** `system`, or `<namespace>/<EventBus>`: goes into records. */
  readonly name: string;
  readonly bus: EventBus;
  /** Everything that any subscriber may ask for. */
  readonly subjects: readonly Subject[];
  readonly stream: string;
  /** Namespace, EventSource and event of a subject. */
  readonly parseSubject: (subject: Subject) => EventName;
  readonly onInvalid: (message: StoredMessage, reason: string) => void;
  /** Where all subscribers write: while it has no room none of them is given more, and none is slow. Absent: it always has. */
  readonly ledger?: Pick<Ledger, "hasRoom" | "room">;
  /** Between attempts when the bus is away. */
  readonly clock?: Clock;
}

/**
 * One reader per bus and engine (DESIGN section 4). It reads the stream once, decodes each event once, and hands it to the
 * subscribers of its subject. States of a subscriber:
 *
 * - catching up: it reads its own subjects from its position, at its own pace;
 * - attached: it is fed by the shared loop through a queue. While much is queued, over all subscribers, the loop waits:
 *   memory stays bounded, and who is only busy need not read and decode again. When for 100 ms none of them gets done,
 *   those who hold it up are detached, drain what they have, and catch up again: a slow Sensor delays the others once.
 */
export interface EventReader {
  subscribe(subjects: readonly Subject[], from: Position, signal: AbortSignal): Subscription;
  /** Runs the shared loop until `signal` aborts. Subscribers from before the start share its first pass. */
  run(signal: AbortSignal): Promise<void>;
  /** Messages between the shared loop and the end of the stream. */
  lag(): Promise<number>;
  /** The end of the stream; asked once for all who ask at the same time. */
  end(): Promise<Place>;
}

interface ArrivedBatch {
  /** The first message that the batch speaks for. */
  readonly from: Sequence;
  readonly through: Sequence;
  readonly events: readonly Arrival[];
  readonly lost?: { readonly from: Sequence; readonly to: Sequence };
}

export function createEventReader(options: EventReaderOptions): EventReader {
  const parseSubject = memoize((subject) => options.parseSubject(subject as Subject), maxNames);
  return new SharedReader({ ...options, parseSubject });
}

class SharedReader implements EventReader {
  readonly #options: EventReaderOptions;
  readonly #index = new Map<string, Set<Subscriber>>();
  readonly #subscribers = new Set<Subscriber>();
  readonly #reportedInvalid = new Set<Sequence>();
  /** How many of them are. */
  #attached = 0;
  #recent: ArrivedBatch[] = [];
  #recentSize = 0;
  /** Events that wait for subscribers that are attached. */
  #queued = 0;
  /** Events that they took; whoever took all that waited for it counts for many. */
  #progress = 0;
  readonly #relief = new Waiters();
  readonly #turns: Turns;
  #head: Place | undefined;
  #ending: Promise<Place> | undefined;

  constructor(options: EventReaderOptions) {
    this.#options = options;
    this.#turns = new Turns(maxPerTurn, options.ledger && gateOf(options.ledger));
  }

  end(): Promise<Place> {
    this.#ending ??= this.#options.bus.end(this.#options.stream).finally(() => {
      this.#ending = undefined;
    });
    return this.#ending;
  }

  async lag(): Promise<number> {
    const end = await this.end();
    return this.#head?.epoch === end.epoch ? Math.max(0, end.after - this.#head.after) : 0;
  }

  /** A bus that is away is tried again, from where the loop stood. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock = systemClock } = this.#options;
    let attempt = 0;
    while (!signal.aborted) {
      try {
        await this.#follow(signal, () => {
          attempt = 0;
        });
        return;
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== "BUS_UNAVAILABLE") throw error;
        attempt += 1;
        await sleepFor(clock, backoffMs(reconnectBackoff, attempt), signal).catch(() => undefined);
      }
    }
  }

  async #follow(signal: AbortSignal, onProgress: () => void): Promise<void> {
    const { bus, subjects } = this.#options;
    const head = this.#head ?? (await this.#startPlace());
    this.#head = head;
    for (const subscriber of this.#subscribers) subscriber.wake();
    for await (const batch of bus.read({ subjects, from: head, follow: true, maxBatch: maxSharedBatch }, signal)) {
      onProgress();
      this.#dispatch(batch);
      if (this.#queued > maxQueued) await this.#relieve(signal);
    }
  }

  subscribe(subjects: readonly Subject[], from: Position, signal: AbortSignal): Subscription {
    const subscriber: Subscriber = {
      subjects: new Set(subjects),
      queue: [],
      queued: 0,
      attached: false,
      busy: false,
      catchingUp: undefined,
      place: typeof from === "string" ? undefined : from,
      wake: () => undefined,
    };
    this.#subscribers.add(subscriber);
    return {
      follow: (give) => this.#feed(subscriber, from, give, signal),
      idleThrough: () => this.#idleThrough(subscriber),
    };
  }

  #idleThrough({ attached, busy, queue, place }: Subscriber): Place | undefined {
    if (!attached || busy || queue.length > 0 || !place || !this.#head) return undefined;
    return place.epoch === this.#head.epoch && place.after > this.#head.after ? place : this.#head;
  }

  #feed(subscriber: Subscriber, from: Position, give: GiveBatch, signal: AbortSignal): Promise<void> {
    const steps: FollowSteps = {
      take: () => this.#take(subscriber),
      goOn: () => this.#goOn(subscriber, subscriber.place ?? from, signal),
      end: async () => {
        this.#detach(subscriber);
        this.#subscribers.delete(subscriber);
        await subscriber.catchingUp?.return?.();
      },
    };
    return new Follower(subscriber, steps, this.#turns, give, signal).ended;
  }

  /** What waits for it. */
  #take(subscriber: Subscriber): EventBatch | undefined {
    const batch = subscriber.queue.shift();
    subscriber.busy = batch !== undefined;
    if (!batch) return undefined;
    const { arrivals, ...rest } = batch;
    this.#taken(subscriber, weightOf(arrivals));
    return { ...rest, events: this.#decode(arrivals) };
  }

  /** Before the shared loop has begun nobody reads for itself: it may begin where this one stands. */
  #goOn(subscriber: Subscriber, position: Position, signal: AbortSignal): boolean {
    if (subscriber.attached) return false;
    if (this.#attach(subscriber, position)) return true;
    if (this.#head === undefined) return false;
    subscriber.catchingUp = this.#catchUp(subscriber, position, signal);
    return true;
  }

  /** Joins the shared loop if nothing would be missed; what it still remembers is queued at once. */
  #attach(subscriber: Subscriber, position: Position): boolean {
    const head = this.#head;
    if (head === undefined || position === "first") return false;
    if (position !== "next") {
      if (position.epoch !== head.epoch) return false;
      const oldest = this.#recent[0]?.from ?? head.after + 1;
      if (position.after + 1 < oldest) return false;
    }
    subscriber.place = position === "next" ? head : position;
    subscriber.attached = true;
    this.#attached += 1;
    for (const batch of this.#recent) this.#offer(subscriber, head.epoch, batch);
    subscriber.place = { epoch: head.epoch, after: Math.max(subscriber.place.after, head.after) };
    for (const subject of subscriber.subjects) {
      const interested = this.#index.get(subject) ?? new Set();
      this.#index.set(subject, interested.add(subscriber));
    }
    return true;
  }

  #detach(subscriber: Subscriber): void {
    if (subscriber.attached) {
      this.#attached -= 1;
      this.#count(-subscriber.queued);
    }
    subscriber.attached = false;
    for (const subject of subscriber.subjects) {
      const interested = this.#index.get(subject);
      interested?.delete(subscriber);
      if (interested?.size === 0) this.#index.delete(subject);
    }
  }

  #taken(subscriber: Subscriber, weight: number): void {
    subscriber.queued -= weight;
    if (!subscriber.attached) return;
    this.#progress += subscriber.queue.length === 0 ? Math.max(weight, leastProgress) : weight;
    this.#count(-weight);
  }

  #count(by: number): void {
    this.#queued += by;
    if (this.#queued <= maxQueued) this.#relief.wake();
  }

  async *#catchUp(subscriber: Subscriber, from: Position, signal: AbortSignal): AsyncGenerator<EventBatch, void> {
    const { bus, stream } = this.#options;
    const subjects = [...subscriber.subjects] as Subject[];
    const end = await bus.end(stream);
    const before = subscriber.place;
    for await (const batch of bus.read({ subjects, from, follow: false, maxBatch: maxCatchUpBatch }, signal)) {
      const events = this.#decode(batch.messages.map((message) => new Arrival(message)));
      subscriber.place = { epoch: batch.epoch, after: batch.through };
      yield { epoch: batch.epoch, events, through: batch.through, ...lostOf(batch) };
      if (this.#attach(subscriber, subscriber.place)) return;
    }
    // What is no longer the stream whose end was asked for says nothing about how far this one was read.
    const { place } = subscriber;
    if (signal.aborted || (place !== before && place?.epoch !== end.epoch)) return;
    const after = place?.epoch === end.epoch ? place.after : 0;
    subscriber.place = { epoch: end.epoch, after: Math.max(after, end.after) };
  }

  #dispatch(batch: ReadBatch): void {
    if (this.#head?.epoch !== batch.epoch) this.#startAnew(batch.epoch);
    const from = batch.lost?.from ?? (this.#head?.after ?? 0) + 1;
    const events = batch.messages.map((message) => new Arrival(message));
    const arrived: ArrivedBatch = { from, through: batch.through, events, ...lostOf(batch) };
    this.#head = { epoch: batch.epoch, after: batch.through };
    this.#remember(arrived);
    for (const [subscriber, own] of this.#route(arrived)) this.#push(subscriber, batch.epoch, arrived, own);
  }

  /** The subscribers that a batch concerns, with their events; all of them when messages were lost. */
  #route({ events, lost }: ArrivedBatch): Map<Subscriber, Arrival[]> {
    const everyone = lost ? [...this.#subscribers].filter((subscriber) => subscriber.attached) : [];
    const routed = new Map<Subscriber, Arrival[]>(everyone.map((subscriber) => [subscriber, []]));
    for (const arrival of events) {
      const interested = this.#index.get(arrival.message.subject);
      if (interested === undefined)
        arrival.take(this.#receive); // also what nobody waits for is told of when it is none
      else for (const subscriber of interested) if (isNew(arrival, subscriber)) add(routed, subscriber, arrival);
    }
    return routed;
  }

  #offer(subscriber: Subscriber, epoch: string, batch: ArrivedBatch): void {
    const after = subscriber.place?.after ?? 0;
    if (batch.through <= after) return;
    const events = batch.events.filter(
      ({ message: { subject, sequence } }) => subscriber.subjects.has(subject) && sequence > after,
    );
    if (events.length > 0 || batch.lost) this.#push(subscriber, epoch, batch, events);
  }

  /** `events` are its own from here on. */
  #push(subscriber: Subscriber, epoch: string, batch: ArrivedBatch, events: Arrival[]): void {
    if (!subscriber.attached) return;
    for (let start = 0; start === 0 || start < events.length; start += maxGiven) {
      const arrivals = events.length <= maxGiven ? events : events.slice(start, start + maxGiven);
      const isLast = start + maxGiven >= events.length;
      const through = isLast ? batch.through : (arrivals.at(-1)?.message.sequence ?? batch.through);
      enqueue(subscriber.queue, { epoch, arrivals, through, ...(start === 0 && lostOf(batch)) });
    }
    for (const arrival of events) arrival.expect();
    const weight = weightOf(events);
    subscriber.queued += weight;
    this.#count(weight);
    subscriber.place = { epoch, after: batch.through };
    subscriber.wake();
  }

  /** Waits until less is queued. Subscribers who hardly take anything are detached: they wait for something else. */
  async #relieve(signal: AbortSignal): Promise<void> {
    const { clock = systemClock } = this.#options;
    while (this.#queued > maxQueued && !signal.aborted) {
      const before = this.#progress;
      const done = new AbortController();
      const either = AbortSignal.any([signal, done.signal]);
      await Promise.race([this.#relief.wait(either), sleepFor(clock, patienceMs, either).catch(() => undefined)]);
      done.abort(unneeded);
      const isStuck = this.#queued > maxQueued && this.#progress - before < leastProgress;
      if (isStuck && this.#options.ledger?.hasRoom() !== false) this.#detachSlow();
    }
  }

  /** Those who have not taken what waits for them; it is all that there was for them up to the head. */
  #detachSlow(): void {
    const head = this.#head;
    for (const subscriber of this.#subscribers) {
      if (!head || !subscriber.attached || subscriber.queue.length === 0) continue;
      subscriber.place = { epoch: head.epoch, after: Math.max(subscriber.place?.after ?? 0, head.after) };
      this.#detach(subscriber);
      subscriber.wake();
    }
  }

  /** The stream was made anew: what is remembered, and every place in it, belongs to the old one. */
  #startAnew(epoch: string): void {
    this.#recent = [];
    this.#recentSize = 0;
    this.#reportedInvalid.clear();
    this.#head = { epoch, after: 0 };
    for (const subscriber of this.#subscribers) if (subscriber.attached) subscriber.place = { epoch, after: 0 };
  }

  #remember(batch: ArrivedBatch): void {
    this.#recent.push(batch);
    this.#recentSize += weightOf(batch.events);
    const max = this.#attached === this.#subscribers.size ? maxRecentAlone : maxRecent;
    while (this.#recent.length > 1 && (this.#recentSize > max || this.#recent.length > max)) {
      this.#recentSize -= weightOf(this.#recent.shift()?.events ?? []);
    }
  }

  async #startPlace(): Promise<Place> {
    const { epoch, after: end } = await this.#options.bus.end(this.#options.stream);
    const places = [...this.#subscribers].flatMap(({ place }) => (place?.epoch === epoch ? [place.after] : []));
    places.sort((a, b) => a - b);
    const [oldest = end] = places;
    const shared = Math.min(places[maxCatchingUp] ?? end, end - maxSharedBacklog);
    return { epoch, after: Math.min(end, Math.max(oldest, shared)) };
  }

  /** Lets go of each: whoever waits for its next batch still has this one, and a thousand who wait would keep it all. */
  *#decode(arrivals: (Arrival | undefined)[]): Generator<ReceivedEvent, void> {
    for (let index = 0; index < arrivals.length; index++) {
      const received = arrivals[index]?.take(this.#receive);
      arrivals[index] = undefined;
      if (received) yield received;
    }
  }

  readonly #receive = (message: StoredMessage): ReceivedEvent | undefined => {
    try {
      return receivedOf(message, this.#options.name, this.#options.parseSubject);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.#reportInvalid(message, messageOf(error));
      return undefined;
    }
  };

  /** Once for each message, though those who catch up may read it again. */
  #reportInvalid(message: StoredMessage, reason: string): void {
    if (this.#reportedInvalid.has(message.sequence)) return;
    if (this.#reportedInvalid.size >= maxRecent) this.#reportedInvalid.clear();
    this.#reportedInvalid.add(message.sequence);
    this.#options.onInvalid(message, reason);
  }
}

/** One waits, instead of a thousand who are all woken to find that there is room for one. */
function gateOf(ledger: Pick<Ledger, "hasRoom" | "room">): Gate {
  const never = new AbortController().signal;
  return { isOpen: () => ledger.hasRoom(bytesPerTurn), opened: () => ledger.room(never, bytesPerTurn) };
}

function lostOf(batch: Pick<EventBatch, "lost">): Pick<EventBatch, "lost"> {
  return batch.lost ? { lost: batch.lost } : {};
}

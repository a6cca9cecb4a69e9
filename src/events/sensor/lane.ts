import type { RetryPlan } from "../../api/backoff-plan.ts";
import type { Trigger } from "../../api/resources.ts";
import { ChurnMap } from "../../base/churn-map.ts";
import type { Clock } from "../../base/clock.ts";
import { TerminalError } from "../../base/errors.ts";
import type { CompiledSensor } from "./compile.ts";
import { type Effect, retryPlanOf } from "./effect.ts";
import { intervalOf, type RateLimit } from "./rate-limit.ts";

/** Attempts of one trigger under way at once. */
const maxExecuting = 256;
/** Effects of one trigger in the outbox; at this many the Sensor stops reading. */
const maxStored = 1_000;
/** How long a trigger that is busy may hold up the Sensor's other triggers before its effects wait in the outbox. */
export const patienceMs = 100;

/** Makes the limit of a lane, by its name; undefined where limits are not kept. */
export type LimitOf = (lane: string, intervalMs: number) => RateLimit | undefined;

/**
 * The effects of one trigger (or of one `dlqTrigger`) that are to be made happen. States: open (has room for another
 * attempt), busy (all attempts are under way; the Sensor waits for it), slow (busy for 100 ms: the Sensor goes on, and
 * what it adds waits in the outbox). A lane with a rate limit is slow from the start.
 */
export class Lane {
  readonly name: string;
  readonly kind: string;
  readonly retry: RetryPlan;
  readonly dlqTrigger: Trigger | undefined;
  readonly limit: RateLimit | undefined;
  /** Between two turns of the limit. */
  readonly intervalMs: number | undefined;
  /** The trigger cannot be tried at all. */
  readonly fault: TerminalError | undefined;
  /** In the order of their coming: no attempt of them is under way. */
  readonly waiting: Effect[] = [];
  /** Since when effects wait for the limit, and how long those that had their turn did; by key. Absent: no limit. */
  readonly #limited: { readonly since: Map<string, number>; readonly ms: Map<string, number> } | undefined;
  /** Effects in the outbox. */
  stored = 0;
  isPacing = false;
  /** Attempts under way. */
  executing = 0;
  readonly #clock: Clock;
  #busySince: number | undefined;
  #isSlow = false;

  /** `trigger`: absent when an edit removed it; then what is left of it fails. */
  constructor(name: string, trigger: Trigger | undefined, clock: Clock, limitOf: LimitOf) {
    this.name = name;
    this.kind = trigger?.template.kind ?? "unknown";
    this.dlqTrigger = trigger?.dlqTrigger;
    this.#clock = clock;
    const read = readPlan(trigger);
    this.retry = read.retry;
    this.fault = read.fault;
    this.intervalMs = read.intervalMs;
    this.#limited = read.intervalMs === undefined ? undefined : { since: new Map(), ms: new Map() };
    this.limit = read.intervalMs === undefined ? undefined : limitOf(name, read.intervalMs);
  }

  get hasSlot(): boolean {
    return this.executing < maxExecuting;
  }

  get isFull(): boolean {
    return this.stored >= maxStored;
  }

  /** What comes waits in the outbox. */
  get isSlow(): boolean {
    return this.#isSlow || this.limit !== undefined;
  }

  wait(effect: Effect): void {
    this.waiting.push(effect);
    this.#limited?.since.set(effect.key, this.#clock.now());
  }

  /** Takes the first of those that wait. */
  next(): Effect | undefined {
    const effect = this.waiting.shift();
    const since = effect && this.#limited?.since.get(effect.key);
    if (!effect || since === undefined) return effect;
    this.#limited?.since.delete(effect.key);
    this.#limited?.ms.set(effect.key, Math.max(0, this.#clock.now() - since));
    return effect;
  }

  /** How long the limit held up the attempt of an effect that began; asked once. */
  takeLimitedMs({ key }: Effect): number | undefined {
    const limitedMs = this.#limited?.ms.get(key);
    if (limitedMs !== undefined) this.#limited?.ms.delete(key);
    return limitedMs;
  }

  began(): void {
    this.executing += 1;
    if (!this.hasSlot) this.#busySince ??= this.#clock.monotonicMs();
  }

  /** It counts as busy until half of it is free: one attempt that ends is no sign of being fast. */
  ended(): void {
    this.executing -= 1;
    if (this.executing > maxExecuting / 2 || this.waiting.length > 0) return;
    this.#busySince = undefined;
    this.#isSlow = false;
  }

  /** Makes a lane that was busy for long slow; says whether it did. */
  giveUpWaiting(): boolean {
    const since = this.#busySince;
    if (this.isSlow || since === undefined || this.#clock.monotonicMs() - since < patienceMs) return false;
    this.#isSlow = true;
    return true;
  }
}

/** All of one Sensor. */
export class Lanes {
  readonly #clock: Clock;
  readonly #limitOf: LimitOf;
  readonly #triggers = new Map<string, Lane>();
  /** The same: asked about for each event. */
  readonly #all: readonly Lane[];
  /** Of `dlqTrigger`s, by the trigger that failed; of triggers that an edit removed, by their name. */
  readonly #others = new ChurnMap<string, Lane>();

  constructor({ triggers }: CompiledSensor, clock: Clock, limitOf: LimitOf = () => undefined) {
    this.#clock = clock;
    this.#limitOf = limitOf;
    for (const { name, trigger } of triggers) this.#triggers.set(name, this.#create(name, trigger));
    this.#all = [...this.#triggers.values()];
  }

  /** Of triggers that the Sensor has. */
  get size(): number {
    return this.#triggers.size;
  }

  of({ trigger, dlqOf }: Effect): Lane {
    const own = dlqOf === undefined ? this.#triggers.get(trigger) : undefined;
    const known = own ?? this.#others.get(dlqOf ?? trigger);
    if (known) return known;
    const lane =
      dlqOf === undefined
        ? this.#create(trigger, undefined)
        : this.#create(`${dlqOf}/dlqTrigger`, this.#triggers.get(dlqOf)?.dlqTrigger);
    this.#others.set(dlqOf ?? trigger, lane);
    return lane;
  }

  /** Whether the Sensor may read on: some trigger has room for one of `attempts` more, and none is waited for. */
  haveRoom(attempts: number): boolean {
    let isOpen = false;
    for (const lane of this.#all) {
      const canGoOn = lane.hasSlot && lane.executing < attempts;
      if (lane.isFull || (!canGoOn && !lane.isSlow)) return false;
      isOpen ||= canGoOn || lane.limit !== undefined;
    }
    if (this.#others.size > 0) for (const lane of this.#others.values()) if (lane.isFull) return false;
    return isOpen;
  }

  /** Makes those slow that were busy for long; gives their names. */
  giveUpWaiting(): readonly string[] {
    return [...this.#triggers.values()].filter((lane) => lane.giveUpWaiting()).map(({ name }) => name);
  }

  #create(name: string, trigger: Trigger | undefined): Lane {
    return new Lane(name, trigger, this.#clock, this.#limitOf);
  }
}

const noRetry: RetryPlan = { attempts: 1, delayMs: () => 0 };

/** A plan that cannot be read fails each of the trigger's effects, not the Sensor (spec argo-events 1.2). */
function readPlan(trigger: Trigger | undefined): {
  readonly retry: RetryPlan;
  readonly intervalMs?: number;
  readonly fault?: TerminalError;
} {
  if (trigger === undefined) return { retry: noRetry };
  try {
    const intervalMs = intervalOf(trigger);
    return { retry: retryPlanOf(trigger), ...(intervalMs === undefined ? {} : { intervalMs }) };
  } catch (error) {
    if (error instanceof TerminalError) return { retry: noRetry, fault: error };
    throw error;
  }
}

import { ChurnMap } from "../../base/churn-map.ts";
import { instant, sleepFor, unneeded } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { LateAbort } from "../../base/late-abort.ts";
import { Waiters } from "../../base/waiters.ts";
import type { LedgerPosition, RecordId } from "../../record/records.ts";
import type { Sequence } from "../bus/bus.ts";
import { type AttemptDeps, Attempts } from "./attempts.ts";
import type { CompiledSensor } from "./compile.ts";
import { endWithin } from "./drain.ts";
import {
  dlqEffectOf,
  type Effect,
  type EffectHost,
  type ErrorDecision,
  isOpenError,
  isOpenRecord,
  type OpenError,
  type OpenRecord,
  type OutboxEntry,
  openErrorOf,
  type PutDead,
  shortError,
  withFailure,
} from "./effect.ts";
import { EffectJournal } from "./effect-journal.ts";
import { byOrder, EffectOrders } from "./effect-orders.ts";
import { type Lane, Lanes, type LimitOf, patienceMs } from "./lane.ts";
import { OpenEffects, type OutboxChanges } from "./open-effects.ts";
import { isOf, type PendingEffect, pendingOf } from "./pending-effects.ts";
import type { RateLimit } from "./rate-limit.ts";

/** Effects that wait for the append that stores them. */
const maxAwaiting = 256;
/** Attempts that are over and whose outcome is being stored: an fsync must not hold up the next attempts. */
const maxUnstored = 2_048;
/** How long attempts under way may go on when the engine stops. */
const drainMs = 10_000;
/** How long attempts that were cut off may take to notice; what does not is left alone and done again later. */
const cutMs = 1_000;

/** What ends a Sensor whose engine has been stopped for longer than its lease. */
export function mayNotAct(): EngineError {
  return new EngineError("LEASE_LOST", "another engine may act by now");
}

export interface EffectQueueDeps extends AttemptDeps {
  readonly putDead: PutDead;
  /** Asked before each attempt: false when another engine may act by now. Absent: always. */
  readonly mayAct?: () => boolean;
  /** Absent: rate limits are not kept. */
  readonly limitOf?: LimitOf;
  /** Told of what a Sensor let go, before it is recorded. */
  readonly expired?: (entry: OpenRecord, signal: AbortSignal) => Promise<void>;
}

/**
 * The effects of one Sensor from decision to outcome. Each is inline or in the outbox (`OpenEffects`): there is what a
 * join decided, what waits for a retry or its turn, what was redriven, and what was unfinished when a Sensor with joins
 * was stored. An effect leaves when its outcome is in the ledger. What fails and may be tried again moves to the outbox; what fails
 * for good is put on `dead` first. Where a `dlqTrigger` acts on that, one append stores that the effect gave up and what
 * the `dlqTrigger` has to do, before either goes on: no crash can lose the one or repeat the other.
 */
export class EffectQueue {
  readonly #compiled: CompiledSensor;
  readonly #deps: EffectQueueDeps;
  readonly #host: EffectHost;
  readonly #lanes: Lanes;
  readonly #journal: EffectJournal;
  /** Those with effects that wait. */
  readonly #queued = new ChurnMap<Lane, true>();
  readonly #open = new OpenEffects((entry, by) => this.#countOutbox(entry, by));
  readonly #attempts: Attempts;
  /** Ends the attempts that are under way. */
  readonly #cut = new LateAbort();
  #awaitingCommit: (() => void)[] = [];
  readonly #orders = new EffectOrders();
  #stopping = false;
  #isStarting = false;
  readonly #waiting = new Waiters();

  constructor(compiled: CompiledSensor, deps: EffectQueueDeps, host: EffectHost) {
    this.#compiled = compiled;
    this.#deps = deps;
    this.#host = host;
    this.#lanes = new Lanes(compiled, deps.clock, deps.limitOf);
    this.#journal = new EffectJournal(compiled.head, deps);
    this.#attempts = new Attempts(deps, this.#journal, this.#cut, {
      startNext: () => this.#startNext(),
      end: (effect) => this.#end(effect),
      failed: (effect, lane, startedAt, error) => this.#fail(effect, lane, startedAt, error),
      stop: (error) => host.fail(error),
    });
    for (const { name, trigger } of compiled.triggers) {
      this.#journal.countFromZero(name);
      if (trigger.dlqTrigger) this.#journal.countFromZero(trigger.dlqTrigger.template.name);
    }
  }

  /** `open` go on where they stood; the rest of `stored` finished before the crash and is removed. */
  restore(open: readonly OutboxEntry[], stored: readonly OutboxEntry[]): void {
    for (const { key } of stored) this.#open.touch(key);
    const effects: Effect[] = [];
    for (const entry of open) {
      this.#open.store(entry);
      if (isOpenRecord(entry)) this.#attempts.track(this.#write(entry));
      else if (isOpenError(entry)) this.#attempts.track(this.#bury(entry, Promise.resolve()));
      else effects.push(entry);
    }
    for (const effect of effects.sort(byOrder)) {
      const entered = this.#orders.enter(effect);
      if (entered.gaveUp === undefined) this.#retryLater(entered);
      else
        this.#attempts.track(
          this.#giveUp(entered, entered.gaveUp, entered.attempts.at(-1)?.at ?? this.#deps.clock.now()),
        );
    }
  }

  /** The unfinished effect with this key. */
  find(key: string): OutboxEntry | undefined {
    return this.#open.find(key);
  }

  /** What is unfinished of an event, and what it waits for. */
  pending(eventId: string): readonly PendingEffect[] {
    const found: PendingEffect[] = [];
    for (const entry of this.#open.entries()) {
      if (isOpenError(entry) || isOpenRecord(entry) || !isOf(entry, eventId)) continue;
      const isBlocked = this.#orders.isBlocked(entry);
      found.push(pendingOf(entry, { lane: this.#lanes.of(entry), isBlocked, now: this.#deps.clock.now() }));
    }
    return found;
  }

  /** Whether an effect with this key is under way: the same events again are no new firing. */
  has(key: string): boolean {
    return this.#open.has(key);
  }

  add(decided: Effect, sequence: Sequence, joined: boolean): void {
    const effect = this.#orders.enter(decided);
    if (joined) {
      this.#open.store(effect);
      this.#awaitingCommit.push(() => this.start(effect));
      this.#host.markDirty(true);
      return;
    }
    const lane = this.#lanes.of(effect);
    if (lane.isSlow) {
      this.#open.store(effect);
      this.#host.markDirty(false);
    } else {
      this.#open.addInline(effect, sequence, this.#deps.ledger.mark());
    }
    this.start(effect, lane);
  }

  /** Puts an effect into the outbox that no event is read for; once this resolves it is stored, and may be started. */
  store(effect: Effect): Promise<void> {
    this.#open.store(effect);
    return this.stored();
  }

  /** An error decision counts as unfinished until it is recorded and on `dead`. */
  addError(decision: ErrorDecision, record: { id: RecordId; kept: Promise<void> }, redrive?: string): void {
    const entry = openErrorOf(this.#compiled.head.uid, decision, redrive);
    if (this.has(entry.key)) return;
    if (redrive !== undefined) this.#open.store(entry);
    else this.#open.addInline(entry, decision.event.head.sequence, this.#deps.ledger.mark());
    this.#attempts.track(this.#bury(entry, record.kept));
  }

  /** Stored with the state, until it is in the ledger: what a Sensor let go is not forgotten by a crash. */
  addRecord(entry: OpenRecord): void {
    if (this.has(entry.key)) return;
    this.#open.store(entry);
    this.#host.markDirty(false);
    this.#attempts.track(this.#write(entry));
  }

  hasRoom(): boolean {
    if (this.#attempts.unstored >= maxUnstored || this.#awaitingCommit.length >= maxAwaiting) return false;
    return this.#orders.hasRoom && this.#lanes.haveRoom(maxUnstored - this.#attempts.unstored);
  }

  /** Resolves when there is room, or when `signal` aborts. A trigger that is busy for long holds up the others no more. */
  async room(signal: AbortSignal): Promise<void> {
    while (!this.hasRoom() && !signal.aborted) {
      if (this.#lanes.size === 1) await this.#waiting.wait(signal);
      else await this.#waitPatiently(signal);
    }
  }

  async #waitPatiently(signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    const late = sleepFor(this.#deps.clock, patienceMs, either).catch(() => undefined);
    await Promise.race([this.#waiting.wait(either), late]);
    done.abort(unneeded);
    const slow = this.#lanes.giveUpWaiting();
    if (slow.length === 0) return;
    this.#deps.log.info("triggers are slow; their effects wait in the outbox", { triggers: slow });
    this.moveInlineToOutbox();
    this.#host.markDirty(false);
  }

  /** The oldest event with an effect that is stored nowhere else. */
  oldestInline(): Sequence | undefined {
    return this.#open.oldestSequence;
  }

  /** Outcomes of what is unfinished now, and of the events from the oldest inline one on, are stored after this. */
  ledgerPosition(): LedgerPosition {
    let oldest = this.#deps.ledger.mark();
    const inline = this.#open.oldestLedger;
    if (inline && inline.after < oldest.after) oldest = inline;
    const running = this.#attempts.running.since;
    if (running && running.after < oldest.after) oldest = running;
    return oldest;
  }

  moveInlineToOutbox(): void {
    this.#open.storeInline();
  }

  collectOutbox(): OutboxChanges {
    const changes = this.#open.takeChanges();
    const started = this.#awaitingCommit;
    this.#awaitingCommit = [];
    return {
      changes,
      waiting: started.length > 0,
      committed: () => {
        for (const start of started) start();
        this.#waiting.wake();
      },
    };
  }

  /** Nothing begins any more. */
  stop(): void {
    this.#stopping = true;
  }

  /** Attempts under way end now: another engine acts, or may. */
  cutOff(reason: unknown): void {
    this.#cut.abort(reason);
  }

  /** After `stop`: settles once attempts under way ended; after 10 s they are cut off. */
  async ended(reason: unknown): Promise<void> {
    const { clock, log } = this.#deps;
    const { running } = this.#attempts;
    const isOver = running.size === 0 || (await endWithin(running, clock, drainMs, this.#cut.signal));
    this.#cut.abort(reason);
    if (isOver || (await endWithin(running, clock, cutMs))) return;
    log.warn("attempts did not end when they were cut off; they will be made again", { attempts: running.size });
  }

  /** Makes the effect happen when it is its turn. */
  start(effect: Effect, lane = this.#lanes.of(effect)): void {
    if (this.#isStopped || !this.#orders.mayBegin(effect)) return;
    if (lane.limit === undefined && lane.waiting.length === 0 && this.#canBegin(lane)) {
      this.#begin(effect, lane);
      return;
    }
    lane.wait(effect);
    if (lane.limit === undefined) this.#queued.set(lane, true);
    else void this.#pace(lane, lane.limit);
  }

  get #isStopped(): boolean {
    return this.#stopping || this.#cut.aborted;
  }

  #canBegin(lane: Lane): boolean {
    return lane.hasSlot && this.#attempts.unstored + lane.executing < maxUnstored;
  }

  #begin(effect: Effect, lane: Lane): void {
    if (this.#deps.mayAct?.() === false) {
      this.#host.fail(mayNotAct());
      return; // it is unfinished: whoever has the Sensor then makes it happen
    }
    this.#attempts.make(effect, lane);
  }

  /** Begins what waits in a lane, each at its turn. */
  async #pace(lane: Lane, limit: RateLimit): Promise<void> {
    if (lane.isPacing) return;
    lane.isPacing = true;
    try {
      while (lane.waiting.length > 0 && !this.#isStopped) {
        if (!this.#canBegin(lane)) {
          await this.#waiting.wait(this.#cut.signal);
          continue;
        }
        await limit.take(this.#cut.signal);
        const next = this.#isStopped ? undefined : lane.next();
        if (next) this.#begin(next, lane);
      }
    } catch (error) {
      if (!this.#cut.aborted) this.#host.fail(error);
    } finally {
      lane.isPacing = false;
    }
  }

  #startNext(): void {
    if (this.#attempts.unstored >= maxUnstored) return;
    if (this.#queued.size > 0) this.#startQueued();
    this.#waiting.wake();
  }

  #startQueued(): void {
    if (this.#isStarting) return; // what begins here may be over at once
    this.#isStarting = true;
    for (const lane of this.#queued.keys()) {
      while (!this.#isStopped && this.#canBegin(lane)) {
        const next = lane.next();
        if (!next) break;
        this.#begin(next, lane);
      }
      if (lane.waiting.length === 0) this.#queued.delete(lane);
    }
    this.#isStarting = false;
  }

  async #fail(effect: Effect, lane: Lane, startedAt: number, error: unknown): Promise<void> {
    const { retry, dlqTrigger } = lane;
    const { clock, log, metrics, report } = this.#deps;
    const message = shortError(messageOf(error));
    const attempt = effect.failed + 1;
    const fields = { trigger: effect.trigger, attempt, error: message };
    report?.(effect.trigger, clock.now(), message);
    if (attempt < retry.attempts && !(error instanceof TerminalError)) {
      log.warn("trigger failed, will retry", fields);
      const dueAt = clock.now() + retry.delayMs(attempt + 1, Math.random);
      await this.#journal.attempt(effect, lane, startedAt, { outcome: "failed", message });
      return this.#retry(withFailure(effect, { at: clock.now(), error: message }, dueAt));
    }
    log.error("trigger failed for good", fields);
    metrics.actionRetriesFailed.add(this.#journal.labels(effect.trigger));
    const failed = withFailure(effect, { at: clock.now(), error: message }, 0);
    if (dlqTrigger) await this.#storeDlq(failed, message, dlqEffectOf(effect, dlqTrigger));
    await this.#giveUp(failed, message, startedAt);
  }

  async #storeDlq(failed: Effect, message: string, dlqEffect: Effect): Promise<void> {
    this.#open.store({ ...failed, gaveUp: message });
    if (!this.has(dlqEffect.key)) {
      this.#open.store(dlqEffect);
      this.#awaitingCommit.push(() => this.start(dlqEffect));
    }
    await this.stored();
  }

  /** `failed` has its last attempt counted. */
  async #giveUp(failed: Effect, message: string, startedAt: number): Promise<void> {
    await this.#journal.putDead({ kind: "effect", effect: failed, error: message }, this.#cut.signal);
    const attempted = { ...failed, failed: failed.failed - 1 };
    await this.#journal.attempt(attempted, this.#lanes.of(failed), startedAt, { outcome: "dead", message });
    this.#end(failed);
  }

  #end(effect: Effect): void {
    this.#finish(effect.key);
    const next = this.#orders.leave(effect);
    if (next) this.start(next);
  }

  /** Resolves once what is in the outbox now is stored, with the joins. */
  stored(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { signal } = this.#cut;
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#awaitingCommit.push(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    this.#host.markDirty(true);
    return promise;
  }

  #retry(effect: Effect): void {
    this.#open.store(effect);
    this.#host.markDirty(false);
    this.#retryLater(effect);
  }

  #retryLater(effect: Effect): void {
    const wait = this.#deps.clock.sleepUntil(instant(effect.dueAt), this.#cut.signal);
    wait.then(
      () => this.start(effect),
      () => undefined, // stopped: it stays in the outbox
    );
  }

  #finish(key: string): void {
    this.#open.finish(key);
    this.#host.markDirty(false);
  }

  /** Errors and records count as attempts under way, which bounds them. */
  #countOutbox(entry: OutboxEntry, by: number): void {
    if (!isOpenError(entry) && !isOpenRecord(entry)) this.#lanes.of(entry).stored += by;
    const { namespace, name } = this.#compiled.head;
    this.#deps.metrics.outboxSize.set({ namespace, sensor_name: name }, this.#open.outboxSize);
  }

  async #write(entry: OpenRecord): Promise<void> {
    await this.#deps.expired?.(entry, this.#cut.signal);
    await this.#deps.ledger.write(entry.record).kept;
    this.#finish(entry.key);
  }

  async #bury(entry: OpenError, recorded: Promise<void>): Promise<void> {
    const { key, error: decision, redrive } = entry;
    const more = redrive === undefined ? {} : { redrive };
    await this.#journal.putDead({ kind: "decision", key, decision, ...more }, this.#cut.signal);
    await recorded;
    this.#finish(entry.key);
  }
}

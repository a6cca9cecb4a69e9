import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, instant, sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import { Waiters } from "../../base/waiters.ts";
import { refText } from "../../objects/object.ts";
import type { EffectRecord, Ledger, LedgerPosition, RecordId } from "../../record/records.ts";
import type { Sequence } from "../bus/bus.ts";
import type { Outcome } from "../triggers/trigger.ts";
import type { CompiledSensor, CompiledTrigger } from "./compile.ts";
import {
  type Effect,
  type ErrorDecision,
  isOpenError,
  isOpenRecord,
  type OpenError,
  type OpenRecord,
  type OutboxEntry,
  openErrorOf,
  type RetryPlan,
  retryPlanOf,
  shortError,
  withFailure,
} from "./effect.ts";
import { byOrder, EffectLanes } from "./effect-lanes.ts";

/** Attempts under way at once, over all triggers of a Sensor. */
const maxRunning = 256;
/** The same, with those that are over and whose outcome is being stored: an fsync must not hold up the next attempts. */
const maxUnstored = 1_024;
/** Effects of one trigger that wait for another attempt; at this many the Sensor stops reading. */
const maxOutboxPerTrigger = 1_000;
/** How long attempts under way may go on when the engine stops. */
const drainMs = 10_000;
/** How long attempts that were cut off may take to notice; what does not is left alone and done again later. */
const cutMs = 1_000;

const signalNever = new AbortController().signal;

/** Makes the effect happen: plan, then apply. @throws what the trigger throws; TerminalError: do not try again. */
export type Execute = (effect: Effect, signal: AbortSignal) => Promise<Outcome>;

/** Keeps what failed for good on `dead`; resolves once kept, and may be repeated with the same key. */
export type PutDead = (dead: DeadEffect) => Promise<void>;

export type DeadEffect =
  | { readonly kind: "effect"; readonly effect: Effect; readonly error: string }
  | { readonly kind: "decision"; readonly key: string; readonly decision: ErrorDecision };

interface EffectQueueDeps {
  readonly ledger: Ledger;
  readonly execute: Execute;
  readonly putDead: PutDead;
  /** Asked before each attempt: false when another engine may act by now. Absent: always. */
  readonly mayAct?: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The Sensor that the effects belong to. */
export interface EffectHost {
  /** Asks for its state to be stored; at once when `urgent`. */
  markDirty(urgent: boolean): void;
  /** An outcome could not be stored: the Sensor must stop and begin again from what is stored. */
  fail(error: unknown): void;
}

export interface OutboxChanges {
  /** By key; `null`: done. */
  readonly changes: ReadonlyMap<string, OutboxEntry | null>;
  /** Whether effects wait for the commit. */
  readonly waiting: boolean;
  committed(): void;
}

/**
 * The effects of one Sensor from decision to outcome. Each is in one of two places:
 *
 * - inline: its event is above the stored position; nothing of it is stored, a crash reduces the event again;
 * - outbox: stored with the state (decided by a join, waiting for a retry, or unfinished when a Sensor with joins was
 *   stored).
 *
 * An effect leaves when its outcome is in the ledger. What fails and may be tried again moves to the outbox; what fails
 * for good is put on `dead` first.
 */
export class EffectQueue {
  readonly #compiled: CompiledSensor;
  readonly #deps: EffectQueueDeps;
  readonly #host: EffectHost;
  readonly #triggers = new Map<string, { compiled: CompiledTrigger; retry: RetryPlan }>();
  /** By event sequence, ascending: effects without outcome, and the ledger's place when the first of them began. */
  readonly #inline = new Map<Sequence, { open: number; readonly ledger: LedgerPosition }>();
  readonly #inlineEntries = new Map<string, { readonly entry: OutboxEntry; readonly sequence: Sequence }>();
  readonly #outbox = new Map<string, OutboxEntry>();
  readonly #outboxByTrigger = new Map<string, number>();
  readonly #dirty = new Set<string>();
  /** In the order of their start, each with the ledger's place then: its outcome is stored after that. */
  readonly #running = new Map<Promise<void>, LedgerPosition>();
  /** Of these, the attempts that are not over. */
  #executing = 0;
  readonly #attempts = new AbortController();
  #awaitingCommit: Effect[] = [];
  #ready: Effect[] = [];
  readonly #lanes = new EffectLanes();
  #stopping = false;
  readonly #waiting = new Waiters();

  constructor(compiled: CompiledSensor, deps: EffectQueueDeps, host: EffectHost) {
    this.#compiled = compiled;
    this.#deps = deps;
    this.#host = host;
    for (const trigger of compiled.triggers) {
      this.#triggers.set(trigger.name, { compiled: trigger, retry: retryPlanOf(trigger.trigger) });
    }
  }

  /** `open` go on where they stood; the rest of `stored` finished before the crash and is removed. */
  restore(open: readonly OutboxEntry[], stored: readonly OutboxEntry[]): void {
    for (const { key } of stored) this.#dirty.add(key);
    const effects: Effect[] = [];
    for (const entry of open) {
      this.#putOutbox(entry);
      if (isOpenRecord(entry)) this.#track(this.#write(entry));
      else if (isOpenError(entry)) this.#track(this.#bury(entry, Promise.resolve()));
      else effects.push(entry);
    }
    for (const effect of effects.sort(byOrder)) this.#retryLater(this.#lanes.enter(effect));
  }

  /** Whether an effect with this key is under way: the same events again are no new firing. */
  has(key: string): boolean {
    return this.#outbox.has(key) || this.#inlineEntries.has(key);
  }

  add(decided: Effect, sequence: Sequence, joined: boolean): void {
    const effect = this.#lanes.enter(decided);
    if (joined) {
      this.#putOutbox(effect);
      this.#awaitingCommit.push(effect);
      this.#host.markDirty(true);
      return;
    }
    this.#openInline(sequence);
    this.#inlineEntries.set(effect.key, { entry: effect, sequence });
    this.#start(effect);
  }

  /** An error decision counts as unfinished until it is recorded and on `dead`. */
  addError(decision: ErrorDecision, record: { id: RecordId; kept: Promise<void> }): void {
    const entry = openErrorOf(this.#compiled.head.uid, decision);
    if (this.has(entry.key)) return;
    const { sequence } = decision.event.head;
    this.#openInline(sequence);
    this.#inlineEntries.set(entry.key, { entry, sequence });
    this.#track(this.#bury(entry, record.kept));
  }

  /** Stored with the state, until it is in the ledger: what a Sensor let go is not forgotten by a crash. */
  addRecord(entry: OpenRecord): void {
    if (this.has(entry.key)) return;
    this.#putOutbox(entry);
    this.#track(this.#write(entry));
  }

  hasRoom(): boolean {
    if (!this.#lanes.hasRoom || this.#isFull() || this.#awaitingCommit.length >= maxRunning) return false;
    for (const count of this.#outboxByTrigger.values()) if (count >= maxOutboxPerTrigger) return false;
    return true;
  }

  #isFull(): boolean {
    return this.#executing >= maxRunning || this.#running.size >= maxUnstored;
  }

  /** Resolves when there is room, or when `signal` aborts. */
  async room(signal: AbortSignal): Promise<void> {
    while (!this.hasRoom() && !signal.aborted) await this.#waiting.wait(signal);
  }

  /** The oldest event with an effect that is stored nowhere else. */
  oldestInline(): Sequence | undefined {
    for (const sequence of this.#inline.keys()) return sequence;
    return undefined;
  }

  /** Outcomes of what is unfinished now, and of the events from the oldest inline one on, are stored after this. */
  ledgerPosition(): LedgerPosition {
    let oldest = this.#deps.ledger.mark();
    for (const { ledger } of this.#inline.values()) {
      if (ledger.after < oldest.after) oldest = ledger;
      break;
    }
    for (const ledger of this.#running.values()) {
      if (ledger.after < oldest.after) oldest = ledger;
      break;
    }
    return oldest;
  }

  moveInlineToOutbox(): void {
    for (const { entry } of this.#inlineEntries.values()) this.#putOutbox(entry);
    this.#inlineEntries.clear();
    this.#inline.clear();
  }

  collectOutbox(): OutboxChanges {
    const changes = new Map<string, OutboxEntry | null>();
    for (const key of this.#dirty) changes.set(key, this.#outbox.get(key) ?? null);
    this.#dirty.clear();
    const started = this.#awaitingCommit;
    this.#awaitingCommit = [];
    return {
      changes,
      waiting: started.length > 0,
      committed: () => {
        for (const effect of started) this.#start(effect);
        this.#waiting.wake();
      },
    };
  }

  /**
   * Settles once `signal` aborted and attempts under way ended, or were cut off: after 10 s, or as soon as `lost` aborts,
   * since another engine acts then.
   */
  async run(signal: AbortSignal, lost: AbortSignal): Promise<void> {
    if (lost.aborted) this.#attempts.abort(lost.reason);
    else lost.addEventListener("abort", () => this.#attempts.abort(lost.reason), { once: true });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#stopping = true;
    const ended = await this.#endWithin(drainMs, lost);
    this.#attempts.abort(signal.reason);
    if (ended || (await this.#endWithin(cutMs, signalNever))) return;
    this.#deps.log.warn("attempts did not end when they were cut off; they will be made again", {
      attempts: this.#running.size,
    });
  }

  /** Whether everything under way ended in time, and before `lost` aborted. */
  async #endWithin(ms: number, lost: AbortSignal): Promise<boolean> {
    const inTime = new AbortController();
    const late = sleepFor(this.#deps.clock, ms, AbortSignal.any([inTime.signal, lost])).then(
      () => true,
      () => lost.aborted,
    );
    let isLate = false;
    while (this.#running.size > 0 && !isLate) {
      isLate = await Promise.race([Promise.allSettled(this.#running.keys()).then(() => false), late]);
    }
    inTime.abort();
    return !isLate;
  }

  #start(effect: Effect): void {
    if (this.#stopping || this.#attempts.signal.aborted) return;
    if (this.#deps.mayAct?.() === false) {
      this.#host.fail(new EngineError("LEASE_LOST", "another engine may act by now"));
      return; // it is unfinished: whoever has the Sensor then makes it happen
    }
    if (!this.#lanes.mayBegin(effect)) return;
    if (this.#isFull()) this.#ready.push(effect);
    else this.#track(this.#attempt(effect));
  }

  #track(work: Promise<void>): void {
    this.#running.set(work, this.#deps.ledger.mark());
    const done = (): void => {
      this.#running.delete(work);
      this.#startNext();
    };
    work.then(done, (error: unknown) => {
      done();
      if (this.#attempts.signal.aborted) return; // stopped: it is still unfinished, and stored as that
      this.#deps.log.error("an effect's outcome could not be stored", { error });
      this.#host.fail(error);
    });
  }

  #startNext(): void {
    if (this.#isFull()) return;
    const next = this.#ready.shift();
    if (next) this.#start(next);
    this.#waiting.wake();
  }

  async #attempt(effect: Effect): Promise<void> {
    const { clock, execute, metrics } = this.#deps;
    const labels = this.#labels(effect.trigger);
    const startedAt = clock.now();
    let outcome: Outcome;
    this.#executing += 1;
    try {
      outcome = await execute(effect, this.#attempts.signal);
    } catch (error) {
      if (this.#attempts.signal.aborted) return; // cut off: done again after the restart, under the same key
      metrics.actionFailed.add(labels);
      return this.#fail(effect, startedAt, error);
    } finally {
      this.#executing -= 1;
      this.#startNext();
    }
    metrics.actionTriggered.add(labels);
    metrics.actionDuration.observe(labels, clock.now() - startedAt);
    const objects = outcome.objects ? { objects: outcome.objects.map(refText) } : {};
    await this.#record(effect, startedAt, { outcome: "succeeded", message: outcome.message, ...objects });
    this.#end(effect);
  }

  async #fail(effect: Effect, startedAt: number, error: unknown): Promise<void> {
    const { clock, log, metrics } = this.#deps;
    const message = shortError(messageOf(error));
    const attempt = effect.failed + 1;
    const retry = this.#triggers.get(effect.trigger)?.retry;
    const fields = { trigger: effect.trigger, attempt, error: message };
    if (retry && attempt < retry.attempts && !(error instanceof TerminalError)) {
      log.warn("trigger failed, will retry", fields);
      const dueAt = clock.now() + retry.delayMs(attempt + 1, Math.random);
      await this.#record(effect, startedAt, { outcome: "failed", message });
      return this.#retry(withFailure(effect, { at: clock.now(), error: message }, dueAt));
    }
    log.error("trigger failed for good", fields);
    metrics.actionRetriesFailed.add(this.#labels(effect.trigger));
    const failed = withFailure(effect, { at: clock.now(), error: message }, 0);
    await this.#putDeadUntilKept({ kind: "effect", effect: failed, error: message });
    await this.#record(effect, startedAt, { outcome: "dead", message });
    this.#end(effect);
  }

  #end(effect: Effect): void {
    this.#finish(effect.key);
    const next = this.#lanes.leave(effect);
    if (next) this.#start(next);
  }

  #retry(effect: Effect): void {
    this.#closeInlineEntry(effect.key);
    this.#putOutbox(effect);
    this.#host.markDirty(false);
    this.#retryLater(effect);
  }

  #retryLater(effect: Effect): void {
    const wait = this.#deps.clock.sleepUntil(instant(effect.dueAt), this.#attempts.signal);
    wait.then(
      () => this.#start(effect),
      () => undefined, // stopped: it stays in the outbox
    );
  }

  #finish(key: string): void {
    this.#closeInlineEntry(key);
    const entry = this.#outbox.get(key);
    if (entry) {
      this.#outbox.delete(key);
      this.#dirty.add(key);
      this.#countOutbox(entry, -1);
    }
    this.#host.markDirty(false);
  }

  #putOutbox(entry: OutboxEntry): void {
    const isNew = !this.#outbox.has(entry.key);
    this.#outbox.set(entry.key, entry);
    this.#dirty.add(entry.key);
    if (isNew) this.#countOutbox(entry, 1);
  }

  /** Errors and records count as attempts under way, which bounds them. */
  #countOutbox(entry: OutboxEntry, by: number): void {
    if (!isOpenError(entry) && !isOpenRecord(entry)) {
      this.#outboxByTrigger.set(entry.trigger, (this.#outboxByTrigger.get(entry.trigger) ?? 0) + by);
    }
    const { namespace, name } = this.#compiled.head;
    this.#deps.metrics.outboxSize.set({ namespace, sensor_name: name }, this.#outbox.size);
  }

  #openInline(sequence: Sequence): void {
    const entry = this.#inline.get(sequence);
    if (entry) entry.open += 1;
    else this.#inline.set(sequence, { open: 1, ledger: this.#deps.ledger.mark() });
  }

  #closeInlineEntry(key: string): void {
    const inline = this.#inlineEntries.get(key);
    if (!inline) return;
    this.#inlineEntries.delete(key);
    const { sequence } = inline;
    const entry = this.#inline.get(sequence);
    if (!entry) return;
    entry.open -= 1;
    if (entry.open === 0) this.#inline.delete(sequence);
  }

  async #record(
    effect: Effect,
    startedAt: number,
    outcome: Pick<EffectRecord, "outcome" | "message" | "objects">,
  ): Promise<void> {
    const kind = this.#triggers.get(effect.trigger)?.compiled.trigger.template.kind ?? "unknown";
    await this.#deps.ledger.write({
      kind: "effect",
      at: this.#deps.clock.now(),
      causes: [effect.decision],
      key: effect.key,
      sensor: this.#compiled.head,
      trigger: effect.trigger,
      triggerKind: kind,
      attempt: effect.failed + 1,
      startedAt,
      ...outcome,
    }).kept;
  }

  async #write(entry: OpenRecord): Promise<void> {
    await this.#deps.ledger.write(entry.record).kept;
    this.#finish(entry.key);
  }

  async #bury(entry: OpenError, recorded: Promise<void>): Promise<void> {
    await this.#putDeadUntilKept({ kind: "decision", key: entry.key, decision: entry.error });
    await recorded;
    this.#finish(entry.key);
  }

  /** The bus may be away: tried until it is kept, or until the engine stops (then the effect is still unfinished). */
  async #putDeadUntilKept(dead: DeadEffect): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#deps.putDead(dead);
      } catch (error) {
        this.#deps.log.warn("a dead effect could not be kept, will retry", { attempt, error });
        await sleepFor(this.#deps.clock, backoffMs(reconnectBackoff, attempt), this.#attempts.signal);
      }
    }
  }

  #labels(trigger: string): { namespace: string; sensor_name: string; trigger_name: string } {
    const { namespace, name } = this.#compiled.head;
    return { namespace, sensor_name: name, trigger_name: trigger };
  }
}

import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, instant, sleepFor } from "../../base/clock.ts";
import { messageOf, TerminalError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import { refText } from "../../objects/object.ts";
import type { EffectRecord, Ledger, LedgerPosition, RecordId } from "../../record/records.ts";
import type { Sequence } from "../bus/bus.ts";
import type { Outcome } from "../triggers/trigger.ts";
import type { CompiledSensor, CompiledTrigger } from "./compile.ts";
import { type Effect, type RetryPlan, retryPlanOf, withFailure } from "./effect.ts";
import type { Decision } from "./reducer.ts";

/** Attempts under way at once, over all triggers of a Sensor. */
const maxRunning = 256;
/** Effects of one trigger that wait for another attempt; at this many the Sensor stops reading. */
const maxOutboxPerTrigger = 1_000;
/** How long attempts under way may go on when the engine stops. */
const drainMs = 10_000;

/** Makes the effect happen: plan, then apply. @throws what the trigger throws; TerminalError: do not try again. */
export type Execute = (effect: Effect, signal: AbortSignal) => Promise<Outcome>;

/** Keeps what failed for good on `dead`; resolves once kept, and may be repeated with the same key. */
export type PutDead = (dead: DeadEffect) => Promise<void>;

export type DeadEffect =
  | { readonly kind: "effect"; readonly effect: Effect; readonly error: string }
  | { readonly kind: "decision"; readonly decision: Extract<Decision, { kind: "error" }> };

interface EffectQueueDeps {
  readonly ledger: Ledger;
  readonly execute: Execute;
  readonly putDead: PutDead;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface OutboxChanges {
  /** By key; `null`: done. */
  readonly changes: ReadonlyMap<string, Effect | null>;
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
  readonly #markDirty: (urgent: boolean) => void;
  readonly #triggers = new Map<string, { compiled: CompiledTrigger; retry: RetryPlan }>();
  /** By event sequence, ascending: effects without outcome, and the ledger's place when the first of them began. */
  readonly #inline = new Map<Sequence, { open: number; readonly ledger: LedgerPosition }>();
  readonly #inlineEffects = new Map<string, { readonly effect: Effect; readonly sequence: Sequence }>();
  readonly #outbox = new Map<string, Effect>();
  readonly #outboxByTrigger = new Map<string, number>();
  readonly #dirty = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  readonly #attempts = new AbortController();
  #awaitingCommit: Effect[] = [];
  #ready: Effect[] = [];
  #stopping = false;
  #roomWaiters: (() => void)[] = [];

  constructor(compiled: CompiledSensor, deps: EffectQueueDeps, markDirty: (urgent: boolean) => void) {
    this.#compiled = compiled;
    this.#deps = deps;
    this.#markDirty = markDirty;
    for (const trigger of compiled.triggers) {
      this.#triggers.set(trigger.name, { compiled: trigger, retry: retryPlanOf(trigger.trigger) });
    }
  }

  /** `open` go on where they stood; the rest of `stored` finished before the crash and is removed. */
  restore(open: readonly Effect[], stored: readonly Effect[]): void {
    for (const effect of stored) this.#dirty.add(effect.key);
    for (const effect of open) {
      this.#putOutbox(effect);
      this.#retryLater(effect);
    }
  }

  /** Whether an effect with this key is under way: the same events again are no new firing. */
  has(key: string): boolean {
    return this.#outbox.has(key) || this.#inlineEffects.has(key);
  }

  add(effect: Effect, sequence: Sequence, joined: boolean): void {
    if (joined) {
      this.#putOutbox(effect);
      this.#awaitingCommit.push(effect);
      this.#markDirty(true);
      return;
    }
    this.#openInline(sequence);
    this.#inlineEffects.set(effect.key, { effect, sequence });
    this.#start(effect);
  }

  /** An error decision counts as unfinished until it is recorded and on `dead`. */
  addError(decision: Extract<Decision, { kind: "error" }>, record: { id: RecordId; kept: Promise<void> }): void {
    const { sequence } = decision.event.head;
    this.#openInline(sequence);
    this.#track(
      this.#putDeadUntilKept({ kind: "decision", decision })
        .then(() => record.kept)
        .then(() => {
          this.#closeInline(sequence);
          this.#markDirty(this.#awaitingCommit.length > 0);
        }),
    );
  }

  hasRoom(): boolean {
    if (this.#running.size >= maxRunning || this.#awaitingCommit.length >= maxRunning) return false;
    for (const count of this.#outboxByTrigger.values()) if (count >= maxOutboxPerTrigger) return false;
    return true;
  }

  /** Resolves when there is room, or when `signal` aborts. */
  async room(signal: AbortSignal): Promise<void> {
    while (!this.hasRoom() && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#roomWaiters.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  oldestInline(): { readonly sequence: Sequence; readonly ledger: LedgerPosition } | undefined {
    for (const [sequence, { ledger }] of this.#inline) return { sequence, ledger };
    return undefined;
  }

  moveInlineToOutbox(): void {
    for (const { effect, sequence } of this.#inlineEffects.values()) {
      this.#putOutbox(effect);
      this.#closeInline(sequence);
    }
    this.#inlineEffects.clear();
  }

  collectOutbox(): OutboxChanges {
    const changes = new Map<string, Effect | null>();
    for (const key of this.#dirty) changes.set(key, this.#outbox.get(key) ?? null);
    this.#dirty.clear();
    const started = this.#awaitingCommit;
    this.#awaitingCommit = [];
    return {
      changes,
      waiting: started.length > 0,
      committed: () => {
        for (const effect of started) this.#start(effect);
        this.#makeRoom();
      },
    };
  }

  /** Settles once `signal` aborted and attempts under way ended, or were cut off after 10 s. */
  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#stopping = true;
    const drained = new AbortController();
    const cut = sleepFor(this.#deps.clock, drainMs, drained.signal).then(
      () => this.#attempts.abort(signal.reason),
      () => undefined,
    );
    await Promise.all(this.#running);
    drained.abort();
    await cut;
    this.#attempts.abort(signal.reason);
  }

  #start(effect: Effect): void {
    if (this.#stopping) return;
    if (this.#running.size >= maxRunning) this.#ready.push(effect);
    else this.#track(this.#attempt(effect));
  }

  #track(work: Promise<void>): void {
    this.#running.add(work);
    const done = (): void => {
      this.#running.delete(work);
      const next = this.#ready.shift();
      if (next) this.#start(next);
      this.#makeRoom();
    };
    work.then(done, (error: unknown) => {
      // Only storing can fail here; the ledger reports that itself, and the runner stops with it.
      this.#deps.log.error("an effect's outcome could not be stored", { error });
      done();
    });
  }

  async #attempt(effect: Effect): Promise<void> {
    const { clock, execute, metrics } = this.#deps;
    const labels = this.#labels(effect.trigger);
    const startedAt = clock.now();
    let outcome: Outcome;
    try {
      outcome = await execute(effect, this.#attempts.signal);
    } catch (error) {
      if (this.#attempts.signal.aborted) return; // cut off: done again after the restart, under the same key
      metrics.actionFailed.add(labels);
      return this.#fail(effect, startedAt, error);
    }
    metrics.actionTriggered.add(labels);
    metrics.actionDuration.observe(labels, clock.now() - startedAt);
    const objects = outcome.objects ? { objects: outcome.objects.map(refText) } : {};
    await this.#record(effect, startedAt, { outcome: "succeeded", message: outcome.message, ...objects });
    this.#finish(effect.key);
  }

  async #fail(effect: Effect, startedAt: number, error: unknown): Promise<void> {
    const { clock, log, metrics } = this.#deps;
    const message = messageOf(error);
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
    this.#finish(effect.key);
  }

  #retry(effect: Effect): void {
    this.#closeInlineEffect(effect.key);
    this.#putOutbox(effect);
    this.#markDirty(false);
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
    this.#closeInlineEffect(key);
    const effect = this.#outbox.get(key);
    if (effect) {
      this.#outbox.delete(key);
      this.#dirty.add(key);
      this.#countOutbox(effect.trigger, -1);
    }
    this.#markDirty(false);
  }

  #putOutbox(effect: Effect): void {
    if (!this.#outbox.has(effect.key)) this.#countOutbox(effect.trigger, 1);
    this.#outbox.set(effect.key, effect);
    this.#dirty.add(effect.key);
  }

  #countOutbox(trigger: string, by: number): void {
    this.#outboxByTrigger.set(trigger, (this.#outboxByTrigger.get(trigger) ?? 0) + by);
    const { namespace, name } = this.#compiled.head;
    this.#deps.metrics.outboxSize.set({ namespace, sensor_name: name }, this.#outbox.size);
  }

  #openInline(sequence: Sequence): void {
    const entry = this.#inline.get(sequence);
    if (entry) entry.open += 1;
    else this.#inline.set(sequence, { open: 1, ledger: this.#deps.ledger.mark() });
  }

  #closeInlineEffect(key: string): void {
    const entry = this.#inlineEffects.get(key);
    if (!entry) return;
    this.#inlineEffects.delete(key);
    this.#closeInline(entry.sequence);
  }

  #closeInline(sequence: Sequence): void {
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

  #makeRoom(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }

  #labels(trigger: string): { namespace: string; sensor_name: string; trigger_name: string } {
    const { namespace, name } = this.#compiled.head;
    return { namespace, sensor_name: name, trigger_name: trigger };
  }
}

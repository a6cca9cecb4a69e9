import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, type Instant, instant, sleepFor } from "../../base/clock.ts";
import { assertNever, EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Lag, Metrics } from "../../base/metrics.ts";
import { unlessAborted } from "../../base/unless-aborted.ts";
import { type Ledger, type LedgerPosition, outcomeKey, type RecordDraft, type RecordId } from "../../record/records.ts";
import type { Subject } from "../../record/subject.ts";
import type { Position } from "../bus/bus.ts";
import type { Awaitable } from "../triggers/trigger.ts";
import { adopt } from "./adopt.ts";
import type { Execute, ReportAttempt } from "./attempts.ts";
import type { CompiledSensor } from "./compile.ts";
import { decisionOf, effectOf, errorOf, expiryOf, lostOf } from "./decision-records.ts";
import type { PutDead } from "./effect.ts";
import { EffectQueue, type EffectQueueDeps } from "./effect-queue.ts";
import { createExplainer, type Explainer } from "./explain.ts";
import type { LimitOf } from "./lane.ts";
import type { Contribution, Partition, PartitionMember } from "./partition.ts";
import type { PendingEffect } from "./pending-effects.ts";
import type { EventReader } from "./reader.ts";
import { type RedriveDeps, Redriver } from "./redriver.ts";
import { nextTickAt, reduce, tick } from "./reducer.ts";
import { createSensorCells, type SensorCells } from "./sensor-cells.ts";
import { type Decision, emptyState, type ReceivedEvent, type Reduction, type SensorState } from "./state.ts";
import type { EventBatch } from "./subscriber.ts";
import { hasScripts, ThreadShare } from "./thread-share.ts";
import type { Horizon, Ticker, TickMember } from "./ticker.ts";
import { storedAtOf } from "./waiting.ts";

export interface SensorRunnerDeps {
  readonly reader: EventReader;
  /** `system`, or `<namespace>/<EventBus>`: a position belongs to one bus. */
  readonly bus: string;
  readonly subjectOf: (eventSource: string, event: string) => Subject;
  /** Where a Sensor without a stored position starts. */
  readonly start: () => Promise<{ readonly epoch: string; readonly after: number }>;
  readonly partition: Partition;
  readonly ticker: Ticker;
  readonly ledger: Ledger;
  readonly execute: Execute;
  readonly putDead: PutDead;
  readonly expired?: NonNullable<EffectQueueDeps["expired"]>;
  /** What people ask to be done again; absent: nothing is. */
  readonly redrive?: RedriveDeps;
  readonly limitOf?: LimitOf;
  readonly report?: ReportAttempt;
  /** Told when its scripts begin to take more than their share, and when they no longer do. */
  readonly onSlowed?: (isSlowed: boolean) => void;
  /** `outcomeKey`s of effects whose outcome the ledger held when the engine started. */
  readonly finished: ReadonlySet<string>;
  /**
   * Where the ledger ended then. A runner that starts later (after an edit or a failure) reads what came since by itself;
   * absent: nothing came since.
   */
  readonly finishedUntil?: LedgerPosition;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface SensorRunner {
  /**
   * Reads, decides and acts until `signal` aborts; then lets effects under way end (10 s at most) and stores its state.
   * Rejects when its state can no longer be stored: whoever runs it starts a new runner from what was stored.
   */
  run(signal: AbortSignal): Promise<void>;
  /** How far it is behind the end of its bus; undefined while the bus is away. */
  lag?(): Promise<Lag | undefined>;
  /** What is unfinished of an event, and what it waits for. */
  pending?(eventId: string): readonly PendingEffect[];
  /** Resolves once the Sensor's position is stored: from then on it misses no event. Never, when it stops before. */
  readonly ready: Promise<void>;
}

/** Ticks that are decided in one go, before it is asked whether there is room for more. */
const maxTicks = 64;
/**
 * How long a Sensor that is done with all that its reader has waits for the end of the stream before it ticks anyway: a
 * stream that holds subjects which the reader does not read ends behind what it ever sees.
 */
const horizonPatienceMs = 2_000;

export function createSensorRunner(compiled: CompiledSensor, deps: SensorRunnerDeps): SensorRunner {
  return new Runner(compiled, deps);
}

/**
 * The I/O shell around the reducer. The rule that everything here serves: the stored position passes an event only in the
 * same append that holds what the event left behind (joins, outbox), or after its outcome is in the ledger.
 *
 * - A Sensor without joins: an effect runs at once, and the position stays below the oldest event whose effect has no
 *   stored outcome. After a crash those events are reduced again; what the ledger knows as finished is not repeated.
 * - A Sensor with joins, or with keys or times: its stored state must fit its position exactly, or a repeat could join
 *   other events. So the position is always where the reducer stands, and every unfinished effect is stored with it; one
 *   decided by a join or a tick runs only after that append.
 */
class Runner implements SensorRunner, PartitionMember, TickMember {
  readonly ready: Promise<void>;
  readonly reader: EventReader;
  readonly #compiled: CompiledSensor;
  readonly #deps: SensorRunnerDeps;
  /** Made at the first decision. */
  #explainer: Explainer | undefined;
  readonly #cells: SensorCells;
  readonly #effects: EffectQueue;
  /** Absent: deciding never takes long. */
  readonly #share: ThreadShare | undefined;
  /** Whether there is state beside the position. */
  readonly #isStateful: boolean;
  /** Of whatever ends the run first. */
  readonly #failed = new AbortController();
  /** Keys that the ledger knows an outcome of. */
  #finished: ReadonlySet<string>;
  #redriver: Redriver | undefined;
  #setReady: () => void = () => undefined;
  #state: SensorState = emptyState;
  #place: { readonly epoch: string; readonly after: number } = { epoch: "", after: 0 };
  #idle: () => { readonly epoch: string; readonly after: number } | undefined = () => undefined;
  /** When a tick has something to do. */
  #dueAt: Instant | undefined;
  /** Milliseconds since 1970: when the event that it is at was stored. */
  #takenStoredAt: number | undefined;
  /** Before its state is read there is nothing to store. */
  #isRestored = false;
  #isLeaving = false;
  #watched: Promise<void> | undefined;

  constructor(compiled: CompiledSensor, deps: SensorRunnerDeps) {
    this.#compiled = compiled;
    this.#deps = deps;
    this.reader = deps.reader;
    this.#isStateful = compiled.triggers.some(({ joins, timing }) => joins || timing !== undefined);
    this.#cells = createSensorCells(compiled, deps.partition.cells);
    this.#finished = deps.finished;
    this.#share = hasScripts(compiled.sensor)
      ? new ThreadShare(deps.clock, (isSlowed) => this.#slowed(isSlowed))
      : undefined;
    this.#effects = new EffectQueue(
      compiled,
      { ...deps, mayAct: () => deps.partition.mayAct() },
      {
        markDirty: (urgent) => deps.partition.markDirty(this, urgent),
        fail: (error) => this.fail(error),
      },
    );
    this.ready = new Promise((resolve) => {
      this.#setReady = resolve;
    });
  }

  async lag(): Promise<Lag | undefined> {
    const { clock, reader } = this.#deps;
    const { namespace, name } = this.#compiled.head;
    const end = await reader.end().catch(() => undefined);
    if (!end || !this.#isRestored) return undefined;
    const isIdle = this.#idle() !== undefined;
    const behind = end.epoch === this.#place.epoch ? end.after - this.#place.after : end.after;
    const ms = isIdle || this.#takenStoredAt === undefined ? 0 : clock.now() - this.#takenStoredAt;
    return { namespace, sensor: name, events: isIdle ? 0 : Math.max(0, behind), ms: Math.max(0, ms) };
  }

  pending(eventId: string): readonly PendingEffect[] {
    return this.#effects.pending(eventId);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { partition } = this.#deps;
    const stop = this.#failed.signal;
    const onAbort = () => this.#stop(signal.reason); // not AbortSignal.any: it is asked for each event
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    partition.join(this);
    for (const { name, fault } of this.#compiled.triggers)
      if (fault !== undefined) this.#deps.log.warn("a trigger never fires", { trigger: name, reason: fault });
    try {
      const from = await this.#restore(stop);
      await this.#storeStart(stop);
      this.#followRedrives(stop);
      await this.#read(from, stop);
      this.fail(new Error("reading ended by itself"));
    } catch (error) {
      this.fail(error);
    }
    this.#deps.ticker.schedule(this, undefined);
    signal.removeEventListener("abort", onAbort);
    await Promise.all([this.#effects.ended(stop.reason), this.#redriver?.idle()]);
    this.#isLeaving = true;
    await partition.leave(this);
    if (!signal.aborted) throw this.#failed.signal.reason;
  }

  fail(error: unknown): void {
    this.#stop(error);
    const isLost = error instanceof EngineError && (error.code === "BUS_STALE" || error.code === "LEASE_LOST");
    if (isLost) this.#effects.cutOff(error);
  }

  #stop(reason: unknown): void {
    this.#effects.stop();
    this.#failed.abort(reason);
  }

  collect(): Contribution | undefined {
    if (!this.#isRestored) return undefined;
    if (this.#isStateful || this.#isLeaving) this.#effects.moveInlineToOutbox();
    this.#catchUpIdle();
    const oldest = this.#effects.oldestInline();
    const position = {
      bus: this.#deps.bus,
      epoch: this.#place.epoch,
      after: oldest === undefined ? this.#place.after : oldest - 1,
      ledger: this.#effects.ledgerPosition(),
    };
    const outbox = this.#effects.collectOutbox();
    const cells = this.#cells.changes({ position, state: this.#state, outbox: outbox.changes });
    if (cells.changes.length === 0 && !outbox.waiting) return undefined;
    return {
      changes: cells.changes,
      committed: () => {
        cells.committed();
        outbox.committed();
        this.#setReady();
      },
    };
  }

  /** What the Sensor finds stored: its joins, its outbox, and the position to go on from. */
  async #restore(stop: AbortSignal): Promise<Position> {
    const { bus, start, log } = this.#deps;
    const stored = this.#cells.restore();
    const place = stored.position?.bus === bus ? stored.position : await start();
    if (stored.position) this.#finished = await this.#readFinished(stored.position.ledger, stop);
    stop.throwIfAborted();
    const open = stored.outbox.filter((entry) => !this.#finished.has(outcomeKey(entry)));
    this.#place = { epoch: place.epoch, after: place.after };
    this.#effects.restore(open, stored.outbox);
    this.#isRestored = true;
    this.#apply(adopt(this.#compiled, stored.events), place.after);
    log.debug("sensor starts", {
      after: place.after,
      joins: Object.keys(this.#state.joins).length,
      outbox: open.length,
    });
    return this.#place;
  }

  /** With the outcomes that the ledger got since the engine started: another runner of this Sensor may have been there. */
  async #readFinished(since: LedgerPosition, stop: AbortSignal): Promise<ReadonlySet<string>> {
    const { finished, finishedUntil, ledger, partition } = this.#deps;
    const now = ledger.mark();
    if (!finishedUntil || finishedUntil.epoch !== now.epoch) return finished;
    // What another engine wrote is not in this one's mark.
    if (!partition.isTakenOver && now.after <= finishedUntil.after) return finished;
    const isLater = since.epoch === now.epoch && since.after > finishedUntil.after;
    const keys = new Set(finished);
    for await (const records of ledger.readEffects(isLater ? since : finishedUntil, stop)) {
      for (const record of records) {
        if (record.sensor.uid === this.#compiled.head.uid && record.outcome !== "failed") keys.add(outcomeKey(record));
      }
    }
    return keys;
  }

  /** A new Sensor's position is stored before it is called ready: what comes later is not missed, whatever happens. */
  async #storeStart(stop: AbortSignal): Promise<void> {
    this.#deps.partition.markDirty(this, true);
    if (this.#cells.hasPosition) this.#setReady();
    await unlessAborted(this.ready, stop);
  }

  /** What redrives is made once something is asked for: of most Sensors nothing is. */
  #followRedrives(stop: AbortSignal): void {
    const { redrive } = this.#deps;
    if (!redrive) return;
    const look = (): void => {
      if (!stop.aborted && redrive.inbox.first() !== undefined) this.#redriver ??= this.#createRedriver(redrive, stop);
    };
    redrive.inbox.onChange(look); // until the Redriver takes its place
    look();
  }

  #createRedriver(redrive: RedriveDeps, stop: AbortSignal): Redriver {
    const { clock, log, ledger } = this.#deps;
    const sensor = {
      compiled: this.#compiled,
      effects: this.#effects,
      isFinished: (key: string) => this.#finished.has(key),
      judge: (compiled: CompiledSensor, received: ReceivedEvent, id: string) => {
        this.#apply(reduce(compiled, this.#state, received, clock.now()), received.head.sequence, id);
      },
    };
    return new Redriver({ ...redrive, sensor, clock, log, ledger }, stop, (error) => this.fail(error));
  }

  /** Reads for ever; when the bus is away, again from where it stood. */
  async #read(from: Position, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    let position = from;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        return await this.#follow(position, signal, () => {
          attempt = 0;
        });
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== "BUS_UNAVAILABLE") throw error;
        log.warn("the sensor waits for the bus", { attempt, error });
        position = this.#place;
        await sleepFor(clock, backoffMs(reconnectBackoff, attempt), signal);
      }
    }
  }

  async #follow(from: Position, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const subjects = this.#compiled.inputs.map(({ eventSource, event }) => this.#deps.subjectOf(eventSource, event));
    const subscription = this.#deps.reader.subscribe(subjects, from, signal);
    this.#idle = () => subscription.idleThrough();
    await subscription.follow((batch) => {
      onProgress();
      return this.#take(batch, signal);
    });
  }

  #take(batch: EventBatch, signal: AbortSignal): Awaitable<void> {
    if (batch.epoch !== this.#place.epoch) this.#startAnew(batch.epoch);
    if (batch.lost) this.#recordLost(batch.lost);
    const events = batch.events[Symbol.iterator]();
    for (let next = events.next(); !next.done; next = events.next()) {
      if (signal.aborted || !this.#isFree()) return this.#takeSlowly(next.value, events, batch, signal);
      this.#takenStoredAt = next.value.head.storedAt;
      this.#judge(next.value, batch.epoch);
    }
    this.#took(batch);
  }

  /** Whether an event can be decided about without waiting before or after it. */
  #isFree(): boolean {
    return this.#dueAt === undefined && this.#share === undefined && this.#hasRoom();
  }

  /** `first`, and the rest of the batch. */
  async #takeSlowly(
    first: ReceivedEvent,
    rest: Iterator<ReceivedEvent>,
    batch: EventBatch,
    signal: AbortSignal,
  ): Promise<void> {
    let next: IteratorResult<ReceivedEvent> = { value: first };
    for (; !next.done; next = rest.next()) {
      const received = next.value;
      this.#takenStoredAt = received.head.storedAt;
      if (!this.#effects.hasRoom()) await this.#effects.room(signal);
      if (!this.#deps.ledger.hasRoom()) await this.#deps.ledger.room(signal);
      if (this.#dueAt !== undefined) await this.#tickBefore(received, signal);
      if (signal.aborted) return;
      const startedMs = this.#share && this.#deps.clock.monotonicMs();
      this.#judge(received, batch.epoch);
      if (startedMs !== undefined && this.#share?.took(startedMs)) await this.#share.pause(signal);
    }
    if (!signal.aborted) this.#took(batch);
  }

  #judge(received: ReceivedEvent, epoch: string): void {
    this.#apply(reduce(this.#compiled, this.#state, received, this.#deps.clock.now()), received.head.sequence);
    this.#place = { epoch, after: received.head.sequence };
  }

  #took({ epoch, through }: EventBatch): void {
    this.#place = { epoch, after: Math.max(this.#place.after, through) };
    this.#deps.partition.markDirty(this);
  }

  #slowed(isSlowed: boolean): void {
    const { log, onSlowed } = this.#deps;
    if (isSlowed) log.warn("its scripts take more than half of a core: the sensor is slowed down");
    else log.info("the sensor is no longer slowed down");
    onSlowed?.(isSlowed);
  }

  /** The stream was made anew: events of the old one cannot be read again, so what is open of them must be stored. */
  #startAnew(epoch: string): void {
    this.#effects.moveInlineToOutbox();
    this.#place = { epoch, after: 0 };
  }

  /** What is due before an event: a little at a time, since effects may have no room for all of it. */
  async #tickBefore(received: ReceivedEvent, signal: AbortSignal): Promise<void> {
    const until = storedAtOf(received);
    while (this.#isDue(until) && !signal.aborted) {
      if (!this.#hasRoom()) await Promise.all([this.#effects.room(signal), this.#deps.ledger.room(signal)]);
      else this.#tick(instant(until));
    }
  }

  advance(horizon: Horizon): boolean {
    if (!this.#isRestored || this.#failed.signal.aborted) return true;
    const { clock, partition } = this.#deps;
    this.#catchUpIdle();
    const idle = this.#idle();
    if (!idle) return false;
    const isPast = idle.epoch === horizon.epoch && idle.after >= horizon.after;
    if (!isPast && clock.now() - horizon.at < horizonPatienceMs) return false;
    while (this.#isDue(horizon.at)) {
      if (!this.#hasRoom()) return false;
      this.#tick(horizon.at);
    }
    partition.markDirty(this);
    return true;
  }

  #isDue(by: number): boolean {
    return this.#dueAt !== undefined && this.#dueAt <= by;
  }

  #hasRoom(): boolean {
    return this.#effects.hasRoom() && this.#deps.ledger.hasRoom();
  }

  #tick(until: Instant): void {
    this.#apply(tick(this.#compiled, this.#state, until, maxTicks), this.#place.after);
  }

  /** `sequence`: of the event that it is about, or of the last before a tick. */
  #apply({ state, decisions }: Reduction, sequence: number, redrive?: string): void {
    if (state !== this.#state) {
      this.#state = state;
      if (state.timed !== undefined || this.#dueAt !== undefined) this.#schedule();
    }
    for (const decision of decisions) this.#act(decision, sequence, redrive);
  }

  #schedule(): void {
    this.#dueAt = nextTickAt(this.#compiled, this.#state);
    this.#deps.ticker.schedule(this, this.#dueAt);
  }

  /** `redrive`: the dead letter that the event comes from; then the position says nothing about it. */
  #act(decision: Decision, sequence: number, redrive?: string): void {
    const { clock, metrics } = this.#deps;
    const { namespace, name } = this.#compiled.head;
    switch (decision.kind) {
      case "rejected":
        metrics.eventRejected.add({ namespace, sensor_name: name, dependency: decision.dependency });
        break;
      case "error":
        metrics.decisionErrors.add({ namespace, sensor_name: name });
        this.#effects.addError(decision, this.#record(errorOf(this.#compiled.head, decision, clock.now())), redrive);
        break;
      case "expired": {
        const { trigger, reason, events } = decision;
        const labels = { namespace, sensor_name: name, trigger_name: trigger, reason };
        metrics.eventsExpired.add(labels, Object.keys(events).length);
        this.#effects.addRecord(expiryOf(this.#compiled.head, decision));
        break;
      }
      case "fire": {
        if (this.#finished.has(decision.key) || this.#effects.has(decision.key)) break;
        if (decision.early !== undefined)
          metrics.firedEarly.add({ namespace, sensor_name: name, trigger_name: decision.trigger });
        this.#explainer ??= createExplainer(this.#compiled);
        const fired = decisionOf(this.#compiled.head, decision, clock.now());
        const { id } = this.#record({ ...fired, ...this.#explainer.seen(decision.events) });
        this.#effects.add(effectOf(decision, id), sequence, decision.joined || redrive !== undefined);
        break;
      }
      default:
        assertNever(decision);
    }
  }

  /** Records of many decisions are kept in one message. */
  #failUnlessKept(kept: Promise<void>): void {
    if (kept === this.#watched) return;
    this.#watched = kept;
    kept.catch((error: unknown) => this.fail(error));
  }

  #record(draft: RecordDraft): { id: RecordId; kept: Promise<void> } {
    const written = this.#deps.ledger.write(draft);
    this.#failUnlessKept(written.kept);
    return written;
  }

  #recordLost(lost: { readonly from: number; readonly to: number }): void {
    const { bus, clock, log, metrics } = this.#deps;
    const { head } = this.#compiled;
    log.error("events were dropped by the bus before they were read", { bus, ...lost });
    metrics.eventsLost.add({ namespace: head.namespace, bus }, lost.to - lost.from + 1);
    this.#record(lostOf(head, { bus, ...lost }, clock.now()));
  }

  /** A Sensor with nothing to do is as far as the reader is. */
  #catchUpIdle(): void {
    const idle = this.#idle();
    if (!idle) return;
    if (idle.epoch !== this.#place.epoch) this.#startAnew(idle.epoch);
    if (idle.after > this.#place.after) this.#place = idle;
  }
}

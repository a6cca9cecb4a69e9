import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { LateAbort } from "../../base/late-abort.ts";
import type { Logger } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import { refText } from "../../objects/object.ts";
import type { Ledger } from "../../record/records.ts";
import type { Awaitable, Outcome } from "../triggers/trigger.ts";
import type { Effect } from "./effect.ts";
import type { EffectJournal } from "./effect-journal.ts";
import type { Lane } from "./lane.ts";
import { type Begun, RunningWork } from "./running-work.ts";

/** Makes the effect happen: plan, then apply. @throws what the trigger throws; TerminalError: do not try again. */
export type Execute = (effect: Effect, signal: AbortSignal) => Awaitable<Outcome>;

/** How an attempt ended; `error`: why it failed. */
export type ReportAttempt = (trigger: string, at: number, error?: string) => void;

export interface AttemptDeps {
  readonly ledger: Ledger;
  readonly execute: Execute;
  /** Told about each attempt of a trigger; must be cheap. */
  readonly report?: ReportAttempt;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

interface AttemptHost {
  /** Something ended: there may be room for others. */
  startNext(): void;
  /** The effect's outcome is stored. */
  end(effect: Effect): void;
  /** Resolves once what comes of it is stored. */
  failed(effect: Effect, lane: Lane, startedAt: number, error: unknown): Promise<void>;
  /** Nothing can go on: the Sensor must stop. */
  stop(error: unknown): void;
}

interface Ended {
  readonly effect: Effect;
  readonly begun: Begun;
}

/** The attempts of one Sensor, each from its beginning until what came of it is stored. */
export class Attempts {
  readonly running = new RunningWork();
  readonly #deps: AttemptDeps;
  readonly #journal: EffectJournal;
  readonly #cut: LateAbort;
  readonly #host: AttemptHost;
  /** Of `running`, the attempts that are not over. */
  #executing = 0;
  /** Those that ended last, whose outcomes are in one message that is being stored. */
  #keeping: { readonly kept: Promise<void>; readonly ended: Ended[] } | undefined;

  /** `cut`: ends what is under way; it is done again later. */
  constructor(deps: AttemptDeps, journal: EffectJournal, cut: LateAbort, host: AttemptHost) {
    this.#deps = deps;
    this.#journal = journal;
    this.#cut = cut;
    this.#host = host;
  }

  /** What is over and not stored. */
  get unstored(): number {
    return this.running.size - this.#executing;
  }

  /** Begins one. What a trigger gives at once is over, and told, when this returns. */
  make(effect: Effect, lane: Lane): void {
    const { clock, ledger } = this.#deps;
    const startedAt = clock.now();
    const begun = this.running.begin(ledger.mark());
    this.#executing += 1;
    lane.began();
    const made = this.#execute(effect, lane);
    if (made instanceof Promise) {
      this.track(this.#settle(effect, lane, startedAt, made), begun);
      return;
    }
    this.#over(lane);
    this.#endWhenKept(this.#succeeded(effect, lane, startedAt, made), { effect, begun });
  }

  /** Counts `work`, which settles once what it is about is stored. */
  track(work: Promise<void>, begun = this.running.begin(this.#deps.ledger.mark())): void {
    const done = (): void => {
      this.running.end(begun);
      this.#host.startNext();
    };
    work.then(done, (error: unknown) => {
      done();
      this.#lost(error);
    });
  }

  #execute(effect: Effect, lane: Lane): Awaitable<Outcome> {
    try {
      if (lane.fault) throw lane.fault;
      return this.#deps.execute(effect, this.#cut.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #settle(effect: Effect, lane: Lane, startedAt: number, made: Promise<Outcome>): Promise<void> {
    const { clock, metrics } = this.#deps;
    let outcome: Outcome;
    try {
      outcome = await made;
    } catch (error) {
      if (this.#cut.aborted) return; // cut off: done again after the restart, under the same key
      if (error instanceof EngineError && error.code === "LEASE_LOST") return this.#host.stop(error); // the same
      const labels = this.#journal.labels(effect.trigger);
      metrics.actionFailed.add(labels);
      metrics.actionDuration.observe(labels, clock.now() - startedAt);
      return this.#host.failed(effect, lane, startedAt, error);
    } finally {
      this.#over(lane);
    }
    await this.#succeeded(effect, lane, startedAt, outcome);
    this.#host.end(effect);
  }

  #over(lane: Lane): void {
    this.#executing -= 1;
    lane.ended();
    this.#host.startNext();
  }

  /** Tells everyone; resolves once that is stored. */
  #succeeded(effect: Effect, lane: Lane, startedAt: number, { message, objects }: Outcome): Promise<void> {
    const { clock, metrics, report } = this.#deps;
    const labels = this.#journal.labels(effect.trigger);
    metrics.actionTriggered.add(labels);
    metrics.actionDuration.observe(labels, clock.now() - startedAt);
    report?.(effect.trigger, clock.now());
    const made = objects ? { objects: objects.map(refText) } : {};
    return this.#journal.attempt(effect, lane, startedAt, { outcome: "succeeded", message, ...made });
  }

  /** Many records are kept in one message: one look at its promise does for all that end one after the other. */
  #endWhenKept(kept: Promise<void>, one: Ended): void {
    if (this.#keeping?.kept === kept) {
      this.#keeping.ended.push(one);
      return;
    }
    const keeping = { kept, ended: [one] };
    this.#keeping = keeping;
    const done = (): void => {
      if (this.#keeping === keeping) this.#keeping = undefined;
      for (const { begun } of keeping.ended) this.running.end(begun);
      this.#host.startNext();
    };
    const end = (): void => {
      for (const { effect } of keeping.ended) this.#host.end(effect);
      done();
    };
    kept.then(end, (error: unknown) => {
      done();
      this.#lost(error);
    });
  }

  #lost(error: unknown): void {
    if (this.#cut.aborted) return; // stopped: it is still unfinished, and stored as that
    this.#deps.log.error("an effect's outcome could not be stored", { error });
    this.#host.stop(error);
  }
}

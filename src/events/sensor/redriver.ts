import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { type EventHead, type Ledger, outcomeKey, type RecordDraft } from "../../record/records.ts";
import type { CompiledSensor } from "./compile.ts";
import type { DeadLetter } from "./dead-letters.ts";
import type { DeadStore, StoredLetter } from "./dead-store.ts";
import type { Effect } from "./effect.ts";
import type { EffectQueue } from "./effect-queue.ts";
import type { RedriveInbox } from "./redrives.ts";
import type { BatchedEvent, ReceivedEvent } from "./state.ts";

export interface RedriveDeps {
  readonly inbox: RedriveInbox;
  readonly letters: Pick<DeadStore, "find" | "mark">;
  /** An event that was too large for its letter, as the bus holds it; undefined when it was dropped since. */
  readonly readEvent: (head: EventHead) => Promise<CloudEvent | undefined>;
}

/** The Sensor that acts. */
export interface RedriveSensor {
  readonly compiled: CompiledSensor;
  readonly effects: EffectQueue;
  /** Whether the ledger held an outcome under this `outcomeKey` when the Sensor started. */
  isFinished(outcome: string): boolean;
  /** Decides about an event and acts on that; `id` names the letter. */
  judge(compiled: CompiledSensor, received: ReceivedEvent, id: string): void;
}

interface RedriverDeps extends RedriveDeps {
  readonly sensor: RedriveSensor;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How soon to look again at an effect whose end is being stored. */
const soonMs = 200;
/** Letters whose redrive this runner knows to be begun. */
const maxKnown = 10_000;

/**
 * Does again what people ask for, one letter after the other, until `signal` aborts. A letter's effect is stored in the
 * outbox first; then the letter is marked as dead no more; then it runs, under the key that it had. So a crash at any
 * point leaves either the request, or the effect. While nobody asks, nothing waits: there may be thousands of Sensors.
 */
export class Redriver {
  readonly #deps: RedriverDeps;
  readonly #signal: AbortSignal;
  readonly #fail: (error: unknown) => void;
  readonly #begun = new Set<string>();
  #running: Promise<void> | undefined;

  /** `fail` is told what makes the Sensor's state useless. */
  constructor(deps: RedriverDeps, signal: AbortSignal, fail: (error: unknown) => void) {
    this.#deps = deps;
    this.#signal = signal;
    this.#fail = fail;
    deps.inbox.onChange(() => this.#wake());
    this.#wake();
  }

  /** Resolves once nothing is under way; after `signal` aborted nothing begins any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #wake(): void {
    if (this.#running || this.#signal.aborted || this.#deps.inbox.first() === undefined) return;
    this.#running = this.#redriveAll()
      .catch((error: unknown) => {
        if (!this.#signal.aborted) this.#fail(error);
      })
      .finally(() => {
        this.#running = undefined;
        this.#wake();
      });
  }

  async #redriveAll(): Promise<void> {
    const [deps, signal] = [this.#deps, this.#signal];
    for (let id = deps.inbox.first(); id !== undefined; id = deps.inbox.first()) {
      const letter = id;
      await deps.sensor.effects.room(signal);
      await untilAvailable(deps, signal, () => redriveOne(deps, letter, this.#begun, signal));
      await untilAvailable(deps, signal, () => deps.inbox.done(letter));
    }
  }
}

/** The bus may be away: a request waits for it. */
async function untilAvailable(
  { clock, log }: RedriverDeps,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== "BUS_UNAVAILABLE") throw error;
      log.warn("a redrive waits for the bus", { attempt, error });
      await sleepFor(clock, backoffMs(reconnectBackoff, attempt), signal);
    }
  }
}

async function redriveOne(deps: RedriverDeps, id: number, begun: Set<string>, signal: AbortSignal): Promise<void> {
  const read = await readLetter(deps, id);
  if (!read) return;
  const { found, events, batch } = read;
  if (begun.size >= maxKnown) begun.clear();
  const { letter } = found;
  if (letter.dependency !== undefined) await redriveEvent(deps, found, letter.dependency, events);
  else await redriveEffect(deps, effectOf(found, events, batch), found, begun, signal);
}

/** Undefined: it was redriven already, or cannot be; then it stays on `dead`. */
async function readLetter(
  deps: RedriverDeps,
  id: number,
): Promise<(Pick<Effect, "events" | "batch"> & { readonly found: StoredLetter }) | undefined> {
  try {
    const found = await deps.letters.find(id);
    if (!found) return undefined;
    const events = await completeEvents(found.letter, deps);
    const batch = found.letter.batch && (await completeBatch(found.letter.batch, deps));
    const isComplete = events !== undefined && (batch !== undefined || found.letter.batch === undefined);
    if (isComplete) return { found, events, ...(batch && { batch }) };
    deps.log.warn("a dead letter cannot be redriven: the bus does not hold its events any more", { letter: id });
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === "BUS_UNAVAILABLE") throw error;
    deps.log.error("a dead letter cannot be redriven", { letter: id, error });
  }
  return undefined;
}

async function redriveEffect(
  deps: RedriverDeps,
  effect: Effect,
  found: StoredLetter,
  begun: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const { effects, isFinished } = deps.sensor;
  const outcome = outcomeKey(effect);
  // The effect of before may be on its way from its letter to its record.
  for (;;) {
    const open = effects.find(effect.key);
    if (!open || outcomeKey(open) === outcome) break;
    await sleepFor(deps.clock, soonMs, signal);
  }
  const isBegun = effects.has(effect.key) || begun.has(outcome) || isFinished(outcome);
  if (isBegun) return deps.letters.mark(found);
  begun.add(outcome);
  const { id, kept } = deps.ledger.write(recordOf(found, deps));
  const redriven: Effect = { ...effect, decision: id };
  await Promise.all([kept, effects.store(redriven)]);
  await untilAvailable(deps, signal, () => deps.letters.mark(found));
  effects.start(redriven);
}

/** The decision failed, not an effect: it is made again, as the Sensor is now. */
async function redriveEvent(
  deps: RedriverDeps,
  found: StoredLetter,
  dependency: string,
  events: Effect["events"],
): Promise<void> {
  const { compiled, effects, judge } = deps.sensor;
  const received = events[dependency];
  const only = onlyOf(compiled, dependency);
  if (!received || !only.routeOf(received.head.eventSource, received.head.event)) {
    deps.log.warn("a dead letter cannot be redriven: the Sensor has no such dependency", {
      letter: found.id,
      dependency,
    });
    return;
  }
  await deps.ledger.write(recordOf(found, deps)).kept;
  judge(only, received, String(found.id));
  await effects.stored();
  await deps.letters.mark(found);
}

/** The Sensor as if it had no other dependency: the event has been decided about for the others. */
function onlyOf(compiled: CompiledSensor, name: string): CompiledSensor {
  return {
    ...compiled,
    head: compiled.head,
    inputs: compiled.inputs,
    routeOf(eventSource, event) {
      const route = compiled.routeOf(eventSource, event);
      if (!route) return undefined;
      const position = route.dependencies.findIndex((dependency) => dependency.name === name);
      if (position < 0) return undefined;
      const triggers = route.triggers
        .filter(({ fedBy }) => fedBy.includes(position))
        .map((entry) => ({ ...entry, fedBy: [0] }));
      return { ...route, dependencies: route.dependencies.slice(position, position + 1), triggers };
    },
  };
}

function effectOf({ id, letter }: StoredLetter, events: Effect["events"], batch: Effect["batch"]): Effect {
  const { key, trigger = "", dlqOf, decision = key } = letter;
  const more = { redrive: String(id), ...(dlqOf === undefined ? {} : { dlqOf }) };
  return { key, trigger, ...more, events, ...(batch && { batch }), decision, failed: 0, attempts: [], dueAt: 0 };
}

function recordOf({ id, letter }: StoredLetter, { sensor, clock }: RedriverDeps): RecordDraft {
  const { trigger, dependency, decision, events } = letter;
  const heads = Object.entries(events).map(([name, { head }]) => [name, head] as const);
  const causes = decision === undefined ? [...new Set(heads.map(([, head]) => head.id))] : [decision];
  return {
    kind: "decision",
    at: clock.now(),
    causes: causes.length > 0 ? causes : [letter.key],
    sensor: sensor.compiled.head,
    ...(trigger === undefined ? {} : { trigger }),
    ...(dependency === undefined ? {} : { dependency }),
    verdict: "redriven",
    reason: `dead letter ${id}: ${letter.error}`,
    events: Object.fromEntries(heads),
  };
}

async function completeEvents(letter: DeadLetter, { readEvent }: RedriverDeps): Promise<Effect["events"] | undefined> {
  const events: Record<string, ReceivedEvent> = {};
  for (const [dependency, { head, event: kept }] of Object.entries(letter.events)) {
    const event = kept ?? (await readEvent(head));
    if (!event) return undefined;
    events[dependency] = { head, event };
  }
  return events;
}

async function completeBatch(
  batch: NonNullable<DeadLetter["batch"]>,
  { readEvent }: RedriverDeps,
): Promise<Effect["batch"]> {
  const complete: BatchedEvent[] = [];
  for (const { dependency, head, event: kept } of batch) {
    const event = kept ?? (await readEvent(head));
    if (!event) return undefined;
    complete.push({ dependency, head, event });
  }
  return complete;
}

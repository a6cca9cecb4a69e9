import { setImmediate as nextTurn } from "node:timers/promises";
import { instant, isoTime } from "../../base/clock.ts";
import { decodeEvent } from "../../record/cloud-event.ts";
import type { Subject } from "../../record/subject.ts";
import type { EventBus, ReadBatch, StoredMessage } from "../bus/bus.ts";
import type { CompiledSensor, SensorInput } from "../sensor/compile.ts";
import { emptyState, type ReceivedEvent } from "../sensor/state.ts";
import {
  type ComparedFiring,
  type Counted,
  createFiringComparer,
  type FiringComparison,
  maxNamed,
} from "./compare-firings.ts";
import { openRecordedFirings } from "./recorded-firings.ts";
import { createVirtualSensor, type Step } from "./virtual-time.ts";

/** Which stored events a candidate is given. */
export interface ReplayWindow {
  /** Milliseconds since 1970, by the time at which the bus stored an event; both ends count. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Absent: all that the Sensor listens to. */
  readonly eventSources?: readonly string[];
}

/** A bus that holds events. */
export interface ReplayBus {
  /** `system`, or `<namespace>/<EventBus>`, as records name it. */
  readonly name: string;
  readonly bus: EventBus;
  readonly stream: string;
  subjectOf(namespace: string, eventSource: string, event: string): Subject;
}

export interface ReplayError {
  readonly event: string;
  readonly dependency: string;
  readonly message: string;
}

export interface ReplayReport {
  readonly sensor: { readonly namespace: string; readonly name: string };
  readonly since: string;
  readonly until: string;
  /** The bus holds no older events, though older ones were asked for; absent: it does, as far as can be told. */
  readonly heldSince?: string;
  readonly bus: string;
  /** `EVENTSOURCE/EVENT`, of those that were asked for. */
  readonly listensTo: readonly string[];
  /** Stored events that the Sensor listens to. */
  readonly events: number;
  /** Stored messages that are no events. */
  readonly invalid: number;
  /** By trigger, also those that do not fire. */
  readonly fires: Readonly<Record<string, number>>;
  /** Why some never do, by trigger; absent: none is broken. */
  readonly faults?: Readonly<Record<string, string>>;
  /** Verdicts of dependencies. */
  readonly rejected: number;
  readonly errors: Counted<ReplayError>;
  /** Triggers that wait for other events at the end. */
  readonly waiting: readonly string[];
  /** Against what the ledger says that the Sensor of this name fired. */
  readonly compared: FiringComparison;
  /** Recorded firings that are not compared, since events from before took part. */
  readonly beyond: number;
  /** Events of the window that the bus had dropped. */
  readonly lost: number;
}

export interface ReplayProgress {
  readonly events: number;
  /** Milliseconds since 1970: how far it is. */
  readonly at: number;
}

/** The ledger is read ahead of the events by this much, so that a decision that came late meets its like soon. */
const aheadMs = 10_000;
/** And not while so many recorded firings wait for the candidate. */
const maxAhead = 20_000;

/**
 * Stored events through a candidate Sensor: what would fire, and what of that is new or gone compared with what the ledger
 * says happened. Reads only, in bounded memory. The Sensor begins with nothing joined.
 */
export async function replay(
  compiled: CompiledSensor,
  { from, ledger, window }: { readonly from: ReplayBus; readonly ledger: EventBus; readonly window: ReplayWindow },
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress?: (progress: ReplayProgress) => void },
): Promise<ReplayReport> {
  const { namespace, name } = compiled.head;
  const { sinceMs, untilMs, eventSources } = window;
  const asked = eventSources === undefined ? {} : { eventSources: new Set(eventSources) };
  const heldSinceMs = await heldSince(from);
  const query = { sensor: { namespace, name }, bus: from.name, sinceMs, untilMs, heldSinceMs, ...asked };
  await using recorded = await openRecordedFirings(ledger, query, signal);
  const counts = new Counts(compiled);
  const readOn = async (): Promise<void> => {
    for (const firing of await recorded.next()) counts.comparer.recorded(firing);
  };
  for await (const batch of batchesOf(compiled, from, window, signal)) {
    counts.take(batch);
    const last = batch.messages.at(-1)?.storedAt ?? window.sinceMs;
    while (recorded.at < last + aheadMs && counts.comparer.ahead < maxAhead) await readOn();
    onProgress?.({ events: counts.events, at: last });
    await nextTurn(); // an engine that answers this has other work, too
  }
  signal.throwIfAborted();
  counts.end(window.untilMs);
  while (recorded.at < Number.POSITIVE_INFINITY) await readOn();
  signal.throwIfAborted();
  return {
    sensor: { namespace, name },
    since: isoTime(instant(window.sinceMs)),
    until: isoTime(instant(window.untilMs)),
    ...(heldSinceMs > sinceMs && Number.isFinite(heldSinceMs) && { heldSince: isoTime(instant(heldSinceMs)) }),
    bus: from.name,
    listensTo: [...inputsBySubject(compiled, from.subjectOf, eventSources).values()].map(inputText),
    ...counts.report(),
    beyond: recorded.beyond,
  };
}

interface WindowBatch {
  readonly messages: readonly StoredMessage[];
  readonly inputOf: (message: StoredMessage) => { readonly eventSource: string; readonly event: string } | undefined;
  readonly namespace: string;
  readonly bus: string;
  readonly lost: number;
}

/** What of the window the Sensor listens to, in the order of the stream. */
async function* batchesOf(
  compiled: CompiledSensor,
  { name, bus, stream, subjectOf }: ReplayBus,
  { sinceMs, untilMs, eventSources }: ReplayWindow,
  signal: AbortSignal,
): AsyncIterable<WindowBatch> {
  const { namespace } = compiled.head;
  const inputs = inputsBySubject(compiled, subjectOf, eventSources);
  if (inputs.size === 0) return;
  const subjects = [...inputs.keys()];
  const from = await bus.positionAt(stream, sinceMs);
  for await (const batch of bus.read({ subjects, from, follow: false }, signal)) {
    const messages = batch.messages.filter(({ storedAt }) => storedAt <= untilMs);
    const inputOf = ({ subject }: StoredMessage) => inputs.get(subject);
    yield { messages, inputOf, namespace, bus: name, lost: lostIn(batch) };
    if (messages.length < batch.messages.length) return;
  }
}

/** What a Sensor listens to, by the subject that it is stored under. */
export function inputsBySubject(
  compiled: CompiledSensor,
  subjectOf: ReplayBus["subjectOf"],
  eventSources?: readonly string[],
): ReadonlyMap<Subject, SensorInput> {
  const inputs = compiled.inputs.filter(({ eventSource }) => eventSources?.includes(eventSource) ?? true);
  const { namespace } = compiled.head;
  return new Map(inputs.map((input) => [subjectOf(namespace, input.eventSource, input.event), input]));
}

/** When the oldest event that is left was stored, where older ones were dropped; 0: none were. */
async function heldSince({ bus, stream }: ReplayBus): Promise<number> {
  const usage = (await bus.usage()).find(({ name }) => name === stream);
  if (!usage || usage.last === 0) return 0;
  if (!usage.oldest) return Number.POSITIVE_INFINITY;
  return usage.oldest.sequence > 1 ? usage.oldest.storedAt : 0;
}

function inputText({ eventSource, event }: SensorInput): string {
  return `${eventSource}/${event}`;
}

function lostIn({ lost }: ReadBatch): number {
  return lost ? lost.to - lost.from + 1 : 0;
}

/** What a replay has seen so far. */
class Counts {
  readonly comparer = createFiringComparer();
  readonly #sensor: ReturnType<typeof createVirtualSensor>;
  readonly #fires: Map<string, number>;
  readonly #faults: Readonly<Record<string, string>>;
  readonly #firstErrors: ReplayError[] = [];
  events = 0;
  #invalid = 0;
  #rejected = 0;
  #errors = 0;
  #lost = 0;

  constructor(compiled: CompiledSensor) {
    this.#sensor = createVirtualSensor(compiled, emptyState);
    this.#fires = new Map(compiled.triggers.map(({ name }) => [name, 0]));
    this.#faults = Object.fromEntries(compiled.triggers.flatMap(({ name, fault }) => (fault ? [[name, fault]] : [])));
  }

  take({ messages, inputOf, namespace, bus, lost }: WindowBatch): void {
    this.#lost += lost;
    for (const message of messages) {
      const input = inputOf(message);
      const received = input && receivedOf(message, { ...input, namespace, bus });
      if (!received) {
        this.#invalid += 1;
        continue;
      }
      this.events += 1;
      this.#add(this.#sensor.take(received, instant(message.storedAt)));
    }
  }

  end(untilMs: number): void {
    this.#add(this.#sensor.passTime(instant(untilMs)));
  }

  #add(steps: readonly Step[]): void {
    for (const { decisions } of steps) {
      for (const decision of decisions) {
        switch (decision.kind) {
          case "rejected":
            this.#rejected += 1;
            break;
          case "error":
            this.#errors += 1;
            if (this.#firstErrors.length < maxNamed) {
              const { dependency, message, event } = decision;
              this.#firstErrors.push({ event: event.event.id, dependency, message });
            }
            break;
          case "fire":
            this.#fires.set(decision.trigger, (this.#fires.get(decision.trigger) ?? 0) + 1);
            this.comparer.candidate(comparedOf(decision.trigger, decision.events));
            break;
        }
      }
    }
  }

  report() {
    return {
      events: this.events,
      invalid: this.#invalid,
      fires: Object.fromEntries(this.#fires),
      ...(Object.keys(this.#faults).length > 0 && { faults: this.#faults }),
      rejected: this.#rejected,
      errors: { count: this.#errors, first: this.#firstErrors },
      waiting: [...Object.keys(this.#sensor.state.joins), ...Object.keys(this.#sensor.state.timed ?? {})],
      compared: this.comparer.finish(),
      lost: this.#lost,
    };
  }
}

/** Undefined for a message that is no event. */
export function receivedOf(
  { data, sequence, storedAt }: StoredMessage,
  place: { readonly namespace: string; readonly bus: string; readonly eventSource: string; readonly event: string },
): ReceivedEvent | undefined {
  try {
    const event = decodeEvent(data);
    const { id, type, time } = event;
    return { event, head: { ...place, id, type, time, sequence, storedAt } };
  } catch {
    return undefined; // counted by the caller; the engine has recorded it when it read it
  }
}

function comparedOf(trigger: string, events: Readonly<Record<string, ReceivedEvent>>): ComparedFiring {
  const ids: Record<string, string> = {};
  let storedAt = 0;
  for (const [dependency, { head }] of Object.entries(events)) {
    ids[dependency] = head.id;
    storedAt = Math.max(storedAt, head.storedAt);
  }
  return { trigger, events: ids, storedAt };
}

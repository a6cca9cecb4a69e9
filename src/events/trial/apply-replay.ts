import { instant, sleepFor } from "../../base/clock.ts";
import type { Ledger, RecordDraft, RecordId } from "../../record/records.ts";
import type { Position, StoredMessage } from "../bus/bus.ts";
import { type CompiledSensor, compileSensor } from "../sensor/compile.ts";
import type { PutDead } from "../sensor/effect.ts";
import type { EventReader } from "../sensor/reader.ts";
import { createSensorRunner, type SensorRunnerDeps } from "../sensor/runner.ts";
import { cellPrefix } from "../sensor/sensor-cells.ts";
import type { ReceivedEvent } from "../sensor/state.ts";
import type { EventBatch } from "../sensor/subscriber.ts";
import type { Ticker, TickMember } from "../sensor/ticker.ts";
import { replayUidPrefix } from "./recorded-firings.ts";
import { inputsBySubject, type ReplayBus, type ReplayProgress, type ReplayWindow, receivedOf } from "./replay.ts";

/** What came of a replay whose effects were made. */
export interface AppliedReport {
  /** Asked for again with it, the replay goes on where it stood. */
  readonly id: string;
  readonly events: number;
  readonly fired: number;
  readonly succeeded: number;
  /** Failed for good, and kept on `dead`. */
  readonly dead: number;
  /** Events that a dependency could not judge; kept on `dead`, too. */
  readonly errors: number;
}

export type ApplyDeps = Omit<
  SensorRunnerDeps,
  "reader" | "ticker" | "bus" | "subjectOf" | "start" | "finished" | "finishedUntil"
>;

/** How often it is looked whether all that was decided is done. */
const lookEveryMs = 50;

/**
 * Stored events through a Sensor whose effects are made as those of any Sensor: decisions and outcomes in the ledger, retries,
 * dead letters, state that survives a crash. It is a Sensor of its own, `replay-<id>`, so that no key is one that was used
 * before; events say in `replayof` what they are. Begun again with the same id, it goes on from where it was stopped.
 */
export async function applyReplay(
  compiled: CompiledSensor,
  { id, from, window }: { readonly id: string; readonly from: ReplayBus; readonly window: ReplayWindow },
  deps: ApplyDeps,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress?: (progress: ReplayProgress) => void },
): Promise<AppliedReport> {
  const uid = `${replayUidPrefix}${id}`;
  const { namespace } = compiled.head;
  const candidate = compileSensor({ ...compiled.sensor, metadata: { ...compiled.sensor.metadata, uid } });
  const counts = createCounts(deps);
  const reader = createWindowReader(compiled, from, window, (progress) => {
    counts.events += progress.events;
    onProgress?.({ events: counts.events, at: progress.at });
  });
  const time = createWindowTicker();
  const runner = createSensorRunner(candidate, {
    ...deps,
    reader,
    ticker: time.ticker,
    ledger: counts.ledger,
    putDead: counts.putDead,
    bus: from.name,
    subjectOf: (eventSource, event) => from.subjectOf(namespace, eventSource, event),
    start: () => from.bus.positionAt(from.stream, window.sinceMs),
    finished: new Set(),
    finishedUntil: { epoch: deps.ledger.mark().epoch, after: 0 },
  });
  const done = new AbortController();
  const running = runner.run(AbortSignal.any([signal, done.signal]));
  await Promise.race([
    running,
    settled(uid, deps, { reader, counts, signal, passTime: () => time.passTo(window.untilMs, reader) }),
  ]);
  done.abort();
  await running;
  signal.throwIfAborted();
  await deps.partition.forget(cellPrefix(uid));
  const { events, fired, succeeded, dead, errors } = counts;
  return { id, events, fired, succeeded, dead, errors };
}

/** Resolves once every event was read and everything decided has its outcome, or when `signal` aborts. */
async function settled(
  uid: string,
  { clock, partition }: ApplyDeps,
  { reader, counts, signal, passTime }: Settling,
): Promise<void> {
  const outbox = `${cellPrefix(uid)}outbox/`;
  const isOpen = (): boolean =>
    !reader.isAtEnd || counts.isOpen() || [...partition.cells.keys()].some((key) => key.startsWith(outbox));
  let isOver = false;
  while (!signal.aborted && (!isOver || isOpen())) {
    await sleepFor(clock, lookEveryMs, signal).catch(() => undefined);
    isOver ||= reader.isAtEnd && (await passTime());
  }
}

interface Settling {
  readonly reader: WindowReader;
  readonly counts: Counts;
  readonly signal: AbortSignal;
  /** What is due by the end of the window; false: not all of it yet. */
  readonly passTime: () => Promise<boolean>;
}

/** A replay's time is that of its events: nothing is due by the clock, and what is left is due at the window's end. */
function createWindowTicker() {
  let waiting: TickMember | undefined;
  const ticker: Ticker = {
    schedule(member, at) {
      waiting = at === undefined ? undefined : member;
    },
    run: aborted,
  };
  return {
    ticker,
    async passTo(untilMs: number, reader: WindowReader): Promise<boolean> {
      return waiting === undefined || waiting.advance({ at: instant(untilMs), ...(await reader.end()) });
    },
  };
}

interface Counts {
  events: number;
  readonly fired: number;
  readonly succeeded: number;
  readonly dead: number;
  readonly errors: number;
  readonly ledger: Ledger;
  readonly putDead: PutDead;
  isOpen(): boolean;
}

/** Looks on while the runner writes: what was decided, and what of that has its outcome. */
function createCounts({ ledger, putDead }: ApplyDeps): Counts {
  const open = new Set<RecordId>();
  let openErrors = 0;
  const counts = { events: 0, fired: 0, succeeded: 0, dead: 0, errors: 0 };

  function look(draft: RecordDraft, id: RecordId): void {
    if (draft.kind === "decision" && draft.verdict === "fired") {
      counts.fired += 1;
    } else if (draft.kind === "decision" && draft.verdict === "expired") {
      open.delete(id);
    } else if (draft.kind === "decision") {
      counts.errors += 1;
      openErrors += 1;
      open.delete(id);
    } else if (draft.kind === "effect" && draft.outcome !== "failed") {
      counts[draft.outcome] += 1;
      open.delete(draft.causes[0] ?? "");
    }
  }

  return Object.assign(counts, {
    ledger: {
      write(draft: RecordDraft) {
        const written = ledger.write(draft);
        if (draft.kind === "decision") open.add(written.id);
        written.kept.then(
          () => look(draft, written.id),
          () => undefined, // the runner stops for it
        );
        return written;
      },
      hasRoom: (...args: Parameters<Ledger["hasRoom"]>) => ledger.hasRoom(...args),
      room: (...args: Parameters<Ledger["room"]>) => ledger.room(...args),
      readEffects: (...args: Parameters<Ledger["readEffects"]>) => ledger.readEffects(...args),
      mark: () => ledger.mark(),
    },
    putDead: async (dead: Parameters<PutDead>[0]) => {
      await putDead(dead);
      if (dead.kind === "decision") openErrors -= 1;
    },
    isOpen: () => open.size > 0 || openErrors > 0,
  });
}

interface WindowReader extends EventReader {
  readonly isAtEnd: boolean;
  /** How far it was read. */
  end(): Promise<Place>;
}

interface Place {
  readonly epoch: string;
  readonly after: number;
}

/** Reads the window for one subscriber, then waits to be stopped. */
function createWindowReader(
  compiled: CompiledSensor,
  { name, bus, subjectOf }: ReplayBus,
  { untilMs, eventSources }: ReplayWindow,
  onRead: (progress: ReplayProgress) => void,
): WindowReader {
  const { namespace } = compiled.head;
  const inputs = inputsBySubject(compiled, subjectOf, eventSources);
  let isAtEnd = false;
  let place: Place = { epoch: "", after: 0 };

  function markedOf(message: StoredMessage): ReceivedEvent | undefined {
    const input = inputs.get(message.subject);
    const received = input && receivedOf(message, { ...input, namespace, bus: name });
    if (!received) return undefined; // not asked for, or no event: the engine has recorded that when it read it
    const { event, head } = received;
    return { event: { ...event, extensions: { ...event.extensions, replayof: event.id } }, head };
  }

  async function* batches(from: Position, signal: AbortSignal): AsyncIterable<EventBatch> {
    const query = { subjects: [...inputs.keys()], from, follow: false, maxBatch: 200 };
    for await (const { epoch, messages, through, lost } of inputs.size > 0 ? bus.read(query, signal) : []) {
      const within = messages.filter(({ storedAt }) => storedAt <= untilMs);
      const events = within.flatMap((message) => markedOf(message) ?? []);
      yield { epoch, events, through, ...(lost ? { lost } : {}) };
      place = { epoch, after: through };
      onRead({ events: events.length, at: within.at(-1)?.storedAt ?? 0 });
      if (within.length < messages.length) break;
    }
    isAtEnd = true;
    await aborted(signal);
  }

  return {
    get isAtEnd() {
      return isAtEnd;
    },
    subscribe: (_subjects, from, signal) => ({
      follow: async (give) => {
        for await (const batch of batches(from, signal)) await give(batch);
      },
      idleThrough: () => (isAtEnd && place.epoch !== "" ? place : undefined),
    }),
    end: async () => place,
    run: aborted,
    lag: async () => 0,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

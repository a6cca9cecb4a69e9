import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { Waiters } from "../../../src/base/waiters.ts";
import { parseSystemSubject } from "../../../src/events/sensor/arrival.ts";
import { createEventReader, type EventReader } from "../../../src/events/sensor/reader.ts";
import { encodeEvent } from "../../../src/record/cloud-event.ts";
import { eventSubject, rawSubject } from "../../../src/record/subject.ts";
import { createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { cloudEvent } from "./builders.ts";

const names = ["a", "b", "c"] as const;
const subject = (name: string) => eventSubject("ns", "source", name);

/** What has been published, in order. */
interface Published {
  readonly id: string;
  readonly name: string;
  readonly sequence: number;
}

/** One that takes at once while its gate is open, and waits in the middle of a batch while it is not. */
class Taker {
  readonly done: string[] = [];
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();
  readonly #names: readonly string[];
  readonly #from: number;
  readonly #subscription: ReturnType<EventReader["subscribe"]>;
  #gate: PromiseWithResolvers<void> | undefined;
  isStopped = false;

  constructor(reader: EventReader, own: readonly string[], from: number, isClosed = false) {
    if (isClosed) this.close();
    this.#names = own;
    this.#from = from;
    const position = { epoch: "one", after: from };
    this.#subscription = reader.subscribe(own.map(subject), position, this.#stop.signal);
    this.ended = this.#subscription.follow(({ events }) => {
      const gate = this.#gate;
      if (gate === undefined) for (const { event } of events) this.done.push(event.id);
      return gate && this.#takeSlowly(events, gate.promise);
    });
  }

  async #takeSlowly(events: Iterable<{ readonly event: { readonly id: string } }>, gate: Promise<void>): Promise<void> {
    for (const { event } of events) {
      await gate;
      if (this.isStopped) return;
      this.done.push(event.id);
    }
  }

  close(): void {
    this.#gate ??= Promise.withResolvers();
  }

  open(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  stop(): void {
    this.isStopped = true;
    this.#stop.abort();
  }

  due(all: readonly Published[], through = Number.POSITIVE_INFINITY): readonly string[] {
    return all.flatMap(({ id, name, sequence }) =>
      this.#names.includes(name) && sequence > this.#from && sequence <= through ? [id] : [],
    );
  }

  /** A position that is stored must not pass what is not done. */
  check(all: readonly Published[]): void {
    const idle = this.#subscription.idleThrough();
    if (idle) assert.deepEqual(this.done, this.due(all, idle.after), `idle through ${idle.after}`);
  }
}

function createLedger() {
  const waiters = new Waiters();
  let isFull = false;
  return {
    hasRoom: () => !isFull,
    async room(signal: AbortSignal) {
      while (isFull) await waiters.wait(signal);
    },
    set(full: boolean) {
      isFull = full;
      if (!full) waiters.wake();
    },
  };
}

async function publish(bus: MemoryBus, all: Published[], name: string, count: number): Promise<void> {
  const from = all.length;
  for (let n = 0; n < count; n++) all.push({ id: `e${from + n}`, name, sequence: from + n + 1 });
  const acks = all.slice(from).map(({ id }) => {
    return bus.publish(subject(name), { id, data: encodeEvent(cloudEvent({ id, subject: name })) });
  });
  await Promise.all(acks);
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant("publish" as const),
    name: fc.constantFrom(...names),
    count: fc.constantFrom(1, 1, 2, 7, 260, 3_000),
  }),
  fc.record({ kind: fc.constantFrom("close" as const, "open" as const, "stop" as const), which: fc.nat(5) }),
  fc.record({ kind: fc.constantFrom("full" as const, "empty" as const, "turn" as const, "late" as const) }),
  fc.record({
    kind: fc.constant("follow" as const),
    own: fc.subarray([...names], { minLength: 1 }),
    behind: fc.constantFrom(0, 1, 300, 1_000_000),
    isClosed: fc.boolean(),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

function createRig() {
  const [bus, clock, ledger, stop] = [createMemoryBus(), createVirtualClock(), createLedger(), new AbortController()];
  const reader = createEventReader({
    ...{ name: "system", bus, stream: "events", subjects: [rawSubject("events.>")], clock, ledger },
    parseSubject: parseSystemSubject,
    onInvalid: ({ sequence }) => assert.fail(`message ${sequence} is an event`),
  });
  const all: Published[] = [];
  const takers = [new Taker(reader, names, 0)];
  const running = reader.run(stop.signal);
  const end = async (): Promise<void> => {
    await Promise.all(takers.map(({ ended }) => ended));
    stop.abort();
    await running;
  };
  return { bus, clock, ledger, reader, all, takers, end };
}

async function act(
  one: Step,
  { bus, clock, ledger, reader, all, takers }: ReturnType<typeof createRig>,
): Promise<void> {
  if (one.kind === "publish") await publish(bus, all, one.name, one.count);
  else if (one.kind === "follow")
    takers.push(new Taker(reader, one.own, Math.max(0, all.length - one.behind), one.isClosed));
  else if ("which" in one) takers[one.which % takers.length]?.[one.kind]();
  else if (one.kind === "turn") await nextTurn();
  else if (one.kind === "late") await clock.advance(150);
  else ledger.set(one.kind === "full");
}

async function run(steps: readonly Step[]): Promise<void> {
  const rig = createRig();
  const { all, clock, takers } = rig;
  for (const one of steps) {
    await act(one, rig);
    for (const taker of takers) if (!taker.isStopped) taker.check(all);
  }
  rig.ledger.set(false);
  for (const taker of takers) taker.open();
  for (const taker of takers) {
    const due = taker.due(all);
    const isDone = () => clock.advance(20).then(() => taker.isStopped || taker.done.length >= due.length);
    await waitFor("all of its events", isDone);
    assert.deepEqual(taker.done, due.slice(0, taker.done.length), "each of its events once, in order");
    if (!taker.isStopped) taker.check(all);
    taker.stop();
  }
  await rig.end();
}

test("however publishing, working, waiting for the ledger, coming and going fall, each event is given once, in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), (steps) => run(steps)),
    { numRuns: 60 },
  );
});

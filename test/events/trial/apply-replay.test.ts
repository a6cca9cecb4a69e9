import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { TerminalError } from "../../../src/base/errors.ts";
import { silentLogger as log } from "../../../src/base/log.ts";
import { createMetrics } from "../../../src/base/metrics.ts";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import type { DeadEffect } from "../../../src/events/sensor/effect.ts";
import { createPartitions } from "../../../src/events/sensor/partition.ts";
import { type AppliedReport, applyReplay } from "../../../src/events/trial/apply-replay.ts";
import { openLedger } from "../../../src/ledger/ledger.ts";
import { encodeEvent } from "../../../src/record/cloud-event.ts";
import { eventSubject } from "../../../src/record/subject.ts";
import { createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { waitFor } from "../../harness/wait.ts";
import { cloudEvent } from "../sensor/builders.ts";
import { dependency, sensorOf, trigger } from "./builders.ts";

const filter = { data: [{ path: "n", type: "string", value: ["^go"] }] };
const retry = { retryStrategy: { steps: 2, duration: "1ms" } };

interface Rig extends AsyncDisposable {
  apply(execute: Execute, signal?: AbortSignal): Promise<AppliedReport>;
  /** What is stored of the replay's state. */
  cells(): Promise<readonly string[]>;
  readonly dead: readonly DeadEffect[];
}

/** An engine's parts over one bus. */
async function openRig(
  bus: MemoryBus,
  triggers = [trigger("say", { conditions: "push", log: {} }, retry)],
): Promise<Rig> {
  const stop = new AbortController();
  const base = { bus, clock: systemClock, log, metrics: createMetrics() };
  const ledger = await openLedger({ ...base, writer: `w${Math.floor(performance.now())}` });
  const partitions = createPartitions(base);
  await partitions.open(stop.signal);
  const running = partitions.run(stop.signal);
  const compiled = sensorOf([dependency("push", filter), dependency("ok")], triggers);
  const dead: DeadEffect[] = [];
  const from = { name: "system", bus, stream: "events", subjectOf: eventSubject };
  const window = { sinceMs: 0, untilMs: 8e15 };
  const partition = await partitions.of("ns", "s");
  return {
    dead,
    cells: async () => [...partition.cells.keys()].filter((key) => key.startsWith("replay-")),
    apply(execute, signal = new AbortController().signal) {
      const putDead = async (one: DeadEffect) => void dead.push(one);
      const deps = { ...base, ledger, partition, execute, putDead };
      return applyReplay(compiled, { id: "x", from, window }, deps, { signal });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await ledger[Symbol.asyncDispose]();
    },
  };
}

async function store(bus: MemoryBus, events: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [id, n] of Object.entries(events)) {
    const data = encodeEvent(cloudEvent({ id, subject: "push", data: n === undefined ? {} : { n: String(n) } }));
    await bus.publish(eventSubject("ns", "source", "push"), { id, data });
  }
}

test("effects have keys of their own and say what they replay; what fails is retried, then kept as dead", async () => {
  const bus = createMemoryBus();
  await store(bus, { a: "go", b: "stop", c: "go and fail", d: "go later", e: undefined });
  await using rig = await openRig(bus);
  const attempts: string[] = [];
  const report = await rig.apply(async ({ key, events, failed }) => {
    const event = events.push?.event;
    attempts.push(`${key} of ${event?.extensions?.replayof}`);
    if (event?.id === "c") throw new TerminalError("TRIGGER_FAILED", "no");
    if (event?.id === "d" && failed === 0) throw new Error("not yet");
    return { message: "done" };
  });
  assert.deepEqual(report, { id: "x", events: 5, fired: 3, succeeded: 2, dead: 1, errors: 1 });
  assert.deepEqual(attempts.toSorted(), [
    "replay-x/say/a of a",
    "replay-x/say/c of c",
    "replay-x/say/d of d",
    "replay-x/say/d of d",
  ]);
  assert.deepEqual(rig.dead.map(({ kind }) => kind).toSorted(), ["decision", "effect"]);
  assert.deepEqual(await rig.cells(), []);
});

test("joins begin with nothing, and their effects are made once stored", async () => {
  const bus = createMemoryBus();
  await store(bus, { a: "go" });
  await bus.publish(eventSubject("ns", "source", "ok"), {
    id: "k",
    data: encodeEvent(cloudEvent({ id: "k", subject: "ok" })),
  });
  await using rig = await openRig(bus, [trigger("both", { conditions: "push && ok", log: {} })]);
  const report = await rig.apply(async () => ({ message: "done" }));
  assert.deepEqual(report, { id: "x", events: 2, fired: 1, succeeded: 1, dead: 0, errors: 0 });
});

test("what waits for time is due by the window's end, not by the clock", async () => {
  const bus = createMemoryBus();
  await store(bus, { a: "go", b: "go" });
  const batch = { size: 10, wait: "1h" };
  await using rig = await openRig(bus, [trigger("all", { conditions: "push", log: {}, batch })]);
  const batches: (readonly string[])[] = [];
  const report = await rig.apply(async ({ batch: given = [] }) => {
    batches.push(given.map(({ event }) => event.id));
    return { message: "done" };
  });
  assert.deepEqual(report, { id: "x", events: 2, fired: 1, succeeded: 1, dead: 0, errors: 0 });
  assert.deepEqual(batches, [["a", "b"]]);
  assert.deepEqual(await rig.cells(), []);
});

test("one that was stopped goes on with the same id, and repeats nothing that is done", async () => {
  const bus = createMemoryBus();
  await store(bus, Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`e${n}`, "go"])));
  const done: string[] = [];
  const stop = new AbortController();
  {
    await using rig = await openRig(bus);
    const first = rig.apply(async ({ key }) => {
      if (done.length >= 20) {
        await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
        throw new Error("cut off");
      }
      done.push(key);
      return { message: "done" };
    }, stop.signal);
    first.catch(() => undefined);
    await waitFor("some effects", async () => done.length >= 20);
    stop.abort(new Error("stopped"));
    await assert.rejects(first, /stopped/);
    assert.notDeepEqual(await rig.cells(), []);
  }
  await using rig = await openRig(bus);
  const report = await rig.apply(async ({ key }) => {
    done.push(key);
    return { message: "done" };
  });
  assert.equal(report.dead, 0);
  assert.equal(done.length, 50);
  assert.equal(new Set(done).size, 50);
});

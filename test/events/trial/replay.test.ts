import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger as log } from "../../../src/base/log.ts";
import type { CompiledSensor } from "../../../src/events/sensor/compile.ts";
import { type ReplayReport, replay } from "../../../src/events/trial/replay.ts";
import { stateBefore } from "../../../src/events/trial/state-before.ts";
import { openLedger } from "../../../src/ledger/ledger.ts";
import { encodeEvent } from "../../../src/record/cloud-event.ts";
import type { EventHead, RecordDraft } from "../../../src/record/records.ts";
import { eventSubject } from "../../../src/record/subject.ts";
import { createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { cloudEvent } from "../sensor/builders.ts";
import { dependency, pushMain, sensorOf, trigger } from "./builders.ts";

const compiled = sensorOf(
  [dependency("push", { data: [pushMain] }), dependency("ok")],
  [trigger("say", { conditions: "push", log: {} }), trigger("both", { conditions: "push && ok", log: {} })],
);

interface Stored {
  readonly id: string;
  readonly event: string;
  readonly source?: string;
  readonly ref?: string;
}

/** Events as stored one after the other; gives their heads by id. */
async function store(bus: MemoryBus, events: readonly Stored[]): Promise<ReadonlyMap<string, EventHead>> {
  const heads = new Map<string, EventHead>();
  for (const { id, event, source = "source", ref = "refs/heads/main" } of events) {
    const data = encodeEvent(cloudEvent({ id, source, subject: event, data: { body: { ref } } }));
    const subject = eventSubject("ns", source, event);
    const { sequence } = await bus.publish(subject, { id, data });
    const storedAt = (await bus.last(subject))?.storedAt ?? 0;
    heads.set(id, {
      id,
      namespace: "ns",
      eventSource: source,
      event,
      type: "webhook",
      time: "",
      bus: "system",
      sequence,
      storedAt,
    });
  }
  return heads;
}

function fired(name: string, events: Readonly<Record<string, EventHead | undefined>>, more: object = {}): RecordDraft {
  const sensor = { namespace: "ns", name: "s", uid: "uid", revision: "r" };
  const draft = {
    kind: "decision",
    at: systemClock.now(),
    causes: ["x"],
    sensor,
    trigger: name,
    verdict: "fired",
    events,
  };
  return { ...draft, ...more } as RecordDraft;
}

async function record(bus: MemoryBus, drafts: readonly RecordDraft[]): Promise<void> {
  await using ledger = await openLedger({ bus, writer: "w", clock: systemClock, log });
  await Promise.all(drafts.map((draft) => ledger.write(draft).kept));
}

function replayOn(bus: MemoryBus, candidate: CompiledSensor, window = {}): Promise<ReplayReport> {
  const from = { name: "system", bus, stream: "events", subjectOf: eventSubject };
  const whole = { sinceMs: 0, untilMs: 8e15, ...window };
  return replay(candidate, { from, ledger: bus, window: whole }, { signal: new AbortController().signal });
}

test("counts what fires, is rejected and fails, and compares with the ledger", async () => {
  await using bus = createMemoryBus();
  const heads = await store(bus, [
    { id: "a", event: "push" },
    { id: "b", event: "push", ref: "dev" },
    { id: "c", event: "ok" },
    { id: "d", event: "push" },
    { id: "e", event: "other" },
  ]);
  const [a, b, c] = ["a", "b", "c"].map((id) => heads.get(id));
  const other = { sensor: { namespace: "ns", name: "other", uid: "o", revision: "r" } };
  const replayed = { sensor: { namespace: "ns", name: "s", uid: "replay-x", revision: "r" } };
  await record(bus, [
    fired("say", { push: a }),
    fired("say", { push: b }),
    fired("both", { push: a, ok: c }),
    fired("say", { push: b }, other),
    fired("say", { push: b }, replayed),
    fired("say", { push: b }, { verdict: "error" }),
  ]);
  const report = await replayOn(bus, compiled);
  assert.partialDeepStrictEqual(report, {
    events: 4,
    fires: { say: 2, both: 1 },
    rejected: 1,
    errors: { count: 0 },
    waiting: ["both"],
    lost: 0,
    beyond: 0,
  });
  const { same, added, removed } = report.compared;
  assert.deepEqual([same, added.count, removed.count], [2, 1, 1]);
  assert.deepEqual(
    added.first.map(({ trigger: name, events }) => [name, events]),
    [["say", { push: "d" }]],
  );
  assert.deepEqual(
    removed.first.map(({ trigger: name, events }) => [name, events]),
    [["say", { push: "b" }]],
  );
});

test("errors of filters are named", async () => {
  await using bus = createMemoryBus();
  await store(bus, [{ id: "a", event: "push" }]);
  const failing = sensorOf([dependency("push", { data: [{ ...pushMain, path: "none" }] })], [trigger("say")]);
  const { errors } = await replayOn(bus, failing);
  assert.equal(errors.count, 1);
  assert.partialDeepStrictEqual(errors.first, [{ event: "a", dependency: "push" }]);
  assert.match(errors.first[0]?.message ?? "", /path 'none' does not exist/);
});

test("only events of the window, and of the EventSources asked for, count", async () => {
  await using bus = createMemoryBus();
  const two = sensorOf(
    [dependency("push"), { name: "far", eventSourceName: "far", eventName: "push" }],
    [trigger("any", { conditions: "push || far", log: {} })],
  );
  const heads = await store(bus, [
    { id: "a", event: "push" },
    { id: "b", event: "push", source: "far" },
  ]);
  await record(bus, [fired("any", { push: heads.get("a") }), fired("any", { far: heads.get("b") })]);
  const far = await replayOn(bus, two, { eventSources: ["far"] });
  assert.deepEqual([far.events, far.compared.same, far.compared.removed.count], [1, 1, 0]);
  const never = await replayOn(bus, two, { eventSources: ["none"] });
  assert.deepEqual([never.events, never.compared.removed.count], [0, 0]);
  const before = await replayOn(bus, two, { untilMs: 0 });
  assert.deepEqual([before.events, before.compared.removed.count], [0, 0]);
});

test("what the bus has dropped, and what is no event, is told", async () => {
  await using bus = createMemoryBus();
  await store(bus, [
    { id: "a", event: "push" },
    { id: "b", event: "push" },
  ]);
  await bus.publish(eventSubject("ns", "source", "push"), { id: "x", data: Buffer.from("no event") });
  bus.drop("events", 2);
  const report = await replayOn(bus, compiled);
  assert.deepEqual([report.events, report.invalid], [1, 1]);
});

test("what the candidate cannot see is not said to be gone", async () => {
  await using bus = createMemoryBus();
  const heads = await store(bus, [
    { id: "dropped", event: "push" },
    { id: "early", event: "push" },
    { id: "late", event: "ok" },
    { id: "far", event: "ok", source: "far" },
  ]);
  const [dropped, early, late, far] = ["dropped", "early", "late", "far"].map((id) => heads.get(id));
  assert.ok(dropped && early && late && far);
  const at = (head: EventHead, storedAt: number): EventHead => ({ ...head, storedAt });
  const now = late.storedAt;
  const ofApplication = { namespace: "ns", name: "s", uid: "a", revision: "r", kind: "Application" };
  await record(bus, [
    fired("say", { push: at(dropped, now - 9_000) }), // the bus has it no more
    fired("both", { push: at(early, now - 9_000), ok: late }), // its first event came before the window
    fired("both", { push: early, ok: { ...late, bus: "ns/default" } }), // of another bus
    fired("say", { push: { ...early, bus: "ns/default" } }), // only of another bus
    fired("say", { push: { ...early, eventSource: "far" } }), // of an EventSource that was not asked for
    fired("say", { push: early }, { sensor: ofApplication }),
    fired("gone", { push: early }),
  ]);
  bus.drop("events", 2);
  const { compared, beyond, heldSince } = await replayOn(bus, compiled, {
    sinceMs: now - 5_000,
    eventSources: ["source"],
  });
  const named = ({ first }: typeof compared.added) =>
    first.map(({ trigger: name, events }) => `${name} ${Object.values(events)}`);
  assert.deepEqual(
    [named(compared.added), named(compared.removed), beyond],
    [["say early", "both early,late"], ["gone early"], 2],
  );
  assert.ok(heldSince);
  const whole = await replayOn(bus, compiled);
  assert.equal(
    whole.compared.removed.first.some(({ events }) => events.push === "dropped"),
    false,
  );
  assert.equal(whole.beyond, 3, "what the bus has dropped is beyond what can be compared");
});

test("triggers with keys that wait at the end are named, too", async () => {
  await using bus = createMemoryBus();
  const keyed = ["push", "ok"].map((name) => ({ ...dependency(name), correlate: "body.ref" }));
  await store(bus, [{ id: "a", event: "push" }]);
  assert.deepEqual((await replayOn(bus, sensorOf(keyed, [trigger("both")]))).waiting, ["both"]);
});

test("what is due by the end of the window counts", async () => {
  await using bus = createMemoryBus();
  const batch = sensorOf([dependency("push")], [trigger("all", { log: {}, batch: { size: 9, wait: "5s" } })]);
  await store(bus, [{ id: "a", event: "push" }]);
  assert.deepEqual((await replayOn(bus, batch)).fires, { all: 1 });
});

test("a replay ends when nobody waits for it", async () => {
  await using bus = createMemoryBus();
  await store(bus, [{ id: "a", event: "push" }]);
  const from = { name: "system", bus, stream: "events", subjectOf: eventSubject };
  const window = { sinceMs: 0, untilMs: 8e15 };
  const signal = AbortSignal.abort(new Error("gone"));
  await assert.rejects(replay(compiled, { from, ledger: bus, window }, { signal }), /gone/);
});

test("what had waited before an event is found by reducing anew what came before it", async () => {
  await using bus = createMemoryBus();
  const heads = await store(bus, [
    { id: "a", event: "push" },
    { id: "b", event: "ok" },
    { id: "c", event: "push" },
    { id: "d", event: "ok" },
  ]);
  const from = { name: "system", bus, stream: "events", subjectOf: eventSubject };
  const waitingBefore = async (id: string) => {
    const head = heads.get(id);
    assert.ok(head);
    const { state, isWhole } = await stateBefore(compiled, from, head, new AbortController().signal);
    return [Object.keys(state.joins.both ?? {}), isWhole];
  };
  assert.deepEqual(await waitingBefore("a"), [[], true]);
  assert.deepEqual(await waitingBefore("b"), [["push"], true]);
  assert.deepEqual(await waitingBefore("c"), [[], true]);
  assert.deepEqual(await waitingBefore("d"), [["push"], true]);
  bus.drop("events", 2);
  assert.deepEqual(await waitingBefore("b"), [[], false]);
});

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { EngineError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { EventBus } from "../../src/events/bus/bus.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { type History, type HistoryEntry, untilCaughtUp } from "../../src/ledger/history.ts";
import { type LedgerStore, openLedger } from "../../src/ledger/ledger.ts";
import { openProjection } from "../../src/ledger/projection.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import { eventSubject, rawSubject } from "../../src/record/subject.ts";
import { createMemoryBus } from "../harness/memory-bus.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { waitFor } from "../harness/wait.ts";
import { cloudEvent, decisionDraft, effectDraft, eventHead, lostDraft } from "./drafts.ts";

const clock = systemClock;
const log = silentLogger;
const subjects = [rawSubject("events.>")];

/** The history at `path`, following both streams of `bus` until disposal. */
async function following(path: string, bus: EventBus, log = silentLogger): Promise<History & AsyncDisposable> {
  const projection = await openProjection({ path, clock, log });
  const stop = new AbortController();
  const running = projection.follow("system", bus, subjects, stop.signal);
  await projection.history.caughtUp();
  return {
    ...projection.history,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await projection[Symbol.asyncDispose]();
    },
  };
}

async function publishEvent(bus: EventBus, id: string, [namespace, source] = ["default", "webhook"]): Promise<void> {
  await bus.publish(eventSubject(namespace!, source!, "example"), { id, data: encodeEvent(cloudEvent(id)) });
}

/** One event, its decision and its two attempts. */
async function writeChain(
  bus: EventBus,
  ledger: LedgerStore,
): Promise<{ readonly decision: string; effects: string[] }> {
  await publishEvent(bus, "e1");
  const decision = ledger.write(decisionDraft("e1"));
  const effects = [ledger.write(effectDraft(1, decision.id)), ledger.write(effectDraft(2, decision.id))];
  await Promise.all([decision.kept, ...effects.map(({ kept }) => kept)]);
  return { decision: decision.id, effects: effects.map(({ id }) => id) };
}

function idsOf(entries: readonly HistoryEntry[]): string[] {
  return entries.map((entry) => (entry.kind === "event" ? entry.event.id : entry.record.id));
}

async function openBus(dir: string): Promise<EventBus> {
  return openSqliteBus({ path: join(dir, "bus.db"), streams: systemStreams(), log });
}

test("answers causes and effects, both through all steps, right after they were stored", async () => {
  await using dir = await tempDir();
  await using bus = await openBus(dir.path);
  await using ledger = await openLedger({ bus, writer: "w", clock, log });
  await using history = await following(join(dir.path, "ledger.db"), bus);
  const { decision, effects } = await writeChain(bus, ledger);
  await history.caughtUp();
  assert.deepEqual(idsOf(await history.effects("e1")), [decision, ...effects]);
  assert.deepEqual(idsOf(await history.causes(effects[1]!)).toSorted(), ["e1", decision].toSorted());
  assert.deepEqual(await history.causes("e1"), []);
  const event = await history.event("e1");
  assert.deepEqual({ ...event, storedAt: 1 }, eventHead("e1"));
  assert.equal((await history.record(decision))?.kind, "decision");
  assert.equal(await history.record("unknown"), undefined);
  assert.equal(await history.event("unknown"), undefined);
});

test("lists newest first, by source, kind, Sensor and time", async () => {
  await using dir = await tempDir();
  await using bus = await openBus(dir.path);
  await using ledger = await openLedger({ bus, writer: "w", clock, log });
  await using history = await following(join(dir.path, "ledger.db"), bus);
  const names = [
    ["default", "webhook"],
    ["default", "calendar"],
    ["a.b", "webhook"],
  ] as const;
  for (const [index, name] of names.entries()) await publishEvent(bus, `e${index}`, [...name]);
  const drafts = [decisionDraft("e0", 10), effectDraft(20), lostDraft()];
  await Promise.all(drafts.map((draft) => ledger.write(draft).kept));
  await history.caughtUp();

  const events = async (query: object): Promise<string[]> =>
    (await history.events({ limit: 10, ...query })).map(({ id }) => id);
  assert.deepEqual(await events({}), ["e2", "e1", "e0"]);
  assert.deepEqual(await events({ limit: 1 }), ["e2"]);
  assert.deepEqual(await events({ namespace: "a.b" }), ["e2"]);
  assert.deepEqual(await events({ eventSource: "webhook" }), ["e2", "e0"]);
  assert.deepEqual(await events({ namespace: "default", eventSource: "webhook" }), ["e0"]);
  assert.deepEqual(await events({ before: 1 }), []);

  const records = async (query: object): Promise<string[]> =>
    (await history.records({ limit: 10, ...query })).map(({ kind }) => kind);
  assert.deepEqual(await records({}), ["effect", "decision", "lost"]);
  assert.deepEqual(await records({ kind: "effect" }), ["effect"]);
  assert.deepEqual(await records({ sensor: { namespace: "default", name: "hello" } }), ["effect", "decision"]);
  assert.deepEqual(await records({ before: 10 }), ["lost"]);
});

test("gives the same answers after its file was deleted or damaged, and goes on where it stood", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "ledger.db");
  await using bus = await openBus(dir.path);
  await using ledger = await openLedger({ bus, writer: "w", clock, log });
  const answers = async (): Promise<unknown> => {
    await using history = await following(path, bus);
    return [
      await history.events({ limit: 10 }),
      await history.records({ limit: 10 }),
      await history.effects("e1"),
      await history.causes("w-1.1"),
    ];
  };
  await writeChain(bus, ledger);
  const first = await answers();
  assert.equal((first as unknown[][])[1]?.length, 3);
  assert.deepEqual(await answers(), first, "opened again");
  for (const suffix of ["", "-wal", "-shm"]) await rm(`${path}${suffix}`, { force: true });
  assert.deepEqual(await answers(), first, "deleted");
  await writeFile(path, "this is not a database, though it is longer than a header of one would be".repeat(100));
  assert.deepEqual(await answers(), first, "damaged");
});

test("forgets what the streams have dropped; a decision still tells the event that caused it", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "ledger.db");
  const bus = createMemoryBus();
  await using ledger = await openLedger({ bus, writer: "w", clock, log });
  const { decision } = await writeChain(bus, ledger);
  await publishEvent(bus, "e2");
  await ledger.write(decisionDraft("e2")).kept;
  {
    await using history = await following(path, bus);
    assert.equal((await history.events({ limit: 10 })).length, 2);
  }
  bus.drop("events", 2);
  {
    await using history = await following(path, bus);
    await waitFor("e1 to be forgotten", async () => (await history.event("e1")) === undefined);
    assert.deepEqual(idsOf(await history.causes(decision)), ["e1"], "from the decision's own head");
  }
  bus.drop("ledger", 2);
  await using history = await following(path, bus);
  await waitFor("the decision to be forgotten", async () => (await history.record(decision)) === undefined);
  assert.deepEqual(await history.effects("e1"), []);
  assert.equal((await history.effects("e2")).length, 1);
});

test("says that it is behind what is stored, and is waited for", async () => {
  await using dir = await tempDir();
  const bus = createMemoryBus();
  const virtual = createVirtualClock();
  await using ledger = await openLedger({ bus, writer: "w", clock, log });
  await ledger.write(lostDraft()).kept;
  bus.fault = (operation) => {
    if (operation === "read") throw new EngineError("BUS_UNAVAILABLE", "away");
  };
  await using projection = await openProjection({ path: join(dir.path, "ledger.db"), clock: virtual, log });
  const stop = new AbortController();
  const running = projection.follow("system", bus, subjects, stop.signal);
  const first = projection.history.caughtUp();
  const waiting = untilCaughtUp(projection.history);
  await waitFor("the wait", () => virtual.sleeping >= 3);
  await virtual.advance(2_000);
  assert.equal(await first, false);
  bus.fault = undefined;
  let isThere: boolean | undefined;
  void waiting.then((answer) => {
    isThere = answer;
  });
  await waitFor("the end of it", async () => {
    await virtual.advance(1_000);
    return isThere === true;
  });
  assert.equal((await projection.history.records({ limit: 5 })).length, 1);
  stop.abort();
  await running;
});

test("starts from nothing when a stream was made anew", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "ledger.db");
  for (const [epoch, id] of [
    ["one", "a"],
    ["two", "b"],
  ] as const) {
    const bus = createMemoryBus(epoch);
    await publishEvent(bus, id);
    await using history = await following(path, bus);
    assert.deepEqual(
      (await history.events({ limit: 10 })).map((event) => event.id),
      [id],
    );
  }
});

test("skips what is no event, keeps kinds that it does not know, stores a repeated record once", async () => {
  await using dir = await tempDir();
  const bus = createMemoryBus();
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  await bus.publish(rawSubject("events.default.webhook.example"), { id: "1", data: encode("not JSON") });
  await publishEvent(bus, "e1");
  const records = encode('{"v":1,"records":[{"id":"o-1.0","kind":"other","at":1,"causes":["e1"]}]}');
  for (const id of ["2", "3"]) await bus.publish(rawSubject("ledger.o"), { id, data: records });
  await using history = await following(join(dir.path, "ledger.db"), bus);
  assert.equal((await history.events({ limit: 10 })).length, 1);
  assert.deepEqual(idsOf(await history.effects("e1")), ["o-1.0"]);
});

test("waits for a file that cannot be written for a while, and misses nothing", async () => {
  await using dir = await tempDir();
  await using bus = await openBus(dir.path);
  const path = join(dir.path, "ledger.db");
  const said: string[] = [];
  const log = { ...silentLogger, warn: (message: string): void => void said.push(message) };
  await using history = await following(path, bus, log);
  using other = new DatabaseSync(path, { timeout: 5_000 }); // the projection may be writing its position just then
  other.exec("BEGIN IMMEDIATE");
  await publishEvent(bus, "e1");
  await waitFor("the projection to say that it waits", () => said.includes("the history waits"));
  await publishEvent(bus, "e2");
  other.exec("ROLLBACK");
  const isThere = async (id: string) => (await history.event(id)) !== undefined;
  await waitFor("both events", async () => (await isThere("e1")) && (await isThere("e2")));
});

test("refuses a ledger of a newer version", async () => {
  const bus = createMemoryBus();
  await bus.publish(rawSubject("ledger.o"), { id: "1", data: new TextEncoder().encode('{"v":2,"records":[]}') });
  await using dir = await tempDir();
  await using projection = await openProjection({ path: join(dir.path, "ledger.db"), clock, log });
  await assert.rejects(projection.follow("system", bus, subjects, new AbortController().signal), {
    code: "RECORD_TOO_NEW",
  });
});

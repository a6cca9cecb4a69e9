import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { EngineError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { PartitionMember } from "../../../src/events/sensor/partition.ts";
import { createPartitions, partitionOf } from "../../../src/events/sensor/partition.ts";
import { busAway, createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

/** A member that wants one value stored; what happened to it is in `seen`. */
function member(key: string) {
  const seen = { committed: 0, failed: [] as unknown[] };
  let value = 0;
  const one: PartitionMember = {
    collect: () => ({ changes: [[key, value]], committed: () => void seen.committed++ }),
    fail: (error) => void seen.failed.push(error),
  };
  return { one, seen, set: (next: number) => (value = next) };
}

async function open(bus: MemoryBus = createMemoryBus()) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const partitions = createPartitions({ bus, clock, log: silentLogger });
  const running = partitions.run(stop.signal);
  const partition = await partitions.of("shop", "one");
  const close = async () => {
    stop.abort();
    await running;
  };
  return { bus, clock, partitions, partition, [Symbol.asyncDispose]: close };
}

test("the partition of a Sensor never changes: it is where its state is stored", () => {
  assert.deepEqual([partitionOf("shop", "one"), partitionOf("", ""), partitionOf("ünï", "cødé")], [10, 30, 61]);
});

test("what members want stored is one append, 100 ms after the first asked; urgent is at once", async () => {
  await using opened = await open();
  const { bus, clock, partition } = opened;
  const [a, b] = [member("a"), member("b")];
  for (const { one } of [a, b]) partition.join(one);
  partition.markDirty(a.one);
  await clock.advance(99);
  assert.equal(bus.stored("state").length, 0);
  partition.markDirty(b.one);
  await clock.advance(2);
  assert.equal(bus.stored("state").length, 1);
  assert.deepEqual([...partition.cells.keys()], ["a", "b"]);
  partition.markDirty(a.one, true);
  await clock.advance(0);
  assert.equal(bus.stored("state").length, 2);
  assert.deepEqual([a.seen.committed, b.seen.committed], [2, 1]);
});

test("members of a quiet partition are asked every 10 s", async () => {
  await using opened = await open();
  const a = member("a");
  opened.partition.join(a.one);
  await opened.clock.advance(10_200);
  assert.equal(a.seen.committed, 1);
});

test("a bus that is away for minutes delays a flush; nothing is committed before it is stored", async () => {
  await using opened = await open();
  const { bus, clock, partition } = opened;
  const a = member("a");
  partition.join(a.one);
  bus.fault = () => {
    throw busAway();
  };
  partition.markDirty(a.one);
  await clock.advance(180_000);
  assert.deepEqual([a.seen.committed, a.seen.failed.length], [0, 0]);
  bus.fault = undefined;
  await clock.advance(45_000);
  assert.ok(a.seen.committed >= 1);
});

test("leaving while the bus is away ends after 2 s, also behind a flush that is waiting for the bus", async () => {
  await using opened = await open();
  const { bus, clock, partition } = opened;
  const [a, b] = [member("a"), member("b")];
  for (const { one } of [a, b]) partition.join(one);
  bus.fault = () => {
    throw busAway();
  };
  partition.markDirty(b.one);
  await clock.advance(1_000);
  let left = false;
  const leaving = partition.leave(a.one).then(() => (left = true));
  await clock.advance(2_100);
  assert.equal(left, true);
  await leaving;
  assert.equal(b.seen.failed.length, 1, "its other members learn that this owner gave up");
});

test("an owner that was replaced tells its members, stops, and is opened anew", async () => {
  await using opened = await open();
  const { bus, clock, partitions, partition } = opened;
  const a = member("a");
  partition.join(a.one);
  const other = createPartitions({ bus, clock, log: silentLogger });
  const theirs = await other.of("shop", "one");
  const b = member("b");
  theirs.join(b.one);
  await theirs.leave(b.one);
  partition.markDirty(a.one, true);
  await clock.advance(0);
  assert.ok(a.seen.failed[0] instanceof EngineError && a.seen.failed[0].code === "BUS_STALE");
  const [first, second] = await Promise.all([partitions.of("shop", "one"), partitions.of("shop", "one")]);
  assert.equal(first, second, "two owners in one process would fence each other off");
  assert.notEqual(first, partition);
  assert.deepEqual([...first.cells.keys()], ["b"]);
});

test("a member that throws fails the partition, not the process", async () => {
  await using opened = await open();
  const failed: unknown[] = [];
  const broken: PartitionMember = {
    collect: () => {
      throw new Error("broken");
    },
    fail: (error) => void failed.push(error),
  };
  opened.partition.join(broken);
  opened.partition.markDirty(broken, true);
  await opened.clock.advance(0);
  assert.deepEqual(failed, [new Error("broken")]);
});

test("what a member marks urgent while it leaves does not spin the partition", async () => {
  await using opened = await open();
  const { clock, partition } = opened;
  const leaving: PartitionMember = {
    collect: () => ({ changes: [["a", 1]], committed: () => partition.markDirty(leaving, true) }),
    fail: () => assert.fail("it can be stored"),
  };
  partition.join(leaving);
  await partition.leave(leaving);
  await turn(); // never comes back when the partition spins
  const b = member("b");
  partition.join(b.one);
  partition.markDirty(b.one);
  await clock.advance(101);
  assert.equal(b.seen.committed, 1);
});

test("forgetting removes the cells of a prefix, or says that it did not", async () => {
  await using opened = await open();
  const { bus, clock, partitions, partition } = opened;
  for (const key of ["u1/x", "u1/y", "u2/x"]) {
    const { one } = member(key);
    partition.join(one);
    await partition.leave(one);
  }
  bus.fault = () => {
    throw busAway();
  };
  const forgetting = assert.rejects(partition.forget("u1/"), { code: "BUS_UNAVAILABLE" });
  await clock.advance(2_100);
  await forgetting;
  bus.fault = undefined;
  const again = await partitions.of("shop", "one");
  await again.forget("u1/");
  assert.deepEqual([...again.cells.keys()], ["u2/x"]);
});

test("state that was read only in part is not taken for all of it", async () => {
  const { bus, clock, partition } = await open();
  const { one } = member("a");
  partition.join(one);
  await partition.leave(one);
  const partitions = createPartitions({ bus, clock, log: silentLogger });
  await assert.rejects(partitions.open(AbortSignal.abort(new Error("out of time"))), /out of time/);
});

/** Two engines on one bus; each believes what `owner` says when it last asked. */
function twoEngines() {
  const bus = createMemoryBus();
  const clock = createVirtualClock();
  const beliefs = { a: true, b: false };
  const engine = (name: "a" | "b") => {
    const mine = { owns: () => beliefs[name], holds: () => beliefs[name] };
    return createPartitions({ bus, ownership: mine, clock, log: silentLogger });
  };
  return { bus, clock, beliefs, a: engine("a"), b: engine("b") };
}

const leaseLost = (error: unknown): boolean => error instanceof EngineError && error.code === "LEASE_LOST";

test("a partition of another engine is not opened: that would stop its owner", async () => {
  const { bus, b } = twoEngines();
  await assert.rejects(b.of("shop", "one"), leaseLost);
  assert.equal(bus.stored("state").length, 0);
});

test("who stopped owning a partition while it was read claims nothing", async () => {
  const bus = createMemoryBus();
  let asked = 0;
  const ownership = { owns: () => ++asked === 1, holds: () => true };
  const late = createPartitions({ bus, ownership, clock: createVirtualClock(), log: silentLogger });
  await assert.rejects(late.of("shop", "one"), leaseLost);
  assert.equal(bus.stored("state").length, 0);
});

test("opening fences off an owner that does not know yet, before the new one stores anything of its own", async () => {
  const { clock, beliefs, a, b } = twoEngines();
  const old = await a.of("shop", "one");
  const [first, second] = [member("first"), member("second")];
  old.join(first.one);
  beliefs.b = true;
  const taken = await b.of("shop", "one");
  assert.deepEqual([old.isTakenOver, taken.isTakenOver], [true, true]);
  old.markDirty(first.one, true);
  await clock.advance(0);
  assert.ok(first.seen.failed[0] instanceof EngineError && first.seen.failed[0].code === "BUS_STALE");
  assert.equal(first.seen.committed, 0);
  taken.join(second.one);
  taken.markDirty(second.one, true);
  await clock.advance(0);
  assert.equal(second.seen.committed, 1);
});

test("the same change by both owners is not taken for one that was stored though its answer was lost", async () => {
  const { bus, clock, beliefs, a, b } = twoEngines();
  const old = await a.of("shop", "one");
  beliefs.b = true;
  const taken = await b.of("shop", "one");
  const [one, same] = [member("k"), member("k")];
  for (const [partition, { one: who }] of [
    [taken, one],
    [old, same],
  ] as const) {
    partition.join(who);
    partition.markDirty(who, true);
    await clock.advance(0);
  }
  assert.deepEqual([one.seen.committed, same.seen.committed, same.seen.failed.length], [1, 0, 1]);
  assert.equal(bus.stored("state").length, 3, "two claims and one change");
});

test("an owner that writes while it is replaced delays the claim, and is stopped by it", async () => {
  const { bus, clock, beliefs, a, b } = twoEngines();
  const old = await a.of("shop", "one");
  const first = member("late");
  old.join(first.one);
  beliefs.b = true;
  let written = false;
  bus.fault = async (operation) => {
    if (operation !== "append" || written) return;
    written = true; // between the read and the claim of b
    old.markDirty(first.one, true);
    await clock.advance(0);
  };
  const taken = await b.of("shop", "one");
  assert.equal(taken.cells.get("late"), 0, "what it wrote is not lost");
  old.markDirty(first.one, true);
  await clock.advance(0);
  assert.equal(first.seen.failed.length, 1);
});

test("a closed partition tells its members at once, also one that joins late, and is read anew when it is back", async () => {
  const { clock, beliefs, a, b } = twoEngines();
  const old = await a.of("shop", "one");
  const [early, late] = [member("early"), member("late")];
  old.join(early.one);
  beliefs.a = false;
  await a.close(partitionOf("shop", "one"), new EngineError("LEASE_LOST", "gone"));
  assert.ok(leaseLost(early.seen.failed[0]));
  old.join(late.one);
  assert.ok(leaseLost(late.seen.failed[0]));
  beliefs.b = true;
  const between = await b.of("shop", "one");
  between.join(late.one);
  await between.leave(late.one);
  await b.close(partitionOf("shop", "one"), new EngineError("LEASE_LOST", "gone"));
  beliefs.a = true;
  const again = await a.of("shop", "one");
  assert.deepEqual([again.cells.get("late"), again.isTakenOver], [0, true]);
  await clock.advance(0);
});

test("at the start only partitions of this engine are claimed, though all are read", async () => {
  const { bus, beliefs, a, b } = twoEngines();
  await a.of("shop", "one");
  await b.open(new AbortController().signal);
  assert.equal(bus.stored("state").length, 1);
  beliefs.b = true;
  await b.open(new AbortController().signal);
  assert.equal((await b.of("shop", "one")).isTakenOver, false);
  assert.equal(bus.stored("state").length, 2);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPartitionLog, openPartitionLogs } from "../../../src/events/sensor/partition-log.ts";
import { rawSubject } from "../../../src/record/subject.ts";
import { busAway, createMemoryBus, type MemoryBus, type Operation } from "../../harness/memory-bus.ts";

const subject = rawSubject("state.7");
const never = new AbortController().signal;
const open = (bus: MemoryBus) => openPartitionLog(bus, subject, never);

test("what was appended is there after a crash", async () => {
  const bus = createMemoryBus();
  const log = await open(bus);
  await log.append([
    ["a", 1],
    ["b", { deep: [1] }],
  ]);
  await log.append([
    ["a", null],
    ["c", "three"],
  ]);
  const again = await open(bus.clone());
  assert.deepEqual(
    [...again.cells],
    [
      ["b", { deep: [1] }],
      ["c", "three"],
    ],
  );
  assert.deepEqual([...(await openPartitionLogs(bus, never)).get(subject)!.cells], [...again.cells]);
});

test("a change of several messages that a crash cut short did not happen", async () => {
  const bus = createMemoryBus();
  const log = await open(bus);
  await log.append([["a", 1]]);
  let appends = 0;
  bus.fault = (operation) => {
    if (operation === "append" && ++appends === 2) throw new Error("crash");
  };
  await assert.rejects(
    log.append([
      ["a", 2],
      ["big", "x".repeat(3_000_000)],
    ]),
    /crash/,
  );
  bus.fault = undefined;
  const again = await open(bus);
  assert.deepEqual([...again.cells], [["a", 1]]);
  await again.append([["a", 3]]);
  assert.deepEqual([...(await open(bus)).cells], [["a", 3]]);
});

for (const [name, operation, nth] of [
  ["before the snapshot", "append", 2],
  ["between snapshot and purge", "purge", 1],
] as [string, Operation, number][]) {
  test(`a crash inside a compaction loses nothing: ${name}`, async () => {
    const bus = createMemoryBus();
    const log = await open(bus);
    for (let n = 1; n <= 1_000; n++) await log.append([[`k${n % 10}`, n]]);
    let seen = 0;
    bus.fault = (which) => {
      if (which === operation && ++seen === nth) throw new Error("crash");
    };
    await assert.rejects(log.append([["last", 1]]), /crash/);
    const again = await open(bus.clone());
    assert.equal(again.cells.size, 11);
    assert.equal(again.cells.get("k0"), 1_000);
    await again.append([["last", 2]]);
    assert.equal((await open(bus)).cells.size, 11);
  });
}

test("a log stays short: it is rewritten every 1,000 messages, deleted cells are gone for good", async () => {
  const bus = createMemoryBus();
  const log = await open(bus);
  for (let n = 0; n < 2_500; n++)
    await log.append([
      [`k${n}`, n],
      [`k${n - 5}`, null],
    ]);
  assert.ok(bus.stored("state").length < 1_010, String(bus.stored("state").length));
  assert.deepEqual([...(await open(bus)).cells.values()], [2495, 2496, 2497, 2498, 2499]);
});

test("an append whose acknowledgement was lost is not taken for another owner's", async () => {
  const bus = createMemoryBus();
  const { append } = bus;
  const log = await open({
    ...bus,
    async append(...args: Parameters<typeof append>) {
      await append(...args);
      throw busAway();
    },
  });
  await log.append([["a", 1]]);
  assert.equal(bus.stored("state").length, 1);
});

test("two owners: the older one fails with BUS_STALE and nothing of it is kept", async () => {
  const bus = createMemoryBus();
  const [older, newer] = [await open(bus), await open(bus)];
  await newer.append([["a", "newer"]]);
  await assert.rejects(older.append([["a", "older"]]), { code: "BUS_STALE" });
  assert.equal((await open(bus)).cells.get("a"), "newer");
});

test("state of a newer version is refused", async () => {
  const bus = createMemoryBus();
  await bus.append(subject, Buffer.from([9, 3, ...Buffer.from("[]")]), 0);
  await assert.rejects(open(bus), { code: "RECORD_TOO_NEW" });
});

test("state of an older version is read", async () => {
  const bus = createMemoryBus();
  await bus.append(subject, Buffer.from([1, 3, ...Buffer.from('[["a","old"]]')]), 0);
  assert.equal((await open(bus)).cells.get("a"), "old");
});

test("a log that was read only in part is not taken for all of it", async () => {
  await assert.rejects(openPartitionLog(createMemoryBus(), subject, AbortSignal.abort(new Error("late"))), /late/);
});

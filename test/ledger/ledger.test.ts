import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { EngineError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { ledgerSubjects, openLedger } from "../../src/ledger/ledger.ts";
import { decodeRecords } from "../../src/ledger/stored-form.ts";
import type { RecordDraft } from "../../src/record/records.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { createMemoryBus, type MemoryBus } from "../harness/memory-bus.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { waitFor } from "../harness/wait.ts";
import { effectDraft, lostDraft } from "./drafts.ts";

const never = new AbortController().signal;

async function stored(bus: MemoryBus): Promise<readonly { readonly bytes: number; readonly ids: readonly string[] }[]> {
  const messages = [];
  for await (const batch of bus.read({ subjects: ledgerSubjects, from: "first", follow: false }, never)) {
    for (const { data } of batch.messages) {
      messages.push({ bytes: data.byteLength, ids: decodeRecords(data).map(({ id }) => id) });
    }
  }
  return messages;
}

test("gives each record its id at once and stores 256 in one message", async () => {
  const bus = createMemoryBus();
  await using ledger = await openLedger({ bus, writer: "w", clock: systemClock, log: silentLogger });
  const written = Array.from({ length: 514 }, (_, index) => ledger.write(effectDraft(index)));
  assert.equal(written[0]?.id, "w-1.0");
  assert.equal(written[256]?.id, "w-2.0");
  await Promise.all(written.map(({ kept }) => kept));
  const messages = await stored(bus);
  assert.deepEqual(
    messages.map(({ ids }) => ids.length),
    [256, 256, 2],
  );
  assert.deepEqual(
    messages.flatMap(({ ids }) => ids),
    written.map(({ id }) => id),
  );
});

test("stores a single record after 2 ms", async () => {
  const bus = createMemoryBus();
  const clock = createVirtualClock();
  await using ledger = await openLedger({ bus, writer: "w", clock, log: silentLogger });
  const { kept } = ledger.write(effectDraft(1));
  await clock.advance(1);
  assert.equal((await stored(bus)).length, 0);
  await clock.advance(1);
  await kept;
  assert.equal((await stored(bus)).length, 1);
});

for (const [what, maxMessageBytes, maxBytes, expected] of [
  ["256 KiB", 1024 * 1024, 256 * 1024, [6, 3]],
  ["what the bus takes", 100_000, 100_000, [2, 2, 2, 3]],
] as const) {
  test(`keeps a message within ${what}, and a record within 64 KiB by cutting its texts`, async () => {
    const bus = Object.assign(createMemoryBus(), { maxMessageBytes });
    await using ledger = await openLedger({ bus, writer: "w", clock: systemClock, log: silentLogger });
    const sizes = [40_000, 40_000, 40_000, 40_000, 40_000, 40_000, 40_000, 200_000, 10];
    const written = sizes.map((size) =>
      ledger.write({ ...effectDraft(size), message: "x".repeat(size) } as RecordDraft),
    );
    await Promise.all(written.map(({ kept }) => kept));
    const messages = await stored(bus);
    assert.ok(messages.every(({ bytes }) => bytes <= maxBytes));
    assert.deepEqual(
      messages.map(({ ids }) => ids.length),
      expected,
    );
    assert.deepEqual(
      messages.flatMap(({ ids }) => ids),
      written.map(({ id }) => id),
    );
  });
}

test("publishes again under the same id while the bus is away", async () => {
  const bus = createMemoryBus();
  const clock = createVirtualClock();
  await using ledger = await openLedger({ bus, writer: "w", clock, log: silentLogger });
  bus.failure = new EngineError("BUS_UNAVAILABLE", "away");
  let isKept = false;
  const { kept } = ledger.write(lostDraft());
  void kept.then(() => {
    isKept = true;
  });
  await clock.advance(1_000);
  assert.equal(isKept, false);
  bus.failure = undefined;
  await clock.advance(5_000);
  await kept;
  assert.equal((await stored(bus)).length, 1);
});

test("rejects at once what the bus will never take", async () => {
  const bus = createMemoryBus();
  await using ledger = await openLedger({ bus, writer: "w", clock: systemClock, log: silentLogger });
  bus.failure = new EngineError("BUS_MESSAGE_TOO_LARGE", "70 KiB, at most 64");
  await assert.rejects(ledger.write(lostDraft()).kept, { code: "BUS_MESSAGE_TOO_LARGE" });
});

test("refuses records when too many wait for the bus", async () => {
  const bus = createMemoryBus();
  const clock = createVirtualClock();
  const ledger = await openLedger({ bus, writer: "w", clock, log: silentLogger });
  bus.failure = new EngineError("BUS_UNAVAILABLE", "away");
  const draft = { ...effectDraft(1), message: "x".repeat(60_000) } as RecordDraft;
  for (let index = 0; index < 1_200; index++) void ledger.write(draft).kept.catch(() => undefined);
  await assert.rejects(ledger.write(draft).kept, { code: "BUS_UNAVAILABLE", message: /takes no more/ });
  const closed = ledger[Symbol.asyncDispose]();
  await clock.advance(60_000);
  await closed;
});

test("has no room while 1 MiB waits for the bus, long before it refuses", async () => {
  const bus = createMemoryBus();
  const clock = createVirtualClock();
  await using ledger = await openLedger({ bus, writer: "w", clock, log: silentLogger });
  bus.failure = new EngineError("BUS_UNAVAILABLE", "away");
  const draft = { ...effectDraft(1), message: "x".repeat(60_000) } as RecordDraft;
  const kept: Promise<void>[] = [];
  while (ledger.hasRoom()) kept.push(ledger.write(draft).kept);
  assert.ok(kept.length > 15 && kept.length < 25);
  const stop = new AbortController();
  const left = ledger.room(stop.signal);
  stop.abort();
  await left;
  const room = ledger.room(never);
  bus.failure = undefined;
  await clock.advance(5_000);
  await room;
  assert.ok(ledger.hasRoom());
  await clock.advance(5_000);
  await Promise.all(kept);
});

test("stores what was written before it was closed, and refuses what comes later", async () => {
  const bus = createMemoryBus();
  const ledger = await openLedger({ bus, writer: "w", clock: systemClock, log: silentLogger });
  const before = ledger.write(effectDraft(1));
  await ledger[Symbol.asyncDispose]();
  await before.kept;
  await assert.rejects(ledger.write(effectDraft(2)).kept, { code: "BUS_UNAVAILABLE" });
  assert.deepEqual(
    (await stored(bus)).map(({ ids }) => ids),
    [["w-1.0"]],
  );
});

test("gives up after 10 seconds when the bus is away while it closes", async () => {
  const bus = createMemoryBus();
  const clock = createVirtualClock();
  const ledger = await openLedger({ bus, writer: "w", clock, log: silentLogger });
  bus.failure = new EngineError("BUS_UNAVAILABLE", "away");
  const { kept } = ledger.write(effectDraft(1));
  const rejected = assert.rejects(kept, { code: "BUS_UNAVAILABLE" });
  const closed = ledger[Symbol.asyncDispose]();
  await clock.advance(10_000);
  await closed;
  await rejected;
});

test("reads the effects stored after a mark, and only them", async () => {
  const bus = createMemoryBus();
  await using ledger = await openLedger({ bus, writer: "w", clock: systemClock, log: silentLogger });
  await ledger.write(effectDraft(1)).kept;
  const mark = ledger.mark();
  await Promise.all([ledger.write(lostDraft()).kept, ledger.write(effectDraft(2)).kept]);
  const keys = [];
  for await (const effects of ledger.readEffects(mark, never)) keys.push(...effects.map(({ key }) => key));
  assert.deepEqual(keys, ["uid/log/e2"]);
});

test("skips kinds that it does not know and messages that are none, and refuses newer versions", async () => {
  const bus = createMemoryBus();
  await using ledger = await openLedger({ bus, writer: "w", clock: systemClock, log: silentLogger });
  const start = ledger.mark();
  const publish = (id: string, text: string) =>
    bus.publish(rawSubject("ledger.other"), { id, data: new TextEncoder().encode(text) });
  await publish("1", '{"v":1,"records":[{"id":"o-1.0","kind":"sync","at":1,"causes":["x"]}]}');
  await publish("2", "not JSON");
  await ledger.write(effectDraft(3)).kept;
  const read = async (): Promise<number> => {
    let count = 0;
    for await (const effects of ledger.readEffects(start, never)) count += effects.length;
    return count;
  };
  assert.equal(await waitFor("the effect", read), 1);
  await publish("3", '{"v":2,"records":[]}');
  await assert.rejects(read(), { code: "RECORD_TOO_NEW" });
});

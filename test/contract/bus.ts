import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Delivery, EventBus, ReadBatch, StoredMessage, StreamSpec } from "../../src/events/bus/bus.ts";
import { rawSubject, type Subject } from "../../src/record/subject.ts";
import { waitFor } from "../harness/wait.ts";

/** A place where a bus keeps its messages; disposed of by the suite. */
export interface BusPlace extends AsyncDisposable {
  open(streams: readonly StreamSpec[]): Promise<EventBus>;
  /** Ends whatever holds the messages without warning, and brings it back. */
  crash(): Promise<void>;
  /** Deletes a stream behind the bus's back (the bus is closed). */
  removeStream(name: string): Promise<void>;
}

export interface BusDriver {
  readonly name: string;
  readonly skip: string | false;
  place(): Promise<BusPlace>;
}

const a1 = rawSubject("events.a.1");
const a2 = rawSubject("events.a.2");
const b1 = rawSubject("events.b.1");
const all = rawSubject("events.>");

function streams(limits: Partial<StreamSpec> = {}): StreamSpec[] {
  return [
    { name: "events", subjects: [all], dedupeWindowMs: 60_000, ...limits },
    { name: "state", subjects: [rawSubject("state.>")], dedupeWindowMs: 60_000 },
  ];
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

function textOf(message: StoredMessage): string {
  return Buffer.from(message.data).toString("utf8");
}

async function publishAll(bus: EventBus, subject: Subject, texts: readonly string[]): Promise<void> {
  await Promise.all(texts.map((text) => bus.publish(subject, { id: text, data: bytes(text) })));
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

async function readAll(bus: EventBus, query: Partial<Parameters<EventBus["read"]>[0]> = {}): Promise<ReadBatch[]> {
  const batches: ReadBatch[] = [];
  const signal = AbortSignal.timeout(10_000);
  for await (const batch of bus.read({ subjects: [all], from: "first", follow: false, ...query }, signal)) {
    batches.push(batch);
  }
  assert.equal(signal.aborted, false, "the read did not end by itself");
  return batches;
}

function texts(batches: readonly ReadBatch[]): string[] {
  return batches.flatMap((batch) => batch.messages.map(textOf));
}

/** Follows in the background; what arrived is in `batches`. */
function follow(bus: EventBus, query: Partial<Parameters<EventBus["read"]>[0]> = {}) {
  const batches: ReadBatch[] = [];
  const stop = new AbortController();
  const ended = (async () => {
    for await (const batch of bus.read({ subjects: [all], from: "first", follow: true, ...query }, stop.signal)) {
      batches.push(batch);
    }
  })();
  return {
    batches,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

function work(bus: EventBus, durable: string, onDelivery: (delivery: Delivery) => Promise<void>, options = {}) {
  const stop = new AbortController();
  const share = { maxInFlight: 10, ackWaitMs: 60_000, from: "first" as const, ...options };
  const ended = (async () => {
    for await (const deliveries of bus.share(durable, all, share, stop.signal)) {
      for (const delivery of deliveries) await onDelivery(delivery);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

/** What every bus has to do. */
export function busContract(driver: BusDriver): void {
  describe(`bus on ${driver.name}`, { skip: driver.skip }, () => {
    publishing(driver);
    reading(driver);
    sharing(driver);
    appending(driver);
    keepingState(driver);
    tellingUsage(driver);
  });
}

function publishing({ place: makePlace }: BusDriver): void {
  it("keeps what it acknowledged when its holder dies", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    await publishAll(bus, a1, numbered("m", 200));
    await bus[Symbol.asyncDispose]();
    await place.crash();
    await using again = await place.open(streams());
    assert.deepEqual(texts(await readAll(again)), numbered("m", 200));
    const { sequence } = await again.publish(a1, { id: "next", data: bytes("next") });
    assert.equal(sequence, 201);
  });

  it("numbers messages in the order of publishing", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const acks = await Promise.all(numbered("m", 50).map((id) => bus.publish(a1, { id, data: bytes(id) })));
    assert.deepEqual(acks[0], { stream: "events", sequence: 1, duplicate: false });
    assert.deepEqual(
      acks.map((ack) => ack.sequence),
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
  });

  it("stores an id once within the window, also after opening again", async () => {
    await using place = await makePlace();
    {
      await using bus = await place.open(streams());
      await publishAll(bus, a1, ["first", "second"]);
      assert.deepEqual(await bus.publish(a1, { id: "first", data: bytes("x") }), {
        stream: "events",
        sequence: 1,
        duplicate: true,
      });
    }
    await using again = await place.open(streams());
    assert.equal((await again.publish(a1, { id: "second", data: bytes("x") })).duplicate, true);
    assert.deepEqual(texts(await readAll(again)), ["first", "second"]);
  });

  it("takes an id again after the window", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams({ dedupeWindowMs: 200 }));
    await publishAll(bus, a1, ["m"]);
    await waitFor(
      "the id to be taken again",
      async () => !(await bus.publish(a1, { id: "m", data: bytes("again") })).duplicate,
    );
  });

  it("names both sizes of a message that is too large", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const data = new Uint8Array(bus.maxMessageBytes + 1);
    await assert.rejects(bus.publish(a1, { id: "big", data }), (error: Error & { code?: string }) => {
      assert.equal(error.code, "BUS_MESSAGE_TOO_LARGE");
      assert.match(error.message, new RegExp(`${data.byteLength}.*${bus.maxMessageBytes}`));
      return true;
    });
  });

  it("ends publishes under way before it is disposed of", async () => {
    await using place = await makePlace();
    const bus = await place.open(streams());
    const publishes = numbered("m", 100).map((id) => bus.publish(a1, { id, data: bytes(id) }));
    await bus[Symbol.asyncDispose]();
    assert.equal((await Promise.all(publishes)).at(-1)?.sequence, 100);
  });
}

function reading({ place: makePlace }: BusDriver): void {
  it("reads in stream order in batches of at most maxBatch", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    await publishAll(bus, a1, numbered("m", 250));
    const batches = await readAll(bus, { maxBatch: 100 });
    assert.deepEqual(texts(batches), numbered("m", 250));
    assert.ok(batches.every((batch) => batch.messages.length <= 100));
    assert.equal(batches.at(-1)?.through, 250);
    const [first] = batches[0]!.messages;
    assert.equal(first?.subject, a1);
    assert.ok(Math.abs((first?.storedAt ?? 0) - Date.now()) < 60_000);
  });

  it("ends at once on an empty stream", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    assert.deepEqual(texts(await readAll(bus)), []);
  });

  const filters: [string, string[], string[]][] = [
    ["one subject", ["events.a.1"], ["1", "4"]],
    ["a star", ["events.a.*"], ["1", "2", "4"]],
    ["everything below", ["events.b.>"], ["3"]],
    ["several", ["events.a.2", "events.b.1"], ["2", "3"]],
    ["nothing", ["events.c.*"], []],
  ];
  for (const [name, subjects, expected] of filters) {
    it(`reads only what its subjects select: ${name}`, async () => {
      await using place = await makePlace();
      await using bus = await place.open(streams());
      for (const [text, subject] of [
        ["1", a1],
        ["2", a2],
        ["3", b1],
        ["4", a1],
      ] as const)
        await publishAll(bus, subject, [text]);
      const batches = await readAll(bus, { subjects: subjects.map(rawSubject) });
      assert.deepEqual(texts(batches), expected);
    });
  }

  it("starts at the first, at the next, or after a position", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    await publishAll(bus, a1, ["1", "2", "3"]);
    const { epoch, after } = await bus.end("events");
    assert.equal(after, 3);
    assert.deepEqual(texts(await readAll(bus, { from: { epoch, after: 1 } })), ["2", "3"]);
    assert.deepEqual(texts(await readAll(bus, { from: { epoch, after: 3 } })), []);
    await using reader = follow(bus, { from: "next" });
    await waitFor("the reader to see something", async () => {
      await bus.publish(a1, { id: crypto.randomUUID(), data: bytes("later") });
      return reader.batches.length > 0;
    });
    assert.ok(texts(reader.batches).every((text) => text === "later"));
  });

  it("wakes a follower promptly", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    await using reader = follow(bus);
    await publishAll(bus, a1, ["warm"]);
    await waitFor("the first message", () => texts(reader.batches).length === 1);
    const before = performance.now();
    await publishAll(bus, a1, ["prompt"]);
    await waitFor("the second message", () => texts(reader.batches).length === 2);
    assert.ok(performance.now() - before < 1000);
  });

  it("moves a follower's position past what does not match", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    await using reader = follow(bus, { subjects: [b1] });
    await publishAll(bus, b1, ["match"]);
    await publishAll(bus, a1, numbered("m", 20));
    await waitFor("the position", () => reader.batches.at(-1)?.through === 21);
    assert.deepEqual(texts(reader.batches), ["match"]);
  });

  it("names the gap that limits left", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams({ maxMessages: 10 }));
    await publishAll(bus, a1, ["0"]);
    const [batch] = await readAll(bus);
    await publishAll(bus, a1, numbered("m", 29));
    const from = { epoch: batch!.epoch, after: batch!.through };
    const batches = await waitFor("the oldest to be dropped", async () => {
      const found = await readAll(bus, { from });
      return texts(found).length === 10 && found;
    });
    assert.deepEqual(batches[0]?.lost, { from: 2, to: 20 });
    assert.equal(batches[0]?.messages[0]?.sequence, 21);
    assert.equal((await readAll(bus))[0]?.lost, undefined, "from the first on nothing is lost");
  });

  it("never uses a sequence again, also when nothing is left", async () => {
    await using place = await makePlace();
    {
      await using bus = await place.open(streams({ maxAgeMs: 150, dedupeWindowMs: 100 }));
      await publishAll(bus, a1, ["1", "2", "3"]);
      await waitFor("the messages to expire", async () => texts(await readAll(bus)).length === 0);
    }
    await using again = await place.open(streams({ maxAgeMs: 150, dedupeWindowMs: 100 }));
    assert.equal((await again.publish(a1, { id: "4", data: bytes("4") })).sequence, 4);
  });

  it("reads a stream made anew from its first message", async () => {
    await using place = await makePlace();
    let from: { epoch: string; after: number };
    {
      await using bus = await place.open(streams());
      await publishAll(bus, a1, ["old1", "old2"]);
      from = await bus.end("events");
    }
    await place.removeStream("events");
    await using again = await place.open(streams());
    await publishAll(again, a1, ["new1", "new2", "new3"]);
    const batches = await readAll(again, { from });
    assert.deepEqual(texts(batches), ["new1", "new2", "new3"]);
    assert.notEqual(batches[0]?.epoch, from.epoch);
  });
}

function sharing({ place: makePlace }: BusDriver): void {
  it("hands each message to one of two workers, and again what is not acknowledged", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const seen: string[] = [];
    const attempts: number[] = [];
    const onDelivery = async (delivery: Delivery): Promise<void> => {
      const text = textOf(delivery);
      if (text === "m3" && delivery.attempt === 1) return; // forgotten: comes again after the ack wait
      if (text === "m5" && delivery.attempt === 1) return delivery.nak(10);
      attempts.push(delivery.attempt);
      seen.push(text);
      await delivery.ack();
    };
    await using _one = work(bus, "pair", onDelivery, { ackWaitMs: 500, maxInFlight: 4 });
    await using _two = work(bus, "pair", onDelivery, { ackWaitMs: 500, maxInFlight: 4 });
    await publishAll(bus, a1, numbered("m", 20));
    await waitFor("all messages", () => seen.length >= 20);
    assert.deepEqual(seen.toSorted(), numbered("m", 20).toSorted());
    assert.equal(attempts.filter((attempt) => attempt === 2).length, 2);
  });

  it("goes on where the durable was after opening again", async () => {
    await using place = await makePlace();
    const seen: string[] = [];
    const onDelivery = async (delivery: Delivery): Promise<void> => {
      seen.push(textOf(delivery));
      await delivery.ack();
    };
    {
      await using bus = await place.open(streams());
      await publishAll(bus, a1, ["1", "2"]);
      await using _worker = work(bus, "lasting", onDelivery);
      await waitFor("both messages", () => seen.length === 2);
    }
    await using again = await place.open(streams());
    await using _worker = work(again, "lasting", onDelivery);
    await publishAll(again, a1, ["3"]);
    await waitFor("the third message", () => seen.length >= 3);
    assert.deepEqual(seen, ["1", "2", "3"]);
  });
}

function appending({ place: makePlace }: BusDriver): void {
  const one = rawSubject("state.one");
  const two = rawSubject("state.two");

  it("refuses an append whose owner is behind, whatever others wrote", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const first = await bus.append(one, bytes("1"), 0);
    await bus.append(two, bytes("other"), 0);
    const second = await bus.append(one, bytes("2"), first);
    await assert.rejects(bus.append(one, bytes("late"), first), { code: "BUS_STALE" });
    await assert.rejects(bus.append(one, bytes("late"), 0), { code: "BUS_STALE" });
    const last = await bus.last(one);
    assert.equal(last?.sequence, second);
    assert.equal(last && textOf(last), "2");
    assert.equal(await bus.last(rawSubject("state.none")), undefined);
  });

  it("purges what a snapshot made superfluous", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const first = await bus.append(one, bytes("1"), 0);
    await bus.append(two, bytes("other"), 0);
    const second = await bus.append(one, bytes("2"), first);
    await bus.purge(one, second);
    const left = await readAll(bus, { subjects: [rawSubject("state.>")] });
    assert.deepEqual(texts(left), ["other", "2"]);
    assert.equal((await bus.end("state")).after, second);
  });
}

function tellingUsage({ place: makePlace }: BusDriver): void {
  it("tells what each stream holds, also when nothing is left", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams({ maxMessages: 2 }));
    const usage = async () => (await bus.usage()).find(({ name }) => name === "events");
    assert.deepEqual((await bus.usage()).map(({ name }) => name).toSorted(), ["events", "state"]);
    const { bytes: none, ...empty } = (await usage()) ?? assert.fail();
    assert.deepEqual([none, empty], [0, { name: "events", messages: 0, last: 0, consumers: [] }]);
    const before = Date.now();
    for (const text of ["1", "2", "3"]) await publishAll(bus, a1, [text]);
    await waitFor("the oldest to be dropped", async () => (await usage())?.messages === 2);
    const { oldest, newest, last, bytes: used } = (await usage()) ?? assert.fail();
    assert.deepEqual([oldest?.sequence, newest?.sequence, last], [2, 3, 3]);
    assert.ok(used > 0);
    // A server's clock is this machine's; NATS rounds nothing, SQLite to milliseconds.
    for (const at of [oldest?.storedAt, newest?.storedAt]) assert.ok(at !== undefined && at >= before - 1, `${at}`);
    await bus.purge(a1, 4);
    assert.deepEqual([(await usage())?.messages, (await usage())?.last], [0, 3]);
    assert.equal((await usage())?.oldest, undefined);
  });
}

function keepingState({ place: makePlace }: BusDriver): void {
  it("stores, compares, lists and deletes state", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const state = bus.state("leases");
    assert.equal(await state.get("a"), undefined);
    const first = await state.put("a", bytes("1"), 0);
    await assert.rejects(state.put("a", bytes("x"), 0), { code: "BUS_STALE" });
    const second = await state.put("a", bytes("2"), first);
    assert.ok(second > first);
    await assert.rejects(state.put("a", bytes("x"), first), { code: "BUS_STALE" });
    await state.put("b/c", bytes("3"));
    const entries = await state.entries("");
    assert.deepEqual(entries.map((entry) => entry.key).toSorted(), ["a", "b/c"]);
    assert.deepEqual(
      (await state.entries("b/")).map((entry) => Buffer.from(entry.value).toString()),
      ["3"],
    );
    await assert.rejects(state.delete("a", first), { code: "BUS_STALE" });
    await state.delete("a", second);
    assert.equal(await state.get("a"), undefined);
    assert.ok((await state.put("a", bytes("again"), 0)) > second, "a key deleted can be made anew");
    assert.deepEqual(await bus.state("other").entries(""), []);
  });
}

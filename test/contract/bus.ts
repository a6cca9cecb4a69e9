import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ReadBatch, StreamSpec } from "../../src/events/bus/bus.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { waitFor } from "../harness/wait.ts";
import { sharing } from "./bus-share.ts";
import { appending, keepingState } from "./bus-state.ts";
import {
  a1,
  a2,
  all,
  type BusDriver,
  b1,
  bytes,
  follow,
  heldBytes,
  numbered,
  publishAll,
  readAll,
  settled,
  streams,
  textOf,
  texts,
} from "./bus-tools.ts";

/** What every bus has to do. */
export function busContract(driver: BusDriver): void {
  describe(`bus on ${driver.name}`, { skip: driver.skip }, () => {
    publishing(driver);
    reading(driver);
    tellingUsage(driver);
    findingPositions(driver);
    sharing(driver);
    appending(driver);
    keepingState(driver);
  });
}

function publishing({ place: makePlace, cannotBeAway }: BusDriver): void {
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

  it("takes an id again after the window, and not before", async () => {
    const dedupeWindowMs = 500;
    await using place = await makePlace();
    await using bus = await place.open(streams({ dedupeWindowMs }));
    const asked = performance.now();
    await publishAll(bus, a1, ["m"]);
    const stored = performance.now();
    await waitFor("the id to be taken again", async () => {
      const ageMs = performance.now() - asked;
      const { duplicate } = await bus.publish(a1, { id: "m", data: bytes("again") });
      if (duplicate) assert.ok(ageMs < dedupeWindowMs * 2 + 500, "an id is not remembered much longer");
      else assert.ok(performance.now() - asked >= dedupeWindowMs, "an id is not forgotten within the window");
      return !duplicate;
    });
    assert.ok(performance.now() - stored >= dedupeWindowMs * 0.8);
    assert.deepEqual(texts(await readAll(bus)), ["m", "again"]);
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

  it("gives up after a bounded time while it is away, and says so", { skip: cannotBeAway ?? false }, async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    await bus.publish(a1, { id: "1", data: bytes("1") });
    const state = bus.state("leases");
    await state.put("a", bytes("1"));
    await place.leave();
    await waitFor("the bus to notice", () => bus.health().state === "away");
    const before = performance.now();
    const subject = rawSubject("state.one");
    const operations: [string, Promise<unknown>][] = [
      ["publish", bus.publish(a1, { id: "2", data: bytes("2") })],
      ["append", bus.append(subject, bytes("2"), 0)],
      ["last", bus.last(subject)],
      ["purge", bus.purge(subject, 1)],
      ["end", bus.end("events")],
      ["get", state.get("a")],
      ["put", state.put("a", bytes("2"))],
      ["delete", state.delete("a")],
      ["entries", state.entries("")],
      ["open a store", bus.state("other").get("a")],
    ];
    const failures = await Promise.all(
      operations.map(async ([name, operation]) => {
        const error: unknown = await operation.then(
          () => undefined,
          (failure: unknown) => failure,
        );
        return [name, (error as { code?: string } | undefined)?.code, performance.now() - before] as const;
      }),
    );
    for (const [name, code, ms] of failures) {
      assert.equal(code, "BUS_UNAVAILABLE", name);
      assert.ok(ms < 12_000, `${name} took ${ms} ms`);
    }
    const health = bus.health();
    assert.ok(health.state === "away" && health.reason !== "");
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

  const limits: [string, Partial<StreamSpec>][] = [
    ["count", { maxMessages: 10 }],
    ["bytes", { maxBytes: 20_000 }],
    ["age", { maxAgeMs: 400, dedupeWindowMs: 100 }],
  ];
  for (const [name, limit] of limits) {
    it(`keeps to its limit of ${name}, and names the gap that it left`, async () => {
      await using place = await makePlace();
      await using bus = await place.open(streams(limit));
      const [padding, ids] = ["x".repeat(990), numbered("m", 40)];
      await bus.publish(a1, { id: "first", data: bytes("first") });
      const [seen] = await readAll(bus);
      for (const id of ids) await bus.publish(a1, { id, data: bytes(`${id} ${padding}`) });
      const from = { epoch: seen!.epoch, after: seen!.through };
      const kept = await waitFor("the oldest to be dropped", async () => {
        await bus.publish(a2, { id: crypto.randomUUID(), data: bytes("newest") });
        const batches = await readAll(bus, { from });
        const messages = batches.flatMap((batch) => batch.messages);
        const count = messages.length;
        const size = messages.reduce((sum, { data }) => sum + data.byteLength, 0);
        const isWithin = count <= (limit.maxMessages ?? 1000) && size <= (limit.maxBytes ?? 1e9);
        return isWithin && batches[0]?.lost && { lost: batches[0].lost, messages };
      });
      assert.equal(kept.lost.from, 2, "the first that the reader has not seen");
      assert.equal(kept.messages[0]?.sequence, kept.lost.to + 1, "the gap ends where what is kept begins");
      assert.equal(textOf(kept.messages.at(-1)!), "newest", "the newest are kept");
      const sequences = kept.messages.map(({ sequence }) => sequence);
      assert.deepEqual(
        sequences,
        Array.from(sequences, (_, index) => kept.lost.to + 1 + index),
        "without holes",
      );
      if (limit.maxMessages) assert.equal(kept.messages.length, limit.maxMessages, "no more is dropped than has to be");
      if (limit.maxAgeMs) return; // more may go while it is being read, which is a gap too
      assert.equal((await readAll(bus))[0]?.lost, undefined, "from the first on nothing is lost");
    });
  }

  it("tells of a loss right after a hole that is none", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams({ maxMessages: 5 }));
    const stop = new AbortController();
    const query = { subjects: [a1], from: "first", follow: true, maxBatch: 1 } as const;
    await publishAll(bus, a2, ["other"]);
    await publishAll(bus, a1, ["0"]);
    const reader = bus.read(query, stop.signal)[Symbol.asyncIterator]();
    const seen = new Set<number>();
    const take = async (): Promise<void> => {
      const { messages, lost } = (await reader.next()).value as ReadBatch;
      for (const { sequence } of messages) seen.add(sequence);
      for (let sequence = lost?.from ?? 1; sequence <= (lost?.to ?? 0); sequence++) seen.add(sequence);
    };
    await take();
    assert.ok(seen.has(2), "the hole, in which another subject's message is, has been passed");
    for (const id of numbered("m", 40)) await publishAll(bus, a1, [id]); // one after the other: most are dropped unread
    while (!seen.has(42)) await take();
    stop.abort();
    await reader.return?.();
    const unseen = Array.from({ length: 40 }, (_, index) => index + 3).filter((sequence) => !seen.has(sequence));
    assert.deepEqual(unseen, [], "read, or told to be lost");
  });

  it("holds little of what a slow reader has not taken", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const size = 256 * 1024;
    const data = new Uint8Array(size);
    const ids = numbered("m", 320);
    for (let at = 0; at < ids.length; at += 20) {
      await Promise.all(ids.slice(at, at + 20).map((id) => bus.publish(a1, { id, data })));
    }
    const stop = new AbortController();
    const reader = bus.read({ subjects: [all], from: "first", follow: true }, stop.signal)[Symbol.asyncIterator]();
    const before = heldBytes();
    let count = ((await reader.next()).value as ReadBatch).messages.length;
    await waitFor("what is fetched ahead to settle", settled(heldBytes));
    const held = heldBytes() - before;
    assert.ok(held < 40 * 1024 * 1024, `${Math.round(held / 2 ** 20)} MiB held of ${(ids.length * size) / 2 ** 20}`);
    while (count < ids.length) count += ((await reader.next()).value as ReadBatch).messages.length;
    assert.equal(count, ids.length);
    stop.abort();
    await reader.return?.();
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

function findingPositions({ place: makePlace }: BusDriver): void {
  it("finds where to start for a time", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const { epoch } = await bus.end("events");
    const at = async (ms: number) => (await bus.positionAt("events", ms)).after;
    assert.deepEqual(await bus.positionAt("events", 0), { epoch, after: 0 });
    for (const text of ["1", "2", "3", "4"]) {
      await publishAll(bus, a1, [text]);
      const stored = Date.now();
      await waitFor("the clock to go on, so that each has a time of its own", () => Date.now() > stored + 20);
    }
    const [first, second, third] = (await readAll(bus))
      .flatMap(({ messages }) => messages)
      .map(({ storedAt }) => Math.floor(storedAt));
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    assert.deepEqual([await at(0), await at(first - 1), await at(first)], [0, 0, 0]);
    assert.deepEqual([await at(first + 10), await at(second), await at(third), await at(third + 10)], [1, 1, 2, 3]);
    assert.equal(await at(Date.now() + 60_000), 4);
    await bus.purge(a1, 3);
    assert.equal(await at(0), 2, "what is gone is no place to start");
    const { oldest } = (await bus.usage()).find(({ name }) => name === "events") ?? assert.fail();
    assert.equal(oldest?.sequence, 3);
    await bus.purge(a1, 5);
    assert.equal(await at(0), 4, "the end of an empty stream");
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

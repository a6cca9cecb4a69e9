import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { StreamSpec } from "../../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../../src/events/bus/jetstream.ts";
import { type Connection, openConnection } from "../../../src/events/bus/jetstream-connection.ts";
import { StreamReader } from "../../../src/events/bus/jetstream-reader.ts";
import { argoStream } from "../../../src/events/bus/streams.ts";
import { rawSubject } from "../../../src/record/subject.ts";
import { oddHeaders, publishRaw } from "../../harness/nats-raw.ts";
import { natsServerMissing, startNatsServer } from "../../harness/nats-server.ts";
import { waitFor } from "../../harness/wait.ts";

const streams: StreamSpec[] = [{ name: "events", subjects: [rawSubject("events.>")], dedupeWindowMs: 60_000 }];
const subject = rawSubject("events.a.1");

function open(servers: string, specs = streams) {
  return openJetStreamBus({ servers, streams: specs, log: silentLogger, clock: systemClock, name: "test" });
}

describe("the JetStream bus", { skip: natsServerMissing() ?? false }, () => {
  it("refuses publishes after a bounded wait while the server is away, and readers go on when it is back, whatever messages of others are", async () => {
    await using server = await startNatsServer();
    await using bus = await open(server.url);
    const stop = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const batch of bus.read({ subjects: [subject], from: "first", follow: true }, stop.signal)) {
        for (const message of batch.messages) seen.push(Buffer.from(message.data).toString());
      }
    })();
    await bus.publish(subject, { id: "1", data: Buffer.from("1") });
    await server.kill();
    await waitFor("the bus to be away", () => bus.health().state === "away");
    const before = performance.now();
    await assert.rejects(bus.publish(subject, { id: "2", data: Buffer.from("2") }), { code: "BUS_UNAVAILABLE" });
    assert.ok(performance.now() - before < 12_000);
    const waiting = bus.publish(subject, { id: "3", data: Buffer.from("3") });
    await server.restart();
    assert.equal((await waiting).sequence, 2);
    await waitFor("the reader to go on", () => seen.length === 2);
    assert.deepEqual(seen, ["1", "3"]);
    for (const odd of oddHeaders) await publishRaw(server.url, subject, odd); // of others, who have a way to the stream
    await bus.publish(subject, { id: "4", data: Buffer.from("4") });
    await waitFor("what others wrote, too", () => seen.length === 3 + oddHeaders.length);
    assert.deepEqual(seen, ["1", "3", ...oddHeaders.map(() => ""), "4"]);
    assert.equal(bus.health().state, "connected");
    stop.abort();
    await reading;
  });

  it("gives up a read to the end that finds the stream each time, and gets nothing of it", async () => {
    await using server = await startNatsServer();
    await using bus = await open(server.url);
    await bus.publish(subject, { id: "1", data: Buffer.from("1") });
    const options = { servers: server.url, name: "test", log: silentLogger, clock: systemClock };
    await using connection = await openConnection(options);
    const { jsm, nc } = connection;
    let consumers = 0;
    const failing: Connection = Object.assign(Object.create(connection), {
      nc: Object.assign(Object.create(nc), {
        publish: () => undefined,
        isClosed: () => false,
        subscribe: nc.subscribe.bind(nc),
      }),
      jsm: {
        streams: jsm.streams,
        consumers: {
          add: (...args: Parameters<typeof jsm.consumers.add>) => ++consumers && jsm.consumers.add(...args),
          info: async () => Promise.reject(new Error("no leader")),
          delete: jsm.consumers.delete.bind(jsm.consumers),
        },
      },
    });
    const query = { subjects: [subject], from: "first", follow: false } as const;
    const reader = new StreamReader(
      { connection: failing, clock: systemClock, log: silentLogger },
      streams[0] as StreamSpec,
      query,
    );
    const read = async (): Promise<void> => {
      for await (const { messages } of reader.read(new AbortController().signal)) assert.equal(messages.length, 0);
    };
    await assert.rejects(read(), { code: "BUS_UNAVAILABLE", message: /no leader/ });
    assert.equal(consumers, 3);
  });

  const current = natsServerMissing("current");
  it("makes another consumer when a server sends nothing of what it has", { skip: current ?? false }, async () => {
    await using server = await startNatsServer({ release: "current" });
    const clock = { ...systemClock, monotonicMs: () => 2 * systemClock.monotonicMs() }; // patience of half the time
    await using bus = await openJetStreamBus({ servers: server.url, streams, log: silentLogger, clock, name: "test" });
    const stop = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      const query = { subjects: [rawSubject("events.>")], from: "first", follow: true } as const;
      for await (const { messages } of bus.read(query, stop.signal))
        seen.push(...messages.map(({ sequence }) => sequence));
    })();
    await bus.publish(subject, { id: "1", data: Buffer.from("1") });
    await waitFor("the first", () => seen.length === 1);
    const nc = await connect({ servers: server.url });
    const jsm = await jetstreamManager(nc);
    // A paused consumer says that messages are pending, sends heartbeats, and no messages: as one that is stuck.
    const [paused] = await jsm.consumers.list("events").next();
    await jsm.consumers.pause("events", paused?.name ?? "", new Date(Date.now() + 3_600_000));
    await bus.publish(subject, { id: "2", data: Buffer.from("2") });
    await waitFor("the second", () => seen.length === 2);
    assert.deepEqual(seen, [1, 2]);
    await nc.close();
    stop.abort();
    await reading;
  });

  it("says that JetStream is off", async () => {
    await using server = await startNatsServer({ jetstream: false });
    await assert.rejects(open(server.url), { code: "BUS_UNSUPPORTED" });
  });

  it("names the server that does not answer, without its password", async () => {
    await assert.rejects(open("nats://me:secret@127.0.0.1:1"), (error: Error & { code?: string }) => {
      assert.equal(error.code, "BUS_UNAVAILABLE");
      assert.match(error.message, /nats:\/\/127\.0\.0\.1:1/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });

  it("changes limits of a stream, and names what it cannot change", async () => {
    await using server = await startNatsServer();
    await (await open(server.url))[Symbol.asyncDispose]();
    await (await open(server.url, [{ ...streams[0]!, maxMessages: 5 }]))[Symbol.asyncDispose]();
    const nc = await connect({ servers: server.url });
    const jsm = await jetstreamManager(nc);
    assert.equal((await jsm.streams.info("events")).config.max_msgs, 5);
    await jsm.streams.add({ name: "other", subjects: ["other.>"], storage: StorageType.Memory });
    await nc.close();
    const other = { name: "other", subjects: [rawSubject("other.>")], dedupeWindowMs: 60_000 };
    await assert.rejects(open(server.url, [other]), {
      code: "BUS_STREAM_MISMATCH",
      message: /storage is "memory", wanted "file"/,
    });
  });
});

const query = { subjects: [subject], from: "first", follow: true } as const;
const noLimits = { max_age: 0, max_msgs: -1, max_bytes: -1 };

const mismatches: [string, Partial<StreamConfig>, RegExp][] = [
  ["work queue", { retention: RetentionPolicy.Workqueue }, /retention is "workqueue", wanted "limits"/],
  ["interest", { retention: RetentionPolicy.Interest }, /retention is "interest", wanted "limits"/],
  ["no acknowledgements", { no_ack: true }, /no_ack is true, wanted false/],
];
const updates: [string, Partial<StreamConfig>][] = [
  ["a limit for each subject", { max_msgs_per_subject: 1 }],
  ["refusal when full", { discard: DiscardPolicy.New, max_msgs: 3 }],
  ["a limit of message size", { max_msg_size: 10 }],
  ["a short window", { duplicate_window: 1e9 }],
];

for (const release of ["installed", "current"] as const) {
  describe(`a stream that exists, on the ${release} nats-server`, { skip: natsServerMissing(release) ?? false }, () => {
    for (const [name, config, message] of mismatches) {
      it(`is refused with the difference: ${name}`, async () => {
        await using server = await startNatsServer({ release });
        await changeStreams(server.url, (jsm) =>
          jsm.streams.add({ name: "events", subjects: [subject], storage: StorageType.File, ...config }),
        );
        await assert.rejects(open(server.url), { code: "BUS_STREAM_MISMATCH", message });
        const shared = open(server.url, [{ ...streams[0]!, subjects: [subject], isShared: true }]);
        if (config.no_ack) return await assert.rejects(shared, { code: "BUS_STREAM_MISMATCH" });
        // Others made it so: it is moved elsewhere, and told apart by what it forgets.
        await using bus = await shared;
        assert.equal((await bus.usage())[0]?.forgets, config.retention);
      });
    }

    for (const [name, config] of updates) {
      it(`is brought to what is wanted: ${name}`, async () => {
        await using server = await startNatsServer({ release });
        const wanted = await changeStreams(server.url, async (jsm) => {
          await (await open(server.url))[Symbol.asyncDispose]();
          const { config: made } = await jsm.streams.info("events");
          await jsm.streams.update("events", config);
          return made;
        });
        await (await open(server.url))[Symbol.asyncDispose]();
        const found = await changeStreams(server.url, (jsm) => jsm.streams.info("events"));
        assert.deepEqual(found.config, wanted);
      });
    }

    it("keeps state whose watch goes on after the server was killed", async () => {
      await using server = await startNatsServer({ release });
      await using bus = await open(server.url);
      const state = bus.state("leases");
      await state.put("a", Buffer.from("1"));
      await state.put("b", Buffer.from("1"));
      const stop = new AbortController();
      const seen: string[] = [];
      const watching = (async () => {
        for await (const change of state.watch("", stop.signal)) {
          seen.push("deleted" in change ? `${change.key} deleted` : `${change.key}=${Buffer.from(change.value)}`);
        }
      })();
      await waitFor("what there is", () => seen.length === 2);
      await server.kill();
      await server.restart();
      await waitFor("the bus to be back", () => bus.health().state === "connected");
      await using other = await open(server.url);
      await other.state("leases").put("a", Buffer.from("2"));
      await other.state("leases").delete("b");
      await waitFor("both changes", () => seen.length === 4, 30_000);
      assert.deepEqual(seen, ["a=1", "b=1", "a=2", "b deleted"]);
      stop.abort();
      await watching;
    });

    it("made anew under a reader that follows is read from its first message", async () => {
      await using server = await startNatsServer({ release });
      await using bus = await open(server.url);
      const stop = new AbortController();
      const seen: string[] = [];
      const epochs = new Set<string>();
      const reading = (async () => {
        for await (const { epoch, messages } of bus.read(query, stop.signal)) {
          epochs.add(epoch);
          seen.push(...messages.map(({ data, sequence }) => `${sequence} ${Buffer.from(data)}`));
        }
      })();
      await bus.publish(subject, { id: "1", data: Buffer.from("old") });
      await bus.publish(subject, { id: "2", data: Buffer.from("older") });
      await waitFor("the old stream to be read", () => seen.length === 2);
      await changeStreams(server.url, (jsm) => jsm.streams.delete("events"));
      await using again = await open(server.url);
      await again.publish(subject, { id: "3", data: Buffer.from("new") });
      await waitFor("the new stream to be read", () => seen.length === 3, 20_000);
      assert.deepEqual(seen, ["1 old", "2 older", "1 new"]);
      assert.equal(epochs.size, 2);
      stop.abort();
      await reading;
    });

    it("is left as it is when it is shared, whatever its limits", async () => {
      await using server = await startNatsServer({ release });
      const theirs = { name: "default", subjects: ["default.>"], storage: StorageType.Memory, max_msgs: 7, max_age: 0 };
      const before = await changeStreams(server.url, (jsm) => jsm.streams.add({ ...noLimits, ...theirs }));
      const ours = { ...argoStream({ maxMsgs: 3 }), isShared: true };
      await using bus = await open(server.url, [ours]);
      await bus.publish(rawSubject("default.a.b"), { id: "1", data: Buffer.from("1") });
      const after = await changeStreams(server.url, (jsm) => jsm.streams.info("default"));
      assert.deepEqual(after.config, before.config);
    });

    it("is refused when it is shared and does not take our subjects", async () => {
      await using server = await startNatsServer({ release });
      const narrow = { name: "default", subjects: ["default.a.*", "other.>"] };
      await changeStreams(server.url, (jsm) => jsm.streams.add(narrow));
      await assert.rejects(open(server.url, [{ ...argoStream(), isShared: true }]), {
        code: "BUS_STREAM_MISMATCH",
        message: /it takes no "default\.\*\.\*" but default\.a\.\*, other\.>/,
      });
    });
  });
}

async function changeStreams<T>(url: string, change: (jsm: JetStreamManager) => Promise<T>): Promise<T> {
  const nc = await connect({ servers: url });
  try {
    return await change(await jetstreamManager(nc));
  } finally {
    await nc.close();
  }
}

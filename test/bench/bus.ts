import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, createInbox, headers } from "@nats-io/transport-node";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { EventBus, StreamSpec } from "../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../src/events/bus/jetstream.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { startNatsServer } from "../harness/nats-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import type { Bench, BenchRow } from "./bench.ts";

const subject = rawSubject("events.shop.webhook.push");
const data = new Uint8Array(1024).fill(120);
const callers = 512;
const streams: readonly StreamSpec[] = [
  { name: "events", subjects: [rawSubject("events.>")], dedupeWindowMs: 120_000 },
];

export const busBenches: readonly Bench[] = [
  { name: "bus sqlite", run: ({ quick }) => sqlite(quick ? 20_000 : 100_000) },
  { name: "bus jetstream", run: ({ quick }) => jetStream(quick ? 20_000 : 100_000) },
];

async function sqlite(count: number): Promise<readonly BenchRow[]> {
  await using dir = await tempDir();
  const barePath = join(dir.path, "bare.db");
  const barePublish = bareSqlitePublish(barePath, count);
  const bareRead = bareSqliteRead(barePath, count);
  await using bus = await openSqliteBus({ path: join(dir.path, "bus.db"), streams, log: silentLogger });
  const publish = await publishRate(bus, count);
  const read = await readRate(bus, count);
  return [row("sqlite publish", publish, barePublish), row("sqlite read", read, bareRead)];
}

async function jetStream(count: number): Promise<readonly BenchRow[]> {
  await using server = await startNatsServer();
  const bare = await bareJetStream(server.url, count);
  const options = { servers: server.url, streams, log: silentLogger, clock: systemClock, name: "bench" };
  await using bus = await openJetStreamBus(options);
  const publish = await publishRate(bus, count);
  const read = await readRate(bus, count);
  return [row("jetstream publish", publish, bare.publish), row("jetstream read", read, bare.read)];
}

function row(name: string, value: number, limit: number): BenchRow {
  return { name, value, unit: "messages/s", limit, ratio: value / limit };
}

function perSecond(count: number, startedAt: number): number {
  return Math.round((count * 1000) / (performance.now() - startedAt));
}

async function publishRate(bus: EventBus, count: number): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) await bus.publish(subject, { id: `id-${next++}`, data });
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return perSecond(count, startedAt);
}

async function readRate(bus: EventBus, count: number): Promise<number> {
  const startedAt = performance.now();
  let read = 0;
  const query = { subjects: [rawSubject("events.>")], from: "first", follow: false } as const;
  for await (const batch of bus.read(query, new AbortController().signal)) read += batch.messages.length;
  if (read !== count) throw new Error(`read ${read} of ${count}`);
  return perSecond(count, startedAt);
}

/** One loop, transactions of what 512 callers wait for, FULL, the same table. */
function bareSqlitePublish(path: string, count: number): number {
  using db = new DatabaseSync(path);
  db.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
  db.exec("CREATE TABLE m (sequence INTEGER PRIMARY KEY, subject TEXT, id TEXT, stored_at INTEGER, data BLOB)");
  const insert = db.prepare("INSERT INTO m VALUES (?, ?, ?, ?, ?)");
  const startedAt = performance.now();
  for (let done = 0; done < count; ) {
    db.exec("BEGIN IMMEDIATE");
    for (let index = 0; index < callers && done < count; index++, done++) {
      insert.run(done + 1, subject, `id-${done}`, Date.now(), data);
    }
    db.exec("COMMIT");
  }
  return perSecond(count, startedAt);
}

function bareSqliteRead(path: string, count: number): number {
  using db = new DatabaseSync(path);
  const startedAt = performance.now();
  let read = 0;
  for (const found of db.prepare("SELECT sequence, subject, stored_at, data FROM m ORDER BY sequence").iterate()) {
    if (found.data) read++;
  }
  if (read !== count) throw new Error(`read ${read} of ${count}`);
  return perSecond(count, startedAt);
}

async function bareJetStream(url: string, count: number): Promise<{ readonly publish: number; readonly read: number }> {
  const nc = await connect({ servers: url });
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "bare", subjects: ["bare.>"] });
  const inbox = createInbox();
  const { promise: acked, resolve } = Promise.withResolvers<void>();
  let sent = 0;
  let acks = 0;
  const send = (): void => {
    if (sent >= count) return;
    const header = headers();
    header.set("Nats-Msg-Id", `id-${sent}`);
    nc.publish("bare.shop.webhook.push", data, { reply: `${inbox}.${sent++}`, headers: header });
  };
  nc.subscribe(`${inbox}.*`, {
    callback: () => {
      acks++;
      if (acks === count) resolve();
      send();
    },
  });
  let startedAt = performance.now();
  for (let index = 0; index < callers; index++) send();
  await acked;
  const publish = perSecond(count, startedAt);
  startedAt = performance.now();
  const consumer = await jetstream(nc).consumers.get("bare", { deliver_policy: DeliverPolicy.All });
  let read = 0;
  for await (const _ of await consumer.consume({ max_messages: 1000 })) if (++read === count) break;
  const result = { publish, read: perSecond(count, startedAt) };
  await jsm.streams.delete("bare");
  await nc.close();
  return result;
}

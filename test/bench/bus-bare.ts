import { DatabaseSync, type StatementSync } from "node:sqlite";
import { AckPolicy, DeliverPolicy, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, createInbox, headers, type NatsConnection } from "@nats-io/transport-node";

// What the bus rows are measured against: the same messages by the bare client, and by bare SQL.

/** Messages a second. */
export interface BusRates {
  readonly publish: number;
  readonly read: number;
  readonly share: number;
}

export const subject = "events.shop.webhook.push";
export const data = new Uint8Array(1024).fill(120);
export const callers = 512;
/** Messages of one batch, and handed out to one who shares. */
export const batchSize = 1000;

export function perSecond(count: number, startedAt: number): number {
  return Math.round((count * 1000) / (performance.now() - startedAt));
}

/** Own ack counting; an ordered consumer; a durable consumer that is pulled from, each message acknowledged. */
export async function bareJetStream(url: string, count: number): Promise<BusRates> {
  const nc = await connect({ servers: url });
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "bare", subjects: ["bare.>"] });
  try {
    const publish = await barePublish(nc, count);
    const read = await bareRead(nc, count);
    return { publish, read, share: await bareShare(nc, jsm, count) };
  } finally {
    await jsm.streams.delete("bare");
    await nc.close();
  }
}

async function barePublish(nc: NatsConnection, count: number): Promise<number> {
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
  const startedAt = performance.now();
  for (let index = 0; index < callers; index++) send();
  await acked;
  return perSecond(count, startedAt);
}

async function bareRead(nc: NatsConnection, count: number): Promise<number> {
  const startedAt = performance.now();
  const consumer = await jetstream(nc).consumers.get("bare", { deliver_policy: DeliverPolicy.All });
  let read = 0;
  for await (const _ of await consumer.consume({ max_messages: batchSize })) if (++read === count) break;
  return perSecond(count, startedAt);
}

async function bareShare(nc: NatsConnection, jsm: JetStreamManager, count: number): Promise<number> {
  const startedAt = performance.now();
  await jsm.consumers.add("bare", {
    durable_name: "workers",
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: batchSize,
  });
  const consumer = await jetstream(nc).consumers.get("bare", "workers");
  let done = 0;
  for await (const message of await consumer.consume({ max_messages: batchSize })) {
    message.ack();
    if (++done === count) break;
  }
  await nc.flush();
  return perSecond(count, startedAt);
}

/** Transactions of what 512 callers wait for, FULL; a SELECT; a SELECT and the position stored after each batch. */
export function bareSqlite(path: string, count: number): BusRates {
  using db = new DatabaseSync(path);
  db.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
  db.exec("CREATE TABLE m (sequence INTEGER PRIMARY KEY, subject TEXT, id TEXT, stored_at INTEGER, data BLOB)");
  db.exec("CREATE TABLE positions (name TEXT PRIMARY KEY, after INTEGER)");
  const publish = bareInserts(db, count);
  const all = db.prepare("SELECT sequence, subject, stored_at, data FROM m ORDER BY sequence");
  return { publish, read: bareSelect(all, count), share: bareBatches(db, count) };
}

function bareInserts(db: DatabaseSync, count: number): number {
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

function bareSelect(all: StatementSync, count: number): number {
  const startedAt = performance.now();
  let read = 0;
  for (const found of all.iterate()) if (found.data) read++;
  if (read !== count) throw new Error(`read ${read} of ${count}`);
  return perSecond(count, startedAt);
}

function bareBatches(db: DatabaseSync, count: number): number {
  const select = db.prepare("SELECT sequence, subject, stored_at, data FROM m WHERE sequence > ? LIMIT ?");
  const store = db.prepare("INSERT OR REPLACE INTO positions VALUES ('workers', ?)");
  const startedAt = performance.now();
  let after = 0;
  while (after < count) {
    for (const { sequence } of select.iterate(after, batchSize)) after = Number(sequence);
    store.run(after);
  }
  return perSecond(count, startedAt);
}

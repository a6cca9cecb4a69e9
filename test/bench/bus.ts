import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { EventBus, StreamSpec } from "../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../src/events/bus/jetstream.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { startNatsServer } from "../harness/nats-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { type Bench, type BenchRow, inRounds } from "./bench.ts";
import { type BusRates, bareJetStream, bareSqlite, batchSize, callers, data, perSecond, subject } from "./bus-bare.ts";

const streams: readonly StreamSpec[] = [
  { name: "events", subjects: [rawSubject("events.>")], dedupeWindowMs: 120_000 },
];

interface Size {
  readonly rounds: number;
  readonly count: number;
}

function sizeOf(quick: boolean): Size {
  return quick ? { rounds: 1, count: 20_000 } : { rounds: 5, count: 100_000 };
}

/** What the design asks of the ratios. */
const leastRatios = {
  sqlite: { publish: 0.7 },
  jetstream: { publish: 0.8, read: 0.8, share: 0.8 },
} as const;

export const busBenches: readonly Bench[] = [
  {
    name: "bus sqlite",
    run: ({ quick }) => {
      const { rounds, count } = sizeOf(quick);
      return inRounds(rounds, (round) => sqlite(count, round));
    },
  },
  {
    name: "bus jetstream",
    run: ({ quick }) => {
      const { rounds, count } = sizeOf(quick);
      return inRounds(rounds, (round) => jetStream(count, round));
    },
  },
];

async function sqlite(count: number, round: number): Promise<readonly BenchRow[]> {
  await using dir = await tempDir();
  const [ours, bare] = await inTurn(
    round,
    async () => {
      await using bus = await openSqliteBus({ path: join(dir.path, "bus.db"), streams, log: silentLogger });
      return await ratesOf(bus, count);
    },
    async () => bareSqlite(join(dir.path, "bare.db"), count),
  );
  return rowsOf("sqlite", ours, bare);
}

async function jetStream(count: number, round: number): Promise<readonly BenchRow[]> {
  await using server = await startNatsServer();
  const options = { servers: server.url, streams, log: silentLogger, clock: systemClock, name: "bench" };
  const [ours, bare] = await inTurn(
    round,
    async () => {
      await using bus = await openJetStreamBus(options);
      return await ratesOf(bus, count);
    },
    () => bareJetStream(server.url, count),
  );
  return rowsOf("jetstream", ours, bare);
}

/** Who is second finds everything warm: in every other round that is the other. */
async function inTurn<T>(round: number, ours: () => Promise<T>, bare: () => Promise<T>): Promise<[ours: T, bare: T]> {
  if (round % 2 === 0) {
    const limit = await bare();
    return [await ours(), limit];
  }
  return [await ours(), await bare()];
}

function rowsOf(driver: keyof typeof leastRatios, ours: BusRates, bare: BusRates): readonly BenchRow[] {
  const least: Partial<Record<keyof BusRates, number>> = leastRatios[driver];
  return (["publish", "read", "share"] as const).map((operation) => {
    const [value, limit, leastRatio] = [ours[operation], bare[operation], least[operation]];
    const row = { name: `${driver} ${operation}`, value, unit: "messages/s", limit, ratio: value / limit };
    return leastRatio === undefined ? row : { ...row, leastRatio };
  });
}

async function ratesOf(bus: EventBus, count: number): Promise<BusRates> {
  const publish = await publishRate(bus, count);
  const read = await readRate(bus, count);
  return { publish, read, share: await shareRate(bus, count) };
}

async function publishRate(bus: EventBus, count: number): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) await bus.publish(rawSubject(subject), { id: `id-${next++}`, data });
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return perSecond(count, startedAt);
}

async function readRate(bus: EventBus, count: number): Promise<number> {
  const startedAt = performance.now();
  let read = 0;
  const query = { subjects: [rawSubject("events.>")], from: "first", follow: false, maxBatch: batchSize } as const;
  for await (const batch of bus.read(query, new AbortController().signal)) read += batch.messages.length;
  if (read !== count) throw new Error(`read ${read} of ${count}`);
  return perSecond(count, startedAt);
}

async function shareRate(bus: EventBus, count: number): Promise<number> {
  const startedAt = performance.now();
  const stop = new AbortController();
  const options = { maxInFlight: batchSize, ackWaitMs: 30_000, from: "first" } as const;
  const acks: Promise<void>[] = [];
  for await (const deliveries of bus.share("workers", rawSubject("events.>"), options, stop.signal)) {
    for (const delivery of deliveries) acks.push(delivery.ack());
    if (acks.length >= count) break;
  }
  await Promise.all(acks);
  const rate = perSecond(count, startedAt);
  stop.abort();
  return rate;
}

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { boundHeap } from "../../src/base/memory.ts";
import type { EventBus } from "../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../src/events/bus/jetstream.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { startNatsServer } from "../harness/nats-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { bareSensorRate } from "./bare-sensor.ts";
import { type Bench, type BenchRow, inRounds } from "./bench.ts";
import { perSecond } from "./bus-bare.ts";
import { eventBytes, openSensorRig, publishAll, subjectFor } from "./sensor-rig.ts";

const streams = systemStreams();
const manySensors = 1000;
const eventPrefix = "event-";
const maxP99Ms = 20;
/** How long events come at half of the load. */
const pacedSeconds = 5;

type OnBus = (use: (bus: EventBus) => Promise<void>) => Promise<void>;

const drivers: Readonly<Record<string, OnBus>> = {
  async sqlite(use) {
    await using dir = await tempDir();
    await using bus = await openSqliteBus({ path: join(dir.path, "bus.db"), streams, log: silentLogger });
    await use(bus);
  },
  async jetstream(use) {
    await using server = await startNatsServer();
    const options = { servers: server.url, streams, log: silentLogger, clock: systemClock, name: "bench" };
    await using bus = await openJetStreamBus(options);
    await use(bus);
  },
};

/** The runner with all that belongs to it, in this process: events are on the bus before it begins to read. */
export const sensorsBenches: readonly Bench[] = Object.entries(drivers).map(([driver, onBus]) => ({
  name: `sensors ${driver}`,
  run: async ({ quick }) => {
    using _bound = boundHeap(); // as the engine has it
    const count = quick ? 10_000 : 100_000;
    const rates = await inRounds(quick ? 1 : 3, () => rateRows(driver, onBus, count));
    return [...rates, ...(await latencyRows(driver, onBus, count))];
  },
}));

async function rateRows(driver: string, onBus: OnBus, count: number): Promise<readonly BenchRow[]> {
  const one = await drain(onBus, count, 1);
  const many = await drain(onBus, count, manySensors);
  return [
    rowOf(`${driver}: one Sensor, against read`, one.rate, one.read, 0.5),
    rowOf(`${driver}: one Sensor, against the same by hand`, one.rate, one.bare),
    rowOf(`${driver}: 1,000 Sensors on 1,000 subjects, against one`, many.rate, one.rate, 0.8),
  ];
}

function rowOf(name: string, value: number, limit: number, leastRatio?: number): BenchRow {
  const least = leastRatio === undefined ? {} : { leastRatio };
  return { name, value, unit: "events/s", limit, ratio: value / limit, ...least };
}

/** Events a second from the first read to the last trigger, as `read` alone gives them, and with the least work on each. */
async function drain(
  onBus: OnBus,
  count: number,
  sensors: number,
): Promise<{ rate: number; read: number; bare: number }> {
  let rates = { rate: 0, read: 0, bare: 0 };
  await onBus(async (bus) => {
    const start = await bus.end("events");
    await publishAll(bus, count, sensors);
    const read = await readRate(bus, count);
    const bare = sensors === 1 ? await bareSensorRate(bus, count) : 0;
    const all = Promise.withResolvers<void>();
    let fired = 0;
    await using rig = await openSensorRig(bus, sensors, start, () => {
      if (++fired === count) all.resolve();
    });
    const startedAt = performance.now();
    rig.read();
    await all.promise;
    rates = { rate: perSecond(count, startedAt), read, bare };
  });
  return rates;
}

async function readRate(bus: EventBus, count: number): Promise<number> {
  const startedAt = performance.now();
  let read = 0;
  const query = { subjects: [rawSubject("events.>")], from: "first", follow: false } as const;
  for await (const { messages } of bus.read(query, new AbortController().signal)) read += messages.length;
  if (read !== count) throw new Error(`read ${read} of ${count}`);
  return perSecond(count, startedAt);
}

/** Publishing and 1,000 Sensors in one process: as fast as it goes, then at half of that. */
async function latencyRows(driver: string, onBus: OnBus, count: number): Promise<readonly BenchRow[]> {
  let load = 0;
  let p99 = 0;
  await onBus(async (bus) => {
    const all = Promise.withResolvers<void>();
    let fired = 0;
    await using rig = await openSensorRig(bus, manySensors, await bus.end("events"), () => {
      if (++fired === count) all.resolve();
    });
    rig.read();
    const startedAt = performance.now();
    await publishAll(bus, count, manySensors);
    await all.promise;
    load = perSecond(count, startedAt);
  });
  await onBus(async (bus) => {
    p99 = await p99At(bus, load / 2);
  });
  const name = `${driver}: event to trigger, p99 at ${Math.round(load / 2).toLocaleString("en")} events/s`;
  return [{ name, value: p99, unit: "ms", limit: maxP99Ms, ratio: p99 / maxP99Ms, budget: maxP99Ms }];
}

/** From the call of `publish` to the end of the trigger; what comes in the first fifth of the time warms up. */
async function p99At(bus: EventBus, rate: number): Promise<number> {
  const count = Math.round(rate * pacedSeconds);
  const sentAt = new Float64Array(count);
  const times: number[] = [];
  await using rig = await openSensorRig(bus, manySensors, await bus.end("events"), (id) => {
    times.push(performance.now() - (sentAt[Number(id.slice(eventPrefix.length))] ?? 0));
  });
  rig.read();
  const startedAt = performance.now();
  let kept = 0;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, ((performance.now() - startedAt) / 1000) * rate);
    for (; sent < due; sent++) {
      const [id, n] = [`${eventPrefix}${sent}`, sent % manySensors];
      sentAt[sent] = performance.now();
      bus.publish(subjectFor(n), { id, data: eventBytes(id, n) }).then(() => kept++, failed.reject);
    }
    await sleep(1);
  }
  while (kept < count || times.length < count) await Promise.race([sleep(10), failed.promise]);
  const measured = times.slice(count / 5).sort((a, b) => a - b);
  return measured[Math.floor(measured.length * 0.99)] ?? 0;
}

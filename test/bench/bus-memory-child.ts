import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { releaseGarbage } from "../../src/base/memory.ts";
import type { EventBus } from "../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../src/events/bus/jetstream.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { parseSystemSubject } from "../../src/events/sensor/arrival.ts";
import { createEventReader, type EventReader } from "../../src/events/sensor/reader.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import { eventSubject, rawSubject } from "../../src/record/subject.ts";
import { waitFor } from "../harness/wait.ts";
import { callers } from "./bus-bare.ts";
import type { MemoryMeasured } from "./bus-memory.ts";

// Publishes and reads, with slow readers attached, in a process of its own: what another bench left in the heap must not
// count.
//   node bus-memory-child.ts sqlite FILE | jetstream URL COUNT…
// Prints the memory in use after each COUNT of events, as JSON.

const [driver = "", target = "", ...counts] = process.argv.slice(2);
const subject = eventSubject("shop", "in", "push");
const streams = systemStreams();
/** Between two batches of a slow reader: a hundredth of what is published reaches it. */
const slowMs = 500;

await using bus = await open();
const reader = createEventReader({
  name: "system",
  bus,
  stream: "events",
  subjects: [rawSubject("events.>")],
  parseSubject: parseSystemSubject,
  onInvalid: (_, reason) => {
    throw new Error(reason);
  },
});
const stop = new AbortController();
let published = 0;
let taken = 0;
const start = await bus.end("events");
const work = [
  reader.run(stop.signal),
  take(reader, async (count) => {
    taken += count;
  }),
  take(reader, () => sleep(slowMs)),
  readSlowly(bus),
];
const measured: MemoryMeasured[] = [];
for (const count of counts) measured.push(await after(Number(count)));
stop.abort();
await Promise.all(work);
console.log(JSON.stringify(measured));

function open(): Promise<EventBus> {
  if (driver === "sqlite") return openSqliteBus({ path: target, streams, log: silentLogger });
  return openJetStreamBus({ servers: target, streams, log: silentLogger, clock: systemClock, name: "bench" });
}

async function take(from: EventReader, done: (count: number) => Promise<unknown>): Promise<void> {
  await from.subscribe([subject], start, stop.signal).follow(async ({ events }) => {
    await done([...events].length);
  });
}

async function readSlowly(from: EventBus): Promise<void> {
  for await (const _ of from.read({ subjects: [subject], from: "first", follow: true }, stop.signal))
    await sleep(slowMs);
}

async function after(count: number): Promise<MemoryMeasured> {
  const caller = async (): Promise<void> => {
    while (published < count) {
      const id = `${(published++).toString(16)}-1f0c2e7a9b3d4c5e`;
      await bus.publish(subject, { id, data: encodeEvent(eventOf(id)) });
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  await waitFor("all events to be taken", () => taken >= count, 120_000);
  releaseGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { residentMiB: rss / 2 ** 20, heapMiB: (heapUsed + external) / 2 ** 20 };
}

function eventOf(id: string) {
  const data = {
    header: { "Content-Type": ["application/json"] },
    body: { ref: "refs/heads/main", text: "x".repeat(800) },
  };
  const more = { type: "webhook", time: "2026-11-29T12:00:00Z", datacontenttype: "application/json" };
  return { id, source: "in", subject: "push", ...more, data };
}

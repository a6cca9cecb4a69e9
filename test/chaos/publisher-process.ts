import { setTimeout as sleep } from "node:timers/promises";
import { isoTime, systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { EventBus } from "../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../src/events/bus/jetstream.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import { eventSubject, rawSubject } from "../../src/record/subject.ts";

// A process of its own that publishes on a bus, to be killed at any moment: node publisher-process.ts URL NAME EVERY_MS
// It writes one line for each event once the bus has acknowledged it.

const [servers = "", name = "", everyMs = "20"] = process.argv.slice(2);
const parallel = 8;
const subject = eventSubject("default", "numbers", "push");
const stream = { name: "events", subjects: [rawSubject("events.>")], dedupeWindowMs: 300_000, isShared: true };
const bus = await openUntilThere();
let count = 0;

async function openUntilThere(): Promise<EventBus> {
  for (;;) {
    try {
      return await openJetStreamBus({ servers, streams: [stream], log: silentLogger, clock: systemClock, name });
    } catch {
      await sleep(100);
    }
  }
}

async function publishUntilKept(n: string): Promise<void> {
  const now = systemClock.now();
  const data = encodeEvent({
    id: n,
    source: "numbers",
    type: "chaos",
    subject: "push",
    time: isoTime(now),
    datacontenttype: "application/json",
    data: { body: { n, t: now } },
  });
  for (;;) {
    try {
      await bus.publish(subject, { id: `${subject} ${n}`, data });
      process.stdout.write(`${n}\n`);
      return;
    } catch {
      await sleep(100); // the bus is away: again under the same id
    }
  }
}

await Promise.all(
  Array.from({ length: parallel }, async () => {
    for (;;) {
      count += 1;
      await publishUntilKept(`${name}.${count}`);
      await sleep(Number(everyMs) * parallel);
    }
  }),
);

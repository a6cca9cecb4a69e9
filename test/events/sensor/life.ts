import assert from "node:assert/strict";
import { after } from "node:test";
import { parseSensor } from "../../../src/api/sensor.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createMetrics } from "../../../src/base/metrics.ts";
import { parseSystemSubject } from "../../../src/events/sensor/arrival.ts";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import { compileSensor } from "../../../src/events/sensor/compile.ts";
import { createDeadLetters } from "../../../src/events/sensor/dead-letters.ts";
import { createDeadStore } from "../../../src/events/sensor/dead-store.ts";
import { createPartitions } from "../../../src/events/sensor/partition.ts";
import { createRateLimit, rateKey } from "../../../src/events/sensor/rate-limit.ts";
import { createEventReader } from "../../../src/events/sensor/reader.ts";
import { createRedrives } from "../../../src/events/sensor/redrives.ts";
import { createSensorRunner, type SensorRunnerDeps } from "../../../src/events/sensor/runner.ts";
import { ledgerPositionsIn } from "../../../src/events/sensor/sensor-cells.ts";
import { createTicker } from "../../../src/events/sensor/ticker.ts";
import { openLedger } from "../../../src/ledger/ledger.ts";
import { decodeRecords } from "../../../src/ledger/stored-form.ts";
import { encodeEvent } from "../../../src/record/cloud-event.ts";
import { type LedgerRecord, outcomeKey } from "../../../src/record/records.ts";
import { eventSubject, rawSubject } from "../../../src/record/subject.ts";
import { createFastClock } from "../../harness/fast-clock.ts";
import type { MemoryBus } from "../../harness/memory-bus.ts";

export const dependencies = ["a", "b"].map((name) => ({ name, eventSourceName: "source", eventName: name }));
/** A flush is due after 4 ms instead of 100, so that crashes fall before, between and after many. */
export const clock = createFastClock(25);
export const log = {};
export const each = { template: { name: "each", conditions: "a || b", log } };
export const both = { template: { name: "both", conditions: "a && b", log } };

/** Of every life: one that a failed test has left running would keep the process from ending. */
const lives = new Set<AbortController>();
after(() => {
  for (const stop of lives) stop.abort();
});

export function sensor(
  triggers: readonly object[],
  given: readonly object[] = dependencies,
  schemas: Parameters<typeof parseSensor>[1] = {},
) {
  const manifest = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Sensor",
    metadata: { name: "crashing", namespace: "shop", uid: "uid-1" },
    spec: { dependencies: given, triggers },
  };
  return compileSensor(parseSensor(manifest, schemas).resource);
}

/** One life of an engine on `bus`; nothing of it is disposed of: a crash does not say goodbye. */
export async function live(
  compiled: ReturnType<typeof sensor>,
  bus: MemoryBus,
  writer: string,
  execute: Execute,
  more: Partial<SensorRunnerDeps> = {},
  stop = new AbortController(),
) {
  lives.add(stop);
  const base = { clock: more.clock ?? clock, log: silentLogger, metrics: createMetrics() };
  const ledger = await openLedger({ bus, writer, ...base });
  const partitions = createPartitions({ bus, ...base });
  const flushing = partitions.run(stop.signal); // now: what is opened ends with it, also when this life gets no further
  const cells = await partitions.open(stop.signal);
  const { epoch, after } = ledger.mark();
  const marks = cells.flatMap((map) => [...ledgerPositionsIn(map)].map((position) => position.after));
  const finished = new Set<string>();
  for await (const records of ledger.readEffects({ epoch, after: Math.min(after, ...marks) }, stop.signal)) {
    for (const record of records) if (record.outcome !== "failed") finished.add(outcomeKey(record));
  }
  const reader = createEventReader({
    name: "system",
    bus,
    stream: "events",
    subjects: [rawSubject("events.>")],
    parseSubject: parseSystemSubject,
    onInvalid: () => assert.fail("every event is valid"),
  });
  const finishedUntil = ledger.mark();
  const redrives = createRedrives({ store: bus.state("redrives"), ...base });
  const dead = createDeadStore(bus, base.clock);
  const ticker = createTicker(base);
  const deps = async (): Promise<SensorRunnerDeps> => ({
    ...base,
    reader,
    bus: "system",
    subjectOf: (source, event) => eventSubject("shop", source, event),
    start: () => bus.end("events"),
    ticker,
    partition: await partitions.of("shop", "crashing"),
    ledger,
    execute,
    putDead: createDeadLetters(bus, compiled.head, base.clock),
    finished,
    finishedUntil,
    redrive: {
      inbox: redrives.inbox({ namespace: "shop", name: "crashing" }),
      letters: dead,
      readEvent: async () => undefined,
    },
    limitOf: (lane, intervalMs) =>
      createRateLimit({ store: bus.state("rates"), key: rateKey("shop", "crashing", lane), intervalMs, ...base }),
    ...more,
  });
  const runner = createSensorRunner(compiled, await deps());
  const ran = runner.run(stop.signal);
  const running = Promise.all([
    ran,
    flushing,
    reader.run(stop.signal),
    redrives.run(stop.signal),
    ticker.run(stop.signal),
  ]);
  running.catch(() => undefined);
  await Promise.race([runner.ready, ran]).catch((error: unknown) => {
    stop.abort();
    throw error;
  });
  return { stop: () => stop.abort(), running, deps, ledger, metrics: base.metrics, runner, redrives, dead };
}

export async function publish(bus: MemoryBus, event: string, id: string, data: JsonObject = {}): Promise<void> {
  const time = "2026-01-01T00:00:00Z";
  const datacontenttype = "application/json";
  const encoded = encodeEvent({ id, source: "source", type: "webhook", subject: event, time, datacontenttype, data });
  await bus.publish(eventSubject("shop", "source", event), { id, data: encoded });
}

export const letters = (bus: MemoryBus) => bus.stored("dead").map(({ data }) => JSON.parse(String(data)));

/** What the ledger holds, in its order. */
export function recordsOf<Kind extends LedgerRecord["kind"]>(
  bus: MemoryBus,
  kind: Kind,
): Extract<LedgerRecord, { kind: Kind }>[] {
  const all = bus.stored("ledger").flatMap(({ data }) => [...decodeRecords(data)] as unknown as LedgerRecord[]);
  return all.filter((record): record is Extract<LedgerRecord, { kind: Kind }> => record.kind === kind);
}

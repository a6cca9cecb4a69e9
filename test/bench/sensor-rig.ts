import { openSync } from "node:fs";
import { parseSensor } from "../../src/api/sensor.ts";
import { systemClock } from "../../src/base/clock.ts";
import { createLogger, silentLogger } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import type { EventBus } from "../../src/events/bus/bus.ts";
import { parseSystemSubject } from "../../src/events/sensor/arrival.ts";
import type { Execute } from "../../src/events/sensor/attempts.ts";
import { type CompiledSensor, compileSensor } from "../../src/events/sensor/compile.ts";
import { createDeadLetters } from "../../src/events/sensor/dead-letters.ts";
import type { Effect } from "../../src/events/sensor/effect.ts";
import { createExecutor, type ExecutorDeps } from "../../src/events/sensor/executor.ts";
import { createPartitions } from "../../src/events/sensor/partition.ts";
import { createEventReader } from "../../src/events/sensor/reader.ts";
import { createSensorRunner } from "../../src/events/sensor/runner.ts";
import { createTicker } from "../../src/events/sensor/ticker.ts";
import { triggerKinds, triggerSchemas } from "../../src/events/triggers/registry.ts";
import type { Outcome } from "../../src/events/triggers/trigger.ts";
import { openLedger } from "../../src/ledger/ledger.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import { eventSubject, rawSubject, type Subject } from "../../src/record/subject.ts";
import { resource } from "../e2e/scenario.ts";
import { callers } from "./bus-bare.ts";

const namespace = "shop";
const clock = systemClock;

/** Sensor `n` waits for event `e<n>` of one EventSource. */
export function sensorOn(n: number): CompiledSensor {
  const spec = {
    dependencies: [
      {
        name: "push",
        eventSourceName: "in",
        eventName: `e${n}`,
        filters: { data: [{ path: "body.ref", type: "string", value: ["^refs/heads/main$"] }] },
      },
    ],
    triggers: [{ template: { name: "say", log: {} } }],
  };
  const { metadata, ...rest } = resource("Sensor", `s${n}`, spec) as { readonly metadata: object };
  const manifest = { ...rest, metadata: { ...metadata, namespace, uid: `00000000-0000-4000-8000-${n}` } };
  return compileSensor(parseSensor(manifest, triggerSchemas()).resource);
}

export function subjectFor(n: number): Subject {
  return eventSubject(namespace, "in", `e${n}`);
}

/** About 1 KiB, as pushes are; its filter passes. */
export function eventBytes(id: string, n: number): Uint8Array {
  return encodeEvent({
    id,
    source: "in",
    type: "webhook",
    subject: `e${n}`,
    time: "2026-11-29T12:00:00.000Z",
    datacontenttype: "application/json",
    data: {
      header: { "X-Github-Event": ["push"], "Content-Type": ["application/json"] },
      body: { ref: "refs/heads/main", message: "x".repeat(700) },
    },
  });
}

/** `count` events over the subjects of all Sensors in turn, by callers that each wait for their own. */
export async function publishAll(bus: EventBus, count: number, sensors: number): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) {
      const number = next++;
      const [id, n] = [`event-${number}`, number % sensors];
      await bus.publish(subjectFor(n), { id, data: eventBytes(id, n) });
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

export interface SensorRig extends AsyncDisposable {
  /** Begins to read: until then the Sensors only stand where they start. */
  read(): void;
}

/** What the engine makes of so many Sensors, all started at `start`: one reader, partitions, ledger, `log` triggers. */
export async function openSensorRig(
  bus: EventBus,
  sensors: number,
  start: { readonly epoch: string; readonly after: number },
  onFired: (eventId: string) => void,
): Promise<SensorRig> {
  const stop = new AbortController();
  const metrics = createMetrics();
  const log = createLogger("info", openSync("/dev/null", "w"));
  const base = { bus, clock, log: silentLogger, metrics };
  const ledger = await openLedger({ ...base, writer: "bench" });
  const partitions = createPartitions(base);
  await partitions.open(stop.signal);
  const reader = createEventReader({
    name: "system",
    bus,
    stream: "events",
    subjects: [rawSubject("events.>")],
    parseSubject: parseSystemSubject,
    onInvalid: (_, reason) => {
      throw new Error(reason);
    },
    ledger,
  });
  const ticker = createTicker(base);
  const running: Promise<void>[] = [partitions.run(stop.signal), ticker.run(stop.signal)];
  const ready: Promise<void>[] = [];
  for (let n = 0; n < sensors; n++) {
    const compiled = sensorOn(n);
    const runner = createSensorRunner(compiled, {
      ...base,
      reader,
      bus: "system",
      subjectOf: (source, event) => eventSubject(namespace, source, event),
      start: async () => start,
      partition: await partitions.of(namespace, compiled.head.name),
      ticker,
      ledger,
      execute: counted(compiled, { ...logOnly, clock, log: log.child({ sensor: compiled.head.name }) }, onFired),
      putDead: createDeadLetters(bus, compiled.head, clock),
      finished: new Set(),
    });
    running.push(runner.run(stop.signal));
    ready.push(runner.ready);
  }
  await Promise.all(ready);
  return {
    read: () => running.push(reader.run(stop.signal)),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(running);
      await ledger[Symbol.asyncDispose]();
    },
  };
}

/** A `log` trigger asks for nothing else. */
const logOnly = {
  allowLoopback: true,
  secret: { read: absent, readConfigMap: absent },
  kube: {} as ExecutorDeps["context"]["kube"],
  clients: { use: absent },
};

async function absent(): Promise<never> {
  throw new Error("a log trigger reads no secret");
}

function counted(
  compiled: CompiledSensor,
  context: ExecutorDeps["context"],
  onFired: (eventId: string) => void,
): Execute {
  const execute = createExecutor(compiled, { kinds: triggerKinds, context });
  const done = (effect: Effect, outcome: Outcome): Outcome => {
    for (const { head } of Object.values(effect.events)) onFired(head.id);
    return outcome;
  };
  return (effect, signal) => {
    const made = execute(effect, signal);
    return made instanceof Promise ? made.then((outcome) => done(effect, outcome)) : done(effect, made);
  };
}

import { join } from "node:path";
import { parseManifests } from "../../src/api/manifest.ts";
import { parseSensor } from "../../src/api/sensor.ts";
import { parseSensorTest } from "../../src/api/sensor-test.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger as log } from "../../src/base/log.ts";
import type { EventBus } from "../../src/events/bus/bus.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { compileSensor } from "../../src/events/sensor/compile.ts";
import { replay } from "../../src/events/trial/replay.ts";
import { runSensorTest } from "../../src/events/trial/sensor-test.ts";
import { triggerSchemas } from "../../src/events/triggers/registry.ts";
import { openLedger } from "../../src/ledger/ledger.ts";
import { decodeEvent } from "../../src/record/cloud-event.ts";
import { eventSubject } from "../../src/record/subject.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { type Bench, type BenchRow, inRounds } from "./bench.ts";
import { publishAll, sensorOn, subjectFor } from "./sensor-rig.ts";

const cases = 1_000;
const sensorText = `apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: deploy}
spec:
  dependencies:
  - name: push
    eventSourceName: github
    eventName: push
    filters: {data: [{path: body.ref, type: string, value: [^refs/heads/main$]}]}
  triggers:
  - template:
      name: deploy
      http:
        url: https://deploy.example.com
        payload:
        - {src: {dependencyName: push, dataKey: body.after}, dest: commit}
`;

function testText(): string {
  const one = (n: number): string => `- name: push ${n} deploys
  given:
  - {eventSource: github, event: push, data: {body: {ref: refs/heads/main, after: commit-${n}}}}
  expect:
  - trigger: deploy
    template: {http: {payload: {commit: commit-${n}}}}
`;
  const list = Array.from({ length: cases }, (_, n) => one(n)).join("");
  return `apiVersion: tiphys.io/v1alpha1\nkind: SensorTest\nsensor: ./sensor.yaml\ncases:\n${list}`;
}

/** From the text of the file to the verdicts. */
async function testsMs(): Promise<number> {
  const startedAt = performance.now();
  const [sensor] = parseManifests(sensorText, "sensor.yaml");
  const [test] = parseManifests(testText(), "test.yaml");
  const compiled = compileSensor(parseSensor(sensor?.object, triggerSchemas()).resource);
  const results = await runSensorTest(parseSensorTest(test?.object ?? {}).resource, compiled, () => null);
  const failed = results.filter(({ problems }) => problems.length > 0);
  if (results.length !== cases || failed.length > 0) throw new Error(`${failed.length} cases failed`);
  return performance.now() - startedAt;
}

async function runTests(): Promise<readonly BenchRow[]> {
  const value = (await testsMs()) / 1_000; // the first run, as on a command line: nothing is warm
  const limit = 1;
  return [{ name: `sensor test: ${cases} cases`, value, unit: "s", limit, ratio: value / limit, budget: limit }];
}

const window = { sinceMs: 0, untilMs: 8e15 };
const { signal } = new AbortController();

async function runReplay({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  await using dir = await tempDir();
  await using bus = await openSqliteBus({ path: join(dir.path, "bus.db"), streams: systemStreams(), log });
  const count = quick ? 50_000 : 300_000;
  const rounds = quick ? 1 : 3;
  await publishAll(bus, count, 1);
  const plain = await inRounds(rounds, () => measureReplay(bus, count, "replay, one data filter, embedded bus"));
  await recordAll(bus);
  const recorded = await inRounds(rounds, () =>
    measureReplay(bus, count, "replay, the same, each firing in the ledger"),
  );
  return [...plain, ...recorded];
}

async function measureReplay(bus: EventBus, count: number, name: string): Promise<readonly BenchRow[]> {
  const from = { name: "system", bus, stream: "events", subjectOf: eventSubject };
  const startedAt = performance.now();
  const { events, fires } = await replay(sensorOn(0), { from, ledger: bus, window }, { signal });
  const value = (count * 1_000) / (performance.now() - startedAt);
  if (events !== count || fires.say !== count) throw new Error(`${events} events, ${fires.say} fired`);
  const limit = await readRate(bus, count);
  return [{ name, value, unit: "events/s", limit, ratio: value / limit, budget: 50_000 }];
}

async function readRate(bus: EventBus, count: number): Promise<number> {
  const startedAt = performance.now();
  let seen = 0;
  for await (const { messages } of bus.read({ subjects: [subjectFor(0)], from: "first", follow: false }, signal)) {
    seen += messages.length;
  }
  if (seen !== count) throw new Error(`read ${seen} of ${count}`);
  return (count * 1_000) / (performance.now() - startedAt);
}

/** A decision and an effect for each event, as an engine leaves them. */
async function recordAll(bus: EventBus): Promise<void> {
  await using ledger = await openLedger({ bus, writer: "bench", clock: systemClock, log });
  const { head: sensor } = sensorOn(0);
  for await (const { messages } of bus.read({ subjects: [subjectFor(0)], from: "first", follow: false }, signal)) {
    for (const { data, sequence, storedAt } of messages) {
      const { id, source, subject, type, time } = decodeEvent(data);
      const head = { id, namespace: sensor.namespace, eventSource: source, event: subject, type, time };
      const events = { push: { ...head, bus: "system", sequence, storedAt } };
      const common = { at: storedAt + 5, sensor, trigger: "say" };
      const decision = ledger.write({ ...common, kind: "decision", causes: [id], verdict: "fired", events });
      const outcome = { outcome: "succeeded", message: "logged 1 event" } as const;
      const effect = { kind: "effect", key: id, triggerKind: "log", attempt: 1, startedAt: storedAt + 4 } as const;
      ledger.write({ ...common, ...effect, ...outcome, causes: [decision.id] });
    }
    await ledger.room(signal);
  }
}

/** The limits: a second, as is promised; and bare `bus.read` of the same events. */
export const trialBenches: readonly Bench[] = [
  { name: "trial", run: runTests },
  { name: "trial", run: runReplay },
];

import { join } from "node:path";
import { parseManifests } from "../../src/api/manifest.ts";
import { parseSensor } from "../../src/api/sensor.ts";
import { parseSensorTest } from "../../src/api/sensor-test.ts";
import { silentLogger as log } from "../../src/base/log.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { compileSensor } from "../../src/events/sensor/compile.ts";
import { replay } from "../../src/events/trial/replay.ts";
import { runSensorTest } from "../../src/events/trial/sensor-test.ts";
import { triggerSchemas } from "../../src/events/triggers/registry.ts";
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

async function runReplay({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  await using dir = await tempDir();
  await using bus = await openSqliteBus({ path: join(dir.path, "bus.db"), streams: systemStreams(), log });
  const count = quick ? 50_000 : 300_000;
  await publishAll(bus, count, 1);
  const { signal } = new AbortController();
  const window = { sinceMs: 0, untilMs: 8e15 };
  const from = { name: "system", bus, stream: "events", subjectOf: eventSubject };
  return await inRounds(quick ? 1 : 3, async () => {
    const startedAt = performance.now();
    const report = await replay(sensorOn(0), { from, ledger: bus, window }, { signal });
    const value = (count * 1_000) / (performance.now() - startedAt);
    if (report.events !== count || report.fires.say !== count) throw new Error(JSON.stringify(report));
    const limit = await readRate(count);
    return [
      {
        name: "replay, one data filter, embedded bus",
        value,
        unit: "events/s",
        limit,
        ratio: value / limit,
        budget: 50_000,
      },
    ];
  });

  async function readRate(expected: number): Promise<number> {
    const startedAt = performance.now();
    let seen = 0;
    for await (const { messages } of bus.read({ subjects: [subjectFor(0)], from: "first", follow: false }, signal)) {
      seen += messages.length;
    }
    if (seen !== expected) throw new Error(`read ${seen} of ${expected}`);
    return (expected * 1_000) / (performance.now() - startedAt);
  }
}

/** The limits: a second, as is promised; and bare `bus.read` of the same events. */
export const trialBenches: readonly Bench[] = [
  { name: "trial", run: runTests },
  { name: "trial", run: runReplay },
];

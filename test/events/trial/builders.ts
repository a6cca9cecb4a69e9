import { parseSensor } from "../../../src/api/sensor.ts";
import { parseSensorTest, type SensorTest } from "../../../src/api/sensor-test.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { type CompiledSensor, compileSensor } from "../../../src/events/sensor/compile.ts";
import { type CaseResult, runSensorTest } from "../../../src/events/trial/sensor-test.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";

export const pushMain = { path: "body.ref", type: "string", value: ["^refs/heads/main$"] };

export function dependency(name: string, filters?: JsonObject): JsonObject {
  return { name, eventSourceName: "source", eventName: name, ...(filters ? { filters } : {}) };
}

/** A `log` trigger, unless `template` says otherwise. */
export function trigger(name: string, template: JsonObject = { log: {} }, more: JsonObject = {}): JsonObject {
  return { template: { name, ...template }, ...more };
}

export function sensorOf(dependencies: readonly JsonObject[], triggers: readonly JsonObject[]): CompiledSensor {
  const metadata = { name: "s", namespace: "ns", uid: "uid" };
  const manifest = { apiVersion: "argoproj.io/v1alpha1", kind: "Sensor", metadata, spec: { dependencies, triggers } };
  return compileSensor(parseSensor(manifest, triggerSchemas()).resource);
}

export function testOf(...cases: readonly JsonObject[]): SensorTest {
  const named = cases.map((one, index) => ({ name: `case ${index}`, ...one }));
  return parseSensorTest({ apiVersion: "tiphys.io/v1alpha1", kind: "SensorTest", sensor: "s.yaml", cases: named })
    .resource;
}

export const given = (event: string, data: JsonValue = {}, more: JsonObject = {}): JsonObject => ({
  eventSource: "source",
  event,
  data,
  ...more,
});

/** The result of one case; files hold what `files` says. */
export async function runOne(
  compiled: CompiledSensor,
  one: JsonObject,
  files: Readonly<Record<string, JsonValue>> = {},
): Promise<CaseResult> {
  const [result] = await runSensorTest(testOf(one), compiled, (file) => files[file] ?? null);
  if (!result) throw new Error("no result");
  return result;
}

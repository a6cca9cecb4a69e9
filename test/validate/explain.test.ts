import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../src/base/errors.ts";
import { explainCode, explainField, fieldsOf, typeName } from "../../src/validate/explain.ts";

for (const [path, kind, type, field] of [
  ["sensor", "Sensor", "Object", "spec"],
  ["sn.spec.triggers", "Sensor", "[]Object", "template"],
  ["sensor.spec.triggers[0].template.http", "Sensor", "Object", "url"],
  ["EventSource.spec.webhook", "EventSource", "map[string]Object", "endpoint"],
  ["eventsource.spec.webhook.endpoint", "EventSource", "string", undefined],
  ["eventsource.spec.webhook.push.endpoint", "EventSource", "string", undefined],
  ["eventsource.spec.webhook.port", "EventSource", "IntOrString", undefined],
  ["app.operation.sync", "Application", "Object", "revision"],
  ["appproj.spec.sourceRepos", "AppProject", "[]string", undefined],
  ["sensor.status.conditions", "Sensor", "[]Object", "lastTransitionTime"],
  ["es.status", "EventSource", "Object", "webhooks"],
  ["eb.status.config.jetstream.url", "EventBus", "string", undefined],
  ["app.status.operationState.syncResult.resources", "Application", "[]Object", "hookPhase"],
  ["appset.status.applicationStatus", "ApplicationSet", "[]Object", "step"],
  ["appproj.status.jwtTokensByRole", "AppProject", "map[string]Object", "items"],
  ["sensor.spec.triggers.template.http.headers", "Sensor", "map[string]string", undefined],
  ["sensortest", "SensorTest", "Object", "sensor"],
  ["sensortest.cases.given", "SensorTest", "[]Object", "eventSource"],
] as const) {
  test(`explains ${path} as ${type}`, () => {
    const explained = explainField(path);
    assert.deepEqual([explained.kind, typeName(explained.schema)], [kind, type]);
    if (field) assert.ok(Object.hasOwn(fieldsOf(explained.schema), field));
  });
}

for (const [name, explain, message] of [
  ["a kind", () => explainField("sensr"), '"sensr" is no kind of ours; did you mean "sensor"?'],
  ["a field", () => explainField("sensor.spec.triger"), 'sensor.spec has no field "triger"; did you mean "triggers"?'],
  [
    "a field of what is the user's own",
    () => explainField("sensor.spec.triggers.template.k8s.source.resource.spec"),
    'sensor.spec.triggers.template.k8s.source.resource takes any fields: nothing is known of "spec"',
  ],
  ["a field of a text", () => explainField("sensor.kind.x"), 'sensor.kind has no field "x"'],
  [
    "a code",
    () => explainCode("MANIFEST_INVALD"),
    '"MANIFEST_INVALD" is no error code; did you mean "MANIFEST_INVALID"?',
  ],
  [
    "what objects are made of",
    () => explainField("sensor.constructor"),
    /^sensor has no field "constructor"; known: apiV/,
  ],
] as const) {
  test(`what is not known names the nearest: ${name}`, () => {
    assert.throws(explain, (error) => {
      assert.ok(error instanceof EngineError && error.code === "FIELD_UNKNOWN");
      if (typeof message === "string") assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    });
  });
}

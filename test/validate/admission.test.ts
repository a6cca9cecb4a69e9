import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createAdmission } from "../../src/validate/admission.ts";
import { logSchema, manifest } from "../api/builders.ts";

const admit = createAdmission({ sources: { webhook: logSchema }, triggers: { log: logSchema } });
const dependency = { name: "d", eventSourceName: "es", eventName: "e" };
const sensor = (more: object, template: object = {}) =>
  manifest("Sensor", {
    dependencies: [{ ...dependency, ...more }],
    triggers: [{ template: { name: "t", log: {}, ...template } }],
  });

for (const [name, object, admission] of [
  ["a good Sensor", sensor({}), { warnings: [] }],
  ["a good EventSource", manifest("EventSource", { webhook: { w: {} } }), { warnings: [] }],
  ["a good EventBus", manifest("EventBus", { jetstream: { version: "latest" } }), { warnings: [] }],
  [
    "a Sensor that the original refuses",
    sensor({ eventName: "" }),
    {
      denied: "invalid Sensor: spec.dependencies[0].eventName: event dependency must define the EventName",
      warnings: [],
    },
  ],
  [
    "an EventSource with a type that is wrong",
    manifest("EventSource", { webhook: { w: { intervalSeconds: "x" } } }),
    { denied: 'invalid EventSource: spec.webhook.w.intervalSeconds: "x" must be an integer', warnings: [] },
  ],
  [
    "an EventBus of no kind",
    manifest("EventBus", {}),
    {
      denied:
        'invalid EventBus: spec: invalid spec: either "nats", "jetstream", "jetstreamExotic", or "kafka" needs to be specified',
      warnings: [],
    },
  ],
  [
    "a Sensor that only we cannot run yet: admitted, with a warning",
    sensor({ filters: { script: "return true" } }),
    { warnings: ["spec.dependencies[0].filters.script: is not supported yet"] },
  ],
  [
    "a Sensor with a field that is not known",
    sensor({ odd: 1 }),
    { warnings: ["spec.dependencies[0].odd: unknown field, it has no effect"] },
  ],
  [
    "an Application that the original gives a condition",
    manifest("Application", { project: "p", destination: {}, source: { repoURL: "r", path: "." } }),
    { warnings: ["spec.destination: Destination server missing from app spec"] },
  ],
  [
    "an ApplicationSet, which is kept",
    manifest("ApplicationSet", {
      generators: [{ clusters: {} }],
      template: {
        metadata: { name: "{{ name }}" },
        spec: { project: "p", destination: { name: "c" }, source: { repoURL: "r", path: "p" } },
      },
    }),
    { warnings: ["kind: ApplicationSet is not supported yet"] },
  ],
  [
    "an ApplicationSet that the original's CRD refuses",
    manifest("ApplicationSet", { generators: [], template: { metadata: {}, spec: { project: "p" } } }),
    { denied: "invalid ApplicationSet: spec.template.spec.destination: is required", warnings: [] },
  ],
  [
    "an AppProject with a type that is wrong",
    manifest("AppProject", { sourceRepos: "*" }),
    { denied: 'invalid AppProject: spec.sourceRepos: "*" must be an array; write a list, even of one', warnings: [] },
  ],
  ["another kind of the group", manifest("Workflow", 5), { warnings: [] }],
  ["another group", { apiVersion: "v1", kind: "Sensor" }, { warnings: [] }],
] as const) {
  test(`admission of ${name}`, () => assert.deepEqual(admit(object), admission));
}

test("conditions that do not parse are a warning, as the original admits them", () => {
  const { denied, warnings } = admit(sensor({}, { conditions: "d &&" }));
  assert.equal(denied, undefined);
  assert.match(warnings.join(), /^spec\.triggers\[0\]\.template\.conditions: "d &&" has its end/);
});

test("admission does not throw for any object", () => {
  const kind = fc.constantFrom("Sensor", "EventSource", "EventBus", "Application", "AppProject");
  fc.assert(fc.property(kind, fc.jsonValue(), (name, spec) => void admit(manifest(name, spec))));
  fc.assert(fc.property(fc.jsonValue(), (value) => void admit(value)));
});

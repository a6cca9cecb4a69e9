import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { admit as admitAny, admitRequests, createAdmission } from "../../src/validate/admission.ts";
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
    "a Sensor that only we cannot run: admitted, with a warning",
    sensor({ filters: { cel: "1 + 1" } }),
    { warnings: ["spec.dependencies[0].filters.cel: the result must be a bool; it is of type int"] },
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

const bus = (spec: unknown, metadata: object = {}) =>
  manifest("EventBus", spec, { metadata: { name: "x", namespace: "ns", ...metadata } });
const jetStream = (more: object) => bus({ jetstream: { version: "1", ...more } });
const native = (more: object) => bus({ nats: { native: more } });
const exotic = { url: "u", clusterID: "c" };

for (const [name, object, old, denied] of [
  ["of a version", jetStream({ version: "2" }), jetStream({}), undefined],
  ["of an exotic bus", bus({ jetstreamExotic: { url: "a" } }), bus({ jetstreamExotic: { url: "b" } }), undefined],
  [
    "of the kind of bus",
    bus({ kafka: { url: "u" } }),
    jetStream({}),
    /^invalid EventBus: spec: Can not change event bus/,
  ],
  ["to a bus that is there already", bus({ jetstreamExotic: { url: "u" } }), jetStream({}), /Can not change event bus/],
  ["from exotic to native", native({}), bus({ nats: { exotic } }), /spec.nats: Can not .* from exotic to native$/],
  ["from native to exotic", bus({ nats: { exotic } }), native({}), /spec.nats: Can not .* from native to exotic$/],
  [
    "of authentication",
    native({ auth: "token" }),
    native({}),
    /"spec.nats.native.auth" is immutable, can not be updated/,
  ],
  ["of authentication to what it is", native({ auth: "none" }), native({}), undefined],
  [
    "of the stream",
    jetStream({ streamConfig: "maxMsgs: 2" }),
    jetStream({ streamConfig: "maxMsgs: 1" }),
    /"spec.jetstream.streamConfig" is immutable, can not be updated/,
  ],
  ["of labels of what was bad before", bus({}, { labels: { a: "b" } }), bus({}), undefined],
  [
    "of finalizers of what is deleted",
    bus({}, { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    jetStream({}),
    undefined,
  ],
  ["that makes it bad", bus({}), jetStream({}), /needs to be specified/],
] as const) {
  test(`admission of a change ${name}`, () => {
    const answer = admit(object, old).denied;
    if (denied === undefined) assert.equal(answer, undefined);
    else assert.match(answer ?? "", denied);
  });
}

test("what is bad and stored all the same can be deleted", () => {
  const admitRequest = admitRequests(admitAny);
  assert.deepEqual(admitRequest({ operation: "DELETE", object: bus({}) }), { warnings: [] });
  assert.match(admitRequest({ operation: "CREATE", object: bus({}) }).denied ?? "", /needs to be specified/);
  assert.equal(admitRequest({ operation: "UPDATE", object: bus({}), old: bus({}) }).denied, undefined);
});

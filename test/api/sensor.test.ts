import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSensor } from "../../src/api/sensor.ts";
import { triggerSchemas } from "../../src/events/triggers/registry.ts";
import { faultOf, manifest } from "./builders.ts";

const kinds = triggerSchemas();
const dependency = { name: "d", eventSourceName: "es", eventName: "e" };
const log = { template: { name: "t", log: {} } };
const key = { name: "s", key: "k" };
const azure = { fqdn: "n", hubName: "h", sharedAccessKeyName: key, sharedAccessKey: key };
const parameter = { src: { dependencyName: "d", dataKey: "x" }, dest: "y" };

const read = (spec: unknown) => parseSensor(manifest("Sensor", spec), kinds);
const withFilters = (filters: unknown, more = {}) => ({
  dependencies: [{ ...dependency, filters, ...more }],
  triggers: [log],
});
const withTrigger = (trigger: unknown) => ({ dependencies: [dependency], triggers: [trigger] });
const withTemplate = (template: object, more = {}) => withTrigger({ template: { name: "t", ...template }, ...more });

test("a Sensor gets its defaults and keeps what it does not know", () => {
  const template = { name: "t", conditions: "d", log: {}, odd: 1 };
  const { resource, warnings } = parseSensor(
    manifest("Sensor", { dependencies: [dependency], triggers: [{ template, atLeastOnce: true, policy: null }] }),
    kinds,
  );
  assert.deepEqual(resource, {
    metadata: { name: "x", namespace: "ns", uid: "", generation: 0, createdAt: "", labels: {}, annotations: {} },
    eventBusName: "default",
    template: {},
    dependencies: [dependency],
    triggers: [
      { template: { name: "t", conditions: "d", kind: "log", raw: template }, parameters: [], atLeastOnce: true },
    ],
  });
  assert.deepEqual(
    warnings.map(({ path }) => path),
    ["spec.triggers[0].template.odd"],
  );
});

for (const [name, spec, message] of [
  ["dependencies", { triggers: [log] }, "spec.dependencies: no event dependencies found"],
  ["triggers", { dependencies: [dependency] }, "spec.triggers: no triggers found"],
  [
    "names of dependencies",
    { dependencies: [{}], triggers: [log] },
    "spec.dependencies[0].name: event dependency must define a name; " +
      "spec.dependencies[0].eventSourceName: event dependency must define the EventSourceName; " +
      "spec.dependencies[0].eventName: event dependency must define the EventName",
  ],
  ["operators", withFilters({}, { filtersLogicalOperator: "xor" }), "logical operator xor not supported"],
  [
    "operators of data",
    withFilters({ dataLogicalOperator: "xor" }),
    "filters.dataLogicalOperator: logical operator xor",
  ],
  [
    "comparators",
    withFilters({ data: [{ path: "a", type: "string", value: ["x"], comparator: "==" }] }),
    "comparator == not supported",
  ],
  [
    "values of data filters",
    withFilters({ data: [{ path: "a", type: "string" }] }),
    "(type, path and value must be not empty)",
  ],
  ["empty values", withFilters({ data: [{ path: "a", type: "string", value: [""] }] }), "(value must be not empty)"],
  ["exprs", withFilters({ exprs: [{ expr: "a" }] }), "(expr and fields must be not empty)"],
  ["fields of exprs", withFilters({ exprs: [{ expr: "a", fields: [{ name: "a" }] }] }), "(path and name in a field"],
  ["empty context", withFilters({ context: { type: "" } }), "no fields specified in ctx filter"],
  [
    "time zones",
    withFilters({ time: { start: "1:00:00", stop: "2:00:00", timezone: "Mars" } }),
    "invalid timezone 'Mars'",
  ],
  [
    "offsets as time zones",
    withFilters({ time: { start: "1:00:00", stop: "2:00:00", timezone: "+01:00" } }),
    "invalid timezone '+01:00'",
  ],
  ["times", withFilters({ time: { start: "24:00:00", stop: "2:00:00" } }), '"24:00:00" must be HH:MM:SS'],
  [
    "equal times",
    withFilters({ time: { start: "1:00:00", stop: "01:00:00" } }),
    "stop '01:00:00' is equal to start '1:00:00'",
  ],
  [
    "types",
    withFilters({ data: [{ path: "a", type: "string", value: [5] }] }),
    "filters.data[0].value[0]: 5 must be a string",
  ],
  ["templates", withTrigger({}), "spec.triggers[0].template: trigger template can't be nil"],
  ["names", withTrigger({ template: { log: {} } }), "spec.triggers[0].template.name: trigger must define a name"],
  [
    "double names",
    { dependencies: [dependency], triggers: [log, log] },
    "spec.triggers[1].template.name: duplicate trigger name: t",
  ],
  ["conditionsReset", withTemplate({ log: {}, conditionsReset: [{}] }), "conditionsReset[0]: invalid conditionsReset"],
  ["cron", withTemplate({ log: {}, conditionsReset: [{ byTime: { cron: "* *" } }] }), 'invalid cron expression "* *"'],
  [
    "the kind's own schema",
    withTemplate({ http: {} }),
    "spec.triggers[0].template.http.url: server URL is not specified",
  ],
  ["other kinds", withTemplate({ kafka: {} }), "spec.triggers[0].template.kafka.url: broker url must not be empty"],
  ["operations of k8s", withTemplate({ k8s: { source: {}, operation: "upsert" } }), "unknown operation type upsert"],
  ["argoWorkflow without operation", withTemplate({ argoWorkflow: { source: {} } }), "unknown operation type"],
  ["ports", withTemplate({ email: { host: "h", port: 70000 } }), "port should be between 0-65535"],
  [
    "parameter sources",
    withTemplate({ log: {} }, { parameters: [{ dest: "x" }] }),
    "parameters[0].src: parameter source can't be empty",
  ],
  [
    "parameter destinations",
    withTemplate({ log: {} }, { parameters: [{ ...parameter, dest: "" }] }),
    "parameter destination can't be empty",
  ],
  [
    "parameter operations",
    withTemplate({ log: {} }, { parameters: [{ ...parameter, operation: "add" }] }),
    "parameter operation add is invalid",
  ],
  [
    "a kind's payload",
    withTemplate({ http: { url: "http://u", payload: [{ src: {} }] } }),
    "http.payload[0].src.dependencyName: parameter dependency name can't be empty",
  ],
  [
    "policies of k8s",
    withTemplate({ k8s: { source: {} } }, { policy: { k8s: {} } }),
    "resource labels are not specified",
  ],
  [
    "policies of http",
    withTemplate({ http: { url: "http://u" } }, { policy: { status: {} } }),
    "list of allowed response status is not specified",
  ],
  [
    "a dlqTrigger",
    withTemplate({ log: {} }, { dlqTrigger: log }),
    "to use dlqTrigger, trigger.atLeastOnce must be set to true",
  ],
  [
    "what is in a dlqTrigger",
    withTemplate({ log: {} }, { atLeastOnce: true, dlqTrigger: { template: {} } }),
    "dlqTrigger.template.name: trigger must define a name",
  ],
  [
    "a rate of nothing",
    withTemplate({ log: {} }, { rateLimit: { requestsPerUnit: 0 } }),
    "rateLimit.requestsPerUnit: 0 must be at least 1",
  ],
] as const) {
  test(`a Sensor is refused for ${name}`, () => {
    const fault = faultOf(() => read(spec));
    assert.ok(fault?.includes(message), `${message} in ${fault}`);
  });
}

test("every problem is named at once", () => {
  const fault = faultOf(() => parseSensor({ kind: "Sensors", metadata: {}, spec: { triggers: [{}] } }, kinds)) ?? "";
  for (const part of ["apiVersion: ", 'kind: "Sensors"', "metadata.name: ", "spec.dependencies: ", "template: "]) {
    assert.ok(fault.includes(part), `${part} in ${fault}`);
  }
});

for (const [name, spec, path, message] of [
  [
    "unknown fields",
    { dependencies: [dependency], triggers: [log], dependecies: [] },
    "spec.dependecies",
    /unknown field/,
  ],
  [
    "fields in the wrong case",
    withTemplate({ openwhisk: {}, log: {} }),
    "spec.triggers[0].template.openwhisk",
    /unknown field/,
  ],
  [
    "fields in the wrong place",
    withTemplate({ log: {}, policy: {} }),
    "spec.triggers[0].template.policy",
    /unknown field/,
  ],
  [
    "unknown fields of a kind",
    withTemplate({ http: { url: "http://u", verb: "GET" } }),
    "spec.triggers[0].template.http.verb",
    /unknown field/,
  ],
  [
    "several kinds",
    withTemplate({ log: {}, http: { url: "http://u" } }),
    "spec.triggers[0].template",
    /only http runs/,
  ],
  ["no kind", withTemplate({}), "spec.triggers[0].template", /names no trigger/],
  [
    "kinds that come later",
    withTemplate({ azureEventHubs: { ...azure, payload: [parameter] } }),
    "spec.triggers[0].template.azureEventHubs",
    /not supported yet/,
  ],
  [
    "retryStrategy alone",
    withTemplate({ log: {} }, { retryStrategy: { steps: 3 } }),
    "spec.triggers[0].retryStrategy",
    /without atLeastOnce/,
  ],
] as const) {
  test(`a Sensor is accepted with a warning for ${name}`, () => {
    const { warnings } = read(spec);
    assert.deepEqual(
      warnings.map((warning) => warning.path),
      [path],
    );
    assert.match(warnings[0]?.message ?? "", message);
  });
}

for (const [name, spec] of [
  [
    "an http payload without destination",
    withTemplate({ http: { url: "http://u", payload: [{ src: { dependencyName: "d" } }] } }),
  ],
  [
    "durations as numbers and text, factors as numbers",
    withTemplate({ log: {} }, { atLeastOnce: true, retryStrategy: { duration: 5, factor: 1.5 } }),
  ],
  ["fields without a value", withFilters(null, { transform: null })],
] as const) {
  test(`a Sensor is accepted with ${name}, as the original does`, () => assert.deepEqual(read(spec).warnings, []));
}

test("no input makes parseSensor throw anything but its own error", () => {
  const spec = fc.record(
    {
      dependencies: fc.oneof(fc.jsonValue(), fc.array(fc.record({ name: fc.jsonValue(), filters: fc.jsonValue() }))),
      triggers: fc.oneof(
        fc.jsonValue(),
        fc.array(
          fc.record({
            template: fc.record({ name: fc.jsonValue(), http: fc.jsonValue() }),
            dlqTrigger: fc.jsonValue(),
          }),
        ),
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), spec), (value) => {
      faultOf(() => read(value));
      faultOf(() => parseSensor(value, kinds));
    }),
  );
});

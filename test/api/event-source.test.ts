import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEventSource } from "../../src/api/event-source.ts";
import { createSchema } from "../../src/base/schema.ts";
import { faultOf, logSchema, manifest, urlSchema } from "./builders.ts";

const webhookSchema = createSchema({
  ...urlSchema.json,
  properties: {
    ...urlSchema.json.properties,
    port: { description: "Port.", "x-kubernetes-int-or-string": true },
    endpoint: { description: "Path.", type: "string" },
  },
});
const filteredSchema = createSchema({
  ...logSchema.json,
  properties: {
    ...logSchema.json.properties,
    filter: { description: "Filter.", type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
});
const kinds = { webhook: webhookSchema, calendar: filteredSchema };
const read = (spec: unknown) => parseEventSource(manifest("EventSource", spec), kinds);

test("an EventSource lists its events with their kind's defaults", () => {
  const { resource, warnings } = read({ template: { serviceAccountName: "sa" }, calendar: { a: {}, b: null } });
  assert.deepEqual(resource.events, [
    { kind: "calendar", name: "a", spec: { intervalSeconds: 7 } },
    { kind: "calendar", name: "b", spec: { intervalSeconds: 7 } },
  ]);
  assert.equal(resource.eventBusName, "default");
  assert.deepEqual(resource.template, { serviceAccountName: "sa" });
  assert.deepEqual(warnings, []);
});

test("a null is Go's zero value in a list or map, and absent as a field", () => {
  const texts = { type: "array", items: { type: "string" } } as const;
  const numbers = { type: "object", additionalProperties: { type: "integer" } } as const;
  const lists = { type: "array", items: { type: "array", items: { type: "boolean" } } } as const;
  const open = createSchema({ type: "object", properties: { texts, numbers, lists, any: {} } });
  const event = { texts: ["a", null], numbers: { a: null }, lists: [null, [null]], any: [null] };
  const { resource } = parseEventSource(manifest("EventSource", { webhook: { a: event, b: { texts: null } } }), {
    webhook: open,
  });
  assert.deepEqual(
    resource.events.map(({ spec }) => spec),
    [{ texts: ["a", ""], numbers: { a: 0 }, lists: [[], [false]], any: [null] }, {}],
  );
});

test("an EventSource without events is accepted, as the original does", () => {
  assert.deepEqual(read({}).resource.events, []);
  assert.deepEqual(read({ eventBusName: "" }).resource.eventBusName, "default");
});

test("events of a kind without an adapter are kept, with a warning", () => {
  const { resource, warnings } = read({ kafka: { k: { url: "u", odd: 1 } } });
  assert.deepEqual(resource.events, [{ kind: "kafka", name: "k", spec: { url: "u", odd: 1 } }]);
  assert.deepEqual(warnings, [{ severity: "warning", path: "spec.kafka", message: "is not supported yet" }]);
});

for (const [name, spec, message] of [
  ["no spec", undefined, "spec: is required"],
  ["a spec that is null", null, "spec: is required"],
  ["an event's own schema", { webhook: { w: {} } }, "spec.webhook.w.url: is required"],
  ["an event that is no object", { webhook: { w: 5 } }, "spec.webhook.w: 5 must be an object"],
  [
    "an event without a name",
    { webhook: { endpoint: "/x" } },
    'spec.webhook.endpoint: "/x" must be an object; every event has a name: write `spec.webhook.<name>.endpoint`',
  ],
  ["kinds that are no maps", { webhook: [] }, "spec.webhook: [] must be an object"],
  ["one name in two kinds", { webhook: { a: { url: "u" } }, github: { a: {} } }, 'more than one "a" found in the spec'],
  ["kinds of different ways to run", { webhook: { a: { url: "u" } }, calendar: { b: {} } }, "can not be put together"],
] as const) {
  test(`an EventSource is refused for ${name}`, () => {
    const fault = faultOf(() => read(spec));
    assert.ok(fault?.includes(message), `${message} in ${fault}`);
  });
}

test("events of a kind whose adapter is planned are checked, with a warning", () => {
  const planned = { nsq: { ...urlSchema, isPlanned: true } };
  const parse = (spec: unknown) => parseEventSource(manifest("EventSource", spec), planned);
  assert.deepEqual(parse({ nsq: { a: { url: "u" } } }).warnings, [
    { severity: "warning", path: "spec.nsq", message: "is not supported yet" },
  ]);
  assert.ok(faultOf(() => parse({ nsq: { a: {} } }))?.includes("spec.nsq.a.url: is required"));
});

const route = { port: "12000", endpoint: "/push", url: "u" };
const unfit =
  "does not fit the subject default.<source>.<event> of a bus of Argo Events: use letters, digits, - and _ only";
const shared = "port 12000 and path /push are those of event";

for (const [name, spec, ...expected] of [
  ["names that fit", { calendar: { "a-B_1": {} } }],
  ["a dot in an event's name", { calendar: { "a.b": {} } }, `spec.calendar.a.b: "a.b" ${unfit}`],
  ["a space in an event's name", { calendar: { "a b": {} } }, `spec.calendar.a b: "a b" ${unfit}`],
  ["a wildcard as an event's name", { calendar: { "*": {} } }, `spec.calendar.*: "*" ${unfit}`],
  ["a wildcard in an event's name", { calendar: { "a>": {} } }, `spec.calendar.a>: "a>" ${unfit}`],
  [
    "one port and path twice",
    { webhook: { a: route, b: { ...route, endpoint: "push" } } },
    `spec.webhook.b.endpoint: ${shared} "a" too: only one of them gets what comes there`,
  ],
  ["one port with two paths", { webhook: { a: route, b: { ...route, endpoint: "/other" } } }],
  ["one path on two ports", { webhook: { a: route, b: { ...route, port: 12001 } } }],
  [
    "one port and path in two kinds",
    { webhook: { a: route }, stripe: { b: { webhook: route } } },
    "spec.stripe: is not supported yet",
    `spec.webhook.a.endpoint: ${shared} "b" too: only one of them gets what comes there`,
  ],
  ["no events", {}, "spec: has no events: there is nothing to listen for"],
  ["an expression", { calendar: { a: { filter: { expression: "true" } } } }],
  [
    "an expression that does not parse",
    { calendar: { a: { filter: { expression: "body.x = 1" } } } },
    'spec.calendar.a.filter.expression: expression "body.x = 1" at 7: unexpected operator "=": Argo Events drops every event, Tiphys does not start the source',
  ],
  [
    "an expression whose types cannot fit",
    { calendar: { a: { filter: { expression: "type == 'push'" } } } },
    "spec.calendar.a.filter.expression: expression \"type == 'push'\" at 5: == does not go with func(...interface {}) (interface {}, error) and string: Argo Events drops every event, Tiphys does not start the source",
  ],
  [
    "an expression that gives no bool",
    { calendar: { a: { filter: { expression: "len(body.x)" } } } },
    'spec.calendar.a.filter.expression: "len(body.x)" gives int, not bool: every event is dropped',
  ],
  ["a service", { calendar: { a: {} }, service: { ports: [{ port: 80, targetPort: "http" }], clusterIP: "None" } }],
  [
    "ports of a service without names",
    { calendar: { a: {} }, service: { ports: [{ port: 80 }, { port: 81, name: "a" }, { port: 82, name: "a" }] } },
    "spec.service.ports[0].name: is needed where there are several ports",
    'spec.service.ports[2].name: "a" is there twice',
  ],
  [
    "a port of a service that is none",
    { calendar: { a: {} }, service: { ports: [{ targetPort: 1 }, { port: 0, name: "b" }] } },
    "spec.service.ports[0].port: nothing must be between 1 and 65535",
    "spec.service.ports[1].port: 0 must be between 1 and 65535",
    "spec.service.ports[0].name: is needed where there are several ports",
  ],
  [
    "fields of the template that are not known",
    { calendar: { a: {} }, template: { container: { image: "i", imagePullPolicy: "Always" }, replicas: 1 } },
    "spec.template.container.image: unknown field, it has no effect",
    "spec.template.replicas: unknown field, it has no effect",
    "spec.template.container.imagePullPolicy: has no effect, in Argo Events neither",
  ],
] as const) {
  test(`an EventSource with ${name} has ${expected.length} warnings`, () => {
    const { warnings } = read(spec);
    assert.deepEqual(
      warnings.map(({ severity, path, message }) => `${severity} ${path}: ${message}`),
      expected.map((line) => `warning ${line}`),
    );
  });
}

test("an EventSource whose own name does not fit is warned about once", () => {
  const named = { apiVersion: "argoproj.io/v1alpha1", kind: "EventSource", metadata: { name: "a.b" } };
  const { warnings } = parseEventSource({ ...named, spec: { calendar: { a: {}, b: {} } } }, kinds);
  assert.deepEqual(warnings, [{ severity: "warning", path: "metadata.name", message: `"a.b" ${unfit}` }]);
});

for (const [spec, message] of [
  [
    { service: { ports: [{ port: "80" }] } },
    'spec.service.ports[0].port: "80" must be an integer; write it without quotes',
  ],
  [
    { service: { ports: [{ port: 80, targetPort: 1.5 }] } },
    "spec.service.ports[0].targetPort: 1.5 must be an integer or a string",
  ],
  [{ service: { clusterIP: 1 } }, "spec.service.clusterIP: 1 must be a string; put it in quotes"],
  [{ replicas: "1" }, 'spec.replicas: "1" must be an integer; write it without quotes'],
  [
    { template: { container: { env: {} } } },
    "spec.template.container.env: {} must be an array; write a list, even of one",
  ],
  [{ template: { priority: "high" } }, 'spec.template.priority: "high" must be an integer'],
] as const) {
  test(`an EventSource with ${JSON.stringify(spec)} is refused`, () => {
    assert.equal(
      faultOf(() => read(spec)),
      message,
    );
  });
}

test("unknown fields are warned about, at the top and in an event", () => {
  const { warnings } = read({ type: "webhook", webhook: { w: { url: "u", Payload: 1 } } });
  assert.deepEqual(warnings, [
    { severity: "warning", path: "spec.type", message: "unknown field, it has no effect" },
    {
      severity: "warning",
      path: "spec.webhook.w.Payload",
      message: "unknown field, it has no effect",
      suggestion: "did you mean `payload`?",
    },
  ]);
});

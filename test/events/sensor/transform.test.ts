import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import type { JsonValue } from "../../../src/base/json.ts";
import { explain, reduce } from "../../../src/events/sensor/reducer.ts";
import { emptyState } from "../../../src/events/sensor/state.ts";
import { compileTransform, type Transform } from "../../../src/events/sensor/transform.ts";
import { cloudEvent, compiled, dependency, received, trigger } from "./builders.ts";

function transformed(script: string, data: JsonValue) {
  return transformedBy({ script }, data);
}

function transformedBy(transform: { readonly jq?: string; readonly script?: string }, data: JsonValue) {
  return change(compileTransform(dependency("d", undefined, { transform })), data);
}

function change(transform: Transform | undefined, data: JsonValue) {
  assert.ok(transform);
  return transform(cloudEvent({ data, datacontenttype: "text/plain" }));
}

/** Of spec argo-events 5.8, the oddities included. */
const results: readonly (readonly [script: string, data: JsonValue, expected: JsonValue])[] = [
  ["return event", { a: 1 }, { a: 1 }],
  ["event.b = event.a .. '' return event", { a: 9007199254740993n }, { a: 9007199254740992, b: "9007199254740992" }],
  ["return { 1, 2 }", {}, [1, 2]], // a list as the whole data
  ["return event.list", { list: [1, null, [2], 3] }, [1, 3]],
  ["return 1, { x = 1 }", {}, { x: 1 }], // the top of the stack
  ["return { a = {}, b = setmetatable({}, { __is_array = true }) }", {}, { a: {}, b: [] }],
  ["return { [3] = 'c', lost = 1 }", {}, [null, null, "c"]],
  ["return { [0] = 1, [1.5] = 2 }", {}, { "0": 1, "1.5": 2 }],
  ["return event", { none: [], gone: null }, { none: {} }], // an empty list comes back as an object
  ["return {}", { a: 1 }, {}],
];

for (const [script, data, expected] of results) {
  test(`transform ${script}`, () => {
    const event = transformed(script, data);
    assert.deepEqual(event.data, expected);
    assert.equal(event.datacontenttype, "application/json");
  });
}

test("keys are sorted and the context stays", () => {
  const event = transformed("return { b = 1, a = 2 }", {});
  assert.equal(JSON.stringify(event.data), '{"a":2,"b":1}');
  assert.deepEqual({ ...event, data: {} }, cloudEvent());
});

test("without data there is nothing to change", () => {
  assert.deepEqual(transformed("error('x')", null), cloudEvent({ data: null, datacontenttype: "text/plain" }));
});

const failures: readonly (readonly [script: string, data: JsonValue, message: string])[] = [
  ["return 1", {}, "transform.script: the script must return a table, not a number"],
  ["return 'x'", {}, "transform.script: the script must return a table, not a string"],
  ["return", {}, "transform.script: the script must return a table, not nothing"],
  ["return print", {}, "transform.script: the script must return a table, not a function"],
  ["return { f = print }", {}, "transform.script: a function cannot be data"],
  ["return { 0 / 0 }", {}, "transform.script: NaN cannot be data: JSON has no such number"],
  ["return event.x.y", {}, "transform.script: <string>:1: attempt to index field 'x' (a nil value)"],
  ["return (", {}, "transform.script: <string>:1: unexpected symbol near '<eof>'"],
  ["return event", [1], "transform.script: the event's data is no object"],
  ["while true do end", {}, "transform.script: it takes more than 20000000 steps"],
];

for (const [script, data, message] of failures) {
  test(`transform ${script} fails`, () => assert.throws(() => transformed(script, data), { message }));
}

/** Of spec argo-events 5.8. */
const jqResults: readonly (readonly [jq: string, data: JsonValue, expected: JsonValue])[] = [
  ['{ref: .body.ref | ltrimstr("refs/heads/")}', { body: { ref: "refs/heads/main" } }, { ref: "main" }],
  [".a += 1", { a: 1, b: [] }, { a: 2, b: [] }],
  ["., {second: true}", { a: 1 }, { a: 1 }], // only the first result
  ["{n: .n}", { n: 9007199254740993n }, { n: 9007199254740992 }], // numbers are float64
  ["{e: env, v: $ENV.PATH}", {}, { e: {}, v: null }],
];

for (const [jq, data, expected] of jqResults) {
  test(`transform jq ${jq}`, () => assert.deepEqual(transformedBy({ jq }, data).data, expected));
}

const jqFailures: readonly (readonly [jq: string, data: JsonValue, message: RegExp])[] = [
  [".a", { a: [1] }, /^transform\.jq: its first result must be an object, not \[1\]$/],
  ["empty", {}, /^transform\.jq: its first result must be an object, not nothing$/],
  ['error("no")', {}, /^transform\.jq: .*no/],
  [".", [1], /^transform\.jq: the event's data is no object$/],
  [".a |", {}, /^transform\.jq: .*at \d/],
  ["def f: f; f", {}, /^transform\.jq: the jq program /],
  ["{n: [range(1e9)]}", {}, /^transform\.jq: the jq program /],
];

for (const [jq, data, message] of jqFailures) {
  test(`transform jq ${jq} fails`, () => assert.throws(() => transformedBy({ jq }, data), { message }));
}

test("neither jq nor script is no transform; jq wins over script", () => {
  assert.equal(compileTransform(dependency("d")), undefined);
  assert.equal(compileTransform(dependency("d", undefined, { transform: { jq: "", script: "" } })), undefined);
  assert.deepEqual(transformedBy({ jq: "{jq: 1}", script: "return {}" }, {}).data, { jq: 1 });
});

test("filters and triggers see what the transform gives, each dependency its own from the event as it came", () => {
  const more = { eventName: "push" };
  const sensor = compiled(
    [
      dependency(
        "a",
        { script: "return event.a == 1 and event.b == nil" },
        { ...more, transform: { script: "event.a = 1 return event" } },
      ),
      dependency("b", { cel: "event.data.b == 2" }, { ...more, transform: { script: "event.b = 2 return event" } }),
      dependency("plain", { cel: "!has(event.data.a) && !has(event.data.b)" }, more),
    ],
    [trigger("t", "a && b"), trigger("u", "plain")],
  );
  const { decisions } = reduce(sensor, emptyState, received("e", "push", { n: 0 }), instant(0));
  const fired = decisions.flatMap((decision) => (decision.kind === "fire" ? [decision.events] : []));
  assert.deepEqual(
    fired.map((events) => Object.entries(events).map(([name, { event }]) => [name, event.data])),
    [
      [
        ["a", { a: 1, n: 0 }],
        ["b", { b: 2, n: 0 }],
      ],
      [["plain", { n: 0 }]],
    ],
  );
});

test("a transform that fails is an error of its dependency, with the event as it came", () => {
  const sensor = compiled(
    [dependency("push", { script: "return false" }, { transform: { script: "error('why', 0)" } })],
    [trigger("t")],
  );
  const given = received("e", "push", { n: 0 });
  const { decisions } = reduce(sensor, emptyState, given, instant(0));
  assert.deepEqual(decisions, [{ kind: "error", dependency: "push", message: "transform.script: why", event: given }]);
  const [verdict] = explain(sensor, given.event);
  assert.deepEqual(verdict, {
    dependency: "push",
    verdict: "error",
    reason: "transform.script: why",
    filter: "transform",
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isSensorTest, parseSensorTest } from "../../src/api/sensor-test.ts";
import type { JsonObject, JsonValue } from "../../src/base/json.ts";
import { InvalidManifest } from "../../src/base/schema.ts";

const event = { eventSource: "github", event: "push" };

function testOf(fields: JsonObject = {}): JsonObject {
  const cases = [{ name: "one", given: [event], expect: [] }];
  return { apiVersion: "tiphys.io/v1alpha1", kind: "SensorTest", sensor: "./sensor.yaml", cases, ...fields };
}

const withCase = (fields: JsonObject): JsonObject =>
  testOf({ cases: [{ name: "one", given: [event], expect: [], ...fields }] });
const withGiven = (given: JsonObject): JsonObject => withCase({ given: [given] });

function told(object: JsonObject): readonly string[] {
  const lines = (problems: readonly { severity: string; path: string; message: string; suggestion?: string }[]) =>
    problems.map(
      ({ severity, path, message, suggestion }) =>
        `${severity} ${path}: ${message}${suggestion ? `; ${suggestion}` : ""}`,
    );
  try {
    return lines(parseSensorTest(object).warnings);
  } catch (error) {
    if (error instanceof InvalidManifest) return lines(error.problems);
    throw error;
  }
}

test("a test has defaults: the start of virtual time, no failures, events at the start", () => {
  const { resource } = parseSensorTest(testOf());
  assert.equal(new Date(resource.startMs).toISOString(), "2026-01-01T00:00:00.000Z");
  assert.deepEqual(resource.cases, [
    { name: "one", given: [{ ...event, atMs: 0 }], fails: {}, expect: [], decisions: [] },
  ]);
});

test("offsets are durations of Go", () => {
  const { resource } = parseSensorTest(withCase({ given: [{ ...event, at: "1h30m" }], until: "2h" }));
  assert.deepEqual([resource.cases[0]?.given[0]?.atMs, resource.cases[0]?.untilMs], [5_400_000, 7_200_000]);
});

const problems: readonly (readonly [string, JsonObject, string])[] = [
  ["no Sensor", testOf({ sensor: null }), "error sensor: is required"],
  ["a Sensor that is a number", testOf({ sensor: 5 }), "error sensor: 5 must name a file, or be a whole Sensor"],
  ["no cases", testOf({ cases: [] }), "error cases: [] must NOT have fewer than 1 items"],
  [
    "a misspelt field",
    testOf({ casess: [] }),
    "warning casess: unknown field, it has no effect; did you mean `cases`?",
  ],
  [
    "a misspelt field of a case",
    withCase({ exepct: [] }),
    "warning cases[0].exepct: unknown field, it has no effect; did you mean `expect`?",
  ],
  [
    "a time that is none",
    testOf({ start: "tomorrow" }),
    'error start: "tomorrow" must be a time such as "2026-01-01T00:00:00Z"',
  ],
  [
    "a day that is none",
    testOf({ start: "2026-13-01T00:00:00Z" }),
    'error start: "2026-13-01T00:00:00Z" must be a time such as "2026-01-01T00:00:00Z"',
  ],
  [
    "a number for a duration",
    withGiven({ ...event, at: 5 }),
    "error cases[0].given[0].at: 5 must be a string; put it in quotes",
  ],
  [
    "a duration without a unit",
    withGiven({ ...event, at: "5" }),
    'error cases[0].given[0].at: "5" is not a duration such as "10s" or "1m30s"',
  ],
  [
    "time that runs backwards",
    withGiven({ ...event, at: "-5s" }),
    'error cases[0].given[0].at: "-5s" must be between 0s and a century',
  ],
  [
    "two contents",
    withGiven({ ...event, data: 1, dataFile: "x.json" }),
    "error cases[0].given[0].dataFile: cannot stand beside `data`: one event has one content",
  ],
  ["no EventSource", withGiven({ event: "push" }), "error cases[0].given[0].eventSource: is required"],
  [
    "a file of elsewhere",
    withGiven({ ...event, dataFile: "../secret.json" }),
    'error cases[0].given[0].dataFile: "../secret.json" must name a file within the test\'s folder',
  ],
  [
    "an absolute file",
    withGiven({ cloudEvent: "/etc/passwd" }),
    'error cases[0].given[0].cloudEvent: "/etc/passwd" must name a file within the test\'s folder',
  ],
  [
    "an event that is a number",
    withGiven({ cloudEvent: 5 }),
    "error cases[0].given[0].cloudEvent: 5 must be an event, or name a file",
  ],
  [
    "an id without quotes",
    withGiven({ ...event, context: { id: 1 } }),
    "error cases[0].given[0].context.id: 1 must be a string; put it in quotes",
  ],
  [
    "a verdict that is none",
    withCase({ decisions: [{ dependency: "push", verdict: "rejcted" }] }),
    'error cases[0].decisions[0].verdict: "rejcted" must be one of "passed", "rejected", "error"; did you mean `rejected`?',
  ],
  ["a regex that is none", withCase({ expect: [{ trigger: "t", error: "/(/" }] }), "error cases[0].expect[0].error: "],
  [
    "a template that is a text",
    withCase({ expect: [{ trigger: "t", template: "x" }] }),
    "error cases[0].expect[0].template: must be an object",
  ],
  [
    "nothing expected",
    testOf({ cases: [{ name: "one", given: [event] }] }),
    "warning cases[0].expect: is missing: the case expects nothing, and fails",
  ],
  [
    "two cases of one name",
    testOf({
      cases: [
        { name: "a", given: [], expect: [] },
        { name: "a", given: [], expect: [] },
      ],
    }),
    'error cases[1].name: "a" is the name of another case, too',
  ],
];

for (const [name, object, line] of problems) {
  test(`a test with ${name}`, () => {
    const [first = "", ...more] = told(object);
    assert.ok(first.startsWith(line), first);
    assert.deepEqual(more, []);
  });
}

for (const [object, is] of [
  [testOf(), true],
  [{ ...testOf(), apiVersion: "argoproj.io/v1alpha1" }, false],
  [{ ...testOf(), kind: "Sensor" }, false],
  [null, false],
] as readonly (readonly [JsonValue, boolean])[]) {
  test(`${JSON.stringify(object).slice(0, 60)} is ${is ? "a" : "no"} SensorTest`, () =>
    assert.equal(isSensorTest(object), is));
}

test("whatever is written, a test is read or its problems are told", () => {
  const names = [
    "name",
    "given",
    "at",
    "expect",
    "trigger",
    "decisions",
    "verdict",
    "until",
    "fails",
    "event",
    "cloudEvent",
  ];
  const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<JsonValue>(null, true, 0, "", "5s", "/(/", "x", 2n ** 60n),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie("value"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(value, value, value, (sensor, start, cases) => {
      told({ ...testOf(), sensor, start, cases });
      told(withCase({ given: cases, expect: start }));
    }),
  );
});

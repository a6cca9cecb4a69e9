import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { validateText } from "../../src/validate/validate.ts";

const head = "apiVersion: argoproj.io/v1alpha1\nmetadata: {name: x}\n";
const sensor = `${head}kind: Sensor
spec:
  dependencies:
  - {name: d, eventSourceName: e, eventName: e}
  triggers:
  - template:
      name: t
`;

const sensorTest = `apiVersion: tiphys.io/v1alpha1
kind: SensorTest
sensor:
  apiVersion: argoproj.io/v1alpha1
  kind: Sensor
  metadata: {name: x}
  spec: {dependencies: [{name: d, eventSourceName: e, eventName: e}], triggers: [{template: {name: t, log: {}}}]}
cases:
- name: one
  given: []
`;

const lines = (text: string): string[] =>
  validateText(text, "f.yaml").problems.map(
    ({ line, column, severity, path, message, suggestion }) =>
      `${line}:${column} ${severity} ${path}: ${message}${suggestion === undefined ? "" : ` (${suggestion})`}`,
  );

for (const [name, text, found] of [
  ["nothing of a good one", `${sensor}      log: {}\n`, []],
  [
    "errors and warnings together, in the order of the file",
    `${sensor}      retryStrategy: {}\n      http: {method: POTS}\n`,
    [
      "10:7 warning spec.triggers[0].template.retryStrategy: unknown field, it has no effect (belongs one level up: `spec.triggers[0].retryStrategy`)",
      "11:7 error spec.triggers[0].template.http.url: server URL is not specified",
      '11:14 error spec.triggers[0].template.http.method: "POTS": only GET, DELETE, PATCH, POST and PUT methods are supported (did you mean `POST`?)',
    ],
  ],
  ["nothing of a good SensorTest", `${sensorTest}  expect: []\n`, []],
  [
    "problems of a SensorTest, and of the Sensor in it",
    `${sensorTest.replace("{name: d, ", "{")}  exepct: []\n`,
    [
      "7:25 error sensor.spec.dependencies[0].name: event dependency must define a name",
      "9:3 warning cases[0].expect: is missing: the case expects nothing, and fails (write what fires ([]: nothing), or let `tiphys sensor test --update` write it)",
      "11:3 warning cases[0].exepct: unknown field, it has no effect (did you mean `expect`?)",
    ],
  ],
  [
    "a SensorTest of another version",
    "apiVersion: argoproj.io/v1alpha1\nkind: SensorTest\n",
    ['1:1 warning apiVersion: "argoproj.io/v1alpha1" must be "tiphys.io/v1alpha1"'],
  ],
  [
    "what is almost a SensorTest",
    "apiVersion: tiphys.io/v1alpha1\nkind: SensorTests\n",
    ['2:1 warning kind: "SensorTests" is not a kind that is known (did you mean `SensorTest`?)'],
  ],
  [
    "a field whose name YAML takes for a boolean, and no word about the names that are left",
    `${sensor.replace("eventName: e", "eventName: e, filters: {exprs: [{expr: n > 5, fields: [{name: n, path: a}]}]}")}      log: {}\n`,
    [/exprs\[0\].fields\[0\]: one of expr filters is not valid/, /fields\[0\].name: false must be a string/],
  ],
  [
    "what the compiler says, as warnings",
    `${sensor}      log: {}\n      conditions: d || f\n`,
    [/^11:7 warning spec\.triggers\[0\]\.template\.conditions: .*"f"/],
  ],
  [
    "integers that Go's 64 bits do not hold",
    `${sensor}      log: {}\n    rateLimit: {requestsPerUnit: 18446744073709551615}\n`,
    ["11:17 error spec.triggers[0].rateLimit.requestsPerUnit: 18446744073709551615 does not fit an integer of 64 bits"],
  ],
  [
    "a kind that is almost one of ours",
    `${head}kind: EventSorce\n`,
    ['3:1 warning kind: "EventSorce" is not a kind that is known (did you mean `EventSource`?)'],
  ],
  [
    "a version that is not known",
    "kind: Sensor\napiVersion: argoproj.io/v1\n",
    ['2:1 warning apiVersion: "argoproj.io/v1" must be "argoproj.io/v1alpha1"'],
  ],
  [
    "places in the items of a List",
    `kind: List\nitems:\n- kind: EventBus\n  apiVersion: argoproj.io/v1alpha1\n  metadata: {name: b}\n  spec: {jetstream: {}}\n`,
    ["6:10 error spec.jetstream.version: invalid spec: a version for jetstream needs to be specified"],
  ],
  ["a missing spec where the object starts", `kind: EventBus\n${head}`, ["1:1 error spec: is required"]],
  [
    "the second of two equal keys",
    `${head}kind: A\nkind: B\n`,
    [/^4:1 error : duplicated mapping key, the first is at line 3/],
  ],
  ["a document that is none", "- 1\n", ["1:1 error : a document must be an object"]],
] as readonly (readonly [string, string, readonly (string | RegExp)[]])[]) {
  test(`validate tells ${name}`, () => {
    const told = lines(text);
    assert.equal(told.length, found.length, told.join("\n"));
    for (const [index, line] of told.entries()) {
      const expected = found[index];
      if (expected instanceof RegExp) assert.match(line, expected);
      else assert.equal(line, expected);
    }
  });
}

test("validate counts what it looked at and what not", () => {
  const { checked, ignored, isUnreadable } = validateText(
    `${sensor}      log: {}\n---\nkind: ConfigMap\napiVersion: v1\n---\nkind: Workflow\napiVersion: argoproj.io/v1alpha1\n`,
    "f",
  );
  assert.deepEqual({ checked, ignored, isUnreadable }, { checked: 1, ignored: 2, isUnreadable: false });
});

test("validate says what it cannot read", () => {
  assert.deepEqual(validateText("a: [", "f").isUnreadable, true);
});

test("validate does not throw for any text", () => {
  const kind = fc.constantFrom("Sensor", "EventSource", "EventBus", "Application", "AppProject", "Sensr");
  const object = fc
    .tuple(kind, fc.jsonValue())
    .map(([name, spec]) => `${head}kind: ${name}\nspec: ${JSON.stringify(spec)}`);
  fc.assert(
    fc.property(fc.oneof(object, fc.string()), (text) => {
      for (const { line, column } of validateText(text, "f").problems) assert.ok(line >= 0 && column >= 0);
    }),
    { numRuns: 500 },
  );
});

test("validate looks at expressions of those kinds only that read them", () => {
  const dropped = (kind: string): boolean =>
    lines(`${head}kind: EventSource\nspec: {${kind}: {a: {filter: {expression: "="}}}}\n`).some((line) =>
      line.includes("drops every event"),
    );
  assert.deepEqual(["webhook", "kafka", "minio", "resource", "storageGrid", "stripe"].map(dropped), [
    ...[true, true],
    ...[false, false, false, false],
  ]);
});

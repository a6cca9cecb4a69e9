import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSensor } from "../../src/api/sensor.ts";
import { triggerSchemas } from "../../src/events/triggers/registry.ts";
import { manifest } from "./builders.ts";

const kinds = triggerSchemas();
const list = '["push"]';

function warningsOf(filters: object, parameters: readonly object[] = []): string[] {
  const spec = {
    dependencies: [{ name: "d", eventSourceName: "es", eventName: "e", filters }],
    triggers: [{ template: { name: "t", log: {} }, parameters }],
  };
  return parseSensor(manifest("Sensor", spec), kinds).warnings.map(({ path, message, suggestion }) => {
    const at = path.replace(/^spec\.(?:dependencies\[0\]\.filters|triggers\[0\])\./, "");
    return `${at}: ${message}${suggestion ? ` [${suggestion}]` : ""}`;
  });
}

const data = (path: string, more: object = {}) => ({ data: [{ path, type: "string", value: ["^push$"], ...more }] });
const exprs = (expr: string) => ({ exprs: [{ expr, fields: [{ name: "e", path: "headers.X-Github-Event" }] }] });
const parameter = (dataKey: string, more: object = {}) => [
  { src: { dependencyName: "d", dataKey, ...more }, dest: "name" },
];

for (const [what, filters, parameters, expected] of [
  [
    "an anchored text over the list",
    data("headers.X-Github-Event"),
    [],
    `data[0].value: "^push$" is not found: a header is a list, and the text compared is such as ${list} [write the path \`headers.X-Github-Event.0\`]`,
  ],
  [
    "words over the list",
    data("header.X-Gitlab-Event", { value: ["push"] }),
    [],
    'data[0].value: "push" is found anywhere in the text: what has more before or behind it passes, too [for exactly this write `^push$` and the path `header.X-Gitlab-Event.0`]',
  ],
  [
    "the list as a number",
    data("header.Content-Length", { type: "number", value: ["5"] }),
    [],
    "data[0].path: a header is a list, which counts as 0 [its first value is `header.Content-Length.0`]",
  ],
  [
    "the list as a bool",
    data("header.X-Hook-Test", { type: "bool", value: ["true"] }),
    [],
    "data[0].path: a header is a list, which counts as false [its first value is `header.X-Hook-Test.0`]",
  ],
  [
    "a name in other letters",
    data("headers.X-GitHub-Event.0"),
    [],
    'data[0].path: "headers.X-GitHub-Event.0" is not there in events of HTTP sources, which write names of headers as X-Github-Event [did you mean `headers.X-Github-Event.0`?]',
  ],
  [
    "the list in an expression",
    exprs("e == 'push'"),
    [],
    "exprs[0].fields[0].path: a header is a list, which equals no text [its first value is `headers.X-Github-Event.0`]",
  ],
  [
    "the list in a parameter",
    {},
    parameter("headers.X-Github-Event"),
    `parameters[0].src.dataKey: a header is a list, and goes in as a text such as \`${list}\` [its first value is \`headers.X-Github-Event.0\`]`,
  ],
  ["the first value", data("headers.X-Github-Event.0"), parameter("headers.X-Github-Event.0"), undefined],
  ["the list of brackets", data("headers.X-Github-Event", { value: ['^\\["push"\\]$'] }), [], undefined],
  ["a template over the list", data("headers.X-Github-Event", { template: "{{ .Input | len }}" }), [], undefined],
  ["the list that is looked into", exprs("'push' in e"), [], undefined],
  ["the list as it is", {}, parameter("headers.X-Github-Event", { useRawData: true }), undefined],
  ["names that other sources may have", data("headers.tenant"), parameter("header.Tenant-Id"), undefined],
  ["a body with headers of its own", data("body.headers.X-Github-Event"), [], undefined],
] as const) {
  test(`headers: ${what}: ${expected === undefined ? "nothing to say" : "a warning"}`, () => {
    assert.deepEqual(warningsOf(filters, parameters), expected === undefined ? [] : [expected]);
  });
}

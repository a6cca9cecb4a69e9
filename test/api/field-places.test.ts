import assert from "node:assert/strict";
import { test } from "node:test";
import { readFields } from "../../src/api/fields.ts";
import type { JsonValue } from "../../src/base/json.ts";
import type { JsonSchema, Problem } from "../../src/base/schema.ts";

const text: JsonSchema = { type: "string" };
const sensor: JsonSchema = {
  type: "object",
  properties: {
    eventBusName: text,
    triggers: {
      type: "array",
      items: {
        type: "object",
        properties: {
          retryStrategy: { type: "object", properties: { steps: text } },
          template: {
            type: "object",
            properties: {
              name: text,
              conditions: text,
              http: { type: "object", properties: { url: text, timeout: text } },
              kafka: { type: "object", properties: { url: text, topic: text } },
              open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            },
          },
        },
      },
    },
    webhook: { type: "object", additionalProperties: { type: "object", properties: { endpoint: text } } },
  },
};

const inTemplate = (template: JsonValue) => ({ triggers: [{ template }] });
const at = "spec.triggers[0].template";

for (const [name, value, path, suggestion] of [
  ["a misspelt key", { tirggers: [] }, "spec.tirggers", "did you mean `triggers`?"],
  ["another case", inTemplate({ HTTP: {} }), `${at}.HTTP`, "did you mean `http`?"],
  [
    "a key of the level above",
    inTemplate({ retryStrategy: {} }),
    `${at}.retryStrategy`,
    "belongs one level up: `spec.triggers[0].retryStrategy`",
  ],
  [
    "a key of a level further above",
    inTemplate({ http: { retryStrategy: {} } }),
    `${at}.http.retryStrategy`,
    "belongs 2 levels up: `spec.triggers[0].retryStrategy`",
  ],
  [
    "a key of the only block that knows it",
    inTemplate({ topic: "t" }),
    `${at}.topic`,
    `belongs under \`kafka\`: \`${at}.kafka.topic\``,
  ],
  [
    "a key of several blocks, one of which is there",
    inTemplate({ url: "u", http: {} }),
    `${at}.url`,
    `belongs under \`http\`: \`${at}.http.url\``,
  ],
  ["a key of several blocks, none of which is there", inTemplate({ url: "u" }), `${at}.url`, undefined],
  [
    "a key of items",
    { conditions: "a", triggers: [{}] },
    "spec.conditions",
    "belongs under `triggers[0].template`: `spec.triggers[0].template.conditions`",
  ],
  [
    "a key of the map's entries",
    { webhook: { w: { endPoint: "/" } } },
    "spec.webhook.w.endPoint",
    "did you mean `endpoint`?",
  ],
  ["another word", { webhook: { w: { path: "/" } } }, "spec.webhook.w.path", "did you mean `endpoint`?"],
  ["half of a word", { eventBus: "b" }, "spec.eventBus", "did you mean `eventBusName`?"],
  ["a word that nothing is near to", { quux: 1 }, "spec.quux", undefined],
] as const) {
  test(`an unknown field: ${name}`, () => {
    const problems: Problem[] = [];
    readFields(value as unknown as JsonValue, sensor, "spec", problems);
    const message = "unknown field, it has no effect";
    assert.deepEqual(problems, [
      { severity: "warning", path, message, ...(suggestion === undefined ? {} : { suggestion }) },
    ]);
  });
}

test("unknown fields in blocks that are open are none", () => {
  const problems: Problem[] = [];
  readFields(inTemplate({ open: { anything: 1 } }), sensor, "spec", problems);
  assert.deepEqual(problems, []);
});

test("a hundred thousand unknown fields are all told, in time", () => {
  const problems: Problem[] = [];
  const keys = Array.from({ length: 100_000 }, (_, index) => [`trigers${index}`, 1]);
  const started = process.cpuUsage();
  readFields(Object.fromEntries(keys), sensor, "spec", problems);
  assert.equal(problems.length, 100_000);
  assert.ok(process.cpuUsage(started).user < 1_000_000);
});

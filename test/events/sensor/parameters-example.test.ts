import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseSensor } from "../../../src/api/sensor.ts";
import type { JsonValue } from "../../../src/base/json.ts";
import { parseYaml } from "../../../src/base/yaml.ts";
import { compileSensor } from "../../../src/events/sensor/compile.ts";
import { createParameterResolver } from "../../../src/events/sensor/parameters.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";
import type { TriggerParameter } from "../../../src/events/triggers/trigger.ts";
import { cloudEvent } from "./builders.ts";

const text = readFileSync(join(import.meta.dirname, "../../../examples/sensors/paths.yaml"), "utf8");
const { sensor } = compileSensor(parseSensor(parseYaml(text)[0], triggerSchemas()).resource);

const push = (...modified: readonly string[][]): JsonValue => ({
  body: {
    ref: "refs/heads/main",
    repository: { name: "shop" },
    commits: modified.map((files, index) => ({ id: `c${index}`, message: `change ${index}`, modified: files })),
  },
});

for (const [name, data, verdict] of [
  ["takes a push that changes a file there", push(["src/a"], ["deploy/a.yaml"]), "passed"],
  ["refuses one that changes none", push(["src/deploy"], []), "rejected"],
] as const) {
  test(`examples/sensors/paths.yaml ${name}`, () => {
    const [dependency] = compileSensor(sensor).dependenciesOf("hooks", "push");
    assert.equal(dependency?.filter(cloudEvent({ data })).verdict, verdict);
  });
}

test("examples/sensors/paths.yaml says what changed", () => {
  const http = sensor.triggers[0]?.template.raw.http as unknown as { readonly payload: readonly TriggerParameter[] };
  const data = push(["deploy/a"], ["src/a"], ["deploy/b"]);
  assert.deepEqual(
    JSON.parse(createParameterResolver({ push: cloudEvent({ data }) }).payload(http.payload, "payload")),
    {
      commits: ["c0", "c2"],
      repository: { name: "shop", ref: "refs/heads/main" },
      message: "change 2",
    },
  );
});

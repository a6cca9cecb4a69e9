import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAppProject } from "../../src/api/app-project.ts";
import { appProjectSchema } from "../../src/api/app-project-schema.ts";
import { parseApplication } from "../../src/api/application.ts";
import { applicationSchema, operationSchema } from "../../src/api/application-schema.ts";
import { parseApplicationSet } from "../../src/api/application-set/application-set.ts";
import { applicationSetSchema } from "../../src/api/application-set/application-set-schema.ts";
import { formatYaml, parseYaml } from "../../src/base/yaml.ts";
import { arbitraryOf } from "./arbitrary.ts";
import { manifest } from "./builders.ts";

// Templates of generators are free-form in the schema and have rules of their own, so that they stay empty here.
const empty = fc.constant({});

for (const [kind, schema, more, free, parse] of [
  ["Application", applicationSchema, { operation: operationSchema }, undefined, parseApplication],
  ["AppProject", appProjectSchema, {}, undefined, parseAppProject],
  ["ApplicationSet", applicationSetSchema, {}, empty, parseApplicationSet],
] as const) {
  const fields = Object.entries(more).map(([name, field]) => [name, arbitraryOf(field)] as const);
  const value = fc
    .tuple(arbitraryOf(schema, free), fc.record(Object.fromEntries(fields), { noNullPrototype: true }))
    .map(([spec, top]) => manifest(kind, spec, top as object));

  test(`what the schema of ${kind} describes is accepted, printed and read back the same`, () => {
    fc.assert(
      fc.property(value, (object) => {
        const once = parse(object);
        for (const { message } of once.warnings) assert.ok(!message.startsWith("unknown field"), message);
        const [printed] = parseYaml(formatYaml(object));
        assert.deepEqual(parse(printed), once);
      }),
      { numRuns: 20 },
    );
  });
}

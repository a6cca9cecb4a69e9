import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { decodeFields, FieldTypeError, fieldTypes } from "../../src/objects/typed-fields.ts";

const deployment = "io.k8s.api.apps.v1.Deployment";
const container = (more: object) => ({
  metadata: { name: "w" },
  spec: { template: { spec: { containers: [{ name: "w", ...more }] } } },
});

test("known fields stay as they are, and the object is the same", () => {
  const object = container({ image: "w:1", env: [{ name: "A", value: "1" }], resources: { limits: { cpu: "100m" } } });
  const decoded = decodeFields(deployment, object as JsonObject);
  assert.equal(decoded.object, object);
  assert.deepEqual(decoded.unknown, []);
});

test("unknown fields are dropped and named", () => {
  const object = { ...container({ imagePullpolicy: "Always" }), stauts: {} };
  const { object: known, unknown } = decodeFields(deployment, object as JsonObject);
  assert.deepEqual(unknown, ["spec.template.spec.containers[0].imagePullpolicy", "stauts"]);
  assert.deepEqual(known, container({}));
});

const wrong: readonly (readonly [name: string, object: object, message: RegExp])[] = [
  [
    "a number for a text",
    container({ env: [{ name: "A", value: 1 }] }),
    /unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string$/,
  ],
  [
    "a text for a number",
    { spec: { replicas: "2" } },
    /unmarshal string into .*DeploymentSpec.spec.replicas of type int/,
  ],
  ["a fraction", { spec: { replicas: 1.5 } }, /unmarshal number 1.5 into/],
  [
    "an object for a list",
    { spec: { template: { spec: { containers: {} } } } },
    /unmarshal object .* of type \[\]v1.Container/,
  ],
  ["a quantity", container({ resources: { limits: { cpu: "lots" } } }), /quantities must match the regular expression/],
  ["a time", { metadata: { creationTimestamp: "today" } }, /^parsing time "today" as/],
];

for (const [name, object, message] of wrong) {
  test(`${name} that does not fit is refused`, () => {
    assert.throws(
      () => decodeFields(deployment, object as JsonObject),
      (error) => error instanceof FieldTypeError && message.test(error.message),
    );
  });
}

test("every type that a field names is there", () => {
  const scalars = new Set(
    "string bytes boolean integer number quantity int-or-string date-time date-time-micro any".split(" "),
  );
  for (const fields of Object.values(fieldTypes)) {
    for (const code of Object.values(fields)) {
      const type = code.replace(/^(?:\[\]|\{\})+/, "");
      assert.ok(scalars.has(type) || fieldTypes[type] !== undefined, code);
    }
  }
});

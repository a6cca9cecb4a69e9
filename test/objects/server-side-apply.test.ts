import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { formOfKind } from "../../src/objects/apply-form.ts";
import { pathTexts, toFieldsV1 } from "../../src/objects/field-set.ts";
import { type Ownership, parseManagedFields } from "../../src/objects/managed-fields.ts";
import {
  ApplyConflictError,
  applyFields,
  ownersAfterUpdate,
  type WriteBy,
} from "../../src/objects/server-side-apply.ts";

const deployment = "io.k8s.api.apps.v1.Deployment";
const service = "io.k8s.api.core.v1.Service";
const configMap = "io.k8s.api.core.v1.ConfigMap";

interface Step {
  /** `apply m`, `force m` or `update m`, by manager m. */
  readonly by: string;
  readonly object: JsonObject;
}

interface Case {
  readonly name: string;
  /** Undefined: a kind of a CRD. */
  readonly type?: string;
  readonly steps: readonly Step[];
  readonly object?: JsonObject;
  /** Paths by manager. */
  readonly owners?: Readonly<Record<string, readonly string[]>>;
  /** Of the last step, as `manager path`. */
  readonly conflicts?: readonly string[];
}

const containers = (...items: JsonObject[]): JsonObject => ({ spec: { template: { spec: { containers: items } } } });

const cases: readonly Case[] = [
  {
    name: "an applier owns leaves, not the structs around them",
    type: deployment,
    steps: [{ by: "apply m", object: { metadata: { name: "w", labels: { a: "1" } }, spec: { replicas: 2 } } }],
    owners: { m: [".metadata.labels.a", ".spec.replicas"] },
  },
  {
    name: "an updater owns structs and maps too",
    type: deployment,
    steps: [{ by: "update m", object: { metadata: { labels: { a: "1" } }, spec: { replicas: 2 } } }],
    owners: { m: [".metadata.labels", ".metadata.labels.a", ".spec", ".spec.replicas"] },
  },
  {
    name: "what an applier no longer mentions is removed",
    type: configMap,
    steps: [
      { by: "apply m", object: { data: { a: "1", b: "2" } } },
      { by: "apply m", object: { data: { b: "2" } } },
    ],
    object: { data: { b: "2" } },
    owners: { m: [".data.b"] },
  },
  {
    name: "but not what somebody else owns as well",
    type: configMap,
    steps: [
      { by: "apply m", object: { data: { a: "1", b: "2" } } },
      { by: "apply n", object: { data: { a: "1" } } },
      { by: "apply m", object: { data: { b: "2" } } },
    ],
    object: { data: { a: "1", b: "2" } },
    owners: { m: [".data.b"], n: [".data.a"] },
  },
  {
    name: "nor what an updater has set",
    type: configMap,
    steps: [
      { by: "apply m", object: { data: { a: "1" } } },
      { by: "update n", object: { data: { a: "1", b: "2" } } },
      { by: "apply m", object: { data: { c: "3" } } },
    ],
    object: { data: { b: "2", c: "3" } },
  },
  {
    name: "another value than the owner's is a conflict",
    type: deployment,
    steps: [
      { by: "update kubectl", object: { spec: { replicas: 3 } } },
      { by: "apply m", object: { spec: { replicas: 1 } } },
    ],
    object: { spec: { replicas: 3 } },
    conflicts: ["kubectl .spec.replicas"],
  },
  {
    name: "the same value is shared",
    type: deployment,
    steps: [
      { by: "update n", object: { spec: { replicas: 3 } } },
      { by: "apply m", object: { spec: { replicas: 3 } } },
    ],
    owners: { m: [".spec.replicas"], n: [".spec", ".spec.replicas"] },
  },
  {
    name: "force takes the field over",
    type: deployment,
    steps: [
      { by: "apply n", object: { spec: { replicas: 3, paused: true } } },
      { by: "force m", object: { spec: { replicas: 1 } } },
    ],
    object: { spec: { replicas: 1, paused: true } },
    owners: { m: [".spec.replicas"], n: [".spec.paused"] },
  },
  {
    name: "an update takes fields from an applier",
    type: deployment,
    steps: [
      { by: "apply m", object: { spec: { replicas: 3, paused: true } } },
      { by: "update n", object: { spec: { replicas: 5, paused: true } } },
    ],
    owners: { m: [".spec.paused"], n: [".spec.replicas"] },
  },
  {
    name: "items of a list with keys are owned one by one",
    type: deployment,
    steps: [
      { by: "apply m", object: containers({ name: "web", image: "web:1" }) },
      { by: "apply n", object: containers({ name: "log", image: "log:1" }) },
      { by: "apply m", object: containers({ name: "web", image: "web:2" }) },
    ],
    object: containers({ name: "web", image: "web:2" }, { name: "log", image: "log:1" }),
    owners: {
      m: ['[name="web"]', '[name="web"].image', '[name="web"].name'].map(
        (path) => `.spec.template.spec.containers${path}`,
      ),
      n: ['[name="log"]', '[name="log"].image', '[name="log"].name'].map(
        (path) => `.spec.template.spec.containers${path}`,
      ),
    },
  },
  {
    name: "an item given up goes",
    type: deployment,
    steps: [
      { by: "apply m", object: containers({ name: "web", image: "web:1" }, { name: "log", image: "log:1" }) },
      { by: "apply m", object: containers({ name: "web", image: "web:1" }) },
    ],
    object: containers({ name: "web", image: "web:1" }),
  },
  {
    name: "a key left out takes its default",
    type: service,
    steps: [
      { by: "update n", object: { spec: { ports: [{ port: 80, protocol: "TCP", targetPort: 1 }] } } },
      { by: "apply m", object: { spec: { ports: [{ port: 80, targetPort: 2 }] } } },
    ],
    conflicts: ['n .spec.ports[port=80,protocol="TCP"].targetPort'],
  },
  {
    name: "a set keeps the items of others",
    type: configMap,
    steps: [
      { by: "apply m", object: { metadata: { finalizers: ["x/a"] } } },
      { by: "apply n", object: { metadata: { finalizers: ["x/b"] } } },
      { by: "apply m", object: {} },
    ],
    object: { metadata: { finalizers: ["x/b"] } },
    owners: { m: [], n: ['.metadata.finalizers[="x/b"]'] },
  },
  {
    name: "an atomic struct is owned as a whole",
    type: deployment,
    steps: [
      { by: "apply m", object: { spec: { selector: { matchLabels: { a: "1" } } } } },
      { by: "apply n", object: { spec: { selector: { matchLabels: { b: "1" } } } } },
    ],
    conflicts: ["m .spec.selector"],
  },
  {
    name: "of an unknown kind maps are granular and lists atomic",
    steps: [
      { by: "apply m", object: { spec: { a: { x: 1 }, list: [1] } } },
      { by: "apply n", object: { spec: { a: { y: 1 }, list: [2] } } },
    ],
    conflicts: ["m .spec.list"],
  },
  {
    name: "the status is nobody's on the main resource",
    type: deployment,
    steps: [{ by: "apply m", object: { spec: { replicas: 1 }, status: { replicas: 1 } } }],
    owners: { m: [".spec.replicas"] },
  },
  {
    name: "others' items keep their place, applied ones their order",
    type: deployment,
    steps: [
      { by: "update n", object: containers({ name: "a" }, { name: "x" }, { name: "b" }) },
      { by: "apply m", object: containers({ name: "b" }, { name: "c" }, { name: "a" }) },
    ],
    object: containers({ name: "x" }, { name: "b" }, { name: "c" }, { name: "a" }),
  },
];

function run({ type, steps }: Case) {
  let live: JsonObject = {};
  let owners: readonly Ownership[] = [];
  let conflicts: string[] = [];
  for (const { by, object } of steps) {
    const [verb, manager = ""] = by.split(" ");
    const operation = verb === "update" ? "Update" : "Apply";
    const write: WriteBy = {
      self: { manager, operation, apiVersion: "v1" },
      form: formOfKind(type),
      time: "t",
      hasStatus: true,
    };
    try {
      const isUpdate = operation === "Update";
      owners = isUpdate ? ownersAfterUpdate(write, owners, live, object) : owners;
      const applied = isUpdate
        ? { object, owners }
        : applyFields({ ...write, force: verb === "force" }, owners, live, object);
      [live, owners] = [applied.object, applied.owners];
    } catch (error) {
      if (!(error instanceof ApplyConflictError)) throw error;
      conflicts = error.conflicts.map(({ owner, path }) => `${owner.manager} ${path}`);
    }
  }
  return { live, owners, conflicts };
}

for (const example of cases) {
  test(`apply: ${example.name}`, () => {
    const { live, owners, conflicts } = run(example);
    assert.deepEqual(conflicts, example.conflicts ?? []);
    if (example.object) assert.deepEqual(live, example.object);
    if (example.owners) {
      const paths = owners.map(({ manager, fields }) => [manager, pathTexts(fields)]);
      assert.deepEqual(Object.fromEntries(paths), example.owners);
    }
  });
}

test("fieldsV1 is read and written alike, and what it is not is refused", () => {
  const fieldsV1 = { "f:spec": { ".": {}, "f:ports": { 'k:{"port":80}': { ".": {}, "f:port": {} } }, 'v:"a"': {} } };
  const entry = { manager: "m", operation: "Apply", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1 };
  const [parsed] = parseManagedFields([entry]) ?? [];
  assert.deepEqual(parsed && toFieldsV1(parsed.fields), fieldsV1);
  for (const bad of [{ ...entry, operation: "Sync" }, { ...entry, fieldsV1: { spec: {} } }, 7]) {
    assert.equal(parseManagedFields([bad]), undefined);
  }
});

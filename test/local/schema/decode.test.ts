import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlane, type TestPlane } from "../../harness/control-plane.ts";

const path = "/apis/example.com/v1/namespaces/default/crontabs";
const apply = { "content-type": "application/apply-patch+yaml" };

const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "crontabs.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "crontabs", kind: "CronTab" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: {
            specReplicasPath: ".spec.replicas",
            statusReplicasPath: ".status.replicas",
            labelSelectorPath: ".status.selector",
          },
        },
        schema: {
          openAPIV3Schema: {
            type: "object",
            required: ["spec"],
            properties: {
              spec: {
                type: "object",
                required: ["cron"],
                "x-kubernetes-validations": [
                  { rule: "self.replicas <= self.max", message: "replicas must not be more than max" },
                  { rule: "self.cron == oldSelf.cron", message: "cron is immutable" },
                ],
                properties: {
                  cron: { type: "string", pattern: "^\\S+ \\S+$", description: "When it runs." },
                  replicas: { type: "integer", minimum: 1, default: 1 },
                  max: { type: "integer", default: 10 },
                  mode: { type: "string", enum: ["a", "b"] },
                  port: { "x-kubernetes-int-or-string": true },
                  free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                  labels: { type: "object", additionalProperties: { type: "string" } },
                  items: {
                    type: "array",
                    maxItems: 2,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    items: {
                      type: "object",
                      required: ["name"],
                      properties: { name: { type: "string" }, size: { type: "integer", default: 3 } },
                    },
                  },
                },
              },
              status: { type: "object", properties: { replicas: { type: "integer" }, selector: { type: "string" } } },
            },
          },
        },
      },
    ],
  },
};

const cronTab = (spec: object, name = "c") => ({
  apiVersion: "example.com/v1",
  kind: "CronTab",
  metadata: { name },
  spec,
});

async function withCronTabs(): Promise<TestPlane> {
  const plane = await openTestPlane();
  const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  assert.equal((await plane.call("POST", crds, definition)).status, 201);
  return plane;
}

test("objects of a CRD are pruned and defaulted", async () => {
  await using plane = await withCronTabs();
  const sent = { cron: "* *", typo: 1, free: { any: [1] }, items: [{ name: "x", more: 1 }] };
  const { status, body, headers } = await plane.call("POST", path, cronTab(sent));
  assert.equal(status, 201, JSON.stringify(body));
  const spec = { cron: "* *", free: { any: [1] }, items: [{ name: "x", size: 3 }], replicas: 1, max: 10 };
  assert.deepEqual(body.spec, spec);
  assert.match(headers.get("warning") ?? "", /unknown field \\"spec.typo\\"/);
});

const refused: readonly (readonly [spec: object, message: RegExp])[] = [
  [{}, /^CronTab.example.com "c" is invalid: spec.cron: Required value$/],
  [{ cron: 1 }, /spec.cron: Invalid value: "integer": spec.cron in body must be of type string: "integer"$/],
  [{ cron: "x" }, /spec.cron: Invalid value: "x": spec.cron in body should match '\^\\S\+ \\S\+\$'$/],
  [{ cron: "* *", replicas: 0 }, /spec.replicas: Invalid value: 0: .* should be greater than or equal to 1$/],
  [{ cron: "* *", mode: "c" }, /spec.mode: Unsupported value: "c": supported values: "a", "b"$/],
  [{ cron: "* *", port: 1.5 }, /spec.port: Invalid value: "number": .* must be of type integer,string: "number"$/],
  [{ cron: "* *", labels: { a: 1 } }, /spec.labels.a: .* must be of type string/],
  [{ cron: "* *", items: [{ name: "a" }, { name: "a" }] }, /spec.items\[1\]: Duplicate value: \{"name":"a"\}$/],
  [{ cron: "* *", items: [{ name: "a" }, { name: "b" }, { name: "c" }] }, /should have at most 2 items/],
  [{ cron: "* *", replicas: 11 }, /spec: Invalid value: "object": replicas must not be more than max$/],
];

test("objects of a CRD that its schema or its rules do not allow are refused", async (context) => {
  await using plane = await withCronTabs();
  for (const [spec, message] of refused) {
    await context.test(JSON.stringify(spec), async () => {
      const { status, body } = await plane.call("POST", path, cronTab(spec));
      assert.deepEqual([status, body.reason], [422, "Invalid"]);
      assert.match(body.message, message);
    });
  }
});

test("rules over oldSelf see the object as it was", async () => {
  await using plane = await withCronTabs();
  await plane.call("POST", path, cronTab({ cron: "* *" }));
  const patch = { spec: { cron: "1 1" } };
  const merge = { "content-type": "application/merge-patch+json" };
  const { status, body } = await plane.call("PATCH", `${path}/c`, patch, merge);
  assert.equal(status, 422);
  assert.match(body.message, /cron is immutable/);
});

test("strict validation names unknown fields, of built-in kinds too", async () => {
  await using plane = await withCronTabs();
  const strict = "?fieldValidation=Strict";
  const custom = await plane.call("POST", path + strict, cronTab({ cron: "* *", typo: 1 }));
  assert.equal(custom.status, 400);
  assert.match(
    custom.body.message,
    /cannot be handled as a CronTab: strict decoding error: unknown field "spec.typo"$/,
  );
  const map = { metadata: { name: "m" }, daat: {} };
  const builtIn = await plane.call("POST", `/api/v1/namespaces/default/configmaps${strict}`, map);
  assert.match(builtIn.body.message, /^ConfigMap in version "v1" cannot .*: unknown field "daat"$/);
  const applied = await plane.call("PATCH", "/api/v1/namespaces/default/configmaps/m?fieldManager=me", map, apply);
  assert.equal(applied.status, 500);
  assert.match(
    applied.body.message,
    /^failed to create typed patch object \(default\/m; v1, Kind=ConfigMap\): .daat: field not/,
  );
});

test("server-side apply merges the lists of a CRD by their keys", async () => {
  await using plane = await withCronTabs();
  const by = (manager: string, name: string) =>
    plane.call("PATCH", `${path}/c?fieldManager=${manager}`, cronTab({ cron: "* *", items: [{ name }] }), apply);
  assert.equal((await by("one", "x")).status, 201);
  const { status, body } = await by("two", "y");
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(body.spec.items, [
    { name: "x", size: 3 },
    { name: "y", size: 3 },
  ]);
});

test("a CRD with a scale subresource scales", async () => {
  await using plane = await withCronTabs();
  await plane.call("POST", path, cronTab({ cron: "* *" }));
  const merge = { "content-type": "application/merge-patch+json" };
  const { status, body } = await plane.call("PATCH", `${path}/c/scale`, { spec: { replicas: 4 } }, merge);
  assert.deepEqual([status, body.kind, body.spec.replicas], [200, "Scale", 4]);
  assert.equal((await plane.call("GET", `${path}/c`)).body.spec.replicas, 4);
});

test("a definition with rules that are not evaluated here is stored with a warning", async () => {
  await using plane = await openTestPlane();
  const copy = structuredClone(definition);
  copy.spec.versions[0]!.schema.openAPIV3Schema.properties.spec["x-kubernetes-validations"] = [
    { rule: "self.cron.nosuch()", message: "no" },
  ];
  const { status, headers } = await plane.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", copy);
  assert.equal(status, 201);
  assert.match(headers.get("warning") ?? "", /rule .*self\.cron\.nosuch\(\).* is not evaluated here/);
});

test("a schema is shown as it was written, with its descriptions", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
  const { body } = await plane.call("GET", "/openapi/v3/apis/example.com/v1");
  const written = definition.spec.versions[0]?.schema.openAPIV3Schema;
  const shown = body.components.schemas["com.example.v1.CronTab"];
  assert.deepEqual(shown.properties, written?.properties);
  assert.equal(shown.properties.spec.properties.cron.description, "When it runs.");
});

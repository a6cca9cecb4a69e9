import assert from "node:assert/strict";
import { test } from "node:test";
import type { IgnoreRule } from "../../../src/api/application-types.ts";
import { normalizeSecret } from "../../../src/gitops/diff/normalize.ts";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";

const lastAppliedKey = "kubectl.kubernetes.io/last-applied-configuration";
const ownEntry = (fieldsV1: object, manager = "argocd-controller", operation = "Apply") => ({
  manager,
  operation,
  apiVersion: "v1",
  fieldsType: "FieldsV1",
  fieldsV1,
});

function deployment(container: object, more: object = {}, metadata: object = {}) {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", ...metadata },
    spec: { ...more, template: { spec: { containers: [{ name: "c", image: "a", ...container }] } } },
  };
}

function config(data: object, metadata: object = {}) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", ...metadata }, data };
}

function widget(spec: object, metadata: object = {}) {
  return { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w", ...metadata }, spec };
}

function role(rules: object[] | null): ReturnType<typeof config> {
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "r" }, rules };
  return role as never;
}

function endpoints(ips: readonly string[], ports: readonly object[]): ReturnType<typeof config> {
  const subsets = [{ addresses: ips.map((ip) => ({ ip })), ports }];
  return { apiVersion: "v1", kind: "Endpoints", metadata: { name: "e" }, subsets } as never;
}

const applied = { manager: "argocd-controller", operation: "Apply" };

type Rows = readonly (readonly [
  name: string,
  target: ReturnType<typeof config> | ReturnType<typeof widget> | ReturnType<typeof deployment>,
  live: ReturnType<typeof config> | ReturnType<typeof widget> | ReturnType<typeof deployment>,
  differences: readonly unknown[],
  ignore?: readonly IgnoreRule[],
])[];

const image = "spec.template.spec.containers[0].image";
const rows: Rows = [
  ["nothing", config({ a: "1" }), config({ a: "1" }), []],
  ["a value", config({ a: "2" }), config({ a: "1" }), [{ path: "data.a", live: "1", target: "2" }]],
  ["a key with dots", config({ "a.b": "2" }), config({}), [{ path: 'data["a.b"]', target: "2" }]],
  ["what others added", config({ a: "1" }), config({ a: "1", b: "2" }), []],
  [
    "what the server writes",
    config({ a: "1" }),
    config({ a: "1" }, { uid: "u", resourceVersion: "7", creationTimestamp: "2026-01-01T00:00:00Z", namespace: "ns" }),
    [],
  ],
  ["status", widget({ a: 1 }), { ...widget({ a: 1 }), status: { ready: true } } as never, []],
  ["no annotations and empty ones", config({}, { annotations: {} }), config({}), []],
  ["defaults of the server", deployment({}), deployment({ imagePullPolicy: "Always" }, { replicas: 1 }), []],
  ["an image", deployment({ image: "b" }), deployment({}), [{ path: image, live: "a", target: "b" }]],
  ["a role's empty list of rules and none", role([]), role(null), []],
  [
    "a role's rules",
    role([{ verbs: ["get"] }]),
    role(null),
    [{ path: "rules", live: null, target: [{ verbs: ["get"] }] }],
  ],
  [
    "ports and addresses of Endpoints in another order, without the protocol that a server fills in",
    endpoints(["10.0.0.2", "10.0.0.1"], [{ port: 8080 }, { port: 80 }]),
    endpoints(
      ["10.0.0.1", "10.0.0.2"],
      [80, 8080].map((port) => ({ port, protocol: "TCP" })),
    ),
    [],
  ],
  [
    "a zero value that Go leaves out",
    deployment({ stdin: false, env: [], resources: {} }, { paused: false }),
    deployment({}),
    [],
  ],
  [
    "a zero value where there is another",
    deployment({ stdin: false }),
    deployment({ stdin: true }),
    [{ path: "spec.template.spec.containers[0].stdin", live: true, target: false }],
  ],
  ["a zero value of a custom kind", widget({ a: 0 }), widget({}), [{ path: "spec.a", target: 0 }]],
  [
    "amounts that are the same",
    deployment({ resources: { limits: { cpu: "1000m", memory: "1Gi" } } }),
    deployment({ resources: { limits: { cpu: "1", memory: "1024Mi" } } }),
    [],
  ],
  [
    "amounts elsewhere",
    config({ cpu: "1000m" }),
    config({ cpu: "1" }),
    [{ path: "data.cpu", live: "1", target: "1000m" }],
  ],
  [
    "items of a list with keys in another order, and one that others added",
    deployment({ env: [{ name: "A", value: "1" }] }),
    deployment({
      env: [
        { name: "B", value: "2" },
        { name: "A", value: "1" },
      ],
    }),
    [],
  ],
  [
    "a list without keys that became longer",
    widget({ list: [1] }),
    widget({ list: [1, 2] }),
    [{ path: "spec.list[1]", live: 2 }],
  ],
  [
    "fields of items that the target does not name",
    widget({ list: [{ a: 1 }] }),
    widget({ list: [{ a: 1, b: 2 }] }),
    [],
  ],
  [
    "a field that kubectl applied and the target lacks",
    config({ a: "1" }),
    config({ a: "1", b: "2", c: "3" }, { annotations: { [lastAppliedKey]: '{"data":{"a":"1","b":"2"}}' } }),
    [{ path: "data.b", live: "2" }],
  ],
  [
    "a field that we applied and the target lacks",
    config({ a: "1" }),
    config({ a: "1", b: "2", c: "3" }, { managedFields: [ownEntry({ "f:data": { "f:a": {}, "f:b": {} } })] }),
    [{ path: "data.b", live: "2", lastWriter: applied }],
  ],
  [
    "a field that we applied and another owns, too",
    config({ a: "1" }),
    config(
      { a: "1", b: "2" },
      {
        managedFields: [
          ownEntry({ "f:data": { "f:a": {}, "f:b": {} } }),
          ownEntry({ "f:data": { "f:b": {} } }, "kubectl-edit", "Update"),
        ],
      },
    ),
    [],
  ],
  [
    "an item with a key that we applied and the target lacks",
    deployment({ env: [{ name: "A", value: "1" }] }),
    deployment(
      {
        env: [
          { name: "A", value: "1" },
          { name: "B", value: "2" },
          { name: "C", value: "3" },
        ],
      },
      {},
      {
        managedFields: [
          ownEntry({
            "f:spec": {
              "f:template": {
                "f:spec": {
                  "f:containers": {
                    'k:{"name":"c"}': {
                      ".": {},
                      "f:name": {},
                      "f:env": {
                        'k:{"name":"A"}': { ".": {}, "f:name": {}, "f:value": {} },
                        'k:{"name":"B"}': { ".": {}, "f:name": {}, "f:value": {} },
                      },
                    },
                  },
                },
              },
            },
          }),
        ],
      },
    ),
    [
      { path: "spec.template.spec.containers[0].env[1].name", live: "B", target: "C", lastWriter: applied },
      { path: "spec.template.spec.containers[0].env[1].value", live: "2", target: "3", lastWriter: applied },
      { path: "spec.template.spec.containers[0].env[2]", live: { name: "C", value: "3" } },
    ],
  ],
  [
    "a key of a list's items that the server filled in",
    deployment({ ports: [{ containerPort: 80 }] }),
    deployment(
      { ports: [{ containerPort: 80, protocol: "TCP" }] },
      {},
      {
        managedFields: [
          ownEntry({
            "f:spec": {
              "f:template": {
                "f:spec": {
                  "f:containers": {
                    'k:{"name":"c"}': {
                      "f:name": {},
                      "f:ports": { 'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} } },
                    },
                  },
                },
              },
            },
          }),
        ],
      },
    ),
    [],
  ],
  [
    "a field that a pointer leaves out",
    deployment({}, { replicas: 3 }),
    deployment({}, { replicas: 1 }),
    [],
    [{ group: "apps", kind: "Deployment", jsonPointers: ["/spec/replicas", "/not/there"] }],
  ],
  [
    "a field that a jq path leaves out",
    deployment({}, { replicas: 3 }),
    deployment({}, { replicas: 1 }),
    [],
    [{ group: "apps", kind: "Deployment", jqPathExpressions: [".spec.replicas", ".not.there"] }],
  ],
  [
    "a field of an item that a jq path chooses",
    deployment({ image: "new" }),
    deployment({ image: "old" }),
    [],
    [
      {
        kind: "*",
        group: "*",
        jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "c") | .image'],
      },
    ],
  ],
  [
    "a field of an item that a jq path does not choose",
    deployment({ image: "new" }),
    deployment({ image: "old" }),
    [{ path: "spec.template.spec.containers[0].image", live: "old", target: "new" }],
    [
      {
        kind: "*",
        group: "*",
        jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "d") | .image'],
      },
    ],
  ],
  [
    "a jq path that fails, never ends or is none changes nothing and stops no other",
    deployment({ image: "new" }, { replicas: 3 }),
    deployment({ image: "old" }, { replicas: 1 }),
    [{ path: "spec.template.spec.containers[0].image", live: "old", target: "new" }],
    [
      {
        group: "apps",
        kind: "Deployment",
        jqPathExpressions: [
          ".spec.replicas.x",
          ".spec | repeat(.)",
          ".spec |",
          ".kind, .spec), (.",
          ". as $all | $all",
          ".spec.replicas",
        ],
      },
    ],
  ],
  [
    "fields that pointers with escapes and an index leave out",
    widget({ "a~b/c": 1, "d~1": 1, list: [1, 2, 3] }),
    widget({ "a~b/c": 2, "d~1": 2, list: [1, 9, 3] }),
    [],
    [{ group: "*", kind: "Widget", jsonPointers: ["/spec/a~0b~1c", "/spec/d~01", "/spec/list/1"] }],
  ],
  [
    "a field that a pointer for another object leaves out",
    deployment({}, { replicas: 3 }),
    deployment({}, { replicas: 1 }),
    [{ path: "spec.replicas", live: 1, target: 3 }],
    [{ group: "apps", kind: "Deployment", name: "other", jsonPointers: ["/spec/replicas"] }],
  ],
  [
    "a field that a pointer for another namespace leaves out",
    deployment({}, { replicas: 3 }, { namespace: "ns" }),
    deployment({}, { replicas: 1 }, { namespace: "ns" }),
    [{ path: "spec.replicas", live: 1, target: 3 }],
    [{ group: "apps", kind: "Deployment", namespace: "n*", jsonPointers: ["/spec/replicas"] }],
  ],
  [
    "a field that a pointer for its namespace leaves out",
    deployment({}, { replicas: 3 }, { namespace: "ns" }),
    deployment({}, { replicas: 1 }, { namespace: "ns" }),
    [],
    [{ group: "apps", kind: "Deployment", namespace: "ns", jsonPointers: ["/spec/replicas"] }],
  ],
  [
    "a field that another manager owns",
    deployment({}, { replicas: 3 }),
    deployment({}, { replicas: 1 }, { managedFields: [ownEntry({ "f:spec": { "f:replicas": {} } }, "hpa", "Update")] }),
    [],
    [{ group: "*", kind: "*", managedFieldsManagers: ["hpa"] }],
  ],
];

for (const [name, target, live, differences, ignore = []] of rows) {
  test(`differences: ${name}`, () => {
    const diff = diffObject(target, live, { ignore });
    assert.deepEqual(diff.differences, differences);
    assert.equal(diff.isModified, differences.length > 0);
  });
}

test("one side alone", () => {
  assert.equal(diffObject(config({}), undefined).isModified, true);
  assert.equal(diffObject(undefined, config({})).isModified, false);
  assert.equal(diffObject(undefined, config({})).predictedLive, null);
});

test("of a Secret null counts as empty, and what is no text is left for the server to refuse", () => {
  const written = { data: { a: null, b: "Yg==" }, stringData: { b: "c", n: 5 } };
  assert.deepEqual(normalizeSecret(written), { data: { a: "", b: "Yw==", n: 5 } });
});

test("what a server said counts before all else", () => {
  const note = { annotations: { [lastAppliedKey]: "{}" } };
  const served = { object: config({ a: "1" }), isWhole: false };
  const { strategy, differences } = diffObject(config({ a: "2" }), config({ a: "1" }, note), { served });
  assert.deepEqual([strategy, differences], ["server-side", []]);
});

test("a Secret's stringData counts as data, and values are masked", () => {
  const secret = (fields: object) => ({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, ...fields });
  const same = diffObject(secret({ stringData: { a: "x" } }), secret({ data: { a: "eA==" } }));
  assert.equal(same.isModified, false);
  const changed = diffObject(secret({ stringData: { a: "new" } }), secret({ data: { a: "eA==" } }));
  assert.deepEqual(changed.differences, [{ path: "data.a", live: "++++++++++++", target: "++++++++" }]);
  assert.doesNotMatch(JSON.stringify([same, changed]), /eA==|bmV3|new/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { takeOverManaged } from "../../../src/gitops/diff/managed.ts";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";
import { respectIgnored } from "../../../src/gitops/diff/respect.ts";
import { createDiffRules } from "../../../src/gitops/diff/rules.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const rules = createDiffRules({ ignore: [{ group: "*", kind: "*", managedFieldsManagers: ["other", "toString"] }] });

function object(apiVersion: string, kind: string, spec: object, owned?: object, manager = "other"): KubeObject {
  const entry = { manager, operation: "Update", apiVersion, fieldsType: "FieldsV1", fieldsV1: { "f:spec": owned } };
  return {
    apiVersion,
    kind,
    metadata: { name: "x", ...(owned === undefined ? {} : { managedFields: [entry] }) },
    spec,
  } as KubeObject;
}

const containers = (...list: object[]) => ({ template: { spec: { containers: list } } });
const ofContainers = (fields: object) => ({ "f:template": { "f:spec": { "f:containers": fields } } });
const item = (name: string) => `k:{"name":"${name}"}`;
const at = (path: string) => `spec.template.spec.containers${path}`;

type Row = readonly [name: string, target: object, live: object, owned: object, paths: readonly string[]];

const deployments: readonly Row[] = [
  ["a field that it owns", { replicas: 1 }, { replicas: 3 }, { "f:replicas": {} }, []],
  [
    "a field beside",
    { replicas: 1, paused: true },
    { replicas: 3, paused: false },
    { "f:replicas": {} },
    ["spec.paused"],
  ],
  [
    "of an item of a list with keys only its own field",
    containers({ name: "a", image: "a:2", workingDir: "/new" }, { name: "b", image: "b:2" }),
    containers({ name: "a", image: "a:1", workingDir: "/old" }, { name: "b", image: "b:1" }),
    ofContainers({ [item("a")]: { ".": {}, "f:name": {}, "f:workingDir": {} } }),
    [at("[0].image"), at("[1].image")],
  ],
  [
    "the item of the same key, wherever it stands",
    containers({ name: "b", image: "b:2" }, { name: "a", image: "a:2" }),
    containers({ name: "c", image: "c:1" }, { name: "b", image: "b:1" }, { name: "a", image: "a:2" }),
    ofContainers({ [item("b")]: { "f:image": {} } }),
    [],
  ],
  [
    "not what the target adds",
    containers({ name: "a", image: "a:1", stdin: true }),
    containers({ name: "a", image: "a:1" }),
    ofContainers({ [item("a")]: { "f:stdin": {} } }),
    [at("[0].stdin")],
  ],
  [
    "not that an item only is there",
    containers({ name: "a", image: "a:2" }),
    containers({ name: "a", image: "a:1" }),
    ofContainers({ [item("a")]: { ".": {}, "f:name": {} } }),
    [at("[0].image")],
  ],
  [
    "the key that the server fills in names the item, too",
    containers({ name: "a", image: "a:1", ports: [{ containerPort: 80, name: "new" }] }),
    containers({ name: "a", image: "a:1", ports: [{ containerPort: 80, protocol: "TCP", name: "old" }] }),
    ofContainers({ [item("a")]: { "f:ports": { 'k:{"containerPort":80,"protocol":"TCP"}': { "f:name": {} } } } }),
    [],
  ],
  [
    "a map that is owned as one",
    { selector: { matchLabels: { a: "1" } } },
    { selector: { matchLabels: { a: "2" } } },
    { "f:selector": {} },
    [],
  ],
  [
    "of a map whose keys are owned one by one nothing by the map alone",
    { template: { metadata: { labels: { a: "1" } } } },
    { template: { metadata: { labels: { a: "2" } } } },
    { "f:template": { "f:metadata": { "f:labels": {} } } },
    ["spec.template.metadata.labels.a"],
  ],
  [
    "a list without keys as one",
    containers({ name: "a", image: "a:1", args: ["x"] }),
    containers({ name: "a", image: "a:1", args: ["y", "z"] }),
    ofContainers({ [item("a")]: { "f:args": {} } }),
    [],
  ],
  [
    "nothing where the types differ",
    { replicas: { a: 1 } },
    { replicas: 3 },
    { "f:replicas": { "f:a": {} } },
    ["spec.replicas"],
  ],
];

const widgets: readonly Row[] = [
  ["a list that is owned as one", { list: [{ n: "a", v: 1 }] }, { list: [{ n: "a", v: 2 }] }, { "f:list": {} }, []],
  [
    "of a list with keys the item's own field",
    { list: [{ n: "a", v: 1, w: 1 }] },
    { list: [{ n: "a", v: 2, w: 2 }] },
    { "f:list": { 'k:{"n":"a"}': { ".": {}, "f:n": {}, "f:v": {} } } },
    ["spec.list[0].w"],
  ],
  ["a map that is owned as one", { map: { a: 1 } }, { map: { a: 2 } }, { "f:map": {} }, []],
  ["a name of a method as a field", { toString: "a" }, { toString: "b" }, { "f:valueOf": {} }, ["spec.toString"]],
];

for (const [kind, apiVersion, rows] of [
  ["Deployment", "apps/v1", deployments],
  ["Widget", "example.com/v1", widgets],
] as const) {
  for (const [name, target, live, owned, expected] of rows) {
    test(`a manager that is ignored hides in a ${kind} ${name}`, () => {
      const { differences } = diffObject(object(apiVersion, kind, target), object(apiVersion, kind, live, owned), {
        rules,
      });
      assert.deepEqual(
        differences.map(({ path }) => path),
        expected,
      );
    });
  }
}

test("another manager hides nothing", () => {
  const live = object("apps/v1", "Deployment", { replicas: 3 }, { "f:replicas": {} }, "hpa");
  assert.equal(diffObject(object("apps/v1", "Deployment", { replicas: 1 }), live, { rules }).isModified, true);
});

test("an item is found by the key that a server fills in, where the target does not write it", () => {
  const ports = (port: object) => containers({ name: "a", ports: [{ containerPort: 80, ...port }] });
  const step = 'k:{"containerPort":80,"protocol":"TCP"}';
  const live = object(
    "apps/v1",
    "Deployment",
    ports({ protocol: "TCP", name: "tuned" }),
    ofContainers({ [item("a")]: { "f:ports": { [step]: { "f:name": {} } } } }),
  );
  const target = object("apps/v1", "Deployment", ports({ name: "http" }));
  assert.deepEqual(diffObject(target, live, { rules }).differences, []);
  assert.deepEqual(respectIgnored(target, live, rules).spec, ports({ name: "tuned" }));
});

test("with RespectIgnoreDifferences only the manager's own field of an item keeps its live value", () => {
  const target = object("apps/v1", "Deployment", containers({ name: "a", image: "a:2", workingDir: "/new" }));
  const live = object(
    "apps/v1",
    "Deployment",
    containers({ name: "a", image: "a:1", workingDir: "/old" }),
    ofContainers({ [item("a")]: { "f:workingDir": {} } }),
  );
  assert.deepEqual(
    respectIgnored(target, live, rules).spec,
    containers({ name: "a", image: "a:2", workingDir: "/old" }),
  );
});

test("managedFields of any form change nothing", () => {
  for (const managedFields of [
    [null],
    [{ manager: "other" }],
    [{ manager: "other", fieldsV1: "x" }],
    [{ fieldsV1: {} }],
  ]) {
    const live = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "x", managedFields },
    } as unknown as KubeObject;
    assert.deepEqual(takeOverManaged({ data: { a: "1" } }, { data: { a: "2" } }, live, ["other"]), {
      data: { a: "1" },
    });
  }
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseResourceSettings } from "../../../src/api/resource-settings.ts";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";
import { createDiffRules, type RuleSources } from "../../../src/gitops/diff/rules.ts";
import { trackingAnnotation } from "../../../src/gitops/diff/tracking.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

function object(kind: string, fields: object, metadata: object = {}): KubeObject {
  const at = kind.lastIndexOf("/");
  const apiVersion = kind.slice(0, at);
  return {
    apiVersion,
    kind: kind.slice(at + 1),
    metadata: { name: "x", namespace: "ns", ...metadata },
    ...fields,
  } as KubeObject;
}

function paths(
  target: KubeObject,
  live: KubeObject,
  sources: Partial<RuleSources> = {},
  data?: Record<string, string>,
) {
  const settings = data === undefined ? {} : { settings: parseResourceSettings(data) };
  return diffObject(target, live, { rules: createDiffRules({ ignore: [], ...settings, ...sources }) }).differences.map(
    ({ path }) => path,
  );
}

const service = (spec: object, metadata?: object) => object("v1/Service", { spec }, metadata);
const widget = (spec: object) => object("a.example.com/v1/Widget", { spec });
const prefix = "resource.customizations";

describe("rules of argocd-cm", () => {
  const target = widget({ a: 1, b: 1, list: [{ n: "x", v: 1 }] });
  const live = widget({ a: 2, b: 2, list: [{ n: "x", v: 2 }] });
  const all = ["spec.a", "spec.b", "spec.list[0].v"];
  for (const [name, data, left] of [
    ["none", {}, all],
    [
      "pointers of a kind",
      { [`${prefix}.ignoreDifferences.a.example.com_Widget`]: "jsonPointers: [/spec/a, /spec/none/x, /spec/list/0/v]" },
      ["spec.b"],
    ],
    [
      "jq paths of a kind",
      {
        [`${prefix}.ignoreDifferences.a.example.com_Widget`]:
          "jqPathExpressions: ['.spec.list[] | .v', '.spec.a, .spec.b', 'error(1)']",
      },
      [],
    ],
    ["all kinds", { [`${prefix}.ignoreDifferences.all`]: "jsonPointers: [/spec/b]" }, ["spec.a", "spec.list[0].v"]],
    ["another kind", { [`${prefix}.ignoreDifferences.a.example.com_Gadget`]: "jsonPointers: [/spec/b]" }, all],
    [
      "the older map with a wildcard",
      { [prefix]: '"*.example.com/*":\n  ignoreDifferences: |\n    jsonPointers: [/spec/a]\n' },
      ["spec.b", "spec.list[0].v"],
    ],
    [
      "the older map, nested",
      { [prefix]: "a.example.com/Widget:\n  ignoreDifferences:\n    jsonPointers: [/spec/list]\n" },
      ["spec.a", "spec.b"],
    ],
    [
      "a split key over the older map",
      {
        [prefix]: "a.example.com/Widget:\n  ignoreDifferences: {jsonPointers: [/spec/a]}\n",
        [`${prefix}.ignoreDifferences.a.example.com_Widget`]: "jsonPointers: [/spec/b]",
      },
      ["spec.a", "spec.list[0].v"],
    ],
  ] as const) {
    test(`ignore by ${name}`, () =>
      assert.deepEqual(paths(target, live, {}, data as unknown as Record<string, string>), left));
  }

  test("count for the core group by the bare kind, managers too", () => {
    const managedFields = [{ manager: "cloud", operation: "Update", fieldsV1: { "f:spec": { "f:externalName": {} } } }];
    const found = service({ externalName: "b", type: "X" }, { managedFields });
    const data = { [`${prefix}.ignoreDifferences.Service`]: "managedFieldsManagers: [cloud]" };
    assert.deepEqual(paths(service({ externalName: "a", type: "Y" }), found, {}, data), ["spec.type"]);
  });

  test("tell types of fields, so that amounts and durations are the same in any form", () => {
    const data = {
      [`${prefix}.knownTypeFields.a.example.com_Widget`]: `
- {field: spec.cpu, type: core/Quantity}
- {field: spec.pods.resources, type: core/v1/ResourceRequirements}
- {field: spec.after, type: meta/v1/Duration}
- {field: spec.list.limits, type: core/v1/ResourceList}
- {field: spec.odd, type: core/v9/Nothing}
`,
    };
    const written = widget({
      cpu: "1000m",
      pods: { resources: { limits: { memory: "1024Mi" } } },
      after: "60m",
      list: [{ limits: { cpu: 1 } }],
      odd: "1",
    });
    const stored = widget({
      cpu: "1",
      pods: { resources: { limits: { memory: "1Gi" } } },
      after: "1h0m0s",
      list: [{ limits: { cpu: "1" } }],
      odd: "1",
    });
    assert.deepEqual(paths(written, stored, {}, data), []);
    assert.equal(paths(written, stored, {}, {}).length, 4);
    const ofAll = { [prefix]: `a.example.com/*: {knownTypeFields: [{field: spec.cpu, type: core/Quantity}]}` };
    assert.equal(paths(written, stored, {}, ofAll).length, 4, "types are of exact kinds");
    const rollout = (cpu: string) =>
      object("argoproj.io/v1alpha1/Rollout", {
        spec: { template: { spec: { containers: [{ name: "c", resources: { limits: { cpu } } }] } } },
      });
    assert.deepEqual(paths(rollout("1000m"), rollout("1")), []);
    assert.equal(
      paths(rollout("1000m"), rollout("1"), {}, { [`${prefix}.health.argoproj.io_Rollout`]: "x" }).length,
      1,
    );
  });

  test("compare options decide on status and aggregated roles", () => {
    const crd = (phase: string) => object("apiextensions.k8s.io/v1/CustomResourceDefinition", { status: { phase } });
    const other = (phase: string) => ({ ...widget({}), status: { phase } });
    for (const [text, crds, others] of [
      ["", 0, 0],
      ["ignoreResourceStatusField: all", 0, 0],
      ["ignoreResourceStatusField: crd", 0, 1],
      ["ignoreResourceStatusField: none", 1, 1],
      ["ignoreResourceStatusField: off", 1, 1],
      ["ignoreResourceStatusField: something", 0, 0],
    ] as const) {
      const data = { "resource.compareoptions": text };
      assert.equal(paths(crd("a"), crd("b"), {}, data).length, crds, text);
      assert.equal(paths(other("a"), other("b"), {}, data).length, others, text);
    }
    const role = (verb: string, more: object = { aggregationRule: {} }) =>
      object("rbac.authorization.k8s.io/v1/ClusterRole", { ...more, rules: [{ verbs: [verb] }] });
    const aggregated = { "resource.compareoptions": "ignoreAggregatedRoles: true" };
    assert.equal(paths(role("a"), role("b"), {}, {}).length, 1);
    assert.equal(paths(role("a"), role("b"), {}, aggregated).length, 0);
    assert.equal(paths(role("a", {}), role("b", {}), {}, aggregated).length, 1, "of no aggregated role");
  });

  test("that cannot be used are problems, each with its key", () => {
    const { problems } = parseResourceSettings({
      [`${prefix}.colour.a_B`]: "x",
      [`${prefix}.health.a_b_c`]: "x",
      [`${prefix}.ignoreDifferences.a_B`]: "jsonPointers: 5",
      [`${prefix}.useOpenLibs.a_B`]: "perhaps",
      [prefix]: "- a",
    });
    assert.equal(problems.length, 5);
    for (const text of [
      "colour not supported",
      "got group kind: 'a_b_c'",
      "jsonPointers must be a list",
      '"perhaps" is neither',
    ]) {
      assert.ok(
        problems.some((problem) => problem.includes(text)),
        text,
      );
    }
    assert.match(
      createDiffRules({ ignore: [{ kind: "X", group: "", jqPathExpressions: [".a["] }] }).problems.join(),
      /^ignoreDifferences\[0\]\.jqPathExpressions\[0\]: /,
    );
  });

  test("actions and health are read from both forms", () => {
    const { overrides, problems } = parseResourceSettings({
      [prefix]:
        '"*.b/*":\n  health.lua: return 1\n  health.lua.useOpenLibs: true\n  actions: |\n    discovery.lua: return {}\n',
      [`${prefix}.useOpenLibs.a_B`]: "true",
      [`${prefix}.health.a_B`]: "return 2",
      [`${prefix}.actions.a_B`]:
        "mergeBuiltinActions: true\ndiscovery.lua: return {}\ndefinitions:\n- {name: go, action.lua: return obj}\n",
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(overrides.get("*.b/*"), {
      health: "return 1",
      useOpenLibs: true,
      actions: { discovery: "return {}", definitions: [], mergeBuiltin: false },
    });
    assert.deepEqual(overrides.get("a/B"), {
      useOpenLibs: true,
      health: "return 2",
      actions: { discovery: "return {}", definitions: [{ name: "go", script: "return obj" }], mergeBuiltin: true },
    });
  });
});

for (const [own, flag, expected] of [
  ["", undefined, false],
  ["ServerSideDiff=true", undefined, true],
  ["", "true", true],
  ["ServerSideDiff=false", "true", false],
  ["ServerSideDiff=true,ServerSideDiff=false", undefined, false],
  ["", "T", true],
  ["", "0", false],
  ["", "yes", false],
] as const) {
  test(`a server is ${expected ? "" : "not "}asked with "${own}" and controller.diff.server.side ${flag}`, () => {
    const settings = parseResourceSettings(flag === undefined ? {} : { "controller.diff.server.side": flag });
    const rules = createDiffRules({ ignore: [], settings, compareOptions: own.split(",") });
    assert.equal(rules.serverSideDiff, expected);
  });
}

describe("the strategy", () => {
  const target = widget({ a: 1 });
  const applied = {
    manager: "argocd-controller",
    operation: "Apply",
    fieldsV1: { "f:spec": { "f:a": {}, "f:b": {} } },
  };
  const annotation = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(widget({ a: 1, b: 2 })) };
  for (const [name, live, syncOptions, strategy, left] of [
    ["nobody knows what was written", {}, [], "two-way", []],
    ["kubectl left a note", { annotations: annotation }, [], "three-way", ["spec.b"]],
    [
      "the note cannot be read",
      { annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{" } },
      [],
      "two-way",
      [],
    ],
    [
      "server-side apply is asked for, whatever kubectl noted",
      { annotations: annotation },
      ["ServerSideApply=true"],
      "structured-merge",
      [],
    ],
    ["we applied it", { managedFields: [applied], annotations: annotation }, [], "structured-merge", ["spec.b"]],
  ] as const) {
    test(`is ${strategy} where ${name}`, () => {
      const found = object("a.example.com/v1/Widget", { spec: { a: 1, b: 2 } }, live);
      const diff = diffObject(target, found, { rules: createDiffRules({ ignore: [], syncOptions }) });
      assert.equal(diff.strategy, strategy);
      assert.deepEqual(
        diff.differences.map(({ path }) => path),
        left,
      );
    });
  }

  test("is structured-merge where the target asks for it", () => {
    const asking = {
      ...target,
      metadata: { ...target.metadata, annotations: { "argocd.argoproj.io/sync-options": "ServerSideApply=true" } },
    };
    assert.equal(diffObject(asking, target).strategy, "structured-merge");
  });
});

describe("lists that are merged by key", () => {
  const pod = (...names: string[]) => object("v1/Pod", { spec: { containers: names.map((name) => ({ name })) } });
  for (const [name, target, live, equal] of [
    ["in another order differ", ["a", "b"], ["b", "a"], false],
    ["with an item of others in between do not", ["a", "b"], ["x", "a", "y", "b", "z"], true],
    ["with a new item differ", ["a", "n", "b"], ["a", "b"], false],
  ] as const) {
    test(name, () => assert.equal(paths(pod(...target), pod(...live)).length === 0, equal));
  }
});

describe("tracking", () => {
  const settings = { "application.resourceTrackingMethod": "annotation", "application.instanceLabelKey": "app" };
  const id = { [trackingAnnotation]: "web:a.example.com/Widget:ns/x" };
  const marked = (metadata: object) => object("a.example.com/v1/Widget", {}, metadata);
  for (const [name, live, left] of [
    ["an object that has the label only is not out of sync", { labels: { app: "web", own: "1" } }, []],
    [
      "an annotation of another Application is a difference",
      { labels: { app: "web", own: "1" }, annotations: { [trackingAnnotation]: "b:c/d:e/f" } },
      1,
    ],
    ["an object that has neither differs", { labels: { own: "1" } }, 1],
  ] as const) {
    test(`after a switch from the label, ${name}`, () => {
      const found = paths(marked({ annotations: id, labels: { own: "1" } }), marked(live), {}, settings);
      assert.equal(found.length, Array.isArray(left) ? 0 : left);
    });
  }

  test("after a switch from the label, one that we put there ourselves is no difference", () => {
    const fieldsV1 = { "f:metadata": { "f:labels": { "f:app": {}, "f:own": {} } } };
    const managedFields = [{ manager: "argocd-controller", operation: "Apply", fieldsV1 }];
    const live = marked({ labels: { app: "web", own: "1" }, managedFields });
    assert.deepEqual(paths(marked({ annotations: id, labels: { own: "1" } }), live, {}, settings), []);
  });

  test("after a switch from the label, a CRD is compared as it is", () => {
    const type = "apiextensions.k8s.io/v1/CustomResourceDefinition";
    const [target, live] = [object(type, {}, { annotations: id }), object(type, {}, { labels: { app: "web" } })];
    assert.equal(paths(target, live, {}, settings).length, 1);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";
import { respectIgnored } from "../../../src/gitops/diff/respect.ts";
import { createDiffRules } from "../../../src/gitops/diff/rules.ts";
import { formOfKind } from "../../../src/objects/apply-form.ts";
import { builtInType } from "../../../src/objects/kubernetes-types.ts";
import { managedFieldsOf } from "../../../src/objects/managed-fields.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { applyFields } from "../../../src/objects/server-side-apply.ts";

/** An object of about 1 MiB with ten thousand items must not hold up the engine: each row takes some 0.1 to 0.4 s. */
const count = 10_000;
const maxCpuMs = 4_000;

const withContainer = (fields: object): KubeObject => {
  const template = { spec: { containers: [{ name: "web", image: "web:1", ...fields }] } };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x", namespace: "ns" }, spec: { template } };
};
const list = <T>(make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));

type Make = (value: string) => KubeObject;
const kinds: Readonly<Record<string, Make>> = {
  "a list with a key": (value) => withContainer({ env: list((at) => ({ name: `N${at}`, value: value.repeat(60) })) }),
  "a list with two keys": (value) => withContainer({ ports: list((at) => ({ containerPort: at, name: value + at })) }),
  "a set": (value) => {
    const object = withContainer({});
    return { ...object, metadata: { ...object.metadata, finalizers: list((at) => `a.b/${value}${at}`) } };
  },
  "a list of a custom kind": (value) => {
    const spec = { list: list((at) => ({ name: `n${at}`, value: value.repeat(60) })) };
    return { apiVersion: "a.b/v1", kind: "Widget", metadata: { name: "x" }, spec };
  },
};

function appliedBy(manager: string, object: KubeObject): KubeObject {
  const self = { manager, operation: "Apply", apiVersion: object.apiVersion } as const;
  const by = {
    self,
    form: formOfKind(builtInType(object)),
    time: "2026-01-01T00:00:00Z",
    hasStatus: true,
    force: true,
  };
  const { owners } = applyFields(by, [], {}, object as never);
  return { ...object, metadata: { ...object.metadata, managedFields: managedFieldsOf(owners) as never } };
}

function notedBy(object: KubeObject): KubeObject {
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(object) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

const every = { group: "*", kind: "*" };
const ofManager = createDiffRules({ ignore: [{ ...every, managedFieldsManagers: ["other"] }] });
const endless = "limit(1; repeat(.)) | select(false)";
const deep = '.. | select(type == "object" and .name == "N1") | .value';
const ofPaths = createDiffRules({ ignore: [{ ...every, jqPathExpressions: [deep, "until(false; .)", endless] }] });

const ways: Readonly<Record<string, (target: KubeObject, live: KubeObject) => unknown>> = {
  "two-way": (target, live) => diffObject(target, live),
  "three-way": (target, live) => diffObject(target, notedBy(live)),
  "structured-merge": (target, live) => diffObject(target, appliedBy("argocd-controller", live)),
  "server-side": (target, live) => {
    return diffObject(target, appliedBy("argocd-controller", live), { served: { object: target, isWhole: false } });
  },
  "without what a manager owns": (target, live) => diffObject(target, appliedBy("other", live), { rules: ofManager }),
  "without what paths of jq find, that never end": (target, live) => diffObject(target, live, { rules: ofPaths }),
  "with what a manager owns": (target, live) => respectIgnored(target, appliedBy("other", live), ofManager),
};

for (const [kind, make] of Object.entries(kinds)) {
  for (const [way, run] of Object.entries(ways)) {
    test(`${count} items of ${kind} are compared in good time: ${way}`, () => {
      const [target, live] = [make("a"), make("b")];
      const begun = process.cpuUsage();
      run(target, live);
      const { user, system } = process.cpuUsage(begun);
      const tookMs = (user + system) / 1_000;
      assert.ok(tookMs < maxCpuMs, `took ${Math.round(tookMs)} ms of processor time`);
    });
  }
}

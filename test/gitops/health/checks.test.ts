import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResourceSettings } from "../../../src/api/resource-settings.ts";
import { aggregateHealth } from "../../../src/gitops/health/aggregate.ts";
import { assessObject } from "../../../src/gitops/health/assess.ts";
import { createHealthChecks } from "../../../src/gitops/health/checks.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const prefix = "resource.customizations";
const saying = (message: string): string => `return {status = "Healthy", message = "${message}"}`;

function object(apiVersion: string, kind: string, metadata: object = {}): KubeObject {
  return { apiVersion, kind, metadata: { name: "x", namespace: "ns", ...metadata } } as KubeObject;
}

function checksOf(data: Readonly<Record<string, string>>) {
  const settings = parseResourceSettings(data);
  assert.deepEqual(settings.problems, []);
  return createHealthChecks(settings, () => 0);
}

const checks = checksOf({
  [prefix]: `
"*.example.com/*":
  health.lua: ${saying("any of example.com")}
"*/Gadget":
  health.lua: ${saying("any gadget")}
a.example.com/Silent:
  ignoreDifferences: {jsonPointers: [/spec]}
`,
  [`${prefix}.health.a.example.com_Widget`]: saying("a widget"),
  [`${prefix}.health.ConfigMap`]: saying("a config map"),
  [`${prefix}.health.apps_Deployment`]: saying("a deployment"),
  [`${prefix}.health.b.c_Timed`]: `return {status = "Healthy", message = os.date("!%Y", os.time())}`,
  [`${prefix}.useOpenLibs.b.c_Timed`]: "true",
  [`${prefix}.health.b.c_Closed`]: `return {status = "Healthy", message = string.upper("x")}`,
  [`${prefix}.health.b.c_Empty`]: "return {}",
});

for (const [apiVersion, kind, message] of [
  ["a.example.com/v1", "Widget", "a widget"],
  ["a.example.com/v2", "Widget", "a widget"],
  ["a.example.com/v1", "Other", "any of example.com"],
  ["a.example.com/v1", "Silent", "any of example.com"],
  ["x/v1", "Gadget", "any gadget"],
  ["v1", "ConfigMap", "a config map"],
  ["apps/v1", "Deployment", "a deployment"],
  ["b.c/v1", "Timed", "1970"],
] as const) {
  test(`the script for a ${kind} of ${apiVersion} says "${message}"`, () => {
    assert.deepEqual(assessObject(object(apiVersion, kind), checks).health, { status: "Healthy", message });
  });
}

test("kinds that no script names have their own check", () => {
  assert.equal(assessObject(object("v1", "Gadget"), checks).health, undefined);
  assert.equal(assessObject(object("v1", "Service"), checks).health?.status, "Healthy");
});

test("an object that is being deleted is not asked", () => {
  const gone = object("v1", "ConfigMap", { deletionTimestamp: "2026-01-01T00:00:00Z" });
  assert.deepEqual(assessObject(gone, checks).health, { status: "Progressing", message: "Pending deletion" });
});

test("a script that says nothing ends the search", () => {
  assert.deepEqual(assessObject(object("b.c/v1", "Empty"), checks), {});
});

test("a script that fails is Unknown with the reason, which is also told of the Application", () => {
  const found = assessObject(object("b.c/v1", "Closed"), checks);
  const message = "<string>:1: attempt to index global 'string' (a nil value)";
  assert.deepEqual(found, { health: { status: "Unknown", message }, problem: message });
  const { health, problems } = aggregateHealth([{ live: object("b.c/v1", "Closed") }], "argocd/web", checks);
  assert.deepEqual(health, { status: "Unknown", message: "Caused by b.c/Closed:ns/x" });
  assert.deepEqual(problems, [
    `failed to get resource health for "Closed" with name "x" in namespace "ns": ${message}`,
  ]);
  const hidden = object("b.c/v1", "Closed", { annotations: { "argocd.argoproj.io/ignore-healthcheck": "true" } });
  assert.deepEqual(aggregateHealth([{ live: hidden }], "argocd/web", checks).health, { status: "Healthy" });
});

test("a script for Application lets parents wait for their children, which are ignored while they are unclear", () => {
  const script = `return {status = obj.status and obj.status.health.status or "Unknown"}`;
  const own = checksOf({ [`${prefix}.health.argoproj.io_Application`]: script });
  const child = (status?: string) => ({
    ...object("argoproj.io/v1alpha1", "Application", { name: "child" }),
    ...(status ? { status: { health: { status } } } : {}),
  });
  const healthOf = (live: KubeObject) => aggregateHealth([{ live }], "argocd/parent", own).health.status;
  const self = { ...child("Degraded"), metadata: { name: "parent", namespace: "argocd" } };
  assert.equal(healthOf(self), "Healthy", "it does not count for itself");
  assert.equal(healthOf(child("Degraded")), "Degraded");
  assert.equal(healthOf(child("Progressing")), "Progressing");
  assert.equal(healthOf(child("Missing")), "Healthy");
  assert.equal(healthOf(child()), "Healthy");
});

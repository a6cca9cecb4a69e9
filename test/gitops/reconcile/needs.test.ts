import assert from "node:assert/strict";
import { test } from "node:test";
import { needsAnnotation, needsOf, readinessOf, unmetNeed } from "../../../src/gitops/reconcile/needs.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

function app(key: string, needs = "", status: object = healthy): KubeObject {
  const [namespace = "", name = ""] = key.split("/");
  const annotations = needs === "" ? {} : { [needsAnnotation]: needs };
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { namespace, name, annotations },
    status,
  };
}

const healthy = { sync: { status: "Synced" }, health: { status: "Healthy" } };

const lists: readonly [text: string, keys: readonly string[]][] = [
  ["", []],
  ["db", ["team/db"]],
  [" db , infra/cache,,db", ["team/db", "infra/cache"]],
];

for (const [text, keys] of lists) {
  test(`${JSON.stringify(text)} names ${keys.length} Applications`, () =>
    assert.deepEqual(needsOf(app("team/web", text)), keys));
}

const states: readonly [status: object | undefined, readiness: string][] = [
  [healthy, "Healthy"],
  [undefined, "not there"],
  [{}, "Unknown"],
  [{ sync: { status: "OutOfSync" }, health: { status: "Healthy" } }, "OutOfSync"],
  [{ sync: { status: "Synced" }, health: { status: "Degraded" } }, "Degraded"],
  [{ ...healthy, operationState: { phase: "Running" } }, "syncing"],
  [{ ...healthy, operationState: { phase: "Failed" } }, "Healthy"],
];

for (const [status, readiness] of states) {
  test(`an Application with ${JSON.stringify(status)} is ${readiness}`, () => {
    assert.equal(readinessOf(status && app("team/db", "", status)), readiness);
  });
}

const outOfSync = { sync: { status: "OutOfSync" } };

const cases: readonly [name: string, needs: string, others: readonly KubeObject[], reason: string | undefined][] = [
  ["nothing", "", [], undefined],
  ["one that is ready", "db", [app("team/db")], undefined],
  ["one that is not there", "db", [], "it needs team/db, which is not there"],
  [
    "two, of which the second is not ready",
    "a,b",
    [app("team/a"), app("team/b", "", outOfSync)],
    "it needs team/b, which is OutOfSync",
  ],
  ["itself", "web", [], "tiphys.io/needs: team/web → team/web is a circle"],
  [
    "one that needs it",
    "a",
    [app("team/a", "b"), app("team/b", "web")],
    "tiphys.io/needs: team/web → team/a → team/b → team/web is a circle",
  ],
  ["one in a circle of others", "a", [app("team/a", "b"), app("team/b", "a")], undefined],
];

for (const [name, needs, others, reason] of cases) {
  test(`needs ${name}`, () => {
    const own = app("team/web", needs);
    const all = new Map([...others, own].map((one) => [`${one.metadata.namespace}/${one.metadata.name}`, one]));
    assert.equal(unmetNeed(own, (key) => all.get(key))?.reason, reason);
  });
}

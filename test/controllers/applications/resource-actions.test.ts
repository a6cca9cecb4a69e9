import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResourceSettings } from "../../../src/api/resource-settings.ts";
import { instant } from "../../../src/base/clock.ts";
import { createResourceActions } from "../../../src/controllers/applications/resource-actions.ts";
import { createSettings } from "../../../src/gitops/reconcile/settings.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const now = instant(1_000);

function actionsWith(data: Readonly<Record<string, string>>) {
  const settings = createSettings(parseResourceSettings(data), () => now);
  return createResourceActions(() => settings);
}

function object(apiVersion: string, kind: string, spec: object): KubeObject {
  return { apiVersion, kind, metadata: { name: "x", namespace: "ns" }, spec } as KubeObject;
}

const deployment = object("apps/v1", "Deployment", { replicas: 1, template: {} });
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

const discovery = `
  local actions = {}
  actions["approve"] = {["disabled"] = obj.spec.approved == true}
  actions["restart"] = {}
  return actions`;
const definitions = [
  { name: "approve", "action.lua": "obj.spec.approved = true return obj" },
  { name: "restart", "action.lua": 'obj.spec.mode = actionParams["mode"] return obj' },
];
const yaml = (mergeBuiltinActions: boolean): string =>
  JSON.stringify({ mergeBuiltinActions, "discovery.lua": discovery, definitions });

test("without scripts there are the built-in actions", () => {
  const actions = actionsWith({});
  assert.deepEqual(names(actions.list(deployment, now)), ["pause", "restart", "resume", "scale"]);
  assert.equal(actions.run(deployment, "pause", {}, now)[0]?.operation, "patch");
});

test("scripts take the place of the built-in actions, or stand beside them", () => {
  const alone = actionsWith({ "resource.customizations.actions.apps_Deployment": yaml(false) });
  assert.deepEqual(names(alone.list(deployment, now)), ["approve", "restart"]);
  assert.throws(() => alone.run(deployment, "scale", { replicas: "2" }, now), { code: "USAGE" });
  const merged = actionsWith({ "resource.customizations.actions.apps_Deployment": yaml(true) });
  assert.deepEqual(names(merged.list(deployment, now)), ["approve", "pause", "restart", "resume", "scale"]);
  assert.equal(merged.run(deployment, "scale", { replicas: "2" }, now).length, 1);
});

test("a script says what is to be written, with the parameters given", () => {
  const actions = actionsWith({ "resource.customizations.actions.apps_Deployment": yaml(true) });
  const [approved] = actions.run(deployment, "approve", {}, now);
  assert.deepEqual(approved?.object.spec, { replicas: 1, template: {}, approved: true });
  const [restarted] = actions.run(deployment, "restart", { mode: "soft" }, now);
  assert.deepEqual(
    restarted?.object.spec,
    { replicas: 1, template: {}, mode: "soft" },
    "it wins over the built-in one",
  );
});

test("what discovery calls disabled is not done", () => {
  const actions = actionsWith({ "resource.customizations.actions.apps_Deployment": yaml(false) });
  const done = object("apps/v1", "Deployment", { approved: true });
  assert.equal(actions.list(done, now).find(({ name }) => name === "approve")?.disabled, true);
  assert.throws(() => actions.run(done, "approve", {}, now), { code: "USAGE", message: /disabled now/ });
});

test("a glob of the older form counts for kinds without actions of their own", () => {
  const legacy = JSON.stringify({ "*.example.com/*": { actions: yaml(false) } });
  const actions = actionsWith({ "resource.customizations": legacy });
  assert.deepEqual(names(actions.list(object("a.example.com/v1", "Odd", {}), now)), ["approve", "restart"]);
  assert.deepEqual(actions.list(object("example.org/v1", "Odd", {}), now), []);
});

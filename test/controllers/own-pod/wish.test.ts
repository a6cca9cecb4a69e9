import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventBusResource, EventDefinition, Trigger } from "../../../src/api/resources.ts";
import {
  actsInCluster,
  podObstacle,
  sensorNeedsIdentity,
  sensorObstacle,
  sourceNeedsIdentity,
  wantsPod,
} from "../../../src/controllers/own-pod/wish.ts";

const wants = (template: object, annotations: Record<string, string> = {}): boolean =>
  wantsPod({ apiVersion: "argoproj.io/v1alpha1", kind: "EventSource", metadata: { annotations }, spec: { template } });

const wishes: readonly (readonly [string, object, boolean])[] = [
  ["nothing", {}, false],
  ["an account and labels", { serviceAccountName: "s", metadata: { labels: { a: "b" } } }, false],
  ["resources", { container: { resources: { limits: { cpu: 1 } } } }, false],
  ["an empty list", { volumes: [], container: { env: [] } }, false],
  ["volumes", { volumes: [{ name: "v" }] }, true],
  ["a place", { nodeSelector: { disk: "fast" } }, true],
  ["tolerations", { tolerations: [{ operator: "Exists" }] }, true],
  ["variables", { container: { env: [{ name: "A" }] } }, true],
];
for (const [name, template, wanted] of wishes) test(`wish: ${name}`, () => assert.equal(wants(template), wanted));

test("wish: the annotation", () => {
  assert.equal(wants({}, { "tiphys.io/isolate": "true" }), true);
  assert.equal(wants({}, { "tiphys.io/isolate": "yes" }), false);
});

const bus = (kind: EventBusResource["kind"]) => ({ kind }) as EventBusResource;
const event = (kind: string, spec: object = {}): EventDefinition => ({ kind, name: "e", spec });
const obstacles: readonly (readonly [string, EventDefinition, EventBusResource | undefined, RegExp | undefined])[] = [
  ["none", event("webhook"), bus("jetstream"), undefined],
  ["nor with somebody else's bus", event("file"), bus("jetstreamExotic"), undefined],
  ["no EventBus", event("webhook"), undefined, /would need an EventBus/],
  ["one inside the engine", event("webhook"), bus("embedded"), /would need an EventBus/],
  ["the cluster", event("resource"), bus("jetstream"), /watches the cluster/],
  ["a stored position", event("calendar", { persistence: { configMap: { name: "m" } } }), bus("jetstream"), /position/],
  ["another's kind", event("mine"), bus("jetstream"), /adapter/],
];
for (const [name, definition, resource, wanted] of obstacles) {
  test(`obstacle: ${name}`, () => {
    const found = podObstacle([definition], resource, (kind) => kind !== "mine");
    if (wanted === undefined) assert.equal(found, undefined);
    else assert.match(found ?? "", wanted);
  });
}

const trigger = (kind: string, more: object = {}) => ({ template: { name: "t", kind, raw: {} }, ...more }) as Trigger;
const ofSensors: readonly (readonly [string, Trigger, EventBusResource | undefined, RegExp | undefined])[] = [
  ["none", trigger("k8s"), bus("jetstream"), undefined],
  ["no EventBus", trigger("http"), undefined, /would need an EventBus/],
  ["Applications of the engine", trigger("gitOps"), bus("jetstream"), /trigger t asks this engine/],
  ["another's kind", trigger("mine"), bus("jetstreamExotic"), /adapter/],
  ["another's kind after a failure", trigger("http", { dlqTrigger: trigger("mine") }), bus("jetstream"), /adapter/],
];
for (const [name, one, resource, wanted] of ofSensors) {
  test(`obstacle of a Sensor: ${name}`, () => {
    const found = sensorObstacle([one], resource, (kind) => kind !== "mine");
    if (wanted === undefined) assert.equal(found, undefined);
    else assert.match(found ?? "", wanted);
  });
}

test("its Pod is let into the cluster only for triggers that write there", () => {
  assert.equal(actsInCluster([trigger("http")]), false);
  assert.equal(actsInCluster([trigger("http", { dlqTrigger: trigger("k8s") })]), true);
  assert.equal(actsInCluster([trigger("argoWorkflow")]), true);
});

const keys = { accessKey: { name: "s", key: "a" }, secretKey: { name: "s", key: "s" } };
const identities: readonly (readonly [string, EventDefinition, boolean])[] = [
  ["sqs without keys", event("sqs"), true],
  ["sqs with keys", event("sqs", keys), false],
  ["sqs with keys and a role", event("sqs", { ...keys, roleARN: "r" }), true],
  ["sns that subscribes", event("sns", { webhook: { url: "https://h" } }), true],
  ["sns that somebody else subscribed", event("sns", { webhook: {} }), false],
  ["kafka at Amazon MSK", event("kafka", { awsMskIamAuth: { region: "eu-west-1" } }), true],
  ["another kind", event("kafka"), false],
];
for (const [name, one, wanted] of identities) {
  test(`an identity is needed by ${name}: ${wanted}`, () => assert.equal(sourceNeedsIdentity([one]), wanted));
}

test("a Sensor needs an identity for functions that are invoked without keys", () => {
  const lambda = (spec: object) =>
    ({ template: { name: "t", kind: "awsLambda", raw: { awsLambda: spec } } }) as unknown as Trigger;
  assert.equal(sensorNeedsIdentity([trigger("http"), lambda(keys)]), false);
  assert.equal(sensorNeedsIdentity([lambda({ roleARN: "r" })]), true);
  assert.equal(sensorNeedsIdentity([lambda({})]), true);
});

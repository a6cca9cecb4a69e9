import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEventBus } from "../../../src/api/event-bus.ts";
import { parseEventSource } from "../../../src/api/event-source.ts";
import { createOwnPods, type OwnPodsDeps } from "../../../src/controllers/own-pod/own-pods.ts";
import { sourceSchemas } from "../../../src/events/sources/registry.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { eventCrds } from "../../../src/validate/crds.ts";
import { openTestPlane } from "../../harness/control-plane.ts";

const { signal } = new AbortController();
const apiVersion = "argoproj.io/v1alpha1";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
const secrets = "/api/v1/namespaces/default/secrets";
const maps = "/api/v1/namespaces/default/configmaps";
const labels = { controller: "eventsource-controller", "eventsource-name": "s", "owner-name": "s" };
const ownerReferences = [{ apiVersion, kind: "EventSource", name: "s", uid: "u" }];
const exotic = parseEventBus({
  apiVersion,
  kind: "EventBus",
  metadata: { name: "default", namespace: "default" },
  spec: { jetstreamExotic: { url: "nats://n", accessSecret: { name: "bus", key: "auth" } } },
}).resource;

function objectOf(spec: object = {}) {
  const webhook = {
    push: { port: "12000", endpoint: "/push", method: "POST", authSecret: { name: "a", key: "token" } },
  };
  const template = { volumes: [{ name: "v", emptyDir: {} }] };
  const metadata = { name: "s", namespace: "default", uid: "u" };
  return { apiVersion, kind: "EventSource", metadata, spec: { webhook, template, ...spec } };
}

async function open(deps: Partial<OwnPodsDeps> = {}) {
  const plane = await openTestPlane();
  await plane.call("POST", secrets, { metadata: { name: "a" }, stringData: { token: "t", other: "not read" } });
  await plane.call("POST", secrets, { metadata: { name: "bus" }, stringData: { auth: "token: b" } });
  const pods = createOwnPods({
    kube: plane.client,
    image: "tiphys:1",
    userOf: () => "system:serviceaccount:default:default",
    isBuiltIn: () => true,
    forgets: () => false,
    isSingle: () => false,
    ...deps,
  });
  const install = (object = objectOf()) =>
    pods.install(object, parseEventSource(object, sourceSchemas()).resource, exotic, signal);
  const remove = () => pods.remove(parseEventSource(objectOf(), sourceSchemas()).resource, signal);
  const all = async () => (await plane.call("GET", deployments)).body.items;
  const manifests = async (): Promise<string> => {
    const { body } = await plane.call("GET", `${secrets}/s-eventsource-manifests`);
    return Buffer.from(body.data["manifests.yaml"], "base64").toString();
  };
  return { ...plane, pods, install, remove, all, manifests, [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose]() };
}

test("its Pod gets the values that it names, and no others", async () => {
  await using at = await open();
  await at.call("POST", maps, { metadata: { name: "m" }, data: { krb: "k" } });
  const hdfs = {
    e: {
      addresses: ["a"],
      directory: "/d",
      type: "CREATE",
      path: "f",
      hdfsUser: "u",
      checkInterval: "1m",
      krbUsername: "u",
      krbRealm: "R",
      krbServicePrincipalName: "p",
      krbKeytabSecret: { name: "a", key: "token" },
      krbConfigConfigMap: { name: "m", key: "krb" },
      metadata: { name: "no", key: "reference" },
    },
  };
  assert.equal(await at.install(objectOf({ hdfs, webhook: {} })), undefined);
  const objects = (await at.manifests()).split("\n---\n").map((text) => JSON.parse(text));
  assert.deepEqual(
    objects.map(({ kind, metadata, stringData, data }) => [kind, metadata.name, stringData ?? data]),
    [
      ["Secret", "a", { token: "t" }],
      ["ConfigMap", "m", { krb: "k" }],
      ["Secret", "bus", { auth: "token: b" }],
      ["EventBus", "default", undefined],
      ["EventSource", "s", undefined],
    ],
  );
  assert.deepEqual(Object.keys(objects[4].spec).sort(), ["hdfs", "webhook"]);
});

test("nothing is written again that is there; what changed is", async () => {
  await using at = await open();
  await at.install();
  const [before] = await at.all();
  await at.install();
  const [again] = await at.all();
  assert.equal(again.metadata.resourceVersion, before.metadata.resourceVersion);
  await at.install(objectOf({ replicas: 3 }));
  const [after, ...more] = await at.all();
  assert.deepEqual([after.spec.replicas, after.metadata.name, more], [3, before.metadata.name, []]);
  await at.call(
    "PATCH",
    `${secrets}/a`,
    { stringData: { token: "new" } },
    { "content-type": "application/merge-patch+json" },
  );
  await at.install();
  assert.match(await at.manifests(), /"token":"new"/);
});

test("one that must not listen twice has one replica, which ends before another begins", async () => {
  await using at = await open({ isSingle: () => true });
  await at.install(objectOf({ replicas: 3 }));
  const [{ spec }] = await at.all();
  assert.deepEqual([spec.replicas, spec.strategy.type], [1, "Recreate"]);
});

const theirs = {
  metadata: { name: "s-eventsource-x7k2p", labels, ownerReferences, annotations: { "resource-spec-hash": "1" } },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: "main", image: "argo" }] } },
  },
};

test("a Deployment of the original is taken over: no two Pods listen", async () => {
  await using at = await open();
  assert.equal((await at.call("POST", deployments, theirs)).status, 201);
  assert.equal(await at.install(), undefined);
  const [taken, ...more] = await at.all();
  assert.deepEqual(more, []);
  assert.equal(taken.metadata.name, "s-eventsource-x7k2p");
  assert.equal(taken.spec.template.spec.containers[0].image, "tiphys:1");
});

test("what was made goes, the original's stays", async () => {
  await using at = await open();
  await at.install();
  await at.remove();
  assert.deepEqual(await at.all(), []);
  assert.equal((await at.call("GET", `${secrets}/s-eventsource-manifests`)).status, 404);
  await at.call("POST", deployments, theirs);
  await at.remove();
  assert.equal((await at.all()).length, 1);
});

test("why there is no Pod", async () => {
  await using at = await open();
  await at.call("DELETE", `${secrets}/a`);
  assert.match(
    (await at.install()) ?? "",
    /^its Pod cannot be made: there is no Secret "a" in namespace "default", whose key "token" is read/,
  );
  assert.deepEqual(await at.all(), []);
  await at.call("POST", secrets, { metadata: { name: "a" }, stringData: { token: "t" } });
  await at.call("POST", secrets, { metadata: { name: "s-eventsource-manifests" } });
  assert.match((await at.install()) ?? "", /is there and not of this EventSource/);

  const source = parseEventSource(objectOf(), sourceSchemas()).resource;
  await using blind = await open({ image: undefined });
  assert.match(JSON.stringify(await blind.pods.placeOf(objectOf(), source, signal)), /--image/);
  assert.deepEqual(await at.pods.placeOf(objectOf({ template: {} }), source, signal), { pod: false });
});

test("an EventBus whose events the engine moves on keeps them from a Pod, which would move them to itself", async () => {
  await using at = await open({ forgets: (namespace, name) => namespace === "default" && name === "default" });
  const source = parseEventSource(objectOf(), sourceSchemas()).resource;
  const spec = exotic.spec as object;
  for (const crd of eventCrds({ sources: {}, triggers: {} })) await at.client.create(crd as unknown as KubeObject);
  await at.client.create({ apiVersion, kind: "EventBus", metadata: { name: "default", namespace: "default" }, spec });
  assert.match(JSON.stringify(await at.pods.placeOf(objectOf(), source, signal)), /forgets what was acknowledged/);
});

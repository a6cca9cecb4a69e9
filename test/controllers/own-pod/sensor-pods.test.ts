import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEventBus } from "../../../src/api/event-bus.ts";
import { parseSensor } from "../../../src/api/sensor.ts";
import { instant } from "../../../src/base/clock.ts";
import { createSensorPods, type SensorPodsDeps } from "../../../src/controllers/own-pod/sensor-pods.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";
import { openTestPlane } from "../../harness/control-plane.ts";

const { signal } = new AbortController();
const apiVersion = "argoproj.io/v1alpha1";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
const secrets = "/api/v1/namespaces/default/secrets";
const claims = "/api/v1/namespaces/default/persistentvolumeclaims";
const labels = { controller: "sensor-controller", "sensor-name": "s", "owner-name": "s" };
const bus = parseEventBus({
  apiVersion,
  kind: "EventBus",
  metadata: { name: "default", namespace: "default" },
  spec: { jetstreamExotic: { url: "nats://n", streamConfig: "" } },
}).resource;

const pod = { metadata: { generateName: "p-" }, env: [{ valueFrom: { secretKeyRef: { name: "theirs", key: "k" } } }] };
const create = { template: { name: "c", k8s: { operation: "create", source: { resource: pod } } } };
const send = {
  template: {
    name: "h",
    http: {
      url: "http://x",
      method: "POST",
      secureHeaders: [{ name: "T", valueFrom: { secretKeyRef: { name: "a", key: "token" } } }],
    },
  },
};

function sensorOf(triggers: readonly object[], spec: object = {}) {
  return {
    apiVersion,
    kind: "Sensor",
    metadata: { name: "s", namespace: "default", uid: "u" },
    spec: {
      dependencies: [{ name: "d", eventSourceName: "e", eventName: "n" }],
      triggers,
      template: { serviceAccountName: "robot", nodeSelector: { disk: "fast" } },
      ...spec,
    },
  };
}

async function open(deps: Partial<SensorPodsDeps> = {}) {
  const plane = await openTestPlane();
  await plane.call("POST", secrets, { metadata: { name: "a" }, stringData: { token: "t" } });
  let now = 1_700_000_000_000;
  const pods = createSensorPods({
    kube: plane.client,
    image: "tiphys:1",
    userOf: () => "system:serviceaccount:default:robot",
    isBuiltIn: () => true,
    forgets: () => false,
    clock: { now: () => instant(now) },
    ...deps,
  });
  const parse = (object: object) => parseSensor(object, triggerSchemas()).resource;
  const install = (object: ReturnType<typeof sensorOf>, begin = now) =>
    pods.install({ object, resource: parse(object), begin: async () => instant(begin) }, bus, signal);
  const list = async (path: string) => (await plane.call("GET", path)).body.items;
  const written = async () => {
    const { body } = await plane.call("GET", `${secrets}/s-sensor-manifests`);
    const texts = Buffer.from(body.data["manifests.yaml"], "base64").toString().split("\n---\n");
    return texts.map((text) => JSON.parse(text));
  };
  const later = (ms: number): void => {
    now += ms;
  };
  return { ...plane, pods, parse, install, list, written, later };
}

test("its Deployment has the original's names, one replica, its own data, and the account of the Sensor", async () => {
  await using at = await open();
  assert.equal(await at.install(sensorOf([send], { replicas: 3, revisionHistoryLimit: 2 })), undefined);
  const [{ metadata, spec }, ...more] = await at.list(deployments);
  const [claim] = await at.list(claims);
  assert.deepEqual(more, []);
  assert.match(metadata.name, /^s-sensor-[0-9a-f]{10}$/);
  assert.deepEqual([spec.replicas, spec.strategy.type, spec.revisionHistoryLimit], [1, "Recreate", 2]);
  assert.deepEqual(spec.selector.matchLabels, labels);
  const { containers, volumes, serviceAccountName, securityContext, nodeSelector } = spec.template.spec;
  assert.deepEqual([serviceAccountName, nodeSelector], ["robot", { disk: "fast" }]);
  assert.equal(typeof securityContext.fsGroup, "number");
  assert.equal(volumes.at(-1).persistentVolumeClaim.claimName, claim.metadata.name);
  assert.match(claim.metadata.name, /^s-sensor-data-[0-9a-f]{10}$/);
  for (const { metadata: made } of [claim, (await at.list(secrets)).at(-1)]) {
    assert.equal(made.ownerReferences[0].uid, "u", "it goes with the Sensor");
  }
  assert.deepEqual(containers[0].args, [
    ...["--data-dir", "/var/lib/tiphys", "up", "/etc/tiphys/manifests/manifests.yaml"],
    ...["--file-root", "/"],
  ]);
  assert.equal(containers[0].volumeMounts.at(-1).mountPath, "/var/lib/tiphys");
});

test("it is let into the cluster for triggers that write there, and is given no Secret that only its objects name", async () => {
  await using at = await open();
  assert.equal(await at.install(sensorOf([create, send])), undefined);
  const [{ spec }] = await at.list(deployments);
  assert.deepEqual(spec.template.spec.containers[0].args.slice(-3), ["--trigger-kubeconfig", "in-cluster", "--yes"]);
  assert.deepEqual(
    (await at.written()).map(({ kind, metadata, stringData }) => [kind, metadata.name, stringData]),
    [
      ["Secret", "a", { token: "t" }],
      ["EventBus", "default", undefined],
      ["Sensor", "s", undefined],
    ],
  );
});

test("where it begins is asked once, and told to its Pod in place of what the Sensor says", async () => {
  await using at = await open();
  await at.install(sensorOf([send], { startAt: "earliest" }));
  const [before] = await at.list(deployments);
  at.later(60_000);
  await at.install(sensorOf([send], { startAt: "earliest" }), 1);
  const [after] = await at.list(deployments);
  assert.equal((await at.written()).at(-1).spec.startAt, "2023-11-14T22:13:20.000Z");
  assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
  assert.equal((await at.list(claims)).length, 1);
});

test("a volume of the user takes the place of the claim", async () => {
  await using at = await open();
  const volumes = [{ name: "tiphys-data", emptyDir: {} }];
  await at.install(sensorOf([send], { template: { volumes } }));
  assert.deepEqual(await at.list(claims), []);
  const [{ spec }] = await at.list(deployments);
  assert.deepEqual(spec.template.spec.volumes[0], volumes[0]);
});

test("it ends at one time, however often it is told, and can begin again; its data stays when it goes", async () => {
  await using at = await open();
  const object = sensorOf([send]);
  const sensor = at.parse(object);
  assert.equal(await at.pods.end(sensor, signal), undefined);
  await at.install(object);
  const ended = await at.pods.end(sensor, signal);
  at.later(5_000);
  assert.equal(await at.pods.end(sensor, signal), ended);
  assert.equal((await at.list(deployments))[0].spec.replicas, 0);
  await at.install(object);
  assert.equal((await at.list(deployments))[0].spec.replicas, 1);
  await at.pods.end(sensor, signal);
  await at.pods.remove(sensor, signal);
  assert.deepEqual(await at.list(deployments), []);
  assert.equal((await at.call("GET", `${secrets}/s-sensor-manifests`)).status, 404);
  assert.equal((await at.list(claims)).length, 1);
  at.later(1);
  await at.install(object);
  assert.equal((await at.list(claims)).length, 2, "what it read before is not read again");
});

test("why there is no Pod", async () => {
  await using at = await open();
  await at.call("DELETE", `${secrets}/a`);
  assert.match(
    (await at.install(sensorOf([send]))) ?? "",
    /^its Pod cannot be made: there is no Secret "a" .* whose key "token" is read/,
  );
  assert.deepEqual(await at.list(deployments), []);
  await at.call("POST", secrets, { metadata: { name: "s-sensor-manifests" } });
  assert.match((await at.install(sensorOf([create]))) ?? "", /is there and not of this Sensor/);
  await using blind = await open({ image: undefined });
  const object = sensorOf([send]);
  assert.match(JSON.stringify(await blind.pods.placeOf(object, blind.parse(object), signal)), /--image/);
});

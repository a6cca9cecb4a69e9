import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEventBus } from "../../../src/api/event-bus.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { formatYaml } from "../../../src/base/yaml.ts";
import { clientConfigOf, type NativeBus, readNativeBus } from "../../../src/controllers/native-bus/native-bus.ts";
import { configMapOf, serviceOf, statefulSetOf } from "../../../src/controllers/native-bus/objects.ts";
import {
  readAuthConfig,
  renderAuthConfig,
  renderServerConfig,
} from "../../../src/controllers/native-bus/server-config.ts";
import { imagesOf } from "../../../src/controllers/native-bus/versions.ts";

function busOf(jetstream: JsonObject, labels: Record<string, string> = {}): NativeBus {
  const metadata = { name: "default", namespace: "shop", uid: "u-1", labels };
  const value = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "EventBus",
    metadata,
    spec: { jetstream: { version: "latest", ...jetstream } },
  };
  return readNativeBus(parseEventBus(value).resource);
}

// biome-ignore lint/suspicious/noExplicitAny: looks into objects of any shape
function podOf(jetstream: JsonObject): any {
  return JSON.parse(JSON.stringify(statefulSetOf(busOf(jetstream)))).spec.template;
}

test("the smallest EventBus gives three servers under the original's names", () => {
  const bus = busOf({});
  const [configMap, service, statefulSet] = [configMapOf(bus, "variable"), serviceOf(bus), statefulSetOf(bus)];
  const names = [configMap, service, statefulSet].map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  assert.deepEqual(names, [
    "ConfigMap eventbus-default-js-config",
    "Service eventbus-default-js-svc",
    "StatefulSet eventbus-default-js",
  ]);
  for (const { metadata } of [configMap, service, statefulSet]) {
    const labels = { controller: "eventbus-controller", "eventbus-name": "default", "owner-name": "default" };
    assert.deepEqual(metadata.labels, labels);
    assert.deepEqual(
      metadata.ownerReferences?.map(({ kind, uid, controller }) => [kind, uid, controller]),
      [["EventBus", "u-1", true]],
    );
  }
  assert.equal((statefulSet.spec as JsonObject).replicas, 3);
  assert.equal(
    formatYaml(service.spec),
    `type: ClusterIP
clusterIP: None
publishNotReadyAddresses: true
selector:
  controller: eventbus-controller
  eventbus-name: default
  owner-name: default
ports:
  - name: tcp-client
    port: 4222
    protocol: TCP
  - name: cluster
    port: 6222
    protocol: TCP
  - name: metrics
    port: 7777
    protocol: TCP
  - name: monitor
    port: 8222
    protocol: TCP
`,
  );
});

for (const field of ["nodeSelector", "tolerations", "securityContext", "imagePullSecrets", "affinity"] as const) {
  const values = {
    nodeSelector: { disk: "ssd" },
    tolerations: [{ key: "bus", operator: "Exists" }],
    securityContext: { runAsNonRoot: true },
    imagePullSecrets: [{ name: "registry" }],
    affinity: { podAntiAffinity: {} },
  };
  test(`${field} reaches the Pods as written`, () => {
    assert.deepEqual(podOf({ [field]: values[field] }).spec[field], values[field]);
    assert.ok(!(field in podOf({}).spec));
  });
}

for (const [field, value] of [
  ["priorityClassName", "high"],
  ["priority", 7],
  ["serviceAccountName", "bus"],
] as const) {
  test(`${field} reaches the Pods as written`, () => assert.equal(podOf({ [field]: value }).spec[field], value));
}

for (const [field, container] of [
  ["containerTemplate", "main"],
  ["reloaderContainerTemplate", "reloader"],
  ["metricsContainerTemplate", "metrics"],
] as const) {
  test(`${field} is about the container ${container} alone`, () => {
    const template = {
      imagePullPolicy: "Always",
      resources: { limits: { cpu: "1" } },
      securityContext: { runAsUser: 1 },
    };
    for (const found of podOf({ [field]: template }).spec.containers) {
      const { imagePullPolicy, resources, securityContext } = found;
      const expected = found.name === container ? template : {};
      assert.deepEqual(JSON.parse(JSON.stringify({ imagePullPolicy, resources, securityContext })), expected);
    }
  });
}

test("metadata adds labels and annotations, but takes away none of those that the selector needs", () => {
  const { metadata } = podOf({ metadata: { labels: { team: "a", controller: "mine" }, annotations: { note: "b" } } });
  assert.deepEqual(metadata.annotations, { note: "b" });
  assert.equal(metadata.labels.team, "a");
  assert.equal(metadata.labels.controller, "eventbus-controller");
});

test("the EventBus's own labels are on the StatefulSet", () => {
  assert.equal(statefulSetOf(busOf({}, { team: "a" })).metadata.labels?.team, "a");
});

test("startArgs are arguments of the server", () => {
  assert.deepEqual(podOf({ startArgs: ["-DV"] }).spec.containers[0].args, ["-DV"]);
});

for (const [name, persistence, expected] of [
  ["nothing given", {}, { size: "20Gi", mode: "ReadWriteOnce", storageClass: undefined }],
  [
    "all given",
    { volumeSize: "5Gi", accessMode: "ReadWriteMany", storageClassName: "fast" },
    { size: "5Gi", mode: "ReadWriteMany", storageClass: "fast" },
  ],
] as const) {
  test(`persistence with ${name} claims a volume for each server`, () => {
    const spec = JSON.parse(JSON.stringify(statefulSetOf(busOf({ persistence })).spec));
    const [claim] = spec.volumeClaimTemplates;
    const { accessModes, storageClassName, resources } = claim.spec;
    assert.equal(claim.metadata.name, "eventbus-default-js-vol");
    assert.deepEqual(
      { size: resources.requests.storage, mode: accessModes[0], storageClass: storageClassName },
      expected,
    );
    const mounts = spec.template.spec.containers[0].volumeMounts;
    assert.ok(mounts.some((mount: JsonObject) => mount.name === claim.metadata.name));
  });
}

test("without persistence the data is in a folder of the Pod", () => {
  assert.equal((statefulSetOf(busOf({})).spec as JsonObject).volumeClaimTemplates, undefined);
  assert.ok(podOf({}).spec.volumes.some((volume: JsonObject) => volume.name === "js-data"));
});

for (const [replicas, routes] of [
  [1, 0],
  [3, 3],
  [5, 5],
] as const) {
  test(`${replicas} servers have ${routes} routes`, () => {
    const text = renderServerConfig(busOf({ replicas }), "variable");
    assert.equal(
      text.match(/nats:\/\/eventbus-default-js-\d\.eventbus-default-js-svc\.shop\.svc:6222/g)?.length ?? 0,
      routes,
    );
    assert.equal(text.includes("cluster {"), routes > 0);
  });
}

test("settings replace the defaults, maxPayload is the server's", () => {
  assert.match(renderServerConfig(busOf({}), "variable"), /max_file_store: 1TB/);
  assert.match(renderServerConfig(busOf({}), "variable"), /max_payload: 1MB/);
  const text = renderServerConfig(busOf({ settings: "max_file_store: 5G", maxPayload: "8MB" }), "variable");
  assert.match(text, /max_file_store: 5G/);
  assert.doesNotMatch(text, /1TB|max_memory_store/);
  assert.match(text, /max_payload: 8MB/);
});

for (const [version, expected] of [
  ["latest", "nats:2.10.29"],
  ["2.9.1", "nats:2.9.1"],
  ["2.10.10-alpine", "nats:2.10.10-alpine"],
] as const) {
  test(`version ${version} is image ${expected}`, () => assert.equal(imagesOf(version).server, expected));
}

for (const version of ["2.8.1", "3", "", "2.10", "2.10.1@sha256:00", "2.10.1 "]) {
  test(`version ${JSON.stringify(version)} is refused`, () => {
    assert.throws(() => imagesOf(version), { code: "MANIFEST_INVALID", message: /spec\.jetstream\.version: / });
  });
}

test("clients are told the Service, the Secret and the stream, keys in lower case and sorted", () => {
  assert.deepEqual(clientConfigOf(busOf({ streamConfig: "maxMsgs: 10\nmaxAge: 1h" })), {
    url: "nats://eventbus-default-js-svc.shop.svc:4222",
    accessSecret: { name: "eventbus-default-js-client-auth", key: "client-auth" },
    streamConfig: "discard: 0\nduplicates: 300s\nmaxage: 1h\nmaxbytes: -1\nmaxmsgs: 10\nreplicas: 3\nretention: 0\n",
  });
});

for (const [replicas, streamConfig, expected] of [
  [1, "", 1],
  [5, "", 3],
  [3, "replicas: 1", 1],
] as const) {
  test(`a stream on ${replicas} servers with ${JSON.stringify(streamConfig)} has ${expected} replicas`, () => {
    assert.equal(busOf({ replicas, streamConfig }).streamConfig.replicas, expected);
  });
}

test("streamConfig that is no object is refused", () => {
  assert.throws(() => busOf({ streamConfig: "- 1" }), { code: "MANIFEST_INVALID" });
});

test("users are read back from what was written, also by the original", () => {
  const users = { user: "Abc", password: "pass", systemPassword: "system" };
  assert.deepEqual(readAuthConfig(renderAuthConfig(users)), users);
  const original = `accounts: {\n "js": {\n "jetstream": true,\n "users": [\n {"user": "Abc", "pass": "pass"}\n ]\n },
    "sys": {\n "users": [\n {"user": "sys", "pass": "system"}\n ]\n }\n}`;
  assert.deepEqual(readAuthConfig(original), users);
  assert.equal(readAuthConfig("authorization { token: x }"), undefined);
});

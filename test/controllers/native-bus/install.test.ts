import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { parseEventBus } from "../../../src/api/event-bus.ts";
import { finishDeletion, holdForDeletion, installNativeBus } from "../../../src/controllers/native-bus/install.ts";
import { labelsOf, readNativeBus } from "../../../src/controllers/native-bus/native-bus.ts";
import { readSecretData } from "../../../src/controllers/native-bus/secrets.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const dayMs = 24 * 60 * 60 * 1000;
const signal = new AbortController().signal;

async function openRig(jetstream: object = {}, { refused = "" } = {}) {
  const plane = await openTestPlane({
    admission: ({ object }) => (object.kind === refused ? { denied: "by a test" } : {}),
  });
  await plane.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  const clock = createVirtualClock();
  const busOf = (spec: object, owner = "u-1") =>
    readNativeBus(
      parseEventBus({
        apiVersion: "argoproj.io/v1alpha1",
        kind: "EventBus",
        metadata: { name: "default", namespace: "shop", uid: owner },
        spec: { jetstream: { version: "latest", ...spec } },
      }).resource,
    );
  const bus = busOf(jetstream);
  return {
    plane,
    clock,
    bus,
    busOf,
    install: (one = bus) => installNativeBus(one, { kube: plane.client, clock }, signal),
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  };
}

function get({ client }: TestPlane, kind: string, name: string): Promise<KubeObject | undefined> {
  const apiVersion = kind === "StatefulSet" ? "apps/v1" : "v1";
  return client.get({ apiVersion, kind, namespace: "shop", name });
}

const server = "eventbus-default-js-server";
const client = "eventbus-default-js-client-auth";

async function secretsOf(plane: TestPlane) {
  return {
    server: readSecretData(await get(plane, "Secret", server)),
    client: readSecretData(await get(plane, "Secret", client)),
  };
}

test("the API takes all objects, and a second time nothing changes", async () => {
  await using rig = await openRig({ persistence: {} });
  assert.deepEqual(await rig.install(), { ok: true });
  const versions = () =>
    Promise.all(
      [
        ["Secret", server],
        ["Secret", client],
        ["ConfigMap", "eventbus-default-js-config"],
        ["Service", "eventbus-default-js-svc"],
        ["StatefulSet", "eventbus-default-js"],
      ].map(async ([kind = "", name = ""]) => (await get(rig.plane, kind, name))?.metadata.resourceVersion),
    );
  const before = await versions();
  assert.ok(before.every((version) => version !== undefined));
  assert.deepEqual(await rig.install(), { ok: true });
  assert.deepEqual(await versions(), before);
});

test("an edit of the EventBus changes its objects, and what somebody else changed comes back", async () => {
  await using rig = await openRig();
  await rig.install();
  await rig.install(rig.busOf({ replicas: 5, maxPayload: "8MB" }));
  const spec = async () => (await get(rig.plane, "StatefulSet", "eventbus-default-js"))?.spec as { replicas: number };
  assert.equal((await spec()).replicas, 5);
  const config = (await get(rig.plane, "ConfigMap", "eventbus-default-js-config"))?.data as { "nats-js": string };
  assert.match(config["nats-js"], /max_payload: 8MB/);
  const ref = { apiVersion: "apps/v1", kind: "StatefulSet", namespace: "shop", name: "eventbus-default-js" };
  await rig.plane.client.patch(ref, "application/merge-patch+json", { spec: { replicas: 1 } });
  await rig.install(rig.busOf({ replicas: 5, maxPayload: "8MB" }));
  assert.equal((await spec()).replicas, 5);
});

test("the Secrets agree, and name the Service", async () => {
  await using rig = await openRig();
  await rig.install();
  const secrets = await secretsOf(rig.plane);
  const [, user, password] = /^username: (\w{8})\npassword: (\w{16})$/.exec(secrets.client["client-auth"] ?? "") ?? [];
  assert.ok(user && password, secrets.client["client-auth"]);
  assert.ok(secrets.server.auth?.includes(`{ user: "${user}", password: "${password}" }`));
  assert.equal(secrets.server.encryption?.length, 32);
  const cert = new X509Certificate(secrets.server.cert ?? "");
  assert.equal(cert.checkHost("eventbus-default-js-svc.shop.svc"), "eventbus-default-js-svc.shop.svc");
  const route = new X509Certificate(secrets.server["cluster-cert"] ?? "");
  assert.ok(route.checkHost("eventbus-default-js-0.eventbus-default-js-svc.shop.svc"));
});

for (const [name, form, expected] of [
  ["of ours", "variable", "  key: $JS_KEY"],
  ["of the original, whose servers took the variable's name for the key,", undefined, '  key: "$JS_KEY"'],
] as const) {
  test(`the store of a bus ${name} stays readable`, async () => {
    await using rig = await openRig();
    await rig.install();
    const ref = { apiVersion: "v1", kind: "Secret", namespace: "shop", name: server };
    const before = await secretsOf(rig.plane);
    assert.equal(before.server["encryption-form"], "variable");
    const data = { "encryption-form": form === undefined ? null : Buffer.from(form).toString("base64") };
    await rig.plane.client.patch(ref, "application/merge-patch+json", { data });
    await rig.install();
    const config = (await get(rig.plane, "ConfigMap", "eventbus-default-js-config"))?.data as { "nats-js": string };
    assert.ok(config["nats-js"].split("\n").includes(expected), config["nats-js"]);
    const after = await secretsOf(rig.plane);
    assert.equal(after.server.encryption, before.server.encryption);
    assert.equal(after.server["encryption-form"], form);
  });
}

test("a client's Secret that is gone or was changed comes back as it was", async () => {
  await using rig = await openRig();
  await rig.install();
  const before = await secretsOf(rig.plane);
  const ref = { apiVersion: "v1", kind: "Secret", namespace: "shop", name: client };
  await rig.plane.client.delete(ref);
  await rig.install();
  assert.deepEqual(await secretsOf(rig.plane), before);
  const data = { "client-auth": Buffer.from("username: x").toString("base64") };
  await rig.plane.client.patch(ref, "application/merge-patch+json", { data });
  await rig.install();
  assert.deepEqual(await secretsOf(rig.plane), before);
});

test("without volumes a server's Secret that is gone is made anew, and the client's follows", async () => {
  await using rig = await openRig();
  await rig.install();
  const before = await secretsOf(rig.plane);
  await rig.plane.client.delete({ apiVersion: "v1", kind: "Secret", namespace: "shop", name: server });
  assert.deepEqual(await rig.install(), { ok: true });
  const after = await secretsOf(rig.plane);
  assert.notEqual(after.server.encryption, before.server.encryption);
  assert.notEqual(after.client["client-auth"], before.client["client-auth"]);
});

test("with volumes a server's Secret that is gone is not replaced: its key is needed", async () => {
  await using rig = await openRig({ persistence: {} });
  await rig.install();
  await rig.plane.client.delete({ apiVersion: "v1", kind: "Secret", namespace: "shop", name: server });
  const result = await rig.install();
  assert.ok(!result.ok);
  assert.equal(result.failure.reason, "JetStreamAuthSecretsFailed");
  assert.match(result.failure.message, /bring it back/);
  assert.equal(await get(rig.plane, "Secret", server), undefined);
});

test("certificates are made anew before they end; users and key stay", async () => {
  await using rig = await openRig();
  await rig.install();
  const before = await secretsOf(rig.plane);
  await rig.clock.advance(3_600 * dayMs);
  await rig.install();
  assert.deepEqual(await secretsOf(rig.plane), before);
  await rig.clock.advance(25 * dayMs);
  await rig.install();
  const after = await secretsOf(rig.plane);
  assert.notEqual(after.server.cert, before.server.cert);
  assert.equal(after.server["ca-cert"], `${after.server.cert}${before.server.cert}`, "the former one stays trusted");
  assert.notEqual(after.server["cluster-cert"], before.server["cluster-cert"]);
  assert.equal(after.server.encryption, before.server.encryption);
  assert.deepEqual(after.client, before.client);
});

test("a Secret of an earlier EventBus is left alone until it is gone", async () => {
  await using rig = await openRig();
  await rig.install(rig.busOf({}, "u-old"));
  const before = await secretsOf(rig.plane);
  const result = await rig.install();
  assert.ok(!result.ok && !result.failure.isTerminal && /u-old/.test(result.failure.message), JSON.stringify(result));
  assert.deepEqual(await secretsOf(rig.plane), before);
});

test("a Secret without an owner, as from a backup, is used and owned", async () => {
  await using rig = await openRig();
  await rig.install();
  const before = await secretsOf(rig.plane);
  const ref = { apiVersion: "v1", kind: "Secret", namespace: "shop", name: server };
  await rig.plane.client.patch(ref, "application/json-patch+json", [
    { op: "remove", path: "/metadata/ownerReferences" },
  ]);
  assert.deepEqual(await rig.install(), { ok: true });
  assert.deepEqual(await secretsOf(rig.plane), before);
  assert.equal((await get(rig.plane, "Secret", server))?.metadata.ownerReferences?.[0]?.uid, "u-1");
});

test("an unknown version is told with the original's reason", async () => {
  await using rig = await openRig({ version: "9.9" });
  const result = await rig.install();
  assert.ok(!result.ok && result.failure.isTerminal);
  assert.equal(result.failure.reason, "JetStreamStatefulSetFailed");
  assert.match(result.failure.message, /"9\.9"/);
});

for (const [kind, reason] of [
  ["Secret", "JetStreamAuthSecretsFailed"],
  ["ConfigMap", "JetStreamConfigMapFailed"],
  ["Service", "JetStreamServiceFailed"],
  ["StatefulSet", "JetStreamStatefulSetFailed"],
] as const) {
  test(`a ${kind} that the API refuses is told with reason ${reason}`, async () => {
    await using rig = await openRig({}, { refused: kind });
    const result = await rig.install();
    assert.equal(result.ok ? "ok" : result.failure.reason, reason);
  });
}

test("an EventBus waits for its volumes: those of the bus go, those of others stay", async () => {
  await using rig = await openRig();
  const { client: kube } = rig.plane;
  const claim = (name: string, labels: Record<string, string>) =>
    kube.create({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name, namespace: "shop", labels },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    });
  await claim("eventbus-default-js-vol-eventbus-default-js-0", labelsOf(rig.bus));
  await claim("eventbus-other-js-vol-eventbus-other-js-0", labelsOf({ name: "other" }));
  await claim("mine", labelsOf(rig.bus));
  // Any kind will do: only its metadata is looked at.
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "default" };
  const stored = await kube.create({ ...ref, metadata: { name: "default", namespace: "shop", finalizers: ["x/y"] } });
  await holdForDeletion(stored, kube, signal);
  await assert.rejects(holdForDeletion(stored, kube, signal), { code: "API_CONFLICT" });
  await kube.delete(ref);
  const deleted = await kube.get(ref);
  assert.deepEqual(deleted?.metadata.finalizers, ["x/y", "eventbus-controller"]);
  await finishDeletion(deleted, kube, signal);
  assert.deepEqual((await kube.get(ref))?.metadata.finalizers, ["x/y"]);
  const { items } = await kube.list({ apiVersion: "v1", kind: "PersistentVolumeClaim" });
  assert.deepEqual(items.map(({ metadata }) => metadata.name).sort(), [
    "eventbus-other-js-vol-eventbus-other-js-0",
    "mine",
  ]);
});

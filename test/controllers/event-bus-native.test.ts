import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createBusDirectory } from "../../src/controllers/bus-directory.ts";
import { conditionsOf } from "../../src/controllers/conditions.ts";
import { createEventBusController, type EventBusControllerDeps } from "../../src/controllers/event-bus.ts";
import { createStatusWriter } from "../../src/controllers/status.ts";
import { eventCrds } from "../../src/validate/crds.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { createCache, createHandle } from "./fakes.ts";

const ref = { apiVersion: "argoproj.io/v1alpha1", kind: "EventBus", namespace: "shop", name: "default" };
const signal = new AbortController().signal;
const untilAborted = (stop: AbortSignal) =>
  new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));

/** The controller on the embedded API taken for a real cluster: it creates objects, and nothing runs. */
async function openRig(runBus: EventBusControllerDeps["runBus"], { refused = "" } = {}) {
  const plane = await openTestPlane({ admission: ({ object }) => (object.kind === refused ? { denied: "no" } : {}) });
  const kube = plane.client;
  for (const crd of eventCrds({ sources: {}, triggers: {} })) await kube.create(JSON.parse(JSON.stringify(crd)));
  await kube.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  const objects = createCache();
  const clock = createVirtualClock();
  const system = createHandle("system");
  const directory = createBusDirectory(system);
  const controller = createEventBusController({
    cache: objects.cache,
    directory,
    runBus,
    kube,
    isSimulated: false,
    writeStatus: createStatusWriter(kube, clock),
    clock,
    log: silentLogger,
    request: () => undefined,
  });
  return {
    kube,
    clock,
    system,
    directory,
    apply: (spec: JsonObject) =>
      kube.patch(
        ref,
        "application/apply-patch+yaml",
        { apiVersion: ref.apiVersion, kind: ref.kind, metadata: { name: "default", namespace: "shop" }, spec },
        { fieldManager: "user", force: true },
      ),
    /** As often as a watch would ask: the reconcile's own writes change the object. */
    async reconcile() {
      let answer = {};
      for (let round = 0; round < 2; round++) {
        const object = await kube.get(ref);
        if (object) objects.set(object);
        answer = await controller.reconcile(ref, signal).catch((error: Error) => error);
      }
      const object = await kube.get(ref);
      const conditions = object ? conditionsOf(object) : [];
      const deployed = conditions.find(({ type }) => type === "Deployed");
      return { answer, object, status: object?.status as JsonObject, deployed };
    },
    async [Symbol.asyncDispose]() {
      await controller.stopAll();
      await plane[Symbol.asyncDispose]();
    },
  };
}

test("a jetstream EventBus in a cluster gets servers, a status that clients of the original read, and a connection", async () => {
  const handle = createHandle("shop/default");
  await using rig = await openRig((resource, onOpen, stop) => {
    assert.equal(resource.kind, "jetstream");
    onOpen(handle);
    return untilAborted(stop);
  });
  await rig.apply({ jetstream: { version: "latest", replicas: 1 } });
  const { answer, object, status, deployed } = await rig.reconcile();
  assert.deepEqual(answer, { againAfterMs: 300_000 });
  assert.deepEqual(object?.metadata.finalizers, ["eventbus-controller"]);
  assert.deepEqual(
    [deployed?.status, deployed?.reason, deployed?.message],
    ["True", "Succeeded", "JetStream is deployed"],
  );
  assert.deepEqual(status.config, {
    jetstream: {
      url: "nats://eventbus-default-js-svc.shop.svc:4222",
      accessSecret: { name: "eventbus-default-js-client-auth", key: "client-auth" },
      streamConfig:
        "discard: 0\nduplicates: 300s\nmaxage: 168h\nmaxbytes: -1\nmaxmsgs: 50000\nreplicas: 1\nretention: 0\n",
    },
  });
  assert.equal(rig.directory.busFor("shop", "default"), handle);
  const { items } = await rig.kube.list({ apiVersion: "apps/v1", kind: "StatefulSet" });
  assert.deepEqual(items[0]?.metadata.ownerReferences?.[0]?.uid, object?.metadata.uid);
});

test("while its servers do not answer, an EventBus is neither well nor failed, and says why", async () => {
  await using rig = await openRig(() => Promise.reject(new Error("connection refused")));
  await rig.apply({ jetstream: { version: "latest" } });
  const { deployed } = await rig.reconcile();
  assert.deepEqual([deployed?.status, deployed?.reason], ["Unknown", "Connecting"]);
  assert.match(deployed?.message ?? "", /connection refused/);
  assert.throws(() => rig.directory.busFor("shop", "default"), { code: "BUS_UNAVAILABLE" });
});

test("what the cluster refuses is the condition's reason, and users of the bus wait instead of using another", async () => {
  await using rig = await openRig(() => assert.fail("there is nothing to connect to"), { refused: "Service" });
  await rig.apply({ jetstream: { version: "latest" } });
  const { answer, deployed, status } = await rig.reconcile();
  assert.deepEqual(answer, { againAfterMs: 30_000 });
  assert.deepEqual([deployed?.status, deployed?.reason], ["False", "JetStreamServiceFailed"]);
  assert.equal(status.config, undefined);
  assert.throws(() => rig.directory.busFor("shop", "default"), { code: "BUS_UNAVAILABLE" });
});

test("an edit that cannot be done leaves the connection that there is", async () => {
  const handle = createHandle("shop/default");
  await using rig = await openRig((_, onOpen, stop) => {
    onOpen(handle);
    return untilAborted(stop);
  });
  await rig.apply({ jetstream: { version: "latest" } });
  await rig.reconcile();
  await rig.apply({ jetstream: { version: "0.1" } });
  const { deployed } = await rig.reconcile();
  assert.deepEqual([deployed?.status, deployed?.reason], ["False", "JetStreamStatefulSetFailed"]);
  assert.equal(rig.directory.busFor("shop", "default"), handle);
});

test("a streamConfig that cannot be read is an invalid spec", async () => {
  await using rig = await openRig(() => assert.fail("there is nothing to connect to"));
  await rig.apply({ jetstream: { version: "latest", streamConfig: "- 1" } });
  const { status, deployed } = await rig.reconcile();
  assert.equal(deployed?.status, "Unknown");
  assert.match(JSON.stringify(status.conditions), /InvalidSpec.*streamConfig: must be YAML of an object/);
});

test("a deleted EventBus goes once its volumes did", async () => {
  await using rig = await openRig((_, onOpen, stop) => {
    onOpen(createHandle("shop/default"));
    return untilAborted(stop);
  });
  await rig.apply({ jetstream: { version: "latest", persistence: {} } });
  await rig.reconcile();
  await rig.kube.delete(ref);
  assert.notEqual(await rig.kube.get(ref), undefined);
  const { object } = await rig.reconcile();
  assert.equal(object, undefined);
  assert.equal(rig.directory.busFor("shop", "default"), rig.system);
});

test("of a kind that is not the former one, the status keeps nothing of the former", async () => {
  await using rig = await openRig((_, onOpen, stop) => {
    onOpen(createHandle("shop/default"));
    return untilAborted(stop);
  });
  await rig.apply({ jetstreamExotic: { url: "nats://a:4222", accessSecret: { name: "s", key: "k" } } });
  const exotic = await rig.reconcile();
  assert.deepEqual(exotic.status.config, {
    jetstream: { url: "nats://a:4222", accessSecret: { name: "s", key: "k" } },
  });
  await rig.apply({ jetstreamExotic: { url: "nats://b:4222" } });
  assert.deepEqual((await rig.reconcile()).status.config, { jetstream: { url: "nats://b:4222" } });
  await rig.apply({ kafka: { url: "kafka:9092" } });
  const kafka = await rig.reconcile();
  assert.equal(kafka.status.config, undefined);
  assert.equal(kafka.deployed?.reason, "Unsupported");
  assert.equal(rig.directory.busFor("shop", "default"), rig.system);
});

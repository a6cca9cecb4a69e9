import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { type BusHandle, createBusDirectory } from "../../src/controllers/bus-directory.ts";
import { createEventBusController, type EventBusControllerDeps } from "../../src/controllers/event-bus.ts";
import type { StatusDraft } from "../../src/controllers/status.ts";
import type { KubeClient } from "../../src/kube/kube.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { conditionsText, createCache, createHandle } from "./fakes.ts";

const ref = { apiVersion: "argoproj.io/v1alpha1", kind: "EventBus", namespace: "shop", name: "default" };

function eventBus(spec: object): KubeObject {
  const { apiVersion, kind } = ref;
  return { apiVersion, kind, metadata: { namespace: "shop", name: "default", uid: "u" }, spec };
}

const exotic = (url: string) => eventBus({ jetstreamExotic: { url } });

function open(runBus: EventBusControllerDeps["runBus"]) {
  const objects = createCache();
  const clock = createVirtualClock();
  const system = createHandle("system");
  const directory = createBusDirectory(system);
  const statuses: StatusDraft[] = [];
  const controller = createEventBusController({
    cache: objects.cache,
    directory,
    runBus,
    kube: {} as KubeClient, // nothing here asks the cluster
    isSimulated: true,
    writeStatus: async (_, draft) => void statuses.push(draft),
    clock,
    log: silentLogger,
    request: () => undefined,
  });
  const reconcile = () => controller.reconcile(ref, new AbortController().signal);
  return { objects, clock, system, directory, controller, reconcile, status: () => conditionsText(statuses.at(-1)!) };
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

test("a bus is in the directory while it is open, also when it opens at once", async () => {
  const handle = createHandle("shop/default");
  const { objects, system, directory, reconcile } = open((_, onOpen, signal) => {
    onOpen(handle);
    return untilAborted(signal);
  });
  objects.set(exotic("nats://one"));
  await reconcile();
  assert.equal(directory.busFor("shop", "default"), handle);
  objects.delete(exotic("nats://one"));
  await reconcile();
  assert.equal(directory.busFor("shop", "default"), system);
});

test("an edit closes the old connection before the new one opens, under a handle of its own", async () => {
  const log: string[] = [];
  const { objects, directory, controller, reconcile } = open(async (resource, onOpen, signal) => {
    const { url } = resource.spec.jetstreamExotic as { url: string };
    log.push(`open ${url}`);
    onOpen(createHandle("shop/default"));
    await untilAborted(signal);
    log.push(`close ${url}`);
  });
  const handles: BusHandle[] = [];
  for (const url of ["nats://one", "nats://two"]) {
    objects.set(exotic(url));
    await reconcile();
    handles.push(directory.busFor("shop", "default"));
  }
  await controller.stopAll();
  assert.deepEqual(log, ["open nats://one", "close nats://one", "open nats://two", "close nats://two"]);
  assert.notEqual(handles[0], handles[1]);
});

for (const [name, end] of Object.entries({
  fails: () => Promise.reject(new Error("refused")),
  "ends by itself": () => Promise.resolve(),
})) {
  test(`a connection that ${name} is opened again with growing delay, and its users are told to wait`, async () => {
    let opened = 0;
    const { objects, clock, directory, controller, reconcile, status } = open(() => {
      opened += 1;
      return opened > 1_000 ? new Promise(() => undefined) : end();
    });
    objects.set(exotic("nats://one"));
    await reconcile();
    await clock.advance(10_000);
    assert.ok(opened >= 3 && opened < 10, `opened ${opened} times`);
    assert.throws(() => directory.busFor("shop", "default"), { code: "BUS_UNAVAILABLE" });
    await reconcile();
    assert.ok(
      status().some((text) => text.startsWith("Deployed=False")),
      status().join(),
    );
    await controller.stopAll();
  });
}

test("kinds that have no connection of their own use the system bus, and say what is not supported", async () => {
  const { objects, system, directory, reconcile, status } = open(() => assert.fail("there is nothing to connect to"));
  for (const [spec, expected] of [
    [{ jetstream: { version: "latest" } }, "Deployed=True: events use the system bus"],
    [{ embedded: {} }, "Deployed=True: events use the system bus"],
    [{ nats: { native: {} } }, "Deployed=False: spec.nats (NATS Streaming, at its end of life) is not supported"],
    [{ kafka: { url: "kafka:9092" } }, "Deployed=False: spec.kafka is not supported"],
  ] as const) {
    objects.set(eventBus(spec));
    await reconcile();
    assert.ok(
      status().some((text) => text.startsWith(expected)),
      status().join(),
    );
    assert.equal(directory.busFor("shop", "default"), system);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { createBusDirectory } from "../../src/controllers/bus-directory.ts";
import { createEventSourceController, type EventSourceControllerDeps } from "../../src/controllers/event-source.ts";
import type { StatusDraft } from "../../src/controllers/status.ts";
import { sourceSchemas } from "../../src/events/sources/registry.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { conditionsText, createCache, createHandle } from "./fakes.ts";

const ref = { apiVersion: "argoproj.io/v1alpha1", kind: "EventSource", namespace: "shop", name: "s" };
const { apiVersion, kind } = ref;
const metadata = { namespace: "shop", name: "s", uid: "u" };
const source: KubeObject = { apiVersion, kind, metadata, spec: { calendar: { tick: { interval: "10s" } } } };

function open(runSource: EventSourceControllerDeps["runSource"]) {
  const objects = createCache();
  const clock = createVirtualClock();
  const directory = createBusDirectory(createHandle("system"));
  const statuses: StatusDraft[] = [];
  let requests = 0;
  const seen = { tells: true };
  const controller = createEventSourceController({
    cache: objects.cache,
    buses: directory,
    schemas: sourceSchemas(),
    runSource,
    urlOf: () => undefined,
    tells: () => seen.tells,
    writeStatus: async (_, draft) => void statuses.push(draft),
    clock,
    log: silentLogger,
    request: () => void requests++,
  });
  objects.set(source);
  const reconcile = () => controller.reconcile(ref, new AbortController().signal);
  const status = () => conditionsText(statuses.at(-1)!);
  return { seen, statuses, objects, clock, directory, controller, reconcile, status, requests: () => requests };
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

test("a source that fails to listen shows in its status, and its recovery too", async () => {
  let tell: (failure: string | undefined) => void = () => assert.fail("it runs");
  const { controller, reconcile, status, requests } = open((_, _bus, report, signal) => {
    tell = (failure) => report.status("tick", failure);
    return untilAborted(signal);
  });
  await reconcile();
  tell("port in use");
  tell("port in use");
  assert.equal(requests(), 1);
  await reconcile();
  assert.ok(status().includes("Active=False: tick: port in use"), status().join());
  tell(undefined);
  await reconcile();
  assert.ok(status().includes("Active=True"));
  await controller.stopAll();
});

test("a bus that was opened anew gets a new run: on the old one nothing could be published", async () => {
  const buses: object[] = [];
  const { directory, controller, reconcile } = open((_, bus, _report, signal) => {
    buses.push(bus);
    return untilAborted(signal);
  });
  for (let n = 0; n < 2; n++) {
    directory.set("shop", "default", createHandle("shop/default"));
    await reconcile();
    await reconcile();
  }
  assert.equal(new Set(buses).size, 2);
  assert.equal(buses.length, 2);
  await controller.stopAll();
});

test("a run that ends by itself starts again later, whatever asks for a reconcile meanwhile", async () => {
  let runs = 0;
  const { clock, reconcile, status } = open(async () => {
    runs += 1;
    throw new Error("broken");
  });
  for (let n = 0; n < 20; n++) {
    await reconcile();
    await clock.advance(10);
  }
  assert.equal(runs, 1);
  assert.ok(status().includes("Deployed=False: broken"), status().join());
  await clock.advance(2_500);
  await reconcile();
  assert.equal(runs, 2);
});

test("an invalid or deleted source stops", async () => {
  let running = 0;
  const { objects, reconcile, status, controller } = open(async (_, _bus, _report, signal) => {
    running += 1;
    await untilAborted(signal);
    running -= 1;
  });
  await reconcile();
  objects.set({ ...source, spec: { calendar: "none" } });
  await reconcile();
  assert.deepEqual([running, controller.running().length], [0, 0]);
  assert.ok(status().some((text) => text.startsWith("SourcesProvided=False")));
  objects.set(source);
  await reconcile();
  assert.equal(running, 1);
  objects.delete(source);
  await reconcile();
  assert.equal(running, 0);
});

test("an EventSource whose status another engine writes runs here as well, silently", async () => {
  let running = 0;
  const { seen, statuses, objects, reconcile, controller } = open(async (_, _bus, _report, signal) => {
    running += 1;
    await untilAborted(signal);
  });
  seen.tells = false;
  await reconcile();
  objects.set({ ...source, spec: { calendar: "none" } });
  await reconcile();
  assert.deepEqual([running, statuses], [1, []]);
  seen.tells = true;
  await reconcile();
  assert.equal(statuses.length, 1);
  await controller.stopAll();
});

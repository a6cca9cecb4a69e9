import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventBusResource } from "../../src/api/resources.ts";
import { instant } from "../../src/base/clock.ts";
import { EngineError, NotYetError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createBusDirectory } from "../../src/controllers/bus-directory.ts";
import type { SensorMoves } from "../../src/controllers/own-pod/sensor-moves.ts";
import { createSensorController, type RunReports } from "../../src/controllers/sensor.ts";
import type { StatusDraft } from "../../src/controllers/status.ts";
import { type Partition, partitionOf } from "../../src/events/sensor/partition.ts";
import type { SensorRunner } from "../../src/events/sensor/runner.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { busAway } from "../harness/memory-bus.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { conditionsText, createCache, createHandle } from "./fakes.ts";

const ref = { apiVersion: "argoproj.io/v1alpha1", kind: "Sensor", namespace: "shop", name: "s" };
const never = new AbortController().signal;

function sensor(uid = "u1", spec: object = {}): KubeObject {
  const dependencies = [{ name: "a", eventSourceName: "source", eventName: "a" }];
  const triggers = [{ template: { name: "t", log: {} } }];
  return {
    apiVersion: ref.apiVersion,
    kind: ref.kind,
    metadata: { namespace: "shop", name: "s", uid },
    spec: { dependencies, triggers, ...spec },
  };
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

function open(createRunner: (told: RunReports) => Promise<SensorRunner>, moves?: SensorMoves) {
  const objects = createCache();
  const clock = createVirtualClock();
  const directory = createBusDirectory(createHandle("system"));
  const seen = { owned: true, started: 0, forgotten: [] as string[], requests: 0, statuses: [] as StatusDraft[] };
  const faults: { forget?: () => void } = {};
  const partition: Partition = {
    cells: new Map(),
    isTakenOver: false,
    mayAct: () => true,
    join: () => undefined,
    leave: async () => undefined,
    markDirty: () => undefined,
    async forget(prefix) {
      faults.forget?.();
      seen.forgotten.push(prefix);
    },
  };
  const controller = createSensorController({
    cache: objects.cache,
    schemas: {},
    buses: directory,
    partitions: {
      of: async () => partition,
      open: async () => [],
      close: async () => undefined,
      run: async () => undefined,
    },
    owns: () => seen.owned,
    ...(moves && { isInCluster: true, moves }),
    createRunner: (_compiled, _bus, told) => {
      seen.started += 1;
      return createRunner(told);
    },
    writeStatus: async (_, draft) => void seen.statuses.push(draft),
    clock,
    log: silentLogger,
    request: () => void seen.requests++,
  });
  const reconcile = (signal = never) => controller.reconcile(ref, signal);
  const status = () => conditionsText(seen.statuses.at(-1)!);
  return { objects, clock, directory, seen, faults, controller, reconcile, status };
}

const good = async (): Promise<SensorRunner> => ({ run: untilAborted, ready: Promise.resolve() });

test("a valid Sensor runs once, an edit replaces its runner, deletion removes its state", async () => {
  const { objects, seen, reconcile, status, controller } = open(good);
  objects.set(sensor());
  for (let n = 0; n < 3; n++) await reconcile();
  assert.equal(seen.started, 1);
  assert.deepEqual(status().sort(), ["DependenciesProvided=True", "Deployed=True", "TriggersProvided=True"]);
  objects.set(sensor("u1", { triggers: [{ template: { name: "other", log: {} } }] }));
  await reconcile();
  assert.equal(seen.started, 2);
  objects.delete(sensor());
  await reconcile();
  assert.deepEqual([seen.forgotten, controller.running().length], [["u1/"], 0]);
});

test("a Sensor that makes a loop with another says so in its status", async () => {
  const { objects, seen, controller } = open(good);
  const emitting = (name: string, from: string, to: string): KubeObject => ({
    ...sensor(name, {
      dependencies: [{ name: "a", eventSourceName: "own", eventName: from }],
      triggers: [{ template: { name: "t", emit: { eventSourceName: "own", eventName: to } } }],
    }),
    metadata: { namespace: "shop", name, uid: name },
  });
  for (const one of [emitting("one", "a", "b"), emitting("two", "b", "a")]) {
    objects.set(one);
    await controller.reconcile({ ...ref, name: one.metadata.name ?? "" }, never);
  }
  const [first, second] = seen.statuses.map(({ fields }) => String(fields?.warnings));
  assert.doesNotMatch(first ?? "", /without end/);
  assert.match(second ?? "", /spec.triggers\[0\].template: "t" fires itself without end: two\/t → one\/t → two\/t/);
  await controller.stopAll();
});

test("a Sensor whose scripts take more than their share says so in its status, as long as they do", async () => {
  let slowed: RunReports["onSlowed"] | undefined;
  const { objects, seen, reconcile, controller } = open(async ({ onSlowed }) => {
    slowed = onSlowed;
    return good();
  });
  objects.set(sensor());
  const warnings = async () => {
    await reconcile();
    const [last] = seen.statuses.slice(-1);
    return JSON.stringify(last?.fields?.warnings);
  };
  assert.doesNotMatch(await warnings(), /more than half/);
  slowed?.(true);
  assert.equal(seen.requests, 1);
  assert.match(await warnings(), /spec.dependencies: scripts take more than half of a core/);
  slowed?.(false);
  assert.doesNotMatch(await warnings(), /more than half/);
  await controller.stopAll();
});

test("a bus that was opened anew gets a new runner, though its name is the same", async () => {
  const { objects, directory, seen, reconcile, controller } = open(good);
  directory.set("shop", "default", createHandle("shop/default"));
  objects.set(sensor());
  await reconcile();
  directory.set("shop", "default", createHandle("shop/default"));
  await reconcile();
  assert.equal(seen.started, 2, "on the old bus it would wait for events for ever");
  await controller.stopAll();
});

test("a Sensor that does not get ready holds up a reconcile for 5 s, then says so; readiness asks again", async () => {
  const ready = Promise.withResolvers<void>();
  const { objects, clock, seen, reconcile, status, controller } = open(async () => ({
    run: untilAborted,
    ready: ready.promise,
  }));
  objects.set(sensor());
  const first = assert.rejects(reconcile(), NotYetError);
  await clock.advance(5_001);
  await first;
  assert.ok(status().some((text) => text.startsWith("Deployed=False")));
  assert.equal(seen.requests, 0);
  ready.resolve();
  await clock.advance(0);
  assert.equal(seen.requests, 1);
  await reconcile();
  assert.ok(status().includes("Deployed=True"));
  assert.equal(seen.started, 1);
  await controller.stopAll();
});

for (const [name, createRunner] of Object.entries({
  "a Sensor that does not get ready": async () => ({ run: untilAborted, ready: new Promise<void>(() => undefined) }),
  "a runner that cannot be made yet": () => new Promise<SensorRunner>(() => undefined),
})) {
  test(`stopping does not hang on ${name}`, async () => {
    const { objects, clock, reconcile, controller } = open(createRunner);
    objects.set(sensor());
    const stop = new AbortController();
    const reconciling = assert.rejects(reconcile(stop.signal));
    await clock.advance(10);
    stop.abort(new Error("stop"));
    await clock.advance(0);
    await reconciling;
    await controller.stopAll();
  });
}

test("a runner that fails starts again later and later, whatever asks for a reconcile meanwhile", async () => {
  const { objects, clock, seen, reconcile, status } = open(async () => ({
    run: () => Promise.reject(new Error("state lost")),
    ready: new Promise<void>(() => undefined),
  }));
  objects.set(sensor());
  await reconcile().catch(() => undefined);
  for (let n = 0; n < 20; n++) {
    await clock.advance(10);
    await reconcile().catch(() => undefined);
  }
  assert.equal(seen.started, 1);
  assert.ok(status().includes("Deployed=False: state lost"), status().join());
  await clock.advance(2_500);
  await reconcile().catch(() => undefined);
  assert.equal(seen.started, 2);
  await clock.advance(2_500);
  await reconcile().catch(() => undefined);
  assert.equal(seen.started, 2);
});

test("the state of a Sensor is removed though it was invalid last, and though the bus was away at first", async () => {
  const { objects, seen, faults, reconcile, status } = open(good);
  objects.set(sensor());
  await reconcile();
  objects.set(sensor("u1", { triggers: "none" }));
  await reconcile();
  assert.ok(
    status().some((text) => text.startsWith("TriggersProvided=False")),
    status().join(),
  );
  objects.delete(sensor());
  faults.forget = () => {
    throw busAway();
  };
  await assert.rejects(reconcile(), { code: "BUS_UNAVAILABLE" });
  delete faults.forget;
  await reconcile();
  assert.deepEqual(seen.forgotten, ["u1/"]);
});

test("a Sensor made anew under its old name begins without the state of the old one", async () => {
  const { objects, seen, reconcile, controller } = open(good);
  objects.set(sensor("u1"));
  await reconcile();
  objects.set(sensor("u2"));
  await reconcile();
  assert.deepEqual([seen.started, seen.forgotten], [2, ["u1/"]]);
  await controller.stopAll();
});

test("a Sensor of another engine does not run here, and its status is not written", async () => {
  const { objects, seen, reconcile, controller } = open(good);
  seen.owned = false;
  objects.set(sensor());
  await reconcile();
  assert.deepEqual([seen.started, seen.statuses, controller.running().length], [0, [], 0]);
  objects.delete(sensor());
  await reconcile();
  assert.deepEqual(seen.forgotten, [], "its state is its owner's to remove");
});

test("gaining a partition asks for its Sensors alone; giving it up stops them in order", async () => {
  const ended: unknown[] = [];
  const { objects, seen, reconcile, controller } = open(async () => ({
    run: async (signal) => {
      await untilAborted(signal);
      ended.push(signal.aborted);
    },
    ready: Promise.resolve(),
  }));
  objects.set(sensor());
  controller.requestPartition(partitionOf("shop", "other"));
  assert.equal(seen.requests, 0);
  controller.requestPartition(partitionOf("shop", "s"));
  assert.equal(seen.requests, 1);
  await reconcile();
  seen.owned = false;
  await controller.stopPartition(partitionOf("shop", "s"));
  assert.deepEqual([ended, controller.running().length], [[true], 0]);
  const written = seen.statuses.length;
  await reconcile();
  seen.owned = true;
  await reconcile();
  assert.deepEqual([seen.started, seen.statuses.length, seen.forgotten], [2, written + 1, []]);
  await controller.stopAll();
});

test("a lease that is lost is no failure: the Sensor starts at once when it is back", async () => {
  const lost = Promise.withResolvers<never>();
  const { objects, clock, seen, reconcile, controller } = open(async () => ({
    run: (signal) => (seen.started === 1 ? lost.promise : untilAborted(signal)),
    ready: Promise.resolve(),
  }));
  objects.set(sensor());
  await reconcile();
  lost.reject(new EngineError("LEASE_LOST", "another engine may act now"));
  await clock.advance(0);
  assert.equal(seen.requests, 1);
  await reconcile();
  assert.equal(seen.started, 2);
  await controller.stopAll();
});

test("a Sensor goes into its Pod once no effect waits here, and comes back where the Pod ended", async () => {
  const calls: string[] = [];
  const is = { inPod: false, unfinished: 0, running: false };
  const moves: SensorMoves = {
    placeOf: async () => (is.inPod ? { pod: true, bus: {} as EventBusResource } : { pod: false }),
    unfinished: async () => is.unfinished,
    async toPod() {
      assert.equal(is.running, false, "it ended here first");
      calls.push("toPod");
      return undefined;
    },
    toEngine: async () => (calls.includes("toPod") ? instant(7) : undefined),
    arrived: async () => void calls.push("arrived"),
  };
  const begun: unknown[] = [];
  const run = async ({ startAt }: RunReports): Promise<SensorRunner> => {
    begun.push(startAt);
    is.running = true;
    const ended = (): void => {
      is.running = false;
    };
    return { ready: Promise.resolve(), run: (signal) => untilAborted(signal).then(ended) };
  };
  const { objects, seen, reconcile, status, controller } = open(run, moves);
  objects.set(sensor("u1", { template: { nodeSelector: { disk: "fast" } } }));
  await reconcile();
  is.inPod = true;
  is.unfinished = 2;
  assert.deepEqual(await reconcile(), { againAfterMs: 10_000 });
  assert.match(JSON.stringify(seen.statuses.at(-1)?.fields), /when 2 effects that wait here are done/);
  is.unfinished = 0;
  await reconcile();
  assert.deepEqual([calls, is.running, controller.running().length], [["toPod"], false, 0]);
  assert.ok(status().includes("Deployed=True"));
  is.inPod = false;
  await reconcile();
  assert.deepEqual([calls, begun, is.running], [["toPod", "arrived"], [undefined, 7], true]);
  await controller.stopAll();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { outcomeEvent } from "../../../src/controllers/applications/application-outcomes.ts";
import { createHopStore, tellOutcomes } from "../../../src/controllers/applications/outcome-teller.ts";
import type { EmittedEvent } from "../../../src/events/triggers/trigger.ts";
import type { WatchChange } from "../../../src/kube/kube.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import type { SyncRecord } from "../../../src/record/records.ts";
import { createMemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";

interface Turn {
  readonly sync?: string;
  readonly health?: string;
  readonly phase?: string;
  readonly finishedAt?: string;
  readonly request?: string;
  readonly timedOut?: string;
  readonly supersededBy?: readonly string[];
}

function application(turn: Turn): KubeObject {
  const { sync = "Synced", health = "Healthy", phase = "", finishedAt = "", request, timedOut, supersededBy } = turn;
  const syncResult = supersededBy && { syncResult: { supersededBy } };
  const needing = [
    { type: "NeedsTimeoutWarning", message: "for too long", lastTransitionTime: timedOut ?? "" },
    { type: "WaitingForNeeds", message: "it needs argocd/db", lastTransitionTime: "t0" },
  ];
  const info = request === undefined ? [] : [{ name: "tiphys.io/request", value: request }];
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { namespace: "argocd", name: "shop", uid: "u" },
    spec: { project: "default" },
    status: {
      sync: { status: sync, revision: "abc" },
      health: { status: health },
      ...(timedOut && { conditions: needing }),
      ...(finishedAt && { operationState: { phase, finishedAt, operation: { info, sync: {} }, ...syncResult } }),
    },
  };
}

function rig(
  heard: readonly string[] = [
    "application-synced",
    "application-sync-failed",
    "application-healthy",
    "application-degraded",
    "application-out-of-sync",
    "application-needs-timed-out",
  ],
) {
  const bus = createMemoryBus();
  const told: EmittedEvent[] = [];
  const listeners: ((change: WatchChange) => void)[] = [];
  let current: KubeObject | undefined;
  let failures = 0;
  let record: SyncRecord | undefined;
  const clock = createVirtualClock();
  const cache = {
    synced: Promise.resolve(),
    find: () => current,
    items: () => (current ? [current] : []),
    onChange(listener: (change: WatchChange) => void) {
      listeners.push(listener);
      return () => undefined;
    },
  };
  const hops = createHopStore(bus.state("hops"));
  const stored = () => bus.state("outcomes").entries("");
  const run = (signal: AbortSignal) =>
    tellOutcomes(
      {
        cache,
        store: bus.state("outcomes"),
        hops,
        syncRecord: async (key) => (key === record?.key ? record : undefined),
        isHeard: (_, event) => heard.includes(event),
        async publish(event) {
          failures -= 1;
          if (failures >= 0) throw new Error("the bus is away");
          told.push(event);
        },
        clock,
        log: silentLogger,
      },
      signal,
    );
  return {
    told,
    hops,
    run,
    clock,
    failNext(times: number): void {
      failures = times;
    },
    recorded(next: SyncRecord): void {
      record = next;
    },
    change(next: Turn | undefined): void {
      const object = next === undefined ? current : application(next);
      current = next === undefined ? undefined : object;
      const type = next === undefined ? "deleted" : "set";
      if (object !== undefined) for (const listener of listeners) listener({ type, object, isInitial: false });
    },
    stored,
    async turn(next: Turn): Promise<void> {
      current = application(next);
      const before = JSON.stringify(await stored());
      for (const listener of listeners) listener({ type: "set", object: current, isInitial: false });
      await waitFor("the turn to be stored", async () => JSON.stringify(await stored()) !== before);
    },
    set(next: Turn): void {
      current = application(next);
    },
  };
}

const names = (told: readonly EmittedEvent[]) => told.map(({ event }) => event);

test("each turn is told once, in the order of cause and effect; where it begins is none", async () => {
  const { told, turn, run, set, stored } = rig();
  const stop = new AbortController();
  set({ sync: "OutOfSync", health: "Degraded" });
  const running = run(stop.signal);
  await waitFor("the first look", async () => (await stored()).length > 0);
  assert.equal(told.length, 0);
  await turn({ phase: "Succeeded", finishedAt: "t1" });
  await turn({ sync: "OutOfSync", phase: "Succeeded", finishedAt: "t1" });
  await turn({ health: "Degraded", phase: "Failed", finishedAt: "t2", supersededBy: ["def"] });
  stop.abort();
  await running;
  assert.deepEqual(names(told), [
    "application-synced",
    "application-healthy",
    "application-out-of-sync",
    "application-sync-failed",
    "application-degraded",
  ]);
  assert.equal(new Set(told.map(({ id }) => id)).size, told.length);
  assert.partialDeepStrictEqual(told[0]?.data, {
    application: { namespace: "argocd", name: "shop" },
    revisions: ["abc"],
  });
  assert.partialDeepStrictEqual(told[3]?.data, { operation: { phase: "Failed", supersededBy: ["def"] } });
});

test("a wait for other Applications that times out is told once for each wait, and of no operation", async () => {
  const { told, turn, run, set, stored } = rig();
  const stop = new AbortController();
  const operation = { phase: "Succeeded", finishedAt: "t1", request: "k" };
  set(operation);
  const running = run(stop.signal);
  await waitFor("the first look", async () => (await stored()).length > 0);
  await turn({ ...operation, timedOut: "t2" });
  await turn({ ...operation, timedOut: "t2", sync: "OutOfSync" });
  await turn(operation);
  await turn({ ...operation, timedOut: "t3" });
  stop.abort();
  await running;
  const timeOuts = told.filter(({ event }) => event === "application-needs-timed-out");
  const needs = { message: "it needs argocd/db; for too long", since: "t0" };
  assert.deepEqual(
    timeOuts.map(({ data, causes }) => [(data as { needs?: object }).needs, causes]),
    ["t2", "t3"].map((timedOutAt) => [{ ...needs, timedOutAt }, ["application/argocd/shop"]]),
  );
});

test("what cannot be told while the bus is away for minutes is told after that, without another change", async () => {
  const { told, run, set, stored, change, failNext, clock } = rig();
  const stop = new AbortController();
  set({ sync: "OutOfSync" });
  const running = run(stop.signal);
  await waitFor("the first look", async () => (await stored()).length > 0);
  failNext(8);
  change({ phase: "Succeeded", finishedAt: "t1" });
  await waitFor("it to be told", async () => {
    await clock.advance(10_000);
    return told.length > 0;
  });
  stop.abort();
  await running;
  assert.deepEqual(names(told), ["application-synced"]);
});

test("nothing is kept of an Application that is no more", async () => {
  const { run, set, stored, change } = rig();
  const stop = new AbortController();
  set({ sync: "OutOfSync" });
  const running = run(stop.signal);
  await waitFor("the first look", async () => (await stored()).length > 0);
  change(undefined);
  await waitFor("it to be forgotten", async () => (await stored()).length === 0);
  stop.abort();
  await running;
});

test("a chain through Applications counts on, stays in its trace, and is cut", async () => {
  const { told, turn, run, set, hops, stored } = rig();
  const request = {
    application: { namespace: "argocd", name: "shop" },
    operation: "sync",
    by: { namespace: "a", name: "b" },
  } as const;
  const trace = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "a=1, b=2" };
  await hops.keep({ ...request, key: "k5", hop: 5, trace });
  await hops.keep({ ...request, key: "k16", hop: 16 });
  const stop = new AbortController();
  set({});
  const running = run(stop.signal);
  await waitFor("the first look", async () => (await stored()).length > 0);
  await turn({ phase: "Succeeded", finishedAt: "t1", request: "k5" });
  await turn({ phase: "Succeeded", finishedAt: "t2", request: "k16" });
  await turn({ phase: "Succeeded", finishedAt: "t3" });
  await hops.keep({ ...request, key: "k1", hop: 1, trace });
  await turn({ phase: "Succeeded", finishedAt: "t4", request: "k1" });
  stop.abort();
  await running;
  assert.deepEqual(
    told.map(({ hop, trace: told }) => [hop, told?.traceparent.slice(3, 35), told?.tracestate]),
    [
      [6, "4bf92f3577b34da6a3ce929d0e0e4736", "a=1, b=2"],
      [1, undefined, undefined],
      [2, "4bf92f3577b34da6a3ce929d0e0e4736", "a=1, b=2"],
    ],
  );
  const spans = new Set([trace, ...told.map((one) => one.trace)].map((one) => one?.traceparent));
  assert.equal(spans.size, 4, "each has a span of its own");
});

test("a sync that deployed something is told as a CDEvent too, under the id of its event; one that did not is not", async () => {
  const { told, turn, run, set, stored, recorded } = rig();
  const sync: SyncRecord = {
    kind: "sync",
    id: "w-1.0",
    at: 1_000,
    causes: ["w-0.0"],
    key: "sync/argocd/shop/",
    startedAt: 900,
    application: { namespace: "argocd", name: "shop", uid: "u" },
    destination: { namespace: "default" },
    revisions: ["b"],
    before: ["a"],
    phase: "Succeeded",
    retries: 0,
    message: "",
    objects: [],
  };
  const stop = new AbortController();
  set({});
  const running = run(stop.signal);
  await waitFor("the first look", async () => (await stored()).length > 0);
  recorded(sync);
  await turn({ phase: "Succeeded", finishedAt: "t1" });
  recorded({ ...sync, before: ["b"] });
  await turn({ phase: "Succeeded", finishedAt: "t2" });
  stop.abort();
  await running;
  const [first, second] = told.map(({ id, data }) => ({ id, cdevent: (data as JsonObject).cdevent }));
  assert.partialDeepStrictEqual(first?.cdevent, {
    id: first?.id,
    type: "dev.cdevents.service.upgraded.0.2.0",
    data: { subject: { content: { environment: { id: "in-cluster/default" } } } },
  });
  assert.equal(second?.cdevent, undefined);
});

test("nobody who listens: nothing is told, and nothing stored", async () => {
  const { told, run, set, stored } = rig([]);
  const stop = new AbortController();
  set({ phase: "Succeeded", finishedAt: "t1" });
  const running = run(stop.signal);
  stop.abort();
  await running;
  assert.deepEqual([told, await stored()], [[], []]);
});

const [earlier, later] = ["2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"];

for (const [name, health, operation, since] of [
  ["a turn of health after the sync", later, { phase: "Succeeded", revision: "abc", finishedAt: earlier }, later],
  [
    "health that was the same before the sync",
    earlier,
    { phase: "Succeeded", revision: "abc", finishedAt: later },
    later,
  ],
  ["a sync of another revision", earlier, { phase: "Succeeded", revision: "old", finishedAt: later }, earlier],
  ["a sync that failed", earlier, { phase: "Failed", revision: "abc", finishedAt: later }, earlier],
  ["no sync", earlier, undefined, earlier],
  ["nothing", undefined, undefined, ""],
] as const) {
  test(`since when an Application has its health at its revisions: ${name}`, () => {
    const { phase, revision, finishedAt } = operation ?? {};
    const status = {
      sync: { status: "Synced", revision: "abc" },
      health: { status: "Healthy", ...(health && { lastTransitionTime: health }) },
      ...(operation && { operationState: { phase, finishedAt, syncResult: { revision } } }),
    } as JsonObject;
    const { data } = outcomeEvent("application-healthy", { ...application({}), status }, "1", { hop: 1 });
    assert.equal((data as JsonObject).healthSince, since);
  });
}

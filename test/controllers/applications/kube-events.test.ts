import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { writeKubeEvents } from "../../../src/controllers/applications/kube-event-writer.ts";
import { kubeEventsBetween } from "../../../src/controllers/applications/kube-events.ts";
import type { WatchChange } from "../../../src/kube/kube.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";

const application = (status: object, metadata: object = {}): KubeObject => ({
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Application",
  metadata: { name: "web", namespace: "default", uid: "u1", ...metadata },
  status,
});
const began = "2026-11-29T10:00:00Z";
const later = "2026-11-29T10:00:05Z";
const automated = { sync: { revision: "c1" }, initiatedBy: { automated: true } };
const operation = (phase: string, more: object = {}): object => ({
  operationState: { phase, startedAt: began, operation: automated, ...more },
});
const ended = { finishedAt: later, syncResult: { revision: "c1" } };
const condition = (message: string): object => ({ conditions: [{ type: "DeletionError", message }] });
const started = "Normal OperationStarted: Initiated automated sync to 'c1'";
const bySomeone = { operation: { sync: { revisions: ["c1", "c2"] }, initiatedBy: { username: "ann" } } };
const partial = { operation: { sync: { revision: "c1", resources: [{ kind: "ConfigMap", name: "a" }] } } };

const rows: readonly (readonly [what: string, before: object, after: object, texts: readonly string[]])[] = [
  ["nothing changed", { sync: { status: "Synced" } }, { sync: { status: "Synced" }, reconciledAt: later }, []],
  [
    "the sync status turned",
    { sync: { status: "Synced" } },
    { sync: { status: "OutOfSync" } },
    ["Normal ResourceUpdated: Updated sync status: Synced -> OutOfSync"],
  ],
  [
    "the health turned",
    { health: { status: "Progressing" } },
    { health: { status: "Degraded", message: "it crashes" } },
    ["Normal ResourceUpdated: Updated health status: Progressing -> Degraded (it crashes)"],
  ],
  [
    "the health's message changed",
    { health: { status: "Degraded" } },
    { health: { status: "Degraded", message: "x" } },
    [],
  ],
  ["an operation began", {}, operation("Running"), [started]],
  ["one began at the second of the last", operation("Succeeded", ended), operation("Running"), [started]],
  ["it goes on", operation("Running"), operation("Running", { message: "waits" }), []],
  [
    "a person's began",
    {},
    operation("Running", bySomeone),
    ["Normal OperationStarted: ann initiated sync to 'c1, c2'"],
  ],
  [
    "it succeeded",
    operation("Running"),
    operation("Succeeded", ended),
    ["Normal OperationCompleted: Sync operation to c1 succeeded"],
  ],
  [
    "it failed",
    operation("Running"),
    operation("Failed", { ...ended, message: "no such kind" }),
    ["Warning OperationCompleted: Sync operation to c1 failed: no such kind"],
  ],
  [
    "a part was synced",
    operation("Running", partial),
    operation("Succeeded", { ...ended, ...partial }),
    ["Normal OperationCompleted: Partial sync operation to c1 succeeded"],
  ],
  [
    "begin and end were seen at once",
    {},
    operation("Succeeded", ended),
    [started, "Normal OperationCompleted: Sync operation to c1 succeeded"],
  ],
  [
    "a deletion fails",
    {},
    condition("forbidden"),
    ["Warning StatusRefreshed: Unable to delete application resources: forbidden"],
  ],
  ["it fails in the same way", condition("forbidden"), condition("forbidden"), []],
];

for (const [what, before, after, texts] of rows) {
  test(`Events of an Application: ${what}`, () => {
    const found = kubeEventsBetween(application(before), application(after));
    assert.deepEqual(
      found.map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
      texts,
    );
  });
}

test("Events of an Application: one that was made anew has nothing to do with the former", () => {
  const former = application({ sync: { status: "Synced" } }, { uid: "u0" });
  assert.deepEqual(kubeEventsBetween(former, application({ sync: { status: "OutOfSync" } })), []);
});

test("Events of an Application: a long message is cut to what the API takes", () => {
  const [found] = kubeEventsBetween(application({}), application(condition("x".repeat(5_000))));
  assert.equal(found?.message.length, 1_024);
});

test("Events are written for our Applications, and removed after an hour", async () => {
  const clock = createVirtualClock("2026-11-29T10:00:00Z");
  await using plane = await openTestPlane({ clock });
  let tell: (change: WatchChange) => void = () => undefined;
  const stop = new AbortController();
  const cache = cacheOf((listener) => {
    tell = listener;
  });
  const isOurs = (key: string): boolean => key === "default/web";
  const running = writeKubeEvents({ cache, kube: plane.client, isOurs, clock, log: silentLogger }, stop.signal);
  tell(turn({ name: "other" }));
  tell(turn({}));
  const kind = { apiVersion: "v1", kind: "Event" };
  const events = async (): Promise<readonly KubeObject[]> => (await plane.client.list(kind)).items;
  const [found, ...more] = await waitFor("the Event", async () => ((await events()).length > 0 ? events() : undefined));
  assert.equal(more.length, 0);
  assert.partialDeepStrictEqual(found, {
    involvedObject: { kind: "Application", name: "web", namespace: "default", uid: "u1" },
    type: "Normal",
    lastTimestamp: "2026-11-29T10:00:00Z",
    source: { component: "tiphys" },
  });
  await clock.advance(3_000_000);
  assert.equal((await events()).length, 1);
  await waitFor("the Event to go", async () => {
    await clock.advance(600_000);
    return (await events()).length === 0;
  });
  stop.abort();
  await running;
});

test("a defect while Events are written is not waited out", async () => {
  const clock = createVirtualClock("2026-11-29T10:00:00Z");
  const broken = {
    create: () => Promise.reject(new TypeError("a defect")),
    list: async () => ({ items: [], resourceVersion: "1" }),
    delete: async () => true,
  };
  const stop = new AbortController();
  const cache = cacheOf((listener) => listener(turn({})));
  const running = writeKubeEvents({ cache, kube: broken, isOurs: () => true, clock, log: silentLogger }, stop.signal);
  await assert.rejects(running, /a defect/);
  stop.abort();
});

type Listener = (change: WatchChange) => void;

function cacheOf(onListener: (listener: Listener) => void) {
  return {
    onChange(listener: Listener) {
      onListener(listener);
      return () => undefined;
    },
  };
}

function turn(metadata: object): WatchChange {
  return {
    type: "set",
    object: application({ sync: { status: "OutOfSync" } }, metadata),
    previous: application({ sync: { status: "Synced" } }, metadata),
    isInitial: false,
  };
}

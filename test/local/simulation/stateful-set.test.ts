import assert from "node:assert/strict";
import { test } from "node:test";
import { planStatefulSet } from "../../../src/local/simulation/stateful-set.ts";
import { openSimulation, podTemplate, until } from "./rig.ts";

const sets = "/apis/apps/v1/namespaces/default/statefulsets";
const pods = "/api/v1/namespaces/default/pods";
const claims = "/api/v1/namespaces/default/persistentvolumeclaims";
const merge = { "content-type": "application/merge-patch+json" };

const ready = (ordinal: number) => ({ ordinal, isReady: true, isCurrent: true });
const old = (ordinal: number) => ({ ordinal, isReady: true, isCurrent: false });
const starting = (ordinal: number) => ({ ordinal, isReady: false, isCurrent: true });
const rules = { start: 0, replicas: 3, isParallel: false, partition: 0 };

const steps: readonly (readonly [
  name: string,
  rules: object,
  members: Parameters<typeof planStatefulSet>[1],
  create: number[],
  remove: number[],
])[] = [
  ["begins with the first", {}, [], [0], []],
  ["waits for the one before", {}, [starting(0)], [], []],
  ["goes on when it is ready", {}, [ready(0)], [1], []],
  ["makes all at once in parallel", { isParallel: true }, [], [0, 1, 2], []],
  ["fills a gap", {}, [ready(0), ready(2)], [1], []],
  ["scales down from the last", { replicas: 1 }, [ready(0), ready(1), ready(2)], [], [2]],
  ["rolls over from the last", {}, [old(0), old(1), old(2)], [], [2]],
  ["rolls over one at a time", {}, [old(0), old(1), starting(2)], [], []],
  ["leaves Pods below the partition", { partition: 2 }, [old(0), old(1), ready(2)], [], []],
  ["starts at an ordinal", { start: 5, replicas: 1 }, [ready(0)], [5], []],
  ["rests when all is done", {}, [ready(0), ready(1), ready(2)], [], []],
];

for (const [name, more, members, create, remove] of steps) {
  test(`a StatefulSet ${name}`, () => {
    assert.deepEqual(planStatefulSet({ ...rules, ...more }, members), { create, remove });
  });
}

const set = (spec: object = {}) => ({
  metadata: { name: "db" },
  spec: {
    replicas: 2,
    serviceName: "db",
    selector: { matchLabels: { app: "w" } },
    template: podTemplate("db:1"),
    volumeClaimTemplates: [
      {
        metadata: { name: "data" },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
      },
    ],
    ...spec,
  },
});

test("a StatefulSet gets ready with its claims, and rolls over", async () => {
  await using plane = await openSimulation();
  const { status, body } = await plane.call("POST", sets, set());
  assert.equal(status, 201, JSON.stringify(body));
  const done = await until(plane, `${sets}/db`, "the set", (one) => one.status?.readyReplicas === 2);
  assert.deepEqual([done.status.currentReplicas, done.status.updatedReplicas], [2, 2]);
  assert.equal((await plane.call("GET", `${claims}/data-db-1`)).body.status.phase, "Bound");
  const first = done.status.currentRevision;
  await plane.call("PATCH", `${sets}/db`, { spec: { template: podTemplate("db:2") } }, merge);
  const next = await until(
    plane,
    `${sets}/db`,
    "the roll-over",
    (one) => one.status.currentRevision !== first && one.status.readyReplicas === 2,
  );
  assert.equal(next.status.currentRevision, next.status.updateRevision);
  assert.equal((await plane.call("GET", `${pods}/db-0`)).body.spec.containers[0].image, "db:2");
});

test("a StatefulSet that is deleted takes its Pods, not its claims", async () => {
  await using plane = await openSimulation();
  await plane.call("POST", sets, set({ replicas: 1 }));
  await until(plane, `${sets}/db`, "the set", (one) => one.status?.readyReplicas === 1);
  await plane.call("DELETE", `${sets}/db`);
  assert.equal((await plane.call("GET", `${pods}/db-0`)).status, 404);
  assert.equal((await plane.call("GET", `${claims}/data-db-0`)).status, 200);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlane } from "../../harness/control-plane.ts";
import { openSimulation, type Seen, podTemplate as template, until } from "./rig.ts";

const deployments = "/apis/apps/v1/namespaces/default/deployments";
const replicaSets = "/apis/apps/v1/namespaces/default/replicasets";
const jobs = "/apis/batch/v1/namespaces/default/jobs";
const pods = "/api/v1/namespaces/default/pods";
const mergeType = { "content-type": "application/merge-patch+json" };

const deployment = (spec: object = {}, annotations: object = {}) => ({
  metadata: { name: "w", annotations },
  spec: { replicas: 3, selector: { matchLabels: { app: "w" } }, template: template("w:1"), ...spec },
});

const reason = (object: Seen, type: string): string | undefined =>
  object.status?.conditions?.find((condition: { type: string }) => condition.type === type)?.reason;
const isRolledOut = (object: Seen): boolean =>
  object.status?.observedGeneration === object.metadata.generation &&
  reason(object, "Progressing") === "NewReplicaSetAvailable";

test("a Deployment gets available, through a ReplicaSet and Pods that say they are simulated", async () => {
  await using plane = await openSimulation();
  await plane.call("POST", deployments, deployment());
  const started = await until(plane, `${deployments}/w`, "a status", ({ status }) => status?.replicas === 3);
  assert.deepEqual(
    [reason(started, "Available"), started.status.unavailableReplicas],
    ["MinimumReplicasUnavailable", 3],
  );
  const { status, metadata } = await until(plane, `${deployments}/w`, "the rollout", isRolledOut);
  const { conditions: _conditions, ...counts } = status;
  const expected = { replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, observedGeneration: 1 };
  assert.deepEqual(counts, expected);
  assert.equal(metadata.annotations["deployment.kubernetes.io/revision"], "1");
  const { items } = (await plane.call("GET", `${pods}?labelSelector=tiphys.io/simulated=true,app=w`)).body;
  assert.equal(items.length, 3);
  assert.match(items[0].metadata.name, /^w-[a-z0-9]{10}-[a-z0-9]{5}$/);
});

test("a new image rolls out beside the old one and keeps enough available", async () => {
  await using plane = await openSimulation();
  await plane.call("POST", deployments, deployment());
  await until(plane, `${deployments}/w`, "the first rollout", isRolledOut);
  await plane.call("PATCH", `${deployments}/w`, { spec: { template: template("w:2") } }, mergeType);
  let least = 3;
  const seen = new Set<string>();
  const done = await until(plane, `${deployments}/w`, "the second rollout", (object) => {
    const { availableReplicas = 0, updatedReplicas = 0, replicas = 0 } = object.status;
    least = Math.min(least, availableReplicas);
    seen.add(`${updatedReplicas}/${replicas}`);
    return object.status.observedGeneration === 2 && isRolledOut(object);
  });
  assert.equal(done.metadata.annotations["deployment.kubernetes.io/revision"], "2");
  assert.equal(least, 3);
  assert.ok(seen.has("1/4") && seen.has("2/4"), [...seen].join(" "));
  const { items } = (await plane.call("GET", replicaSets)).body;
  assert.deepEqual(items.map(({ spec }: { spec: { replicas: number } }) => spec.replicas).sort(), [0, 3]);
  await plane.call("PATCH", `${deployments}/w`, { spec: { template: template("w:1") } }, mergeType);
  const back = await until(plane, `${deployments}/w`, "the way back", (object) => isRolledOut(object));
  assert.equal(back.metadata.annotations["deployment.kubernetes.io/revision"], "3");
  assert.equal((await plane.call("GET", replicaSets)).body.items.length, 2);
});

test("scaling and pausing", async () => {
  await using plane = await openSimulation();
  await plane.call("POST", deployments, deployment());
  await until(plane, `${deployments}/w`, "the rollout", isRolledOut);
  const scale = (replicas: number) => plane.call("PATCH", `${deployments}/w/scale`, { spec: { replicas } }, mergeType);
  await scale(1);
  await until(plane, `${deployments}/w`, "one", (object) => isRolledOut(object) && object.status.replicas === 1);
  await scale(0);
  await until(
    plane,
    `${deployments}/w`,
    "none",
    (object) => isRolledOut(object) && object.status.replicas === undefined,
  );
  await plane.call("PATCH", `${deployments}/w`, { spec: { paused: true, template: template("w:2") } }, mergeType);
  await until(plane, `${deployments}/w`, "the pause", (object) => reason(object, "Progressing") === "DeploymentPaused");
  assert.equal((await plane.call("GET", replicaSets)).body.items.length, 1);
});

test("a rollout that hangs exceeds its deadline", async () => {
  await using plane = await openSimulation();
  const annotations = { "tiphys.io/simulate-outcome": "hang" };
  await plane.call("POST", deployments, deployment({ progressDeadlineSeconds: 5 }, annotations));
  const late = await until(
    plane,
    `${deployments}/w`,
    "the deadline",
    (object) => reason(object, "Progressing") === "ProgressDeadlineExceeded",
  );
  assert.equal(reason(late, "Available"), "MinimumReplicasUnavailable");
});

test("a failing image crashes and says why", async () => {
  await using plane = await openSimulation();
  const annotations = { "tiphys.io/simulate-outcome": "fail", "tiphys.io/simulate-message": "no database" };
  await plane.call("POST", deployments, deployment({ replicas: 1, template: template("w:1", annotations) }));
  const { items } = await until(plane, pods, "the crash", (list) => list.items[0]?.status.phase === "Running");
  assert.deepEqual(items[0].status.containerStatuses[0].state, {
    waiting: { reason: "CrashLoopBackOff", message: "no database" },
  });
});

test("a Pod that is deleted comes back, and all go with the Deployment", async () => {
  await using plane = await openSimulation();
  await plane.call("POST", deployments, deployment());
  await until(plane, `${deployments}/w`, "the rollout", isRolledOut);
  const [first] = (await plane.call("GET", pods)).body.items;
  await plane.call("DELETE", `${pods}/${first.metadata.name}`);
  await until(plane, `${deployments}/w`, "a new Pod", (object) => object.status.availableReplicas === 3);
  await plane.call("DELETE", `${deployments}/w`);
  await plane.clock.advance(5_000);
  assert.equal((await plane.call("GET", pods)).body.items.length, 0);
  assert.equal((await plane.call("GET", replicaSets)).body.items.length, 0);
});

const job = (spec: object, annotations: object = {}) => ({
  metadata: { name: "j", annotations },
  spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "j", image: "j" }] } }, ...spec },
});

const jobCases = [
  { name: "completes", spec: {}, status: { succeeded: 1 }, condition: "Complete" },
  {
    name: "completes three, two at a time",
    spec: { completions: 3, parallelism: 2 },
    status: { succeeded: 3 },
    condition: "Complete",
  },
  {
    name: "fails after its retries",
    spec: { backoffLimit: 1 },
    annotations: { "tiphys.io/simulate-outcome": "fail" },
    status: { failed: 2 },
    condition: "Failed",
  },
];

for (const { name, spec, annotations, status, condition } of jobCases) {
  test(`a Job ${name}`, async () => {
    await using plane = await openSimulation();
    await plane.call("POST", jobs, job(spec, annotations));
    const done = await until(plane, `${jobs}/j`, condition, (object) => reason(object, condition) !== undefined);
    for (const [field, value] of Object.entries(status)) assert.equal(done.status[field], value, field);
    assert.equal(done.status.active, undefined);
    assert.equal(done.status.completionTime !== undefined, condition === "Complete");
  });
}

test("a suspended Job waits", async () => {
  await using plane = await openSimulation();
  await plane.call("POST", jobs, job({ suspend: true }));
  await until(plane, `${jobs}/j`, "the suspension", (object) => reason(object, "Suspended") !== undefined);
  assert.equal((await plane.call("GET", pods)).body.items.length, 0);
});

test("a claim is bound, and a bare Pod runs", async () => {
  await using plane = await openSimulation();
  const claims = "/api/v1/namespaces/default/persistentvolumeclaims";
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  await plane.call("POST", claims, { metadata: { name: "c" }, spec });
  const bound = await until(plane, `${claims}/c`, "the claim", ({ status }) => status.phase === "Bound");
  assert.deepEqual(bound.status.capacity, { storage: "1Gi" });
  await plane.call("POST", pods, { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } });
  await until(plane, `${pods}/p`, "the Pod", ({ status }) => status.phase === "Running");
});

test("nothing is written, and nobody sleeps, once all is settled", async () => {
  await using plane = await openSimulation();
  await plane.call("POST", deployments, deployment());
  await until(plane, `${deployments}/w`, "the rollout", isRolledOut);
  const revision = async () => (await plane.call("GET", pods)).body.metadata.resourceVersion;
  const before = await revision();
  await plane.clock.advance(3_600_000);
  assert.equal(await revision(), before);
  assert.equal(plane.clock.sleeping, 0);
});

test("without simulate objects are only stored", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", deployments, deployment());
  assert.equal((await plane.call("GET", replicaSets)).body.items.length, 0);
});

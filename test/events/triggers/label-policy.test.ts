import assert from "node:assert/strict";
import { test } from "node:test";
import { k8sTrigger } from "../../../src/events/triggers/k8s.ts";
import { awaitLabels } from "../../../src/events/triggers/label-policy.ts";
import type { TriggerPolicy } from "../../../src/events/triggers/trigger.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "team", name: "c" };
const labels = { phase: "done" };

/** An object that has its labels from look `at` on; `gone`: it is not there. */
function watchedKube(at: number, gone = false) {
  const looks: number[] = [];
  const clock = createVirtualClock();
  const start = clock.now();
  const { kube } = triggerContext({});
  const get: KubeClient["get"] = async () => {
    looks.push(clock.now() - start);
    const metadata = { name: "c", labels: looks.length >= at ? labels : { phase: "running" } };
    return gone ? undefined : { apiVersion: "v1", kind: "ConfigMap", metadata };
  };
  return { looks, clock, context: triggerContext({ kube: { ...kube, get }, clock }) };
}

const backoff = { duration: "2s", factor: 2, jitter: 0, steps: 4 };
const table: [
  name: string,
  at: number,
  policy: Partial<NonNullable<TriggerPolicy["k8s"]>>,
  looks: number[],
  end: RegExp,
][] = [
  ["it has them at once", 1, { backoff }, [0], /^it has the labels/],
  ["it gets them later", 3, { backoff }, [0, 2_000, 6_000], /^it has the labels/],
  ["it does not get them", 9, { backoff }, [0, 2_000, 6_000, 14_000], /^it did not get phase=done in time/],
  ["that is an error", 9, { backoff, errorOnBackoffTimeout: true }, [0, 2_000, 6_000, 14_000], /failed to determine/],
  ["five looks by default", 9, { backoff: { jitter: 0 } }, [0, 1_000, 2_000, 3_000, 4_000], /did not get/],
  ["integers are nanoseconds", 2, { backoff: { duration: 5e8, jitter: 0 } }, [0, 500], /^it has/],
  ["a backoff that is none", 9, { backoff: { duration: "soon" } }, [], /policy.k8s.backoff.duration: "soon"/],
];
for (const [name, at, policy, expected, end] of table) {
  test(`policy.k8s: ${name}`, async () => {
    const { looks, clock, context } = watchedKube(at);
    let said = "";
    awaitLabels(ref, { labels, ...policy }, context, never).then(
      (message) => (said = message),
      (error: Error) => (said = error.message),
    );
    await clock.advance(60_000);
    assert.match(said, end);
    assert.deepEqual(looks, expected);
  });
}

test("policy.k8s: an object that is gone ends it at once", async () => {
  const { context } = watchedKube(1, true);
  await assert.rejects(awaitLabels(ref, { labels }, context, never), /does not exist any more/);
});

test("policy.k8s on the embedded API: a repeat looks at the same object, and a delete waits for nothing", async () => {
  await using plane = await openTestPlane();
  await plane.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
  const policy = { k8s: { labels, backoff: { steps: 1 }, errorOnBackoffTimeout: true } };
  const context = triggerContext({ kube: plane.client });
  const fire = async (operation: string) => {
    const resource = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } };
    const spec = k8sTrigger.schema.parse({ source: { resource }, operation }, "k8s");
    const fired = firing({ policy });
    return k8sTrigger.apply(await k8sTrigger.plan(spec, fired, context, never), fired, context, never);
  };
  await assert.rejects(fire("create"), /v1\/ConfigMap\/team\/c did not get phase=done in time/);
  await plane.client.patch(ref, "application/merge-patch+json", { metadata: { labels } });
  assert.match((await fire("create")).message, /^had already created .*; it has the labels of its policy$/);
  assert.match((await fire("delete")).message, /^deleted v1\/ConfigMap\/team\/c$/);
});

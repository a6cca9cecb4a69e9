import assert from "node:assert/strict";
import { test } from "node:test";
import { openSimulation, podTemplate, until } from "./rig.ts";

const sets = "/apis/apps/v1/namespaces/default/daemonsets";
const merge = { "content-type": "application/merge-patch+json" };
const set = (template: object) => ({
  metadata: { name: "agent" },
  spec: { selector: { matchLabels: { app: "w" } }, template },
});

test("a DaemonSet runs on the simulated Node, follows others, and rolls over", async () => {
  await using plane = await openSimulation();
  assert.equal((await plane.call("POST", sets, set(podTemplate("a:1")))).status, 201);
  const done = await until(plane, `${sets}/agent`, "the Pod", (one) => one.status?.numberAvailable === 1);
  assert.deepEqual([done.status.desiredNumberScheduled, done.status.updatedNumberScheduled], [1, 1]);
  await plane.call("POST", "/api/v1/nodes", { metadata: { name: "second" } });
  await until(plane, `${sets}/agent`, "the second", (one) => one.status.numberAvailable === 2);
  await plane.call("PATCH", `${sets}/agent`, { spec: { template: podTemplate("a:2") } }, merge);
  const rolled = await until(
    plane,
    `${sets}/agent`,
    "the roll-over",
    ({ status, metadata }) =>
      status.observedGeneration === metadata.generation &&
      status.updatedNumberScheduled === 2 &&
      status.numberAvailable === 2,
  );
  assert.equal(rolled.status.numberUnavailable, undefined);
});

test("a DaemonSet of other Nodes wants none", async () => {
  await using plane = await openSimulation();
  const template = podTemplate("a:1");
  const spec = { ...template.spec, nodeSelector: { "kubernetes.io/os": "plan9" } };
  await plane.call("POST", sets, set({ ...template, spec }));
  const seen = await until(plane, `${sets}/agent`, "a status", (one) => one.status?.observedGeneration === 1);
  assert.equal(seen.status.desiredNumberScheduled, 0);
});

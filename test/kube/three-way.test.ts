import assert from "node:assert/strict";
import { test } from "node:test";
import { applyThreeWay } from "../../src/kube/three-way.ts";
import { openTestPlane } from "../harness/control-plane.ts";

const deployment = (containers: object[], more: object = {}) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "w", namespace: "default" },
  spec: {
    selector: { matchLabels: { app: "w" } },
    template: { metadata: { labels: { app: "w" } }, spec: { containers } },
    ...more,
  },
});

test("an apply by three ways changes what it says, ends what it gave up, and leaves what others set", async () => {
  await using plane = await openTestPlane();
  const { client } = plane;
  const path = "/apis/apps/v1/namespaces/default/deployments/w";
  const made = await applyThreeWay(
    client,
    deployment(
      [
        { name: "a", image: "a:1" },
        { name: "b", image: "b:1" },
      ],
      { paused: true },
    ),
  );
  assert.equal(made.outcome, "created");
  const merge = { "content-type": "application/merge-patch+json" };
  await plane.call("PATCH", path, { spec: { replicas: 5 } }, merge);
  const next = deployment([{ name: "a", image: "a:2" }]);
  const changed = await applyThreeWay(client, next);
  assert.equal(changed.outcome, "configured");
  const { spec } = (await plane.call("GET", path)).body;
  assert.deepEqual(
    [spec.replicas, spec.paused, spec.template.spec.containers.map((one: { image: string }) => one.image)],
    [5, undefined, ["a:2"]],
  );
  assert.equal((await applyThreeWay(client, next)).outcome, "unchanged");
});

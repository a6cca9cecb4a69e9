import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlane, type TestPlane } from "../harness/control-plane.ts";

const deployments = "/apis/apps/v1/namespaces/default/deployments";
const scale = `${deployments}/w/scale`;
const mergeType = { "content-type": "application/merge-patch+json" };

async function openWithDeployment(): Promise<TestPlane> {
  const plane = await openTestPlane();
  const labels = { app: "w" };
  const selector = { matchLabels: labels, matchExpressions: [{ key: "tier", operator: "In", values: ["a", "b"] }] };
  const template = { metadata: { labels }, spec: { containers: [{ name: "w", image: "w:1" }] } };
  const { status } = await plane.call("POST", deployments, { metadata: { name: "w" }, spec: { selector, template } });
  assert.equal(status, 201);
  return plane;
}

test("a Scale shows replicas and selector", async () => {
  await using plane = await openWithDeployment();
  const { body } = await plane.call("GET", scale);
  assert.deepEqual([body.kind, body.apiVersion, body.metadata.name], ["Scale", "autoscaling/v1", "w"]);
  assert.deepEqual([body.spec, body.status], [{ replicas: 1 }, { replicas: 0, selector: "app=w,tier in (a,b)" }]);
});

test("PUT and PATCH set the replicas, counted as a generation and owned as scale", async () => {
  await using plane = await openWithDeployment();
  const { body } = await plane.call("GET", scale);
  const put = await plane.call("PUT", scale, { ...body, spec: { replicas: 3 } });
  assert.deepEqual([put.status, put.body.spec.replicas], [200, 3]);
  const patched = await plane.call("PATCH", `${scale}?fieldManager=hpa`, { spec: { replicas: 5 } }, mergeType);
  assert.equal(patched.body.spec.replicas, 5);
  const { metadata, spec } = (await plane.call("GET", `${deployments}/w`)).body;
  assert.deepEqual([spec.replicas, metadata.generation], [5, 3]);
  const entry = metadata.managedFields.find(({ manager }: { manager: string }) => manager === "hpa");
  assert.deepEqual([entry.subresource, entry.fieldsV1], ["scale", { "f:spec": { "f:replicas": {} } }]);
  const stale = await plane.call("PUT", scale, { ...body, spec: { replicas: 1 } });
  assert.equal(stale.status, 409);
});

test("replicas that are no count, and kinds without scale, are refused", async () => {
  await using plane = await openWithDeployment();
  const bad = await plane.call("PATCH", scale, { spec: { replicas: -1 } }, mergeType);
  assert.equal(bad.status, 422);
  assert.match(bad.body.message, /spec.replicas: Invalid value: -1: must be greater than or equal to 0/);
  assert.equal((await plane.call("GET", "/api/v1/namespaces/default/configmaps/x/scale")).status, 404);
  assert.equal((await plane.call("GET", `${deployments}/none/scale`)).status, 404);
});

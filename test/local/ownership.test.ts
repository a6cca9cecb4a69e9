import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlane, type TestPlane } from "../harness/control-plane.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
const applyType = { "content-type": "application/apply-patch+yaml" };
const mergeType = { "content-type": "application/merge-patch+json" };

const template = { metadata: { labels: { app: "w" } }, spec: { containers: [{ name: "w", image: "w:1" }] } };
const deployment = (replicas: number) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "w" },
  spec: { replicas, selector: { matchLabels: { app: "w" } }, template },
});

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly time: string;
  readonly subresource?: string;
  readonly fieldsV1: object;
}

async function managers(plane: TestPlane, path: string): Promise<string[]> {
  const { body } = await plane.call("GET", path);
  const entries: readonly Entry[] = body.metadata.managedFields ?? [];
  return entries.map(({ manager, operation, subresource }) => [manager, operation, subresource ?? ""].join(" ").trim());
}

test("a conflict is a 409 that names every field and its owner", async () => {
  await using plane = await openTestPlane();
  const agent = { "user-agent": "kubectl/v1.36.0 (linux/amd64)" };
  assert.equal((await plane.call("POST", deployments, deployment(1), agent)).status, 201);
  const one = await plane.call("PATCH", `${deployments}/w?fieldManager=me`, deployment(2), applyType);
  assert.equal(one.status, 409);
  assert.equal(one.body.message, 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas');
  assert.deepEqual(one.body.details.causes, [
    { reason: "FieldManagerConflict", message: 'conflict with "kubectl" using apps/v1', field: ".spec.replicas" },
  ]);
  const paused = {
    ...deployment(2),
    spec: { ...deployment(2).spec, template: { ...template, metadata: { labels: { app: "v" } } } },
  };
  const two = await plane.call("PATCH", `${deployments}/w?fieldManager=me`, paused, applyType);
  assert.equal(
    two.body.message,
    'Apply failed with 2 conflicts: conflicts with "kubectl" using apps/v1:\n- .spec.replicas\n- .spec.template.metadata.labels.app',
  );
  const forced = await plane.call("PATCH", `${deployments}/w?fieldManager=me&force=true`, deployment(2), applyType);
  assert.deepEqual([forced.status, forced.body.spec.replicas], [200, 2]);
  assert.deepEqual(await managers(plane, `${deployments}/w`), ["me Apply", "kubectl Update"]);
});

test("each write is owned by its fieldManager, its User-Agent, or unknown", async () => {
  await using plane = await openTestPlane();
  const map = (name: string) => ({ metadata: { name }, data: { a: "1" } });
  await plane.call("POST", `${maps}?fieldManager=named`, map("a"), { "user-agent": "tool/1" });
  await plane.call("PATCH", `${maps}/a`, { data: { b: "2" } }, { ...mergeType, "user-agent": "tool/1 (x)" });
  await plane.call("PUT", `${maps}/a`, { ...map("a"), data: { a: "1", b: "2", c: "3" } });
  assert.deepEqual((await managers(plane, `${maps}/a`)).sort(), ["named Update", "tool Update", "unknown Update"]);
});

test("a status is owned apart", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", `${deployments}?fieldManager=me`, deployment(1));
  const status = { status: { replicas: 1 } };
  await plane.call("PATCH", `${deployments}/w/status?fieldManager=controller`, status, mergeType);
  assert.deepEqual((await managers(plane, `${deployments}/w`)).sort(), ["controller Update status", "me Update"]);
});

test("an unchanged write keeps time and resourceVersion; a changed one moves its own time only", async () => {
  const clock = createVirtualClock();
  await using plane = await openTestPlane({ clock });
  const apply = (manager: string, data: object) =>
    plane.call("PATCH", `${maps}/a?fieldManager=${manager}`, { apiVersion: "v1", kind: "ConfigMap", data }, applyType);
  const first = await apply("m", { a: "1" });
  await clock.advance(10_000);
  const again = await apply("m", { a: "1" });
  assert.deepEqual(again.body, first.body);
  const other = await apply("n", { b: "1" });
  const times = other.body.metadata.managedFields.map(({ manager, time }: Entry) => [manager, time]);
  assert.deepEqual(times, [
    ["m", "2026-01-01T00:00:00Z"],
    ["n", "2026-01-01T00:00:10Z"],
  ]);
});

test("a client clears the entries with [{}] and sets its own", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", `${maps}?fieldManager=me`, { metadata: { name: "a" }, data: { a: "1" } });
  const entry = {
    manager: "other",
    operation: "Apply",
    apiVersion: "v1",
    fieldsType: "FieldsV1",
    fieldsV1: { "f:data": { "f:a": {} } },
  };
  const patch = (managedFields: unknown) =>
    plane.call("PATCH", `${maps}/a`, { metadata: { managedFields } }, mergeType);
  await patch([entry]);
  assert.deepEqual(await managers(plane, `${maps}/a`), ["other Apply"]);
  await patch([{}]);
  assert.deepEqual(await managers(plane, `${maps}/a`), []);
});

test("entries of many updaters stay bounded", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", `${maps}?fieldManager=m0`, { metadata: { name: "a" }, data: { k0: "1" } });
  for (let index = 1; index < 15; index++) {
    await plane.call("PATCH", `${maps}/a?fieldManager=m${index}`, { data: { [`k${index}`]: "1" } }, mergeType);
  }
  const found = await managers(plane, `${maps}/a`);
  assert.equal(found.length, 10);
  assert.ok(found.includes("ancient-changes Update"));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { dryRunOnly } from "../../src/kube/dry-run-client.ts";
import { openTestPlane } from "../harness/control-plane.ts";

test("reads and dry runs pass, every write is refused before it is sent", async () => {
  await using plane = await openTestPlane();
  const metadata = { name: "c", namespace: "default" };
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { a: "1" } };
  await plane.client.create(map);
  const ref = { apiVersion: "v1", kind: "ConfigMap", ...metadata };
  const careful = dryRunOnly(plane.client).as("system:serviceaccount:default:default");
  const changed = { ...map, data: { a: "2" } };
  assert.deepEqual((await careful.update(changed, { dryRun: true })).data, { a: "2" });
  assert.equal(await careful.delete(ref, { dryRun: true }), true);
  for (const write of [
    () => careful.create({ ...map, metadata: { ...metadata, name: "d" } }),
    () => careful.update(changed),
    () => careful.patch(ref, "application/merge-patch+json", { data: { a: "2" } }, { fieldManager: "x" }),
    () => careful.delete(ref, { dryRun: false }),
  ]) {
    await assert.rejects(write(), { code: "TRIGGER_FAILED" });
  }
  assert.deepEqual((await careful.get(ref))?.data, { a: "1" });
  assert.equal(
    (await careful.list(ref, { namespace: "default" })).items.some((one) => one.metadata.name === "d"),
    false,
  );
});

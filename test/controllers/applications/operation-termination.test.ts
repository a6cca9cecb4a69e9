import assert from "node:assert/strict";
import { test } from "node:test";
import { terminateHooks } from "../../../src/controllers/applications/operation-termination.ts";
import { assessObject } from "../../../src/gitops/health/assess.ts";
import type { ResourceResult } from "../../../src/gitops/sync/sync.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { openTestPlane } from "../../harness/control-plane.ts";

const finalizers = ["argocd.argoproj.io/hook-finalizer"];
const job = {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "j", namespace: "default", finalizers },
  spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } } },
};
const ref = { apiVersion: "batch/v1", kind: "Job", namespace: "default", name: "j" };
const signal = () => AbortSignal.timeout(9_000);

for (const [name, when] of [
  ["before it is looked at", "before"],
  ["right before it is let go", "patch"],
  ["right before it is deleted", "delete"],
] as const) {
  test(`a hook that another object took the name of ${name} leaves that one as it is`, async () => {
    await using plane = await openTestPlane();
    const { client } = plane;
    const made = await client.create(job as never);
    let isTaken = false;
    const take = async (): Promise<void> => {
      if (isTaken) return;
      isTaken = true;
      await client.patch(ref, "application/merge-patch+json", { metadata: { finalizers: null } });
      await client.delete(ref, { propagationPolicy: "Background" });
      await client.create(job as never);
    };
    const kube: KubeClient = {
      ...client,
      async patch(to, ...rest) {
        if (when === "patch") await take();
        return client.patch(to, ...rest);
      },
      async delete(to, ...rest) {
        if (when === "delete") await take();
        return client.delete(to, ...rest);
      },
    };
    if (when === "before") await take();
    const { uid = "" } = made.metadata;
    const result: ResourceResult = {
      ...{ group: "batch", version: "v1", kind: "Job", namespace: "default", name: "j", uid },
      ...{ status: "Synced", message: "", hookType: "PreSync", hookPhase: "Running", syncPhase: "PreSync" },
    };
    const { hasFailed } = await terminateHooks([result], kube, assessObject, signal());
    assert.equal(hasFailed, false);
    const left = await client.get(ref);
    assert.notEqual(left?.metadata.uid, uid);
    assert.deepEqual([left?.metadata.finalizers, left?.metadata.deletionTimestamp], [finalizers, undefined]);
  });
}

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isJsonObject, type JsonObject } from "../../src/base/json.ts";
import { parseYaml } from "../../src/base/yaml.ts";
import { eventCrds, gitOpsCrds } from "../../src/validate/crds.ts";
import { manifest } from "../api/builders.ts";
import { projectRoot } from "../harness/run.ts";
import { openRig, type Rig } from "./rig.ts";

const goodBus = manifest("EventBus", { jetstream: { version: "1" } });
const badBus = manifest("EventBus", { jetstream: {} });
const odd = manifest("EventBus", { jetstream: { version: "1" }, jetStream: {} });

/** As kube-apiserver 1.32 sends it. */
function review(operation: string, object: unknown, oldObject: unknown = null): object {
  return {
    kind: "AdmissionReview",
    apiVersion: "admission.k8s.io/v1",
    request: {
      uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
      kind: { group: "argoproj.io", version: "v1alpha1", kind: "EventBus" },
      resource: { group: "argoproj.io", version: "v1alpha1", resource: "eventbus" },
      requestKind: { group: "argoproj.io", version: "v1alpha1", kind: "EventBus" },
      requestResource: { group: "argoproj.io", version: "v1alpha1", resource: "eventbus" },
      name: "x",
      namespace: "ns",
      operation,
      userInfo: { username: "admin", groups: ["system:authenticated"] },
      object,
      oldObject,
      dryRun: false,
      options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
    },
  };
}

async function ask(rig: Rig, body: unknown): Promise<{ status: number; body: JsonObject }> {
  const response = await fetch(`${rig.url}/validate`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as JsonObject };
}

const message = "invalid EventBus: spec.jetstream.version: invalid spec: a version for jetstream needs to be specified";
const refused = { allowed: false, status: { status: "Failure", reason: "BadRequest", code: 400, message } };
const warning = "spec.jetStream: unknown field, it has no effect; did you mean `jetstream`?";
const relabelled = { ...(badBus as object), metadata: { name: "x", labels: { a: "b" } } };
const deleted = { ...(badBus as object), metadata: { name: "x", deletionTimestamp: "2026-01-01T00:00:00Z" } };

test("AdmissionReviews are answered without a token", async () => {
  await using rig = await openRig();
  for (const [name, body, answer] of [
    ["a good object", review("CREATE", goodBus), { allowed: true }],
    ["one that the original refuses", review("CREATE", badBus), refused],
    ["an update that makes it bad", review("UPDATE", badBus, goodBus), refused],
    ["one with a misspelt field", review("CREATE", odd), { allowed: true, warnings: [warning] }],
    ["labels of one that was bad before", review("UPDATE", relabelled, badBus), { allowed: true }],
    ["finalizers of one that is deleted", review("UPDATE", deleted, goodBus), { allowed: true }],
    ["a deletion", review("DELETE", null, badBus), { allowed: true }],
    ["another kind", review("CREATE", { apiVersion: "v1", kind: "ConfigMap" }), { allowed: true }],
  ] as const) {
    const { status, body: answered } = await ask(rig, body);
    assert.equal(status, 200, name);
    const response = { uid: "705ab4f5-6393-11e8-b7cc-42010a800002", ...answer };
    assert.deepEqual(answered, { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response }, name);
  }
});

test("what is no AdmissionReview is refused", async () => {
  await using rig = await openRig();
  const v1beta1 = { ...review("CREATE", goodBus), apiVersion: "admission.k8s.io/v1beta1" };
  const withoutUid = { ...review("CREATE", goodBus), request: { operation: "CREATE" } };
  for (const body of [{}, [], goodBus, v1beta1, withoutUid]) {
    const { status, body: answer } = await ask(rig, body);
    assert.deepEqual([status, answer.code], [400, "USAGE"]);
  }
  const large = await ask(rig, review("CREATE", { x: "x".repeat(5 * 1024 * 1024) }));
  assert.equal(large.status, 413);
  const get = await fetch(`${rig.url}/validate`);
  assert.equal(get.status, 401);
});

test("the webhook's manifest asks for exactly our kinds", () => {
  const [config] = parseYaml(readFileSync(join(projectRoot, "deploy", "validating-webhook.yaml"), "utf8"));
  assert.ok(isJsonObject(config) && Array.isArray(config.webhooks));
  const [webhook] = config.webhooks as readonly JsonObject[];
  const crds = [...eventCrds({ sources: {}, triggers: {} }), ...gitOpsCrds()];
  assert.deepEqual(webhook?.rules, [
    {
      apiGroups: ["argoproj.io"],
      apiVersions: ["v1alpha1"],
      operations: ["CREATE", "UPDATE"],
      resources: crds.map(({ metadata }) => metadata.name.split(".")[0]).sort(),
      scope: "Namespaced",
    },
  ]);
  assert.deepEqual([webhook?.sideEffects, webhook?.admissionReviewVersions], ["None", ["v1"]]);
});

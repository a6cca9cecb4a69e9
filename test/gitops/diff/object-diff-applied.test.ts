import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";
import { respectIgnored } from "../../../src/gitops/diff/respect.ts";
import { createDiffRules } from "../../../src/gitops/diff/rules.ts";
import { askServer } from "../../../src/gitops/reconcile/server-side.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { writtenKinds } from "./kinds.ts";

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
const none = createDiffRules({ ignore: [] });

function refOf({ apiVersion, kind, metadata: { name = "", namespace } }: KubeObject) {
  return { apiVersion, kind, name, ...(namespace ? { namespace } : {}) };
}

function applyTo(client: KubeClient, object: KubeObject): Promise<KubeObject> {
  const options = { fieldManager: "argocd-controller", force: true };
  return client.patch(refOf(object), "application/apply-patch+yaml", object as never, options);
}

describe("what was just applied has no differences", () => {
  for (const written of writtenKinds) {
    test(`a ${written.kind} of ${written.apiVersion}`, async () => {
      await using plane = await openTestPlane();
      const { client } = plane;
      const live = await applyTo(client, written);
      const applied = diffObject(written, live);
      assert.deepEqual(applied.differences, [], "server-side");
      assert.equal(applied.strategy, "structured-merge");
      assert.deepEqual(diffObject(written, { ...live, metadata: withoutOwners(live) }).differences, [], "two-way");

      const { served, problems } = await askServer(
        [written],
        client,
        { includeWebhooks: false },
        AbortSignal.timeout(9_000),
      );
      assert.deepEqual(problems, []);
      const answer = served.get(written);
      assert.ok(answer);
      const asked = diffObject(written, live, { served: answer });
      assert.deepEqual([asked.strategy, asked.differences], ["server-side", []]);

      const again = await client.patch(refOf(written), "application/apply-patch+yaml", written as never, {
        fieldManager: "argocd-controller",
        force: true,
      });
      assert.equal(again.metadata.resourceVersion, live.metadata.resourceVersion, "applying it again changes nothing");
      assert.deepEqual(diffObject(respectIgnored(written, live, none), live).differences, []);

      await client.delete(refOf(written), {});
      const annotations = { ...written.metadata.annotations, [lastApplied]: JSON.stringify(written) };
      const created = await client
        .create({ ...written, metadata: { ...written.metadata, annotations } }, { fieldManager: "kubectl" })
        .catch((error: unknown) => assert.fail(String(error)));
      const kubectl = diffObject(written, created);
      assert.deepEqual([kubectl.strategy, kubectl.differences], ["three-way", []]);
    });
  }
});

function withoutOwners({ metadata }: KubeObject): KubeObject["metadata"] {
  const { managedFields: _owners, ...rest } = metadata;
  return rest;
}

/** A server keeps none. */
function withoutNulls(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, part: unknown) => (part === null ? 0 : part));
}

test("any two objects can be compared, and an object with itself has no differences", () => {
  const kind = fc.constantFrom(
    ...[
      ["v1", "ConfigMap"],
      ["v1", "Secret"],
      ["apps/v1", "Deployment"],
      ["a.b/v1", "X"],
      ["v1", "Endpoints"],
    ],
  );
  const object = fc
    .tuple(
      kind,
      fc.dictionary(
        fc.constantFrom("spec", "data", "status", "subsets", "rules", "stringData"),
        fc.jsonValue().map(withoutNulls),
      ),
    )
    .map(([[apiVersion, name], fields]) => {
      return { apiVersion, kind: name, metadata: { name: "n" }, ...fields } as unknown as KubeObject;
    });
  fc.assert(
    fc.property(object, object, (a, b) => {
      diffObject(a, b);
      assert.deepEqual(diffObject(a, a).differences, []);
    }),
    { numRuns: 500 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { instant } from "../../../src/base/clock.ts";
import { compareObjects } from "../../../src/gitops/diff/compare.ts";
import { keyText } from "../../../src/gitops/diff/diff.ts";
import { toTargets } from "../../../src/gitops/diff/targets.ts";
import { type PlanOptions, planSync } from "../../../src/gitops/sync/plan.ts";
import { allTasks, phases, type SyncPlan } from "../../../src/gitops/sync/sync.ts";
import { builtInResources } from "../../../src/objects/kubernetes-types.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { writtenKinds } from "../diff/kinds.ts";
import { run } from "./rig.ts";

const tracking = { method: "annotation", instance: "app", label: "app.kubernetes.io/instance" } as const;
/** All that are built in, and a custom one whose CRD may be among them. */
const kinds = [...new Set([...builtInResources.map(({ kind }) => kind), "Widget"])];
/** They move others, or are moved: they come more often. */
const movers = ["Namespace", "CustomResourceDefinition", "Widget", "ConfigMap", "Job"];

const annotation = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom("0", "-3", "7", "PreSync", "PostSync,SyncFail", "Skip"),
);
const plain = fc.record({
  kind: fc.oneof(fc.constantFrom(...kinds), fc.constantFrom(...movers)),
  name: fc.constantFrom("a", "b", "c", "d", "__proto__"),
  namespace: fc.constantFrom(undefined, "a", "b"),
  annotations: fc.dictionary(
    fc.constantFrom(
      "argocd.argoproj.io/hook",
      "argocd.argoproj.io/sync-wave",
      "argocd.argoproj.io/sync-options",
      "argocd.argoproj.io/hook-delete-policy",
      "helm.sh/hook",
      "helm.sh/hook-weight",
    ),
    annotation,
    { maxKeys: 3 },
  ),
});
/** Hooks of two phases that others need in an earlier one: both are moved there. */
const moved = fc.record({
  kind: fc.constantFrom("Namespace", "CustomResourceDefinition"),
  name: fc.constantFrom("a", "b"),
  annotations: fc.record({ "argocd.argoproj.io/hook": fc.constantFrom("PreSync,Sync", "PostSync,SyncFail") }),
});
const manifest = fc.oneof({ weight: 7, arbitrary: plain }, { weight: 1, arbitrary: moved });

function objectsOf(
  manifests: readonly { kind: string; name: string; namespace?: string | undefined; annotations: object }[],
) {
  const raw = manifests.map(({ kind, name, namespace, annotations }) => ({
    apiVersion: kind === "CustomResourceDefinition" ? "apiextensions.k8s.io/v1" : kind === "Widget" ? "x.io/v1" : "v1",
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), annotations },
    ...(kind === "CustomResourceDefinition" ? { spec: { group: "x.io", names: { kind: "Widget" } } } : {}),
  }));
  return toTargets(raw as never, {
    namespace: "default",
    tracking,
    isNamespaced: ({ kind }) => builtInResources.find((known) => known.kind === kind)?.namespaced ?? true,
  }).objects;
}

const options = fc.record({
  prune: fc.boolean(),
  syncOptions: fc.array(
    fc.oneof(
      fc.constantFrom(
        "PruneLast=true",
        "ApplyOutOfSyncOnly=true",
        "CreateNamespace=true",
        "Prune=confirm",
        "Prune=false",
      ),
      fc.string({ maxLength: 10 }),
    ),
    { maxLength: 4 },
  ),
  strategy: fc.constantFrom("apply" as const, "hook" as const),
  namespaceExists: fc.boolean(),
});

function plan(targets: readonly KubeObject[], live: readonly KubeObject[], some: Partial<PlanOptions>): SyncPlan {
  const compared = compareObjects(targets, live, { method: "annotation", ignore: [] });
  return planSync(compared.objects, compared.hooks, live, {
    prune: true,
    syncOptions: [],
    strategy: "hook",
    resources: [],
    revision: "0123456789",
    startedAt: instant(1_700_000_000_000),
    namespace: "default",
    namespaceExists: true,
    ...some,
  });
}

test("planning is total, deterministic, in order, and plans each object of a phase once", () => {
  const worlds = fc.tuple(fc.array(manifest, { maxLength: 25 }), fc.array(manifest, { maxLength: 12 }), options);
  fc.assert(
    fc.property(worlds, ([wanted, there, some]) => {
      const [targets, live] = [objectsOf(wanted), objectsOf(there)];
      const made = plan(targets, live, some);
      assert.deepEqual(plan(targets, live, some), made);
      const steps = made.steps.map(({ phase, wave }) => [phases.indexOf(phase), wave] as const);
      for (const [index, [phase, wave]] of steps.entries()) {
        const [before = -1, previous = Number.NEGATIVE_INFINITY] = steps[index - 1] ?? [];
        assert.ok(phase > before || (phase === before && wave > previous), JSON.stringify(steps));
      }
      const keys = allTasks(made).map(({ phase, key, action }) => `${action} ${phase} ${keyText(key)}`);
      assert.equal(new Set(keys).size, keys.length, keys.join("\n"));
      assert.ok(made.onFailure.every(({ phase }) => phase === "SyncFail"));
    }),
    { numRuns: 300 },
  );
});

test("the order of what was rendered does not matter", () => {
  fc.assert(
    fc.property(fc.array(manifest, { maxLength: 15 }), (wanted) => {
      const targets = objectsOf(wanted);
      const order = (objects: readonly KubeObject[]) =>
        allTasks(plan(objects, [], {})).map(({ phase, wave, key }) => `${phase} ${wave} ${keyText(key)}`);
      assert.deepEqual(order(targets.toReversed()), order(targets));
    }),
    { numRuns: 200 },
  );
});

test("applying a plan twice changes nothing the second time", async () => {
  await using plane = await openTestPlane();
  // Not empty: the embedded API stores an empty map that is applied over a full one only the second time.
  const data = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string({ maxLength: 20 }), {
    minKeys: 1,
    maxKeys: 5,
  });
  const mode = fc.constantFrom("", "ServerSideApply=true", "ServerSideApply=false");
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(9), { maxLength: 4 }), data, mode, async (numbers, some, how) => {
      const targets = numbers.map((number) => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: `c${number}`, annotations: { "argocd.argoproj.io/sync-options": how } },
        data: some,
      }));
      const first = await run(plane, { targets });
      assert.equal(first.phase, "Succeeded", first.message);
      const list = () => plane.client.list({ apiVersion: "v1", kind: "ConfigMap" }, { namespace: "default" });
      const before = await list();
      const second = await run(plane, { targets });
      assert.equal(second.phase, "Succeeded", second.message);
      assert.deepEqual((await list()).items, before.items);
    }),
    { numRuns: 25 },
  );
});

for (const how of ["ServerSideApply=true", "ServerSideApply=false", "Replace=true"]) {
  test(`syncing one of each kind twice with ${how} changes nothing the second time`, async () => {
    await using plane = await openTestPlane();
    const targets = writtenKinds.map((object) => ({
      ...object,
      metadata: { ...object.metadata, annotations: { "argocd.argoproj.io/sync-options": how } },
    }));
    const refs = targets.map(({ apiVersion, kind, metadata: { name = "", namespace } }) => {
      return { apiVersion, kind, name, ...(namespace ? { namespace } : {}) };
    });
    const state = async () => {
      const objects = await Promise.all(refs.map((ref) => plane.client.get(ref)));
      // A scaler is stored once and seen in two versions: each apply writes its own.
      return objects.map(
        (one) => `${one?.kind} ${one?.kind === "HorizontalPodAutoscaler" || one?.metadata.resourceVersion}`,
      );
    };
    const first = await run(plane, { targets });
    assert.equal(first.phase, "Succeeded", first.message);
    const before = await state();
    const second = await run(plane, { targets });
    assert.equal(second.phase, "Succeeded", second.message);
    assert.deepEqual(await state(), before);
  });
}

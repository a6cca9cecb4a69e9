import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../../src/base/json.ts";
import type { Look } from "../../../src/gitops/reconcile/look.ts";
import { widgetDefinition } from "../../harness/control-plane.ts";
import { kinds } from "./manifests.ts";
import { manifest, openWorld, patient } from "./world.ts";

/** `PROPERTY_RUNS=300 PROPERTY_SEED=7` looks further, or at the same again. */
const numRuns = Number(process.env.PROPERTY_RUNS ?? 15);
const seed = Number(process.env.PROPERTY_SEED ?? 29);

/** Of objects that should be as they are: what is said to differ, with the manifest that led there. */
function differences({ comparison }: Look): readonly string[] {
  return comparison.objects.flatMap(({ target, status, diff }) => {
    if (status === "Synced" && diff.differences.length === 0) return [];
    return [`${status} ${JSON.stringify(diff.differences)} of ${JSON.stringify(target)}`];
  });
}

function versions({ comparison }: Look): unknown[] {
  return comparison.objects.map(({ live }) => [live?.metadata.name, live?.metadata.resourceVersion]);
}

test("labels that become an empty map are gone after one sync, of kinds of CRDs, too", async () => {
  await using world = await openWorld();
  await world.plane.client.create(widgetDefinition as never, {}, patient());
  const app = world.app();
  for (const labels of [{ app: "x" }, {}]) {
    const metadata = { name: "w", labels, finalizers: [] };
    const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata, spec: {} };
    await world.repository.commit({ "web/w.yaml": manifest(widget) });
    await world.sync(app, await world.lookWell(app, { level: 3 }));
    const look = await world.lookWell(app);
    assert.deepEqual(differences(look), []);
    assert.equal(look.comparison.objects[0]?.live?.metadata.labels?.app, labels.app);
  }
});

type Fixing = (before: JsonObject, after: JsonObject) => JsonObject;

const partOf = (object: JsonObject, name: string): JsonObject => (object[name] ?? {}) as JsonObject;
const keepAll: Fixing = (before, after) => ({ ...before, metadata: after.metadata ?? {} });
const keepSpec: Fixing = (before, after) => ({ ...after, spec: before.spec ?? {} });

/** What a server does not let change stays as it was in the second manifest, by kind. */
const fixings: Readonly<Record<string, Fixing>> = {
  configMap: (before, after) => (before.immutable === true ? keepAll(before, after) : after),
  secret: (before, after) =>
    before.immutable === true ? keepAll(before, after) : { ...after, type: before.type ?? "Opaque" },
  claim: keepSpec,
  job: keepSpec,
  roleBinding: (before, after) => ({ ...after, roleRef: before.roleRef ?? {} }),
  statefulSet: (before, after) => {
    const { replicas = 1, template = {}, updateStrategy = {} } = partOf(after, "spec");
    return { ...after, spec: { ...partOf(before, "spec"), replicas, template, updateStrategy } };
  },
};

for (const [kind, arbitrary] of Object.entries(kinds)) {
  const sampleOf = (from: number): readonly JsonObject[] =>
    fc.sample(arbitrary, { numRuns, seed: from }).map((object, index): JsonObject => {
      return { ...object, metadata: { ...(object.metadata as JsonObject), name: `${kind.toLowerCase()}-${index}` } };
    });
  const objectsOf = (from: number): string => {
    const fix = from === seed ? undefined : fixings[kind];
    const objects = sampleOf(from);
    if (fix === undefined) return manifest(...objects);
    const before = sampleOf(seed);
    return manifest(...objects.map((object, index) => fix(before[index] ?? {}, object)));
  };

  test(`what was synced does not differ, and a second sync changes nothing: ${kind}`, async () => {
    await using world = await openWorld();
    await world.plane.client.create(widgetDefinition as never, {}, patient());
    await world.repository.commit({ "web/all.yaml": objectsOf(seed) });
    const app = world.app();
    const first = await world.sync(app, await world.lookWell(app));
    assert.equal(first.phase, "Succeeded", first.message);
    const look = await world.lookWell(app);
    assert.deepEqual(differences(look), [], `PROPERTY_SEED=${seed}`);
    assert.equal(look.status, "Synced");
    await world.sync(app, look);
    const again = await world.lookWell(app);
    assert.deepEqual([versions(again), differences(again)], [versions(look), []], `PROPERTY_SEED=${seed}`);
  });

  test(`what was changed and synced again does not differ: ${kind}`, async () => {
    await using world = await openWorld();
    await world.plane.client.create(widgetDefinition as never, {}, patient());
    const app = world.app();
    for (const from of [seed, seed + 1]) {
      await world.repository.commit({ "web/all.yaml": objectsOf(from) });
      const { phase, message } = await world.sync(app, await world.lookWell(app, { level: 3 }));
      assert.equal(phase, "Succeeded", message);
    }
    assert.deepEqual(differences(await world.lookWell(app)), [], `PROPERTY_SEED=${seed}`);
  });
}

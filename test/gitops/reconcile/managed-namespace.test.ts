import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { trackingAnnotation } from "../../../src/gitops/diff/tracking.ts";
import type { Look } from "../../../src/gitops/reconcile/look.ts";
import { configMap, manifest, openWorld, type World } from "./world.ts";

const shop = { apiVersion: "v1", kind: "Namespace", name: "shop" };
const policy = (managed: boolean, options: readonly string[] = ["CreateNamespace=true"]): JsonObject => ({
  syncOptions: options,
  ...(managed ? { managedNamespaceMetadata: { labels: { team: "a" }, annotations: { note: "b" } } } : {}),
});

/** An Application that made its namespace, which somebody then marked as the Application's. */
async function marked(world: World, syncPolicy: JsonObject, files: Record<string, string> = {}) {
  await world.repository.commit({ "web/a.yaml": configMap("a"), ...files });
  const destination = { server: world.cluster.server, namespace: "shop" };
  const app = world.app("web", { destination, syncPolicy: policy(true) });
  const { phase, message } = await world.sync(app, await world.lookWell(app), {
    syncOptions: ["CreateNamespace=true"],
  });
  assert.equal(phase, "Succeeded", message);
  const mark = { metadata: { annotations: { [trackingAnnotation]: "web:/Namespace:/shop" } } };
  const live = await world.plane.client.patch(shop, "application/merge-patch+json", mark, { fieldManager: "somebody" });
  world.change(app, { destination, syncPolicy });
  await world.live.ensure([shop], AbortSignal.timeout(10_000));
  await world.seen(live);
  return app;
}

/** What the comparison says of the namespace. */
function namespaceIn({ comparison }: Look) {
  const found = comparison.objects.find(({ target, live }) => (target ?? live)?.kind === "Namespace");
  return found && [found.status, found.requiresPruning, found.target !== undefined];
}

const cases: readonly (readonly [name: string, policy: JsonObject, found: unknown, files?: Record<string, string>])[] =
  [
    ["it is a target, neither missing in the source nor to be pruned", policy(true), ["Synced", false, true]],
    ["without metadata it is live only", policy(false), ["OutOfSync", true, false]],
    ["without CreateNamespace it is live only", policy(true, []), ["OutOfSync", true, false]],
    [
      "a source that names it wins",
      policy(true),
      ["OutOfSync", false, true],
      {
        "web/n.yaml": manifest({
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name: "shop", labels: { team: "c" } },
        }),
      },
    ],
  ];

for (const [name, syncPolicy, expected, files] of cases) {
  test(`the managed namespace that tracks the Application: ${name}`, async () => {
    await using world = await openWorld();
    const app = await marked(world, syncPolicy);
    if (files !== undefined) await world.repository.commit(files);
    assert.deepEqual(namespaceIn(await world.lookWell(app, { level: 3 })), expected);
  });
}

test("a managed namespace differs where its labels were changed, and a sync with prune mends and keeps it", async () => {
  await using world = await openWorld();
  const app = await marked(world, policy(true));
  const first = await world.lookWell(app);
  const again = await world.lookWell(app, { level: 1 });
  const targetIn = ({ comparison }: Look) =>
    comparison.objects.find(({ target }) => target?.kind === "Namespace")?.target;
  assert.equal(targetIn(first), targetIn(again)); // remembered by identity
  const changed = { metadata: { labels: { team: "z" } } };
  await world.seen(await world.plane.client.patch(shop, "application/merge-patch+json", changed));
  const look = await world.lookWell(app);
  assert.deepEqual([look.status, namespaceIn(look)], ["OutOfSync", ["OutOfSync", false, true]]);
  const { phase, message } = await world.sync(app, look, {
    syncOptions: ["CreateNamespace=true"],
  });
  assert.equal(phase, "Succeeded", message);
  const live = await world.plane.client.get(shop);
  assert.deepEqual([live?.metadata.labels?.team, live?.metadata.deletionTimestamp], ["a", undefined]);
  assert.equal(live?.metadata.annotations?.[trackingAnnotation], "web:/Namespace:/shop");
});

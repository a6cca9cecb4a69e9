import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, objectOf } from "../../../src/api/fields.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { needsAnnotation } from "../../../src/gitops/reconcile/needs.ts";
import { needsTimeoutAnnotation } from "../../../src/gitops/reconcile/needs-timeout.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { configMap, openWorld } from "./world.ts";

const healthy = { sync: { status: "Synced" }, health: { status: "Healthy" } };
const degraded = { sync: { status: "Synced" }, health: { status: "Degraded" } };

async function openNeedy(annotations: Record<string, string>) {
  const world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const metadata = { annotations: { [needsAnnotation]: "db", ...annotations } };
  const app = world.app("web", { syncPolicy: { automated: {} } }, metadata);
  let status: JsonObject = degraded;
  const object = (name: string): KubeObject => ({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { namespace: "argocd", name, ...(name === "web" ? metadata : {}) },
    status: name === "db" ? status : {},
  });
  const deps = { ...world.deps, applicationAt: (key: string) => object(key.split("/")[1] ?? "") };
  return {
    world,
    app,
    ready: () => {
      status = healthy;
    },
    async look() {
      const { status: found, decision, againAfterMs } = await world.look(app, { level: 1, deps });
      const conditions = listOf(found.conditions).map(objectOf);
      return {
        decision,
        againAfterMs,
        conditions: conditions.map(({ type, message, lastTransitionTime }) => [type, message, lastTransitionTime]),
      };
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

const waiting = ["WaitingForNeeds", "it needs argocd/db, which is Degraded", "2026-11-29T12:00:00Z"];

test("a wait that is longer than its time-out is told of once, and goes on until what it needs is ready", async () => {
  await using needy = await openNeedy({ [needsTimeoutAnnotation]: "30m" });
  const { world } = needy;
  const first = await needy.look();
  assert.deepEqual([first.conditions, first.againAfterMs], [[waiting], 30 * 60_000]);
  await world.clock.advance(29 * 60_000);
  const before = await needy.look();
  assert.deepEqual([before.conditions, before.againAfterMs], [[waiting], 60_000]);
  assert.partialDeepStrictEqual(before.decision, {
    kind: "none",
    reason: "a sync is due, but it needs argocd/db, which is Degraded (time-out 2026-11-29T12:30:00Z)",
    obstacle: { kind: "need" },
  });
  await world.clock.advance(60_000);
  const told = "a sync waits since 2026-11-29T12:00:00Z, longer than 30m (tiphys.io/needs-timeout)";
  const timedOut = ["NeedsTimeoutWarning", told, "2026-11-29T12:30:00Z"];
  for (const minutes of [0, 60]) {
    await world.clock.advance(minutes * 60_000);
    const after = await needy.look();
    assert.deepEqual([after.conditions, after.againAfterMs], [[timedOut, waiting], undefined]);
    assert.equal("reason" in after.decision && after.decision.reason.endsWith(told), true);
  }
  needy.ready();
  const last = await needy.look();
  assert.deepEqual([last.conditions, last.decision.kind], [[], "start"]);
});

test("without a time-out it waits, and says since when", async () => {
  await using needy = await openNeedy({});
  await needy.look();
  await needy.world.clock.advance(24 * 3_600_000);
  const { conditions, againAfterMs } = await needy.look();
  assert.deepEqual([conditions, againAfterMs], [[waiting], undefined]);
});

test("a hold does not stop the time of a wait", async () => {
  await using needy = await openNeedy({ [needsTimeoutAnnotation]: "30m", "tiphys.io/hold": "an incident" });
  const { againAfterMs, decision } = await needy.look();
  assert.partialDeepStrictEqual([againAfterMs, decision], [30 * 60_000, { obstacle: { kind: "hold" } }]);
  await needy.world.clock.advance(31 * 60_000);
  assert.deepEqual((await needy.look()).conditions[0]?.[0], "NeedsTimeoutWarning");
});

for (const text of ["soon", "0s", "-5m", "30"]) {
  test(`a time-out of ${text} is an error that keeps nothing back for longer than the need`, async () => {
    await using needy = await openNeedy({ [needsTimeoutAnnotation]: text });
    const { conditions, decision } = await needy.look();
    const message = `metadata.annotations["tiphys.io/needs-timeout"]: "${text}" must be a duration such as 30m`;
    assert.deepEqual(conditions[0]?.slice(0, 2), ["SyncError", `${message}; it needs argocd/db, which is Degraded`]);
    assert.equal(decision.kind, "error");
    needy.ready();
    assert.equal((await needy.look()).decision.kind, "start");
  });
}

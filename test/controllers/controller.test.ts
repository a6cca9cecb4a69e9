import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError, NotYetError, TerminalError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createController } from "../../src/controllers/controller.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { createCache } from "./fakes.ts";

const kind = { apiVersion: "argoproj.io/v1alpha1", kind: "Sensor" };
const object = (name: string, namespace = "shop"): KubeObject => ({ ...kind, metadata: { name, namespace } });

function open(reconcile: (name: string) => Promise<{ againAfterMs?: number }>, synced?: Promise<void>) {
  const objects = createCache(synced);
  const clock = createVirtualClock();
  const seen: string[] = [];
  const reconciler = {
    reconcile: ({ name }: { name: string }) => {
      seen.push(name);
      return reconcile(name);
    },
  };
  const controller = createController({ kind, cache: objects.cache, reconciler, clock, log: silentLogger });
  const stop = new AbortController();
  return { objects, clock, seen, controller, stop };
}

test("what is listed and what changes is reconciled; the first list settles, well or not", async () => {
  const { objects, clock, seen, controller, stop } = open(async (name) => {
    if (name === "bad") throw new TerminalError("MANIFEST_INVALID", "no");
    return {};
  });
  for (const name of ["good", "bad"]) objects.set(object(name));
  const running = controller.run(stop.signal);
  await clock.advance(0);
  await controller.settled;
  objects.set(object("new"));
  objects.delete(object("good"));
  controller.requestAll("elsewhere");
  await clock.advance(600_000);
  assert.deepEqual(seen, ["good", "bad", "new", "good"]);
  stop.abort();
  await running;
  assert.equal(objects.listeners.size, 0);
});

for (const [name, error, again] of [
  ["not yet: after the time that it names", new NotYetError("BUS_UNAVAILABLE", "soon", 30_000), 30_000],
  ["a failure: after a short while", new EngineError("BUS_UNAVAILABLE", "away"), 200],
] as const) {
  test(`it is reconciled again: ${name}`, async () => {
    const { objects, clock, seen, controller, stop } = open(async () => {
      if (seen.length === 1) throw error;
      return {};
    });
    objects.set(object("one"));
    const running = controller.run(stop.signal);
    await clock.advance(again / 2 - 1);
    assert.equal(seen.length, 1);
    await clock.advance(again);
    assert.equal(seen.length, 2);
    stop.abort();
    await running;
  });
}

test("stopping before the first list came does not hang", async () => {
  const { objects, controller, stop } = open(async () => ({}), new Promise(() => undefined));
  const running = controller.run(stop.signal);
  stop.abort();
  await running;
  assert.equal(objects.listeners.size, 0);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { openSimulation, until } from "./rig.ts";

const path = "/apis/argoproj.io/v1alpha1/namespaces/default/workflows";
const workflow = (name: string, annotations: object, spec: object = {}) => ({
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Workflow",
  metadata: { name, annotations },
  spec: { entrypoint: "main", ...spec },
});

const ends: readonly (readonly [name: string, annotations: object, spec: object, phase: string])[] = [
  ["succeeds", {}, {}, "Succeeded"],
  ["fails", { "tiphys.io/simulate-outcome": "fail", "tiphys.io/simulate-message": "no luck" }, {}, "Failed"],
  ["stops", { "tiphys.io/simulate-outcome": "hang" }, { shutdown: "Stop" }, "Failed"],
];

test("a Workflow goes through its phases", async (context) => {
  await using plane = await openSimulation();
  for (const [name, annotations, spec, phase] of ends) {
    await context.test(name, async () => {
      assert.equal((await plane.call("POST", path, workflow(name, annotations, spec))).status, 201);
      const { status, metadata } = await until(plane, `${path}/${name}`, phase, (one) => one.status?.finishedAt);
      assert.equal(status.phase, phase);
      assert.equal(metadata.labels["workflows.argoproj.io/completed"], "true");
    });
  }
});

test("a suspended Workflow waits", async () => {
  await using plane = await openSimulation();
  await plane.call("POST", path, workflow("w", {}, { suspend: true }));
  await until(plane, `${path}/w`, "a phase", (one) => one.status?.phase === "Running");
  await plane.clock.advance(60_000);
  assert.equal((await plane.call("GET", `${path}/w`)).body.status.phase, "Running");
});

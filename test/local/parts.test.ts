import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlane } from "../harness/control-plane.ts";

const pods = "/api/v1/namespaces/default/pods";
const pod = { metadata: { name: "p" }, spec: { containers: [{ name: "one", image: "i" }] } };

test("logs say that there are none, and why", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", pods, pod);
  const { status, body } = await plane.call("GET", `${pods}/p/log`);
  assert.equal(status, 200);
  assert.match(body as unknown as string, /no container runs, so Pod default\/p \(container one\) has no logs/);
  const wrong = await plane.call("GET", `${pods}/p/log?container=two`);
  assert.deepEqual([wrong.status, wrong.body.message], [400, "container two is not valid for pod p"]);
});

test("what nothing is behind is refused with a reason", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", pods, pod);
  for (const part of ["exec", "attach", "portforward"]) {
    const { status, body } = await plane.call("POST", `${pods}/p/${part}`);
    assert.deepEqual([status, body.reason], [501, "NotImplemented"]);
    assert.match(body.message, /no container runs/);
  }
});

test("an eviction deletes", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", pods, pod);
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "p", namespace: "default" } };
  assert.equal((await plane.call("POST", `${pods}/p/eviction`, eviction)).status, 201);
  assert.equal((await plane.call("GET", `${pods}/p`)).status, 404);
});

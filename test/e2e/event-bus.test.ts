import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { adminToken } from "../harness/control-plane.ts";
import { startEngine } from "../harness/engine.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { openTestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";

failOnLeakedChildren();

const manifest = {
  apiVersion: "argoproj.io/v1alpha1",
  kind: "EventBus",
  metadata: { name: "default", namespace: "default" },
  spec: { jetstream: { version: "latest" } },
};

async function writeManifest(dir: string): Promise<void> {
  await writeFile(join(dir, "bus.json"), JSON.stringify(manifest));
}

const busPath = "/apis/argoproj.io/v1alpha1/namespaces/default/eventbus/default";
const setPath = "/apis/apps/v1/namespaces/default/statefulsets/eventbus-default-js";

test("on a real cluster a jetstream EventBus gets servers of its own, and says so until they answer", async () => {
  await using cluster = await openTestCluster();
  await cluster.open({ user: { token: adminToken } });
  await using dir = await tempDir();
  await writeManifest(dir.path);
  const args = ["--kubeconfig", join(cluster.directory, "kubeconfig"), "--yes"];
  await using engine = await startEngine({ dir: dir.path, args });
  await waitFor("the servers", async () => (await cluster.plane.call("GET", setPath)).status === 200);
  const deployed = async () => {
    const { body } = await cluster.plane.call("GET", busPath);
    return body.status?.conditions?.find(({ type }: { type: string }) => type === "Deployed");
  };
  // Its Service has no name here: what a person outside the cluster sees.
  await waitFor("the condition", async () => (await deployed())?.reason === "Connecting");
  assert.match((await deployed()).message, /eventbus-default-js-svc\.default\.svc:4222/);
  assert.deepEqual((await cluster.plane.call("GET", busPath)).body.metadata.finalizers, ["eventbus-controller"]);
  await cluster.plane.call("DELETE", busPath);
  await waitFor("the EventBus to go", async () => (await cluster.plane.call("GET", busPath)).status === 404);
  assert.equal(await engine.stop(), 0);
});

test("standing alone a jetstream EventBus is the system bus, and bus info shows it", async () => {
  await using dir = await tempDir();
  await writeManifest(dir.path);
  await using engine = await startEngine({ dir: dir.path });
  const { code, stdout } = await engine.cli(["-o", "json", "bus", "info"]);
  assert.equal(code, 0);
  const [system, ...others] = JSON.parse(stdout);
  assert.deepEqual([system.name, system.reader, others], ["system", { stream: "events", lag: 0 }, []]);
  assert.deepEqual(
    system.streams.map(({ name }: { name: string }) => name),
    ["events", "reconcile", "ledger", "state", "dead"],
  );
  const check = await engine.cli(["bus", "check"]);
  assert.equal(check.code, 0, check.stdout);
  assert.match(check.stdout, /^ok +engine +bus system answers: 5 streams/);
});

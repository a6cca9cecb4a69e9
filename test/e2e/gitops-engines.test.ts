import assert from "node:assert/strict";
import { test } from "node:test";
import { openFleet } from "../chaos/fleet.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { waitFor } from "../harness/wait.ts";

failOnLeakedChildren();

const count = 4;

test("every engine answers for all Applications, whichever has them", { skip: natsServerMissing() }, async () => {
  await using server = await startNatsServer();
  await using fleet = await openFleet({ bus: server.url, engines: 2, applications: count });
  await fleet.round(async () => undefined);
  for (const [engine, wrote] of fleet.shares()) assert.ok(wrote > 0, `engine ${engine} has no Application`);
  for (const engine of fleet.engines) {
    const cli = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await engine.cli(["app", ...args]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const listed = (await cli("list", "-o", "name")).trim().split("\n");
    assert.equal(listed.length, count);
    for (let n = 0; n < count; n++) {
      assert.match(await cli("get", `app-${n}`, "--refresh"), /Sync Status: +Synced/);
      assert.match(await cli("sync", `app-${n}`, "--timeout", "30"), /Succeeded/);
    }
    assert.match(await cli("manifests", "app-0"), /kind: ConfigMap/);
    assert.match(await cli("logs", "app-0", "--kind", "Job"), /simulated/);
  }
  const [first] = fleet.engines;
  const elsewhere = JSON.stringify({ spec: { destination: { namespace: "kube-public" } } });
  for (let n = 1; n < count; n++) {
    await first?.cli(["app", "hold", `app-${n}`, "--reason", "an incident"]);
    await first?.cli(["app", "patch", `app-${n}`, "--type", "merge", "--patch", elsewhere]);
  }
  const held =
    /OutOfSync at [\s\S]*waits for hold(?: since 20\S+Z)?: a sync is due, but it is on hold: an incident[\s\S]*\nlast look 20/;
  for (const engine of fleet.engines) {
    for (let n = 1; n < count; n++) {
      let told = "";
      const isTold = async (): Promise<boolean> => {
        told = (await engine.cli(["app", "why", `app-${n}`])).stdout;
        return held.test(told);
      };
      await waitFor("the hold to be told", isTold, 20_000).catch(() => assert.match(told, held));
    }
  }
  const { lost, twoOwners, exits } = await fleet.settle();
  assert.deepEqual([lost, exits], [[], [0, 0]]);
  // What people ask for is written by the engine that they ask; that is no reconcile.
  assert.deepEqual(
    twoOwners?.filter((text) => !/(patch|update) applications/.test(text)),
    [],
  );
});

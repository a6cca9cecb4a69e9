import assert from "node:assert/strict";
import { test } from "node:test";
import { openFleet } from "../chaos/fleet.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";

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
  }
  const { lost, twoOwners, exits } = await fleet.settle();
  assert.deepEqual([lost, exits], [[], [0, 0]]);
  // What people ask for is written by the engine that they ask; that is no reconcile.
  assert.deepEqual(
    twoOwners?.filter((text) => !text.includes("patch applications")),
    [],
  );
});

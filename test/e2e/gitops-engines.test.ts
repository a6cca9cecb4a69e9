import assert from "node:assert/strict";
import { test } from "node:test";
import { applicationText } from "../../src/cli/app/why.ts";
import type { ApplicationWhy } from "../../src/controllers/applications/application-why.ts";
import { openFleet } from "../chaos/fleet.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { waitFor } from "../harness/wait.ts";

failOnLeakedChildren();

const count = 4;
const names = Array.from({ length: count }, (_, n) => `app-${n}`);

interface Listed {
  readonly status?: { readonly sync?: { readonly status: string } };
}

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
    // A process of the command line takes a second: what `get --refresh` asks is asked of the API.
    for (const name of names) {
      const found = await (await engine.api(`/api/v1/applications/${name}?refresh=normal`)).json();
      assert.equal((found as Listed).status?.sync?.status, "Synced", name);
    }
    const synced = await cli("sync", ...names, "--timeout", "30");
    assert.equal(synced.match(/^Phase: +Succeeded$/gm)?.length, count, synced);
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
        const path = `/api/v1/tiphys/applications/app-${n}/why?appNamespace=argocd`;
        told = applicationText((await (await engine.api(path)).json()) as ApplicationWhy);
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

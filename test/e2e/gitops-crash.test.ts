import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { seeded } from "../harness/seeded.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { buses } from "./scenario.ts";

failOnLeakedChildren();

const rounds = Number(process.env.TIPHYS_TEST_ROUNDS ?? 2);
/** A whole sync takes a little longer: the hook, then the Deployment that becomes ready late. */
const syncMs = 2_400;

/** Runs before the objects of each sync; kept when it is done, so that its runs can be counted. */
const hook = {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { generateName: "migrate-", annotations: { "argocd.argoproj.io/hook": "PreSync" } },
  spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "migrate", image: "busybox" }] } } },
};

/** In wave 1, and becomes healthy late: wave 2 waits for it. */
function slow(release: string): object {
  const labels = { app: "slow" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "slow",
      annotations: { "argocd.argoproj.io/sync-wave": "1", "tiphys.io/simulate-after": "2s" },
    },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { release } },
        spec: { containers: [{ name: "slow", image: "nginx" }] },
      },
    },
  };
}

function files(release: string) {
  return {
    "hook.yaml": hook,
    "slow.yaml": slow(release),
    "last.yaml": configMap("last", release, { "argocd.argoproj.io/sync-wave": "2" }),
  };
}

const lastValue = ["get", "configmap", "last", "-n", "default", "-o", "jsonpath={.data.value}"];

for (const bus of buses) {
  const skip = bus.skip ?? kubectlMissing();
  test(`kill -9 in a sync: it goes on at its commit, its hook runs once (${bus.name})`, { skip }, async (t) => {
    const seed = Number(process.env.TIPHYS_TEST_SEED ?? randomInt(2 ** 31));
    t.diagnostic(`TIPHYS_TEST_SEED=${seed}`);
    const random = seeded(seed);
    await using driver = await bus.start();
    await using scenario = await GitOpsScenario.start({
      args: driver.args,
      repositories: { shop: files("0") },
      manifests: (urlOf) => [application("shop", urlOf("shop"))],
    });
    await scenario.waitForSynced("shop", undefined, 30_000);
    const copy = await scenario.clone("shop");
    let cut = 0;
    for (let round = 1; round <= rounds; round++) {
      const commit = await copy.commitAndPush(files(String(round)));
      // Spread over the sync, closer at its beginning, where it writes.
      const atMs = Math.round(syncMs * ((round - 1 + random()) / rounds) ** 2);
      await sleep(atMs);
      const { operationState: before } = await scenario.status("shop");
      await scenario.engine.kill9();
      const isCut = before?.phase === "Running" && before.syncResult?.revision === commit;
      t.diagnostic(`round ${round}: killed after ${atMs} ms${isCut ? `: ${before.message || "Running"}` : ""}`);
      await scenario.restart();
      const { operationState: ended } = await scenario.waitForSynced("shop", commit, 30_000);
      assert.equal(ended?.syncResult?.revision, commit);
      if (isCut) {
        cut += 1;
        assert.equal(ended.startedAt, before.startedAt, "another sync was begun");
      }
      assert.equal(await scenario.kubectl(lastValue), String(round));
      const jobs = await scenario.list("jobs");
      assert.equal(jobs.length, round + 1, `after ${atMs} ms: ${jobs.map(({ metadata }) => metadata.name).join(", ")}`);
    }
    assert.ok(cut > 0, "no sync was cut off: the test shows nothing");
  });
}

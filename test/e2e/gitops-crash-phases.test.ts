import assert from "node:assert/strict";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;
/** Engines start slowly where much else runs. */
const patientMs = 60_000;

/** Kept when it is over, so that it can be told whether it is the one that ran first. */
function job(name: string, type: string, more: object = {}): object {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      annotations: { "argocd.argoproj.io/hook": type, "tiphys.io/simulate-after": "3s", ...more },
    },
    spec: {
      backoffLimit: 0,
      template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "busybox" }] } },
    },
  };
}

const wave = (n: number) => ({ "argocd.argoproj.io/sync-wave": String(n) });
const policy = { automated: { prune: true, selfHeal: true }, retry: { limit: 0 } };

/** The uids of Jobs by name. */
async function uidsOf(scenario: GitOpsScenario): Promise<Readonly<Record<string, string>>> {
  const jobs = await scenario.list("jobs");
  return Object.fromEntries(jobs.map(({ metadata }) => [metadata.name, metadata.uid]));
}

/** Kills the engine while it waits for the hook, and starts it again. The Jobs that were there. */
async function cutAt(scenario: GitOpsScenario, hook: string): Promise<Readonly<Record<string, string>>> {
  const waiting = `waiting for completion of hook batch/Job/${hook}`;
  const isWaiting = ({ operationState }: { operationState?: { message?: string } }): boolean => {
    return operationState?.message?.startsWith(waiting) === true;
  };
  await scenario.waitForStatus("shop", waiting, isWaiting, patientMs);
  const uids = await uidsOf(scenario);
  assert.ok(uids[hook] !== undefined, `${hook} runs`);
  await scenario.engine.kill9();
  await scenario.restart();
  return uids;
}

test("kill -9 while a hook of each phase runs: one sync, and each hook ran once", { skip }, async () => {
  const files = {
    "pre.yaml": job("pre", "PreSync"),
    "first.yaml": configMap("first", "0"),
    "beside.yaml": job("beside", "Sync", wave(1)),
    "second.yaml": configMap("second", "0", wave(2)),
    "post.yaml": job("post", "PostSync"),
  };
  await using scenario = await GitOpsScenario.start({
    repositories: { shop: files },
    manifests: (urlOf) => [application("shop", urlOf("shop"), { syncPolicy: policy })],
  });
  let before: Readonly<Record<string, string>> = {};
  let startedAt: string | undefined;
  for (const [hook, isThere] of [
    ["pre", []],
    ["beside", ["first"]],
    ["post", ["first", "second"]],
  ] as const) {
    const uids = await cutAt(scenario, hook);
    for (const [name, uid] of Object.entries(before)) assert.equal(uids[name], uid, `${name} was run again`);
    before = uids;
    const { operationState } = await scenario.status("shop");
    startedAt ??= operationState?.startedAt;
    assert.equal(operationState?.startedAt, startedAt, "another sync was begun");
    for (const name of ["first", "second"]) {
      const found = await scenario.find("configmap", name);
      if ((isThere as readonly string[]).includes(name)) assert.ok(found, `${name} is there by ${hook}`);
    }
  }
  const { operationState } = await scenario.waitForSynced("shop", undefined, patientMs);
  assert.equal(operationState?.startedAt, startedAt);
  assert.equal(operationState?.message, "successfully synced (no more tasks)");
  assert.deepEqual(await uidsOf(scenario), before, "each is the one that ran first");
  const results = operationState?.syncResult?.resources ?? [];
  assert.deepEqual(
    results.map(({ name, hookPhase }) => `${name} ${hookPhase}`),
    ["pre Succeeded", "first Succeeded", "beside Succeeded", "second Succeeded", "post Succeeded"],
  );
});

test("kill -9 while a SyncFail hook runs: it ran once, and the sync has failed", { skip }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: {
      shop: {
        "a.yaml": configMap("a", "0"),
        "bad.yaml": job("bad", "Sync", { "tiphys.io/simulate-after": "0s", "tiphys.io/simulate-outcome": "fail" }),
        "post.yaml": job("post", "PostSync"),
        "sorry.yaml": job("sorry", "SyncFail"),
      },
    },
    manifests: (urlOf) => [application("shop", urlOf("shop"), { syncPolicy: policy })],
  });
  const uids = await cutAt(scenario, "sorry");
  assert.deepEqual(Object.keys(uids).sort(), ["bad", "sorry"]);
  const { operationState } = await scenario.waitForStatus(
    "shop",
    "failed",
    ({ operationState: state }) => state?.phase === "Failed",
    patientMs,
  );
  assert.match(operationState?.message ?? "", /^one or more synchronization tasks completed unsuccessfully/);
  assert.deepEqual(await uidsOf(scenario), uids, "each is the one that ran first, and nothing came after");
});

test("kill -9 while the hooks of a deletion run: each ran once, and the Application goes", { skip }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: {
      shop: {
        "a.yaml": configMap("a", "0"),
        "before.yaml": job("before", "PreDelete"),
        "after.yaml": job("after", "PostDelete"),
      },
    },
    manifests: () => [],
  });
  const metadata = { finalizers: ["resources-finalizer.argocd.argoproj.io"] };
  const shop = application("shop", scenario.urlOf("shop"), { syncPolicy: policy }, metadata);
  await scenario.kubectl(["apply", "-f", "-"], shop);
  await scenario.waitForSynced("shop", undefined, patientMs);
  await waitFor("the finalizers", async () => {
    const found = await scenario.kubectl(["get", "application", "shop", "-n", "argocd", "-o", "json"]);
    return found.includes("post-delete-finalizer.argocd.argoproj.io/cleanup") || undefined;
  });
  await scenario.kubectl(["delete", "application", "shop", "-n", "argocd", "--wait=false"]);
  for (const name of ["before", "after"]) {
    const found = await waitFor(name, () => scenario.find("job", name), patientMs);
    await scenario.engine.kill9();
    await scenario.restart();
    const now = await scenario.find("job", name);
    // The cascade takes one that is over along with what else the Application made.
    if (now !== undefined || name === "after") assert.equal(now?.metadata.uid, found.metadata.uid, `${name} ran again`);
    if (name === "before") continue;
    await waitFor(
      "the end",
      async () => !(await scenario.find("application", "shop", "argocd")) || undefined,
      patientMs,
    );
    assert.equal((await scenario.find("job", name))?.metadata.uid, found.metadata.uid, `${name} ran again`);
    assert.equal(await scenario.find("configmap", "a"), undefined);
  }
});

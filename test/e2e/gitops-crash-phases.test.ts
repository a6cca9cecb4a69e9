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

/** It runs until `finish`, and is kept then, so that it can be told whether it is the one that ran first. */
function job(name: string, type: string, more: object = {}): object {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      annotations: { "argocd.argoproj.io/hook": type, "tiphys.io/simulate-outcome": "hang", ...more },
    },
    spec: {
      backoffLimit: 0,
      template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "busybox" }] } },
    },
  };
}

const wave = (n: number) => ({ "argocd.argoproj.io/sync-wave": String(n) });
const policy = { automated: { prune: true, selfHeal: true }, retry: { limit: 0 } };

async function finish(scenario: GitOpsScenario, name: string): Promise<void> {
  const status = { conditions: [{ type: "Complete", status: "True" }] };
  const change = ["--subresource=status", "--type=merge", "-p", JSON.stringify({ status })];
  await scenario.kubectl(["patch", "job", name, "-n", "default", ...change]);
}

/** The uids of Jobs by name. */
async function uidsOf(scenario: GitOpsScenario): Promise<Readonly<Record<string, string>>> {
  const jobs = await scenario.list("jobs");
  return Object.fromEntries(jobs.map(({ metadata }) => [metadata.name, metadata.uid]));
}

const completion = (hook: string): string => `completion of hook batch/Job/${hook}`;

/** Kills the engine while it waits for something, and starts it again. The Jobs that were there. */
async function cutAt(scenario: GitOpsScenario, what: string): Promise<Readonly<Record<string, string>>> {
  const waiting = `waiting for ${what}`;
  const isWaiting = ({ operationState }: { operationState?: { message?: string } }): boolean => {
    return operationState?.message?.startsWith(waiting) === true;
  };
  await scenario.waitForStatus("shop", waiting, isWaiting, patientMs);
  const uids = await uidsOf(scenario);
  await scenario.engine.kill9();
  await scenario.restart();
  return uids;
}

/** Tracked as the Application's, in no manifest, and held by somebody else: its prune takes as long as that one likes. */
const held = {
  ...configMap("held", "0"),
  metadata: {
    name: "held",
    namespace: "default",
    annotations: { "argocd.argoproj.io/tracking-id": "shop:/ConfigMap:default/held" },
    finalizers: ["example.com/hold"],
  },
};
const letGo = ["patch", "configmap", "held", "-n", "default", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'];

test("kill -9 while a hook of each phase runs, and a prune: one sync, and each hook ran once", { skip }, async () => {
  const files = {
    "pre.yaml": job("pre", "PreSync"),
    "first.yaml": configMap("first", "0"),
    "kept.yaml": configMap("kept", "0"),
    "beside.yaml": job("beside", "Sync", wave(1)),
    "second.yaml": configMap("second", "0", wave(2)),
    "post.yaml": job("post", "PostSync"),
  };
  await using scenario = await GitOpsScenario.start({ repositories: { shop: files }, manifests: () => [] });
  // A sync that would leave nothing of what is there would wait for a person.
  const items = [held, configMap("kept", "before")];
  await scenario.kubectl(["create", "-n", "default", "-f", "-"], { apiVersion: "v1", kind: "List", items });
  await scenario.kubectl(["create", "-f", "-"], application("shop", scenario.urlOf("shop"), { syncPolicy: policy }));
  let before: Readonly<Record<string, string>> = {};
  let startedAt: string | undefined;
  for (const [what, ran, areThere, goOn] of [
    [completion("pre"), ["pre"], ["held"], () => finish(scenario, "pre")],
    ["deletion of /ConfigMap/held", ["pre"], ["first", "held"], () => scenario.kubectl(letGo)],
    [completion("beside"), ["beside", "pre"], ["first"], () => finish(scenario, "beside")],
    [completion("post"), ["beside", "post", "pre"], ["first", "second"], () => finish(scenario, "post")],
  ] as const) {
    const uids = await cutAt(scenario, what);
    assert.deepEqual(Object.keys(uids).sort(), ran);
    for (const [name, uid] of Object.entries(before)) assert.equal(uids[name], uid, `${name} was run again`);
    before = uids;
    const { operationState } = await scenario.status("shop");
    startedAt ??= operationState?.startedAt;
    assert.equal(operationState?.startedAt, startedAt, "another sync was begun");
    const found = (await scenario.list("configmaps")).map(({ metadata }) => metadata.name);
    assert.deepEqual(found.filter((name) => ["first", "second", "held"].includes(name)).sort(), areThere, what);
    await goOn();
  }
  const { operationState } = await scenario.waitForSynced("shop", undefined, patientMs);
  assert.equal(operationState?.startedAt, startedAt);
  assert.equal(operationState?.message, "successfully synced (no more tasks)");
  assert.deepEqual(await uidsOf(scenario), before, "each is the one that ran first");
  const results = operationState?.syncResult?.resources ?? [];
  assert.deepEqual(
    results.map(({ name, status, hookPhase }) => `${name} ${status} ${hookPhase}`),
    [
      "held Pruned Succeeded",
      "pre Synced Succeeded",
      "first Synced Succeeded",
      "kept Synced Succeeded",
      "beside Synced Succeeded",
      "second Synced Succeeded",
      "post Synced Succeeded",
    ],
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
  const uids = await cutAt(scenario, completion("sorry"));
  assert.deepEqual(Object.keys(uids).sort(), ["bad", "sorry"]);
  await finish(scenario, "sorry");
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
    assert.equal(now?.metadata.uid, found.metadata.uid, `${name} ran again`);
    await finish(scenario, name);
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

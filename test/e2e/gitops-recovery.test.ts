import assert from "node:assert/strict";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const labels = { app: "web" };

function deployment(annotations: object): object {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { containers: [{ name: "web", image: "nginx" }] } },
    },
  };
}

function hook(annotations: object): object {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: "migrate",
      annotations: {
        "argocd.argoproj.io/hook": "PreSync",
        "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
        ...annotations,
      },
    },
    spec: {
      backoffLimit: 0,
      template: { spec: { restartPolicy: "Never", containers: [{ name: "migrate", image: "busybox" }] } },
    },
  };
}

const later = configMap("later", "0", { "argocd.argoproj.io/sync-wave": "1" });

test("a sync that waits for what never gets ready gives way to the push that mends it", {
  skip: kubectlMissing(),
}, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "web.yaml": deployment({ "tiphys.io/simulate-outcome": "hang" }), "later.yaml": later } },
    manifests: (urlOf) => [application("web", urlOf("web"))],
  });
  await scenario.waitForStatus("web", "waiting", ({ operationState }) => {
    return operationState?.message === "waiting for healthy state of apps/Deployment/web";
  });
  assert.equal(await scenario.find("configmap", "later"), undefined);
  const commit = await (await scenario.clone("web")).commitAndPush({ "web.yaml": deployment({ mended: "yes" }) });
  await scenario.waitForSynced("web", commit, 20_000);
  assert.ok(await scenario.find("configmap", "later"));
});

test("a hook that fails fails the sync, which is tried again until a push mends it", {
  skip: kubectlMissing(),
}, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "hook.yaml": hook({ "tiphys.io/simulate-outcome": "fail" }), "later.yaml": later } },
    manifests: (urlOf) => [application("web", urlOf("web"))],
  });
  const { operationState } = await scenario.waitForStatus("web", "failed", ({ operationState: state }) => {
    return state?.message?.includes("Retrying attempt #1") === true;
  });
  assert.match(operationState?.message ?? "", /^one or more synchronization tasks completed unsuccessfully/);
  assert.equal(await scenario.find("configmap", "later"), undefined);
  const commit = await (await scenario.clone("web")).commitAndPush({ "hook.yaml": hook({ mended: "yes" }) });
  await scenario.waitForSynced("web", commit, 20_000);
  assert.ok(await scenario.find("configmap", "later"));
});

test("a push that leaves nothing does not remove everything, and what Git says again is followed", {
  skip: kubectlMissing(),
}, async () => {
  const source = { path: "deploy", targetRevision: "stable" };
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "deploy/a.yaml": configMap("a", "0"), "README.md": "An Application" } },
    manifests: (urlOf) => [application("web", urlOf("web"), { source: { repoURL: urlOf("web"), ...source } })],
  });
  const copy = await scenario.clone("web");
  await copy.push("origin", "HEAD:refs/heads/stable");
  await scenario.waitForSynced("web");

  // The folder stays, with nothing in it that is a manifest.
  const emptied = await copy.commit({ "deploy/a.yaml": undefined, "deploy/NOTES": "Nothing" });
  await copy.push("origin", "HEAD:refs/heads/stable");
  const refused = await scenario.waitForStatus("web", "refused", ({ conditions = [] }) => conditions.length > 0);
  assert.deepEqual(
    refused.conditions?.map(({ type, message }) => `${type}: ${message}`),
    [`SyncError: Skipping sync attempt to [${emptied}]: auto-sync will wipe out all resources`],
  );
  assert.ok(await scenario.find("configmap", "a"));

  await copy.push("origin", ":refs/heads/stable");
  const lost = await scenario.waitForStatus("web", "lost", ({ sync }) => sync?.status === "Unknown");
  assert.match(lost.conditions?.[0]?.message ?? "", /desc = unable to resolve 'stable' to a commit SHA$/);
  assert.ok(await scenario.find("configmap", "a"));

  const restored = await copy.commit({ "deploy/a.yaml": configMap("a", "1") });
  await copy.push("origin", "HEAD:refs/heads/stable");
  const { conditions = [] } = await scenario.waitForSynced("web", restored);
  assert.deepEqual(conditions, []);
});

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

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { SyncRecord } from "../../src/record/records.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

const skip = kubectlMissing() ?? false;
/** One engine for all: each test has an Application and a repository of its own. */
let scenario: GitOpsScenario;

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

const elsewhere = { server: "https://kubernetes.default.svc", namespace: "kube-public" };

before(async () => {
  if (skip) return;
  const source = { path: "deploy", targetRevision: "stable" };
  scenario = await GitOpsScenario.start({
    repositories: {
      stuck: { "web.yaml": deployment({ "tiphys.io/simulate-outcome": "hang" }), "later.yaml": later },
      hooked: { "hook.yaml": hook({ "tiphys.io/simulate-outcome": "fail" }), "later.yaml": later },
      emptied: { "deploy/a.yaml": configMap("a", "0"), "README.md": "An Application" },
    },
    manifests: (urlOf) => [
      application("stuck", urlOf("stuck")),
      application("hooked", urlOf("hooked"), { destination: elsewhere }),
      application("emptied", urlOf("emptied"), { source: { repoURL: urlOf("emptied"), ...source } }),
    ],
  });
});

after(() => scenario?.[Symbol.asyncDispose]());
failOnLeakedChildren();

test("a sync that waits for what never gets ready gives way to the push that mends it", {
  skip,
}, async () => {
  const { sync } = await scenario.waitForStatus("stuck", "waiting", ({ operationState }) => {
    return operationState?.message === "waiting for healthy state of apps/Deployment/web";
  });
  assert.equal(await scenario.find("configmap", "later"), undefined);
  const commit = await (await scenario.clone("stuck")).commitAndPush({ "web.yaml": deployment({ mended: "yes" }) });
  await scenario.waitForSynced("stuck", commit, 20_000);
  assert.ok(await scenario.find("configmap", "later"));
  const { stdout } = await scenario.engine.cli(["app", "history", "stuck", "--all", "-o", "json"]);
  const former = (JSON.parse(stdout) as SyncRecord[]).find(({ revisions }) => revisions[0] === sync?.revision);
  assert.deepEqual([former?.phase, former?.supersededBy], ["Failed", [commit]]);
});

test("a hook that fails fails the sync, which is tried again until a push mends it", {
  skip,
}, async () => {
  const { operationState } = await scenario.waitForStatus("hooked", "failed", ({ operationState: state }) => {
    return state?.message?.includes("Retrying attempt #") === true;
  });
  assert.match(operationState?.message ?? "", /^one or more synchronization tasks completed unsuccessfully/);
  assert.equal(await scenario.find("configmap", "later", "kube-public"), undefined);
  const commit = await (await scenario.clone("hooked")).commitAndPush({ "hook.yaml": hook({ mended: "yes" }) });
  await scenario.waitForSynced("hooked", commit, 20_000);
  assert.ok(await scenario.find("configmap", "later", "kube-public"));
});

test("a push that leaves nothing does not remove everything, and what Git says again is followed", {
  skip,
}, async () => {
  const copy = await scenario.clone("emptied");
  await copy.push("origin", "HEAD:refs/heads/stable");
  await scenario.waitForSynced("emptied");

  // The folder stays, with nothing in it that is a manifest.
  const emptied = await copy.commit({ "deploy/a.yaml": undefined, "deploy/NOTES": "Nothing" });
  await copy.push("origin", "HEAD:refs/heads/stable");
  const refused = await scenario.waitForStatus("emptied", "refused", ({ conditions = [] }) => conditions.length > 0);
  assert.deepEqual(
    refused.conditions?.map(({ type, message }) => `${type}: ${message}`),
    [`SyncError: Skipping sync attempt to [${emptied}]: auto-sync will wipe out all resources`],
  );
  assert.ok(await scenario.find("configmap", "a"));

  await copy.push("origin", ":refs/heads/stable");
  const lost = await scenario.waitForStatus("emptied", "lost", ({ sync }) => sync?.status === "Unknown");
  assert.match(lost.conditions?.[0]?.message ?? "", /desc = unable to resolve 'stable' to a commit SHA$/);
  assert.ok(await scenario.find("configmap", "a"));

  const restored = await copy.commit({ "deploy/a.yaml": configMap("a", "1") });
  await copy.push("origin", "HEAD:refs/heads/stable");
  const { conditions = [] } = await scenario.waitForSynced("emptied", restored);
  assert.deepEqual(conditions, []);
});

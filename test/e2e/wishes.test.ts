import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApplicationStatus } from "../../src/api/application-types.ts";
import { gitPassword, startGitServer } from "../harness/git-server.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { resource } from "./scenario.ts";

failOnLeakedChildren();

const deployment = (image: string, annotations: object = {}, name = "fragile", progressDeadlineSeconds = 1) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, annotations },
  spec: {
    replicas: 1,
    progressDeadlineSeconds,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "main", image }] } },
  },
});
const hanging = deployment("web:1", { "tiphys.io/simulate-outcome": "hang" }, "hanging", 600);

/**
 * Rolls back what becomes Degraded, and what is not ready in its time; what was left is quarantined, so that it does not come
 * back by itself.
 */
const outcomes = [
  ["fragile", "application-degraded"],
  ["stuck", "application-sync-failed"],
] as const;
const rollsBackSpec = {
  dependencies: outcomes.map(([name, eventName]) => ({
    name,
    eventSourceName: "tiphys",
    eventName,
    filters: { data: [{ path: "application.name", type: "string", value: [name] }] },
  })),
  triggers: [
    ...outcomes.map(([name]) => ({ name, conditions: name, gitOps: { operation: "rollback", application: name } })),
    { name: "propose", conditions: "stuck", gitOps: { operation: "revert", application: "stuck", branch: "back" } },
  ].map((template) => ({ template, atLeastOnce: true })),
};
const rollsBack = {
  ...resource("Sensor", "rolls-back", rollsBackSpec),
  metadata: { name: "rolls-back", namespace: "argocd" },
};

/** Those for reading are not used to write. */
const writer = (url: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: "writes",
    namespace: "argocd",
    labels: { "argocd.argoproj.io/secret-type": "repository-write" },
  },
  stringData: { url, username: "git", password: gitPassword },
});

test("a sync by hand takes the newest commit; what degrades is rolled back until a better one comes, or by a commit", {
  skip: kubectlMissing() ?? false,
}, async () => {
  await using elsewhere = await startGitServer();
  await elsewhere.server.createServedRepository("quiet", { "a.yaml": JSON.stringify(configMap("quiet", "0")) });
  await using scenario = await GitOpsScenario.start({
    repositories: { fragile: { "a.yaml": deployment("web:1") }, stuck: { "a.yaml": configMap("stuck", "0") } },
    manifests: (urlOf) => [
      application("stuck", urlOf("stuck"), {
        syncPolicy: { automated: {}, syncOptions: ["WaveTimeout=1s"], retry: { limit: 0 } },
      }),
      application("quiet", elsewhere.server.urlOf("quiet"), { syncPolicy: {} }),
      application("fragile", urlOf("fragile")),
      rollsBack,
    ],
  });
  const tiphys = (line: string) => scenario.engine.cli(line.split(" "));
  await scenario.waitForStatus("quiet", "to be compared", ({ sync }) => sync?.status === "OutOfSync");
  assert.equal((await tiphys("app sync quiet --timeout 30")).code, 0);

  // Nobody tells the engine of this push, and the next poll is minutes away.
  const quiet = await scenario.cloneOf(elsewhere.server.pushUrlOf("quiet"), "quiet");
  const commit = await quiet.commitAndPush({ "a.yaml": configMap("quiet", "1") });
  assert.equal((await tiphys("app sync quiet --timeout 30")).code, 0);
  assert.equal((await scenario.waitForSynced("quiet")).sync?.revision, commit);

  // The second wave waits for the first, which is never ready: a push leads to a failure, and that to a rollback.
  const { sync: still } = await scenario.waitForSynced("stuck");
  const stuck = await scenario.clone("stuck");
  const never = await stuck.commitAndPush({
    "a.yaml": configMap("stuck", "1", { "argocd.argoproj.io/sync-wave": "1" }),
    "b.yaml": hanging,
  });

  const { sync } = await scenario.waitForSynced("fragile");
  const good = sync?.revision;
  const fragile = await scenario.clone("fragile");
  const bad = await fragile.commitAndPush({
    "a.yaml": deployment("web:2", { "tiphys.io/simulate-outcome": "fail", "tiphys.io/simulate-after": "100ms" }),
  });
  await scenario.waitForStatus(
    "fragile",
    "to be as it was",
    ({ sync, operationState, health }) =>
      sync?.revision === bad &&
      health?.status === "Healthy" &&
      operationState?.phase === "Succeeded" &&
      operationState.syncResult?.revision === good,
    30_000,
  );
  const isBack = ({ sync, operationState }: ApplicationStatus) =>
    sync?.revision === never &&
    operationState?.phase === "Succeeded" &&
    operationState.syncResult?.revision === still?.revision;
  await scenario.waitForStatus("stuck", "to be as it was", isBack);
  const { stdout: history } = await tiphys("app history stuck --all");
  assert.match(
    history,
    /Succeeded +[0-9a-f]{7} +Sensor argocd\/rolls-back.*\n.*Failed +[0-9a-f]{7} +automated .*apps\/Deployment\/hanging was not ready after 1s/,
  );
  // The same as a commit, proposed to whoever reviews changes.
  await waitFor("the branch", () =>
    stuck.git("fetch", "--quiet", "origin", "back").then(
      () => true,
      () => false,
    ),
  );
  assert.equal(await stuck.git("diff", "--stat", still?.revision ?? "", "FETCH_HEAD"), "");
  assert.match(
    await stuck.git("log", "-1", "--format=%B", "FETCH_HEAD"),
    /\nAsked-for-by: Sensor argocd\/rolls-back\nEffect: /,
  );
  assert.match((await tiphys("app why fragile")).stdout, /waits for quarantine since 20\S+Z: .*\n {2}to go on: push /);
  const better = await fragile.commitAndPush({ "a.yaml": deployment("web:3") });
  await scenario.waitForSynced("fragile", better);

  // A rollback as a commit: Git says what runs, and automated sync stays on.
  const reverted = await tiphys("app rollback fragile --git -o json");
  assert.equal(reverted.code, 0, reverted.stderr);
  const [made] = JSON.parse(reverted.stdout) as { commit: string; restored: string }[];
  assert.equal(made?.restored, good);
  await scenario.waitForSynced("fragile", made?.commit);
  await fragile.git("pull", "--quiet");
  assert.equal(await fragile.git("diff", "--stat", good ?? "", "HEAD"), "");
  const { stdout: told } = await tiphys("event export --format cdevents --since 1h");
  const events = told.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
  assert.deepEqual(
    events
      .filter(({ subject }) => subject === "argocd/fragile")
      .map(({ type, data }) => [type.split(".")[3], data.subject.content.artifactId.split("tag=")[1]]),
    [
      ["deployed", "1"],
      ["upgraded", "2"],
      ["rolledback", "1"],
      ["upgraded", "3"],
      ["upgraded", "1"],
    ],
    "as others are told of it; a commit that reverts is another revision",
  );

  const refused = await tiphys("app rollback quiet --git --branch back");
  assert.equal(refused.code, 20);
  assert.match(
    refused.stderr,
    /^error: nobody declared who may write to http\S+quiet\.git\nMake a Secret with the label /,
  );
  await scenario.kubectl(["create", "-f", "-"], writer(elsewhere.server.urlOf("quiet")));
  const proposed = await tiphys("app rollback quiet --git --branch back");
  assert.match(
    proposed.stdout,
    /^Committed [0-9a-f]{7} to back of http\S+: \. is as at [0-9a-f]{7}; open a pull request/,
  );
  await quiet.git("fetch", "--quiet", "origin", "back");
  assert.equal(await quiet.git("diff", "--stat", "HEAD~1", "FETCH_HEAD"), "");
  assert.match(
    await quiet.git("log", "-1", "--format=%B", "FETCH_HEAD"),
    /Application argocd\/quiet was deployed with it as 0/,
  );
});

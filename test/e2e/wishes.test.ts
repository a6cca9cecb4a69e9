import assert from "node:assert/strict";
import { test } from "node:test";
import { startGitServer } from "../harness/git-server.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { resource } from "./scenario.ts";

failOnLeakedChildren();

const deployment = (image: string, annotations: object = {}) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "fragile", annotations },
  spec: {
    replicas: 1,
    progressDeadlineSeconds: 1,
    selector: { matchLabels: { app: "fragile" } },
    template: { metadata: { labels: { app: "fragile" } }, spec: { containers: [{ name: "main", image }] } },
  },
});

/** Rolls back whatever becomes Degraded; what was left is quarantined, so that it does not come back by itself. */
const rollsBackSpec = {
  dependencies: [
    {
      name: "degraded",
      eventSourceName: "tiphys",
      eventName: "application-degraded",
      filters: { data: [{ path: "application.name", type: "string", value: ["fragile"] }] },
    },
  ],
  triggers: [
    { template: { name: "back", gitOps: { operation: "rollback", application: "fragile" } }, atLeastOnce: true },
  ],
};
const rollsBack = {
  ...resource("Sensor", "rolls-back", rollsBackSpec),
  metadata: { name: "rolls-back", namespace: "argocd" },
};

test("a sync by hand takes the newest commit; what degrades is rolled back until a better one comes", {
  skip: kubectlMissing() ?? false,
}, async () => {
  await using elsewhere = await startGitServer();
  await elsewhere.server.createServedRepository("quiet", { "a.yaml": JSON.stringify(configMap("quiet", "0")) });
  await using scenario = await GitOpsScenario.start({
    repositories: { fragile: { "a.yaml": deployment("web:1") } },
    manifests: (urlOf) => [
      application("quiet", elsewhere.server.urlOf("quiet"), { syncPolicy: {} }),
      application("fragile", urlOf("fragile")),
      rollsBack,
    ],
  });
  const tiphys = (line: string) => scenario.engine.cli(line.split(" "));
  await scenario.waitForStatus("quiet", "to be compared", ({ sync }) => sync?.status === "OutOfSync");

  // Nobody tells the engine of this push, and the next poll is minutes away.
  const quiet = await scenario.cloneOf(elsewhere.server.pushUrlOf("quiet"), "quiet");
  const commit = await quiet.commitAndPush({ "a.yaml": configMap("quiet", "1") });
  assert.equal((await tiphys("app sync quiet --timeout 30")).code, 0);
  assert.equal((await scenario.waitForSynced("quiet")).sync?.revision, commit);

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
  assert.match((await tiphys("app why fragile")).stdout, /waits for quarantine since 20\S+Z: .*\n {2}to go on: push /);
  const better = await fragile.commitAndPush({ "a.yaml": deployment("web:3") });
  await scenario.waitForSynced("fragile", better);
});

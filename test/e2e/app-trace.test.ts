import assert from "node:assert/strict";
import { test } from "node:test";
import { startGitServer } from "../harness/git-server.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { readMetric } from "../harness/metrics.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;

const polling = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "argocd-cm", namespace: "argocd", labels: { "app.kubernetes.io/part-of": "argocd" } },
  data: { "timeout.reconciliation": "2s", "timeout.reconciliation.jitter": "0s" },
};

test("trace tells of pushes, polls and drifts down to the objects, by the command line", { skip }, async () => {
  await using elsewhere = await startGitServer();
  const { server } = elsewhere;
  await server.createServedRepository("polled", { "a.yaml": JSON.stringify(configMap("polled", "0")) });
  await using scenario = await GitOpsScenario.start({
    repositories: { pushed: { "a.yaml": configMap("pushed", "0") } },
    manifests: (urlOf) => [
      polling,
      application("pushed", urlOf("pushed")),
      application("polled", server.urlOf("polled")),
    ],
  });
  const traced = async (reference: string, ...chain: readonly RegExp[]): Promise<void> => {
    let told = "";
    await waitFor(`the trace of ${reference}`, async () => {
      told = (await scenario.engine.cli(["trace", reference])).stdout;
      let from = 0;
      const lines = told.split("\n");
      return chain.every((pattern) => {
        const at = lines.findIndex((line, index) => index >= from && pattern.test(line));
        from = at + 1;
        return at >= 0;
      });
    }).catch((error: unknown) => assert.fail(`${String(error)}; it is\n${told}`));
  };
  for (const name of ["pushed", "polled"]) await scenario.waitForSynced(name);

  const pushed = await (await scenario.clone("pushed")).commitAndPush({ "b.yaml": configMap("pushed-b", "1") });
  await traced(
    pushed,
    /event \S+ argocd\/tiphys push /,
    /decision \S+ Application argocd\/pushed fired reconcile: push: refs\/heads\/main /,
    new RegExp(`sync \\S+ Application argocd/pushed Succeeded at ${pushed.slice(0, 7)}, manifests sha256:[0-9a-f]{7} `),
    /observation \S+ v1\/ConfigMap\/default\/pushed-b created/,
  );

  const copy = await scenario.cloneOf(server.pushUrlOf("polled"), "polled");
  const polled = await copy.commitAndPush({ "b.yaml": configMap("polled-b", "1") });
  const poll = [
    /decision \S+ Application argocd\/polled fired reconcile: poll: HEAD of /,
    new RegExp(`sync \\S+ Application argocd/polled Succeeded at ${polled.slice(0, 7)}`),
    /observation \S+ v1\/ConfigMap\/default\/polled-b created/,
  ];
  await traced(polled.slice(0, 8), ...poll);
  await traced("ConfigMap/default/polled-b", ...poll);

  await scenario.kubectl(["delete", "configmap", "polled-b"]);
  const drift = [
    /decision \S+ Application argocd\/polled fired reconcile: drift: ConfigMap\/default\/polled-b was deleted/,
    new RegExp(`sync \\S+ Application argocd/polled Succeeded at ${polled.slice(0, 7)}`),
    /observation \S+ v1\/ConfigMap\/default\/polled-b created/,
  ];
  await traced("ConfigMap/default/polled-b", ...drift);
  await traced(polled, ...drift);
});

test("timeout.hard.reconciliation has everything looked at anew", { skip }, async () => {
  const data = { ...polling.data, "timeout.reconciliation": "0s", "timeout.hard.reconciliation": "1s" };
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "a.yaml": configMap("web", "0") } },
    manifests: (urlOf) => [{ ...polling, data }, application("web", urlOf("web"))],
  });
  await scenario.waitForSynced("web");
  // Nothing changes: only a look that forgets what was made before makes manifests again.
  const renders = () => readMetric(scenario.engine, "tiphys_renders_total");
  const before = await renders();
  await waitFor("three more looks", async () => (await renders()) >= before + 3, 40_000);
});

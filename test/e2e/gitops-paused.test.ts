import assert from "node:assert/strict";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;
const annotation = "argocd.argoproj.io/skip-reconcile";

/** The engine's own cluster, as a Secret declares it. */
const clusterSecret = (annotations: object): object => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: "own",
    namespace: "argocd",
    labels: { "argocd.argoproj.io/secret-type": "cluster" },
    annotations,
  },
  stringData: { name: "in-cluster", server: "https://kubernetes.default.svc" },
});

test("skip-reconcile of a cluster's Secret, in any form that Go takes for true, stops and starts its Applications", {
  skip,
}, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { shop: { "a.yaml": configMap("settings", "0") } },
    manifests: (urlOf) => [clusterSecret({ [annotation]: "yes" }), application("shop", urlOf("shop"))],
  });
  const storedValue = async (): Promise<string> =>
    scenario.kubectl(["get", "configmap", "settings", "-n", "default", "-o", "jsonpath={.data.value}"]);
  await scenario.waitForSynced("shop"); // "yes" is no boolean
  await scenario.kubectl(["apply", "-f", "-"], clusterSecret({ [annotation]: "T" }));
  const why = async (): Promise<string> => (await scenario.engine.cli(["app", "why", "shop"])).stdout;
  await waitFor("the cluster to be paused", async () => /skip-reconcile of the cluster in-cluster/.test(await why()));
  const copy = await scenario.clone("shop");
  const commit = await copy.commitAndPush({ "a.yaml": configMap("settings", "1") });
  await waitFor("the push to be passed over", async () => {
    const { stdout } = await scenario.engine.cli(["event", "list", "-o", "name"]);
    const id = /^[0-9a-f-]{36}$/m.exec(stdout)?.[0] ?? "";
    return (
      id !== "" &&
      /reconciling of the cluster in-cluster is turned off/.test((await scenario.engine.cli(["why", id])).stdout)
    );
  });
  assert.equal(await storedValue(), "0");
  await scenario.kubectl(["apply", "-f", "-"], clusterSecret({ [annotation]: "false" }));
  await scenario.waitForSynced("shop", commit);
  assert.equal(await storedValue(), "1");
});

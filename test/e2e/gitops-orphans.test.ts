import assert from "node:assert/strict";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;

test("objects that no Application manages are told of, and shown", { skip }, async () => {
  const project = (warn: boolean) => ({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { name: "watched", namespace: "argocd" },
    spec: {
      sourceRepos: ["*"],
      destinations: [{ server: "*", namespace: "*" }],
      orphanedResources: { warn, ignore: [{ kind: "Secret" }, { kind: "ConfigMap", name: "known-*" }] },
    },
  });
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "a.yaml": configMap("web", "0") } },
    manifests: (urlOf) => [
      project(true),
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
      application("web", urlOf("web"), {
        project: "watched",
        destination: { server: "https://kubernetes.default.svc", namespace: "shop" },
      }),
    ],
  });
  await scenario.waitForSynced("web");
  const warned = (count: number) =>
    scenario.waitForStatus("web", `to warn of ${count}`, ({ conditions = [] }) =>
      conditions.some(({ type, message }) => {
        return type === "OrphanedResourceWarning" && message === `Application has ${count} orphaned resources`;
      }),
    );
  await scenario.kubectl(["create", "configmap", "stray", "-n", "shop"]);
  await warned(1);
  for (const name of ["known-a", "other"]) await scenario.kubectl(["create", "configmap", name, "-n", "shop"]);
  await scenario.kubectl(["create", "secret", "generic", "s", "-n", "shop"]);
  await scenario.kubectl(["create", "deployment", "loose", "-n", "shop", "--image=nginx"]);
  await warned(3);
  const { stdout } = await scenario.engine.cli(["app", "resources", "web", "--orphaned"]);
  assert.match(stdout, /^GROUP +KIND +NAMESPACE +NAME +ORPHANED\n/);
  assert.deepEqual(
    stdout
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().replaceAll(/ +/g, " "))
      .toSorted(),
    ["ConfigMap shop other Yes", "ConfigMap shop stray Yes", "apps Deployment shop loose Yes"],
  );
  assert.match((await scenario.engine.cli(["app", "get", "web"])).stdout, /OrphanedResourceWarning +Application has 3/);
  const tree = (await (await scenario.engine.api("/api/v1/applications/web/resource-tree")).json()) as {
    orphanedNodes: { kind: string }[];
  };
  assert.deepEqual(
    tree.orphanedNodes.map(({ kind }) => kind).toSorted(),
    ["ConfigMap", "ConfigMap", "Deployment", "Pod", "ReplicaSet"],
    "with what they own",
  );
  await scenario.kubectl(["delete", "deployment/loose", "configmap/other", "-n", "shop"]);
  await warned(1);
  await scenario.kubectl(["apply", "-f", "-"], project(false));
  await scenario.waitForStatus("web", "to be quiet", ({ conditions = [] }) => conditions.length === 0);
});

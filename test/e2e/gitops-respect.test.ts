import assert from "node:assert/strict";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const map = (data: object) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" }, data });

test("with RespectIgnoreDifferences a sync leaves ignored fields as they are, without it does not", {
  skip: kubectlMissing(),
}, async () => {
  const ignoreDifferences = [{ group: "", kind: "ConfigMap", jsonPointers: ["/data/tuned"] }];
  const policy = (...syncOptions: string[]) => ({ ignoreDifferences, syncPolicy: { automated: {}, syncOptions } });
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "a.json": map({ tuned: "git", other: "1" }) } },
    manifests: (urlOf) => [application("web", urlOf("web"), policy("RespectIgnoreDifferences=true"))],
  });
  const dataOf = async (): Promise<unknown> =>
    JSON.parse(await scenario.kubectl(["get", "configmap", "m", "-n", "default", "-o", "jsonpath={.data}"]));
  await scenario.waitForSynced("web");
  const tuned = JSON.stringify({ data: { tuned: "by hand" } });
  await scenario.kubectl(["patch", "configmap", "m", "-n", "default", "--type", "merge", "-p", tuned]);

  const clone = await scenario.clone("web");
  await scenario.waitForSynced("web", await clone.commitAndPush({ "a.json": map({ tuned: "git", other: "2" }) }));
  assert.deepEqual(await dataOf(), { tuned: "by hand", other: "2" });

  const plain = JSON.stringify({ spec: policy() });
  await scenario.kubectl(["patch", "application", "web", "-n", "argocd", "--type", "merge", "-p", plain]);
  await scenario.waitForSynced("web", await clone.commitAndPush({ "a.json": map({ tuned: "git", other: "3" }) }));
  assert.deepEqual(await dataOf(), { tuned: "git", other: "3" });
});

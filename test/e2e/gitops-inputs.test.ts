import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { buses } from "./scenario.ts";

failOnLeakedChildren();

const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" } };
const widgets = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

function start(args: readonly string[]): Promise<GitOpsScenario> {
  return GitOpsScenario.start({
    args,
    repositories: {
      good: { "a.yaml": configMap("good", "0") },
      "no-path": { "a.yaml": configMap("no-path", "0") },
      "no-yaml": { "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: no-yaml\ndata: {a\n" },
      "no-kind": { "a.yaml": configMap("beside", "0"), "w.yaml": widget },
    },
    manifests: (urlOf) => [
      application("good", urlOf("good")),
      application("no-repository", urlOf("none")),
      application("no-path", urlOf("no-path"), { source: { repoURL: urlOf("no-path"), path: "deploy/prod" } }),
      application("no-revision", urlOf("good"), {
        source: { repoURL: urlOf("good"), path: "release", targetRevision: "release" },
      }),
      application("no-yaml", urlOf("no-yaml")),
      application("no-kind", urlOf("no-kind")),
      application("no-project", urlOf("good"), { project: "none" }),
    ],
  });
}

async function conditions(scenario: GitOpsScenario, name: string): Promise<readonly string[]> {
  const status = await scenario.waitForStatus(name, "in an error", ({ sync, conditions: found = [] }) => {
    return sync?.status === "Unknown" && found.length > 0;
  });
  return (status.conditions ?? []).map(({ type, message }) => `${type}: ${message}`);
}

const load = "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: rpc error:";

for (const bus of buses) {
  describe(`what cannot be synced on the ${bus.name}`, { skip: bus.skip ?? kubectlMissing() }, () => {
    test("is told as Argo CD tells it, holds up nobody else, and recovers when it is mended", async () => {
      await using driver = await bus.start();
      await using scenario = await start(driver.args);
      await scenario.waitForSynced("good");
      const none = scenario.urlOf("none");
      assert.deepEqual(await conditions(scenario, "no-repository"), [
        `${load} code = Unknown desc = failed to fetch "${none}": repository not found`,
      ]);
      assert.deepEqual(await conditions(scenario, "no-path"), [
        `${load} code = Unknown desc = deploy/prod: app path does not exist`,
      ]);
      assert.deepEqual(await conditions(scenario, "no-revision"), [
        `${load} code = Unknown desc = unable to resolve 'release' to a commit SHA`,
      ]);
      assert.deepEqual(await conditions(scenario, "no-yaml"), [
        `${load} code = FailedPrecondition desc = Failed to unmarshal "a.yaml": line 6, column 1: deficient indentation`,
      ]);
      const listed = await scenario.kubectl(["get", "applications", "-n", "argocd"]);
      assert.match(listed, /^no-path +Unknown +Healthy /m);
      assert.deepEqual(await conditions(scenario, "no-project"), [
        "InvalidSpecError: Application referencing project none which does not exist",
      ]);
      const missing =
        "The Kubernetes API could not find example.com/Widget for requested resource default/w. " +
        'Make sure the "Widget" CRD is installed on the destination cluster.';
      const { operationState } = await scenario.waitForStatus(
        "no-kind",
        "refused",
        ({ operationState: state }) => state?.message?.startsWith("one or more") === true,
      );
      const said = "one or more synchronization tasks are not valid";
      assert.ok(
        operationState?.message?.startsWith(`${said}: ${missing}. Retrying attempt #1 at `),
        operationState?.message,
      );
      assert.equal(await scenario.find("configmap", "beside"), undefined, "part of what is not valid was applied");

      const good = await (await scenario.clone("good")).commitAndPush({ "a.yaml": configMap("good", "1") });
      await scenario.waitForSynced("good", good);

      const patch = JSON.stringify({ spec: { source: { repoURL: scenario.urlOf("good") } } });
      await scenario.kubectl(["patch", "application", "no-repository", "-n", "argocd", "--type=merge", "-p", patch]);
      const noPath = await (await scenario.clone("no-path")).commitAndPush({
        "deploy/prod/a.yaml": configMap("path", "1"),
      });
      const noYaml = await (await scenario.clone("no-yaml")).commitAndPush({ "a.yaml": configMap("no-yaml", "1") });
      const release = await scenario.clone("good", "release");
      await release.git("checkout", "--quiet", "-b", "release");
      const noRevision = await release.commitAndPush({ "release/a.yaml": configMap("release", "1") });
      await scenario.kubectl(["apply", "-f", "-"], widgets);
      const project = {
        kind: "AppProject",
        apiVersion: "argoproj.io/v1alpha1",
        metadata: { name: "none", namespace: "argocd" },
      };
      const spec = { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] };
      await scenario.kubectl(["apply", "-f", "-"], { ...project, spec });

      await scenario.waitForSynced("no-path", noPath);
      await scenario.waitForSynced("no-yaml", noYaml);
      await scenario.waitForSynced("no-revision", noRevision);
      await scenario.waitForSynced("no-kind", undefined, 20_000);
      assert.ok(await scenario.find("widget", "w"));
      // These want what the Application `good` has; they see it, and leave it alone.
      for (const name of ["no-repository", "no-project"]) {
        const { conditions: left = [] } = await scenario.waitForStatus(
          name,
          "compared",
          ({ sync, conditions: found = [] }) =>
            sync?.status !== "Unknown" && found.every(({ type }) => type === "SharedResourceWarning"),
        );
        assert.equal(left.length, 1);
      }
      assert.equal((await scenario.status("good")).sync?.revision, good);
    });
  });
}

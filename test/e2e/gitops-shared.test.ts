import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { buses } from "./scenario.ts";

failOnLeakedChildren();

/** How long two Applications are watched for a fight. */
const watchedMs = 5_000;

for (const bus of buses) {
  describe(`an object that two Applications claim on the ${bus.name}`, { skip: bus.skip ?? kubectlMissing() }, () => {
    test("has one owner, both are warned, nobody fights, and the other takes it over", async () => {
      await using driver = await bus.start();
      await using scenario = await GitOpsScenario.start({
        args: driver.args,
        repositories: {
          left: { "a.yaml": configMap("shared", "left") },
          right: { "a.yaml": configMap("shared", "right") },
        },
        manifests: (urlOf) => [application("left", urlOf("left")), application("right", urlOf("right"))],
      });
      for (const [name, other] of [
        ["left", "right"],
        ["right", "left"],
      ] as const) {
        const { conditions = [] } = await scenario.waitForStatus(name, "warned", (status) =>
          (status.conditions ?? []).some(({ type }) => type === "SharedResourceWarning"),
        );
        const message = `ConfigMap/shared is part of applications argocd/${name} and ${other}`;
        assert.deepEqual(
          conditions.filter(({ type }) => type === "SharedResourceWarning").map((condition) => condition.message),
          [message],
        );
      }
      const value = (): Promise<string> =>
        scenario.kubectl(["get", "configmap", "shared", "-n", "default", "-o", "jsonpath={.data.value}"]);
      const owner = await value();
      const before = await scenario.find("configmap", "shared");
      assert.equal(before?.metadata.annotations?.["argocd.argoproj.io/tracking-id"]?.split(":")[0], owner);
      const loser = owner === "left" ? "right" : "left";
      await scenario.waitForSynced(owner);
      await sleep(watchedMs); // that nothing happens can only be watched
      const after = await scenario.find("configmap", "shared");
      assert.equal(after?.metadata.resourceVersion, before?.metadata.resourceVersion);
      assert.equal((await scenario.status(loser)).sync?.status, "OutOfSync");

      await scenario.kubectl(["delete", "application", owner, "-n", "argocd"]);
      await waitFor("the other to take it over", async () => (await value()) === loser);
      const { conditions = [] } = await scenario.waitForSynced(loser);
      assert.deepEqual(conditions, []);
      const taken = await scenario.find("configmap", "shared");
      assert.equal(taken?.metadata.annotations?.["argocd.argoproj.io/tracking-id"]?.split(":")[0], loser);
    });
  });
}

test("an owner that takes its objects with it leaves the other one to make them again", {
  skip: kubectlMissing(),
}, async () => {
  const metadata = { finalizers: ["resources-finalizer.argocd.argoproj.io"] };
  await using scenario = await GitOpsScenario.start({
    repositories: {
      left: { "a.yaml": configMap("shared", "left") },
      right: { "a.yaml": configMap("shared", "right") },
    },
    manifests: (urlOf) => ["left", "right"].map((name) => application(name, urlOf(name), {}, metadata)),
  });
  const owner = async (): Promise<string | undefined> => {
    const object = await scenario.find("configmap", "shared");
    return object?.metadata.annotations?.["argocd.argoproj.io/tracking-id"]?.split(":")[0];
  };
  const first = (await waitFor("an owner", owner)) ?? "";
  const other = first === "left" ? "right" : "left";
  for (const name of ["left", "right"]) {
    await scenario.waitForStatus(name, "warned", ({ conditions = [] }) => conditions.length > 0);
  }
  await scenario.kubectl(["delete", "application", first, "-n", "argocd", "--timeout=10s"]);
  await waitFor("the other to make it again", async () => (await owner()) === other);
  await scenario.waitForSynced(other);
});

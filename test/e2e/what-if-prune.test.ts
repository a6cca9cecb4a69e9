import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { changesOf, changeText, readAudit } from "../harness/audit.ts";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { postJson, resource, webhookSource } from "./scenario.ts";

failOnLeakedChildren();

const sensor = (gitOps: object): object =>
  resource("Sensor", "release", {
    dependencies: [{ name: "push", eventSourceName: "hook", eventName: "push" }],
    triggers: [{ template: { name: "sync", gitOps } }],
  });

test("what-if of a sync with prune names what would go, and the API is asked to change nothing", {
  skip: kubectlMissing() ?? false,
}, async () => {
  await using folder = await tempDir();
  const audit = join(folder.path, "audit.jsonl");
  const port = await freePort();
  await using scenario = await GitOpsScenario.start({
    args: ["--kube-audit-log", audit],
    repositories: { apps: { "kept.json": configMap("kept", "one"), "gone.json": configMap("gone", "one") } },
    manifests: (urlOf) => [
      webhookSource("hook", port),
      sensor({ application: "shop", prune: true }),
      application("shop", urlOf("apps"), { syncPolicy: {} }),
    ],
  });
  const { engine } = scenario;
  const synced = await engine.cli(["app", "sync", "shop"]);
  assert.equal(synced.code, 0, synced.stderr);
  await scenario.waitForSynced("shop");
  const copy = await scenario.clone("apps");
  await copy.commitAndPush({ "gone.json": undefined, "kept.json": configMap("kept", "two") });
  const refreshed = await engine.cli(["app", "get", "shop", "--refresh"]);
  assert.equal(refreshed.code, 0, refreshed.stderr);
  await scenario.waitForStatus("shop", "OutOfSync", ({ sync }) => sync?.status === "OutOfSync");

  const file = join(folder.path, "event.json");
  await writeFile(file, JSON.stringify({ body: {} }));
  const changes = async () => changesOf(await readAudit(audit)).map(changeText);
  const events = async () => (await engine.cli(["event", "list", "-o", "json"])).stdout;
  const [before, eventsBefore] = [await changes(), await events()];
  assert.ok(before.length > 0);
  const ask = async (...more: string[]): Promise<string> => {
    const args = ["what-if", "--event", file, "--from", "hook/push", ...more];
    const { stdout, code, stderr } = await engine.cli(args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const pruning = await ask();
  assert.match(pruning, /would fire\n +would ask Application argocd\/shop to sync: .*1 to prune, 1 to change/);
  assert.match(pruning, /prune +ConfigMap default\/gone\n/);
  assert.match(pruning, /- {2}value: one\n +\+ {2}value: two/);
  const candidate = join(folder.path, "sensor.json");
  await writeFile(candidate, JSON.stringify(sensor({ application: "shop" })));
  const keeping = await ask("--sensor", candidate);
  assert.match(keeping, /1 to change/);
  assert.doesNotMatch(keeping, /^ +prune +ConfigMap/m);
  assert.deepEqual((await changes()).slice(before.length), []);
  assert.ok(await scenario.find("configmap", "gone"));
  assert.equal(await events(), eventsBefore);

  // The event itself does what was said.
  assert.equal((await postJson(`http://127.0.0.1:${port}/push`, {})).status, 200);
  await waitFor("the prune", async () => (await scenario.find("configmap", "gone")) === undefined, 30_000);
});

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { GitOpsScenario } from "./gitops-scenario.ts";
import { type BusUnderTest, buses, copyExample, postJson } from "./scenario.ts";

failOnLeakedChildren();

interface Quickstart extends AsyncDisposable {
  readonly scenario: GitOpsScenario;
  readonly webhook: string;
}

async function startQuickstart(
  driver: BusUnderTest,
  replacements: Readonly<Record<string, string>> = {},
): Promise<Quickstart> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempDir());
  const [port, gitPort] = [await freePort(), await freePort()];
  const own = { 12000: String(port), 8418: String(gitPort), ...replacements };
  const dir = await copyExample("quickstart", join(folder.path, "manifests"), own);
  const scenario = stack.use(await GitOpsScenario.startIn(dir, driver.args, gitPort));
  const owned = stack.move();
  const webhook = `http://127.0.0.1:${port}/push`;
  return { scenario, webhook, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The ids of the pushes that an EventSource told of, the newest first. */
async function pushIds(scenario: GitOpsScenario, eventSource: string): Promise<readonly string[]> {
  const { code, stdout, stderr } = await scenario.engine.cli(["event", "list", "-o", "json"]);
  assert.equal(code, 0, stderr);
  const events = JSON.parse(stdout) as { id: string; eventSource: string; event: string }[];
  return events.filter((event) => event.eventSource === eventSource && event.event === "push").map(({ id }) => id);
}

/** Waits until the trace of `reference` holds a line for each pattern, each below the one before. */
async function waitForTrace(
  scenario: GitOpsScenario,
  reference: string,
  chain: readonly RegExp[],
): Promise<readonly string[]> {
  let last = "";
  return waitFor(`the trace of ${reference}`, async () => {
    last = (await scenario.engine.cli(["trace", reference])).stdout;
    const lines = last.split("\n");
    let depth = -1;
    let from = 0;
    for (const pattern of chain) {
      const at = lines.findIndex((line, index) => index >= from && pattern.test(line) && depthOf(line) > depth);
      const line = lines[at];
      if (line === undefined) return undefined;
      depth = depthOf(line);
      from = at + 1;
    }
    return lines;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it is\n${last}`, { cause: error });
  });
}

/** Steps of indentation behind the two columns of times. */
function depthOf(line: string): number {
  return /^\S+ +\S+ \S+ {2}( *)/.exec(line)?.[1]?.length ?? -1;
}

for (const bus of buses) {
  describe(`the quickstart's Application on the ${bus.name}`, { skip: bus.skip ?? kubectlMissing() }, () => {
    test("follows its repository and comes back when it is changed by hand", async (t) => {
      await using driver = await bus.start();
      await using quickstart = await startQuickstart(driver);
      const { scenario } = quickstart;
      await scenario.waitForSynced("guestbook");
      const all = await scenario.kubectl(["get", "applications,deployments,pods", "-A"]);
      assert.match(all, /^argocd +application\S*\/guestbook +Synced +Healthy/m);
      assert.match(all, /^default +deployment\S*\/guestbook-ui /m);
      assert.equal(all.match(/^default +pod\/guestbook-ui-\S+ /gm)?.length, 2);
      const deployment = await scenario.find("deployment", "guestbook-ui");
      assert.equal(deployment?.status?.readyReplicas, 2);

      const copy = await scenario.clone("guestbook");
      const manifest = join(copy.path, "deployment.yaml");
      const text = await readFile(manifest, "utf8");
      await writeFile(manifest, text.replace("replicas: 2", "replicas: 3"));
      const commit = await copy.commit({});
      const pushedAt = performance.now();
      await copy.push();
      const replicas = async (): Promise<unknown> => (await scenario.find("deployment", "guestbook-ui"))?.spec.replicas;
      await waitFor("three replicas", async () => (await replicas()) === 3, 5_000);
      t.diagnostic(`followed the push after ${Math.round(performance.now() - pushedAt)} ms`);
      await scenario.waitForSynced("guestbook", commit);

      const before = await scenario.find("deployment", "guestbook-ui");
      await scenario.kubectl(["delete", "deployment", "guestbook-ui"]);
      const after = await waitFor("the Deployment to be back", async () => scenario.find("deployment", "guestbook-ui"));
      assert.notEqual(after.metadata.uid, before?.metadata.uid);
      await scenario.waitForSynced("guestbook", commit);
      await scenario.kubectl(["scale", "deployment", "guestbook-ui", "--replicas=7"]);
      await waitFor("three replicas again", async () => (await replicas()) === 3, 20_000);
      await scenario.waitForSynced("guestbook", commit);
      assert.equal((await scenario.list("pods")).filter(({ metadata }) => !metadata.deletionTimestamp).length, 3);
    });

    test("is shown, synced and explained by the command line", async () => {
      await using driver = await bus.start();
      await using quickstart = await startQuickstart(driver);
      const { scenario } = quickstart;
      const tiphys = async (...args: string[]): Promise<string> => {
        const { code, stdout, stderr } = await scenario.engine.cli(args);
        assert.equal(code, 0, `tiphys ${args.join(" ")}: ${stdout}${stderr}`);
        return stdout;
      };
      const status = await scenario.waitForSynced("guestbook");
      assert.match(await tiphys("app", "list"), /^argocd\/guestbook .*Synced +Healthy/m);
      const shown = await tiphys("app", "get", "guestbook");
      assert.match(shown, /^Sync Status: +Synced to HEAD \(\w{7}\)$/m);
      assert.match(shown, /^apps +Deployment +default +guestbook-ui +Synced +Healthy/m);
      assert.match(await tiphys("app", "sync", "guestbook"), /^Phase: +Succeeded$/m);
      const sensor = await tiphys("app", "sensor", "guestbook", "-o", "yaml");
      for (const part of ["kind: Sensor", "name: push", "gitOps:", "guestbook"])
        assert.ok(sensor.includes(part), sensor);

      const podsBefore = new Set((await scenario.list("pods")).map(({ metadata }) => metadata.name));
      const copy = await scenario.clone("guestbook");
      const text = await readFile(join(copy.path, "deployment.yaml"), "utf8");
      const commit = await copy.commitAndPush({ "deployment.yaml": text.replace("replicas: 2", "replicas: 3") });
      assert.notEqual(commit, status.sync?.revision);
      await scenario.waitForSynced("guestbook", commit);
      const [push = ""] = await waitFor("the push's event", async () => {
        const ids = await pushIds(scenario, "tiphys");
        return ids.length > 0 && ids;
      });
      const chain = [
        new RegExp(`event ${push}`),
        /decision \S+ Application argocd\/guestbook fired/,
        new RegExp(`sync \\S+ Application argocd/guestbook Succeeded at ${commit.slice(0, 7)}`),
        /observation \S+ v1\/Pod\/default\/guestbook-ui-\S+ created.*Healthy/,
      ];
      await waitForTrace(scenario, push, chain);
      await waitForTrace(scenario, commit, chain);
      const pods = (await scenario.list("pods")).map(({ metadata }) => metadata.name);
      const pod = pods.find((name) => !podsBefore.has(name)) ?? "none";
      const observed = new RegExp(`observation \\S+ v1/Pod/default/${pod} .*Healthy`);
      await waitForTrace(scenario, `default/${pod}`, [...chain.slice(0, -1), observed]);
      assert.match(
        await tiphys("why", push),
        /^Application argocd\/guestbook\n {2}dependency push passed.*\n(?: {2}.*\n)* {2}trigger reconcile fired: push: /m,
      );
    });

    test("without automation it is synced by the webhook, and the trace goes down to the pods", async () => {
      await using driver = await bus.start();
      const automated = /automated:[\s\S]*$/;
      const example = await readFile(join(import.meta.dirname, "../../examples/quickstart/application.yaml"), "utf8");
      const policy = automated.exec(example)?.[0] ?? "";
      assert.notEqual(policy, "");
      await using quickstart = await startQuickstart(driver, { [policy]: "syncOptions: []\n" });
      const { scenario, webhook } = quickstart;
      await scenario.waitForStatus("guestbook", "OutOfSync", ({ sync }) => sync?.status === "OutOfSync");
      assert.equal((await scenario.list("pods")).length, 0);
      assert.equal((await postJson(webhook, { ref: "refs/heads/main" })).status, 200);
      await scenario.waitForSynced("guestbook");
      const [event = ""] = await waitFor("the webhook's event", async () => {
        const ids = await pushIds(scenario, "webhook");
        return ids.length > 0 && ids;
      });
      await waitForTrace(scenario, event, [
        new RegExp(`event ${event}`),
        /decision \S+ Sensor default\/deploy fired sync-guestbook/,
        /effect \S+ gitOps succeeded/,
        /decision \S+ Application argocd\/guestbook fired/,
        /sync \S+ Application argocd\/guestbook Succeeded/,
        /observation \S+ v1\/Pod\/default\/guestbook-ui-\S+ created.*Healthy/,
      ]);
    });
  });
}

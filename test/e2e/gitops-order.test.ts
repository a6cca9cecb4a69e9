import assert from "node:assert/strict";
import { test } from "node:test";
import { startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { resource } from "./scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;

test("an Application that needs another one is synced after it, as soon as that is ready", { skip }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { db: { "a.yaml": configMap("db", "0") }, web: { "a.yaml": configMap("web", "0") } },
    manifests: (urlOf) => [
      application("db", urlOf("db"), { syncPolicy: {} }),
      application("web", urlOf("web"), {}, { annotations: { "tiphys.io/needs": "db" } }),
    ],
  });
  for (const name of ["db", "web"]) {
    await scenario.waitForStatus(name, "to be compared", ({ sync }) => sync?.status === "OutOfSync");
  }
  assert.equal(await scenario.find("configmap", "web"), undefined);
  const operation = { operation: { sync: {} } };
  await scenario.kubectl([
    "patch",
    "application",
    "db",
    "-n",
    "argocd",
    "--type=merge",
    "-p",
    JSON.stringify(operation),
  ]);
  await scenario.waitForSynced("db");
  await scenario.waitForSynced("web", undefined, 15_000); // not at the next poll
});

test("an Application that waits for longer than its time-out says so by an event, and waits on", { skip }, async () => {
  await using sink = await startHttpSink();
  const payload = [{ src: { dependencyName: "late", dataKey: "@this" }, dest: "" }];
  const watcher = resource("Sensor", "watcher", {
    dependencies: [{ name: "late", eventSourceName: "tiphys", eventName: "application-needs-timed-out" }],
    triggers: [{ template: { name: "tell", http: { url: `${sink.url}/late`, method: "POST", payload } } }],
  });
  const annotations = { "tiphys.io/needs": "db", "tiphys.io/needs-timeout": "3s" };
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "a.yaml": configMap("web", "0") } },
    manifests: (urlOf) => [
      { ...watcher, metadata: { name: "watcher", namespace: "argocd" } },
      application("web", urlOf("web"), {}, { annotations }),
    ],
  });
  await waitFor("the event", () => sink.requests.length > 0, 30_000);
  const { application: told, needs } = JSON.parse(sink.requests[0]?.body ?? "{}");
  assert.deepEqual(told, { namespace: "argocd", name: "web" });
  assert.match(needs.message, /^it needs argocd\/db, which is not there; a sync waits since .*, longer than 3s/);
  const why = await scenario.engine.cli(["app", "why", "web"]);
  assert.match(
    why.stdout,
    /waits for need since 20\S+Z: a sync is due, but it needs argocd\/db, .*; a sync waits since .* than 3s/,
  );
  const shown = await scenario.engine.cli(["app", "get", "web"]);
  assert.match(shown.stdout, /NeedsTimeoutWarning +a sync waits since/);
  const db = application("db", scenario.urlOf("web"), {
    destination: { name: "in-cluster", namespace: "kube-public" },
  });
  await scenario.kubectl(["apply", "-f", "-"], db);
  await scenario.waitForSynced("web");
  assert.deepEqual((await scenario.status("web")).conditions ?? [], []);
  assert.equal(sink.requests.length, 1);
});

test("a rollback lasts until the next revision, though automated sync is on", { skip }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "a.yaml": configMap("web", "good") } },
    manifests: (urlOf) => [application("web", urlOf("web"))],
  });
  const value = async () => ((await scenario.find("configmap", "web")) as { data?: { value?: string } })?.data?.value;
  await scenario.waitForSynced("web");
  const copy = await scenario.clone("web");
  const bad = await copy.commitAndPush({ "a.yaml": configMap("web", "bad") });
  await scenario.waitForSynced("web", bad);
  const { history = [] } = await scenario.status("web");
  const answer = await scenario.engine.api("/api/v1/applications/web/rollback", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id: history[0]?.id ?? 0 }),
  });
  assert.equal(answer.status, 200, await answer.text());
  await waitFor("the rollback", async () => (await value()) === "good");
  const { conditions = [] } = await scenario.waitForStatus("web", "to differ", ({ sync, operationState }) => {
    return sync?.status === "OutOfSync" && operationState?.phase === "Succeeded";
  });
  assert.deepEqual(conditions, []);
  const found = await scenario.find("application", "web", "argocd");
  assert.equal(found?.metadata.annotations?.["tiphys.io/quarantine"], bad);
  const next = await copy.commitAndPush({ "a.yaml": configMap("web", "mended") });
  await scenario.waitForSynced("web", next);
  assert.equal(await value(), "mended");
});

test("a hold keeps automated syncs back until it is released", { skip }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "a.yaml": configMap("web", "0") } },
    manifests: (urlOf) => [application("web", urlOf("web"))],
  });
  await scenario.waitForSynced("web");
  const tiphys = (line: string) => scenario.engine.cli(line.split(" "));
  assert.equal((await tiphys("app hold web")).code, 2);
  assert.equal((await tiphys("app hold web --reason incident --for soon")).code, 2);
  assert.match((await tiphys("app hold web --reason incident --for 2h")).stdout, /^Application 'web' on hold until 20/);
  const copy = await scenario.clone("web");
  const commit = await copy.commitAndPush({ "a.yaml": configMap("web", "1") });
  await scenario.waitForStatus("web", "to differ", ({ sync }) => sync?.status === "OutOfSync");
  assert.equal((await tiphys("app hold web --release")).stdout, "Application 'web' released\n");
  await scenario.waitForSynced("web", commit, 15_000);
});

test("a plan that waits for approval is shown, and approved as it was shown", { skip }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { web: { "a.yaml": configMap("web", "0") } },
    manifests: (urlOf) => [
      application("web", urlOf("web"), { syncPolicy: { automated: { prune: true, allowEmpty: true } } }),
    ],
  });
  await scenario.waitForSynced("web");
  const tiphys = (line: string) => scenario.engine.cli(line.split(" "));
  assert.match((await tiphys("app approve web")).stderr, /waits for no approval/);
  const copy = await scenario.clone("web");
  await copy.commitAndPush({ "a.yaml": undefined, "README.md": "empty" });
  await scenario.waitForStatus("web", "to wait", ({ conditions = [] }) =>
    conditions.some(({ message }) => message?.startsWith("needs approval")),
  );
  const shown = (await tiphys("app approve web")).stdout;
  const digest = /--plan ([0-9a-f]{16})/.exec(shown)?.[1] ?? "";
  assert.match(shown, /^needs approval: all objects of the Application would be deleted/);
  assert.equal((await tiphys("app approve web --plan 0000000000000000")).code, 2);
  assert.match((await tiphys(`app approve web --plan ${digest}`)).stdout, /approved/);
  await waitFor("the deletion", async () => (await scenario.find("configmap", "web")) === undefined);
});

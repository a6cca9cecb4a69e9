import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ApplicationStatus } from "../../src/api/application-types.ts";
import { type HttpSink, startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";
import { resource } from "./scenario.ts";

const skip = kubectlMissing() ?? false;

/** One engine for all: each test has Applications and a repository of its own. */
const open = new AsyncDisposableStack();
let scenario: GitOpsScenario;
let sink: HttpSink;

const needing = (name: string, more: object = {}) => ({ annotations: { "tiphys.io/needs": name, ...more } });
const alone = (name: string) => ({ [name]: { "a.yaml": configMap(name, "0") } });

before(async () => {
  if (skip) return;
  sink = open.use(await startHttpSink());
  const payload = [{ src: { dependencyName: "late", dataKey: "@this" }, dest: "" }];
  const watcher = resource("Sensor", "watcher", {
    dependencies: [{ name: "late", eventSourceName: "tiphys", eventName: "application-needs-timed-out" }],
    triggers: [{ template: { name: "tell", http: { url: `${sink.url}/late`, method: "POST", payload } } }],
  });
  scenario = await GitOpsScenario.start({
    repositories: {
      shop: { "db/a.yaml": configMap("db", "0"), "web/a.yaml": configMap("web", "0") },
      ...Object.assign({}, ...["late", "rolled", "held", "parked"].map(alone)),
    },
    manifests: (urlOf) => {
      const source = (path: string) => ({ source: { repoURL: urlOf("shop"), path } });
      return [
        { ...watcher, metadata: { name: "watcher", namespace: "argocd" } },
        application("db", urlOf("shop"), { ...source("db"), syncPolicy: {} }),
        application("web", urlOf("shop"), source("web"), needing("db")),
        application("late", urlOf("late"), {}, needing("absent", { "tiphys.io/needs-timeout": "3s" })),
        application("rolled", urlOf("rolled")),
        application("held", urlOf("held")),
        application("parked", urlOf("parked"), { syncPolicy: { automated: { prune: true, allowEmpty: true } } }),
      ];
    },
  });
  open.use(scenario);
});

after(() => open.disposeAsync());
failOnLeakedChildren();

const tiphys = (line: string) => scenario.engine.cli(line.split(" "));
const dataOf = async (name: string) =>
  ((await scenario.find("configmap", name)) as { data?: { value?: string } } | undefined)?.data?.value;

test("an Application that needs another one is synced after it, as soon as that is ready", { skip }, async () => {
  const syncDb = () =>
    scenario.kubectl([..."patch application db -n argocd --type=merge -p".split(" "), '{"operation":{"sync":{}}}']);
  for (const name of ["db", "web"]) {
    await scenario.waitForStatus(name, "to be compared", ({ sync }) => sync?.status === "OutOfSync");
  }
  assert.equal(await dataOf("web"), undefined);
  await syncDb();
  await scenario.waitForSynced("db");
  await scenario.waitForSynced("web", undefined, 15_000); // not at the next poll

  // A push to both: that the other one is ready at the commit before says nothing.
  const copy = await scenario.clone("shop");
  const commit = await copy.commitAndPush({ "db/a.yaml": configMap("db", "1"), "web/a.yaml": configMap("web", "1") });
  for (const name of ["db", "web"]) {
    const isSeen = ({ sync }: ApplicationStatus) => sync?.status === "OutOfSync" && sync.revision === commit;
    await scenario.waitForStatus(name, "to be compared at the new commit", isSeen);
  }
  assert.equal(await dataOf("web"), "0");
  await syncDb();
  await scenario.waitForSynced("web", commit, 15_000);
  assert.equal(await dataOf("web"), "1");
});

test("an Application that waits for longer than its time-out says so by an event, and waits on", { skip }, async () => {
  await waitFor("the event", () => sink.requests.length > 0, 30_000);
  const { application: told, needs } = JSON.parse(sink.requests[0]?.body ?? "{}");
  assert.deepEqual(told, { namespace: "argocd", name: "late" });
  assert.match(needs.message, /^it needs argocd\/absent, which is not there; a sync waits since .*, longer than 3s/);
  const why = await scenario.engine.cli(["app", "why", "late"]);
  assert.match(
    why.stdout,
    /waits for need since 20\S+Z: a sync is due, but it needs argocd\/absent, .*; a sync waits since .* than 3s/,
  );
  const shown = await scenario.engine.cli(["app", "get", "late"]);
  assert.match(shown.stdout, /NeedsTimeoutWarning +a sync waits since/);
  const absent = application("absent", scenario.urlOf("late"), {
    destination: { name: "in-cluster", namespace: "kube-public" },
  });
  await scenario.kubectl(["apply", "-f", "-"], absent);
  await scenario.waitForSynced("late");
  assert.deepEqual((await scenario.status("late")).conditions ?? [], []);
  assert.equal(sink.requests.length, 1);
});

test("a rollback lasts until the next revision, though automated sync is on", { skip }, async () => {
  await scenario.waitForSynced("rolled");
  const copy = await scenario.clone("rolled");
  const bad = await copy.commitAndPush({ "a.yaml": configMap("rolled", "bad") });
  await scenario.waitForSynced("rolled", bad);
  const { history = [] } = await scenario.status("rolled");
  const answer = await scenario.engine.api("/api/v1/applications/rolled/rollback", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id: history[0]?.id ?? 0 }),
  });
  assert.equal(answer.status, 200, await answer.text());
  await waitFor("the rollback", async () => (await dataOf("rolled")) === "0");
  const { conditions = [] } = await scenario.waitForStatus("rolled", "to differ", ({ sync, operationState }) => {
    return sync?.status === "OutOfSync" && operationState?.phase === "Succeeded";
  });
  assert.deepEqual(conditions, []);
  const found = await scenario.find("application", "rolled", "argocd");
  assert.equal(found?.metadata.annotations?.["tiphys.io/quarantine"], bad);
  const next = await copy.commitAndPush({ "a.yaml": configMap("rolled", "mended") });
  await scenario.waitForSynced("rolled", next);
  assert.equal(await dataOf("rolled"), "mended");
});

test("a hold keeps automated syncs back until it is released", { skip }, async () => {
  await scenario.waitForSynced("held");
  assert.equal((await tiphys("app hold held")).code, 2);
  assert.equal((await tiphys("app hold held --reason incident --for soon")).code, 2);
  assert.match(
    (await tiphys("app hold held --reason incident --for 2h")).stdout,
    /^Application 'held' on hold until 20/,
  );
  const copy = await scenario.clone("held");
  const commit = await copy.commitAndPush({ "a.yaml": configMap("held", "1") });
  await scenario.waitForStatus("held", "to differ", ({ sync }) => sync?.status === "OutOfSync");
  assert.equal((await tiphys("app hold held --release")).stdout, "Application 'held' released\n");
  await scenario.waitForSynced("held", commit, 15_000);
});

test("a plan that waits for approval is shown, and approved as it was shown", { skip }, async () => {
  await scenario.waitForSynced("parked");
  assert.match(
    (await tiphys("app approve parked")).stderr,
    /waits for no approval\nWhat it waits for: `tiphys app why parked`/,
  );
  const copy = await scenario.clone("parked");
  await copy.commitAndPush({ "a.yaml": undefined, "README.md": "empty" });
  await scenario.waitForStatus("parked", "to wait", ({ conditions = [] }) =>
    conditions.some(({ message }) => message?.startsWith("needs approval")),
  );
  const shown = (await tiphys("app approve parked")).stdout;
  const digest = /--plan ([0-9a-f]{16})/.exec(shown)?.[1] ?? "";
  assert.match(shown, /^needs approval: all objects of the Application would be deleted/);
  assert.equal((await tiphys("app approve parked --plan 0000000000000000")).code, 2);
  assert.match((await tiphys(`app approve parked --plan ${digest}`)).stdout, /approved/);
  await waitFor("the deletion", async () => (await scenario.find("configmap", "parked")) === undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { applicationText } from "../../src/cli/app/why.ts";
import type { ApplicationWhy } from "../../src/controllers/applications/application-why.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;

const hanging = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "slow", annotations: { "tiphys.io/simulate-outcome": "hang" } },
  spec: {
    selector: { matchLabels: { app: "slow" } },
    template: { metadata: { labels: { app: "slow" } }, spec: { containers: [{ name: "c", image: "nginx" }] } },
  },
};
const broken = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
const automated = { prune: true, selfHeal: true };
const closed = { kind: "deny", schedule: "* * * * *", duration: "1h", applications: ["windowed"] };
const project = {
  apiVersion: "argoproj.io/v1alpha1",
  kind: "AppProject",
  metadata: { name: "strict", namespace: "argocd" },
  spec: {
    sourceRepos: ["*"],
    destinations: [{ server: "*", namespace: "default" }],
    syncWindows: [closed],
  },
};

test("app why: what each Application waits for, by the command line", { skip }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: {
      shop: {
        "web/a.yaml": configMap("web", "0"),
        "manual/a.yaml": configMap("manual", "0"),
        "held/a.yaml": configMap("held", "0"),
        "windowed/a.yaml": configMap("windowed", "0"),
        "needy/a.yaml": configMap("needy", "0"),
        "slow/a.yaml": hanging,
        "failing/a.yaml": broken("No Name"),
        "guarded/a.yaml": configMap("guarded", "0"),
        "retrying/a.yaml": broken("Nor This"),
        "circle/a.yaml": configMap("circle", "0"),
        "kinds/a.yaml": { apiVersion: "v1", kind: "Namespace", metadata: { name: "kinds" } },
      },
    },
    manifests: (urlOf) => {
      const app = (name: string, fields: object = {}, metadata: object = {}) =>
        application(name, urlOf("shop"), { source: { repoURL: urlOf("shop"), path: name }, ...fields }, metadata);
      const inWeb = { repoURL: urlOf("shop"), path: "web" };
      const never = { automated, retry: { limit: 0 } };
      const long = { automated, retry: { limit: 3, backoff: { duration: "1h" } } };
      return [
        { apiVersion: "v1", kind: "Namespace", metadata: { name: "team-a" } },
        project,
        app("web"),
        app("manual", { syncPolicy: {} }),
        app("held", {}, { annotations: { "tiphys.io/hold": "incident", "tiphys.io/hold-by": "anna" } }),
        app("windowed", { project: "strict" }),
        app("needy", {}, { annotations: { "tiphys.io/needs": "manual" } }),
        app("slow", { syncPolicy: { automated } }),
        app("failing", { syncPolicy: never }),
        app("retrying", { syncPolicy: long }),
        app("guarded", { syncPolicy: { automated: { prune: true, allowEmpty: true } } }),
        app("lost", { source: { repoURL: urlOf("shop"), path: "nowhere" } }),
        app("foreign", { project: "strict", destination: { name: "in-cluster", namespace: "elsewhere" } }),
        app("circle", {}, { annotations: { "tiphys.io/needs": "circle" } }),
        app("skipped", { source: inWeb }, { annotations: { "argocd.argoproj.io/skip-reconcile": "true" } }),
        app("pathless", { source: { repoURL: urlOf("shop") } }),
        app("projectless", { project: "none", source: inWeb }),
        app("elsewhere", { source: inWeb }, { namespace: "team-a" }),
        app("gone", { source: { repoURL: "http://127.0.0.1:1/gone.git", path: "." } }),
        app("nowhere", { source: inWeb, destination: { name: "nowhere", namespace: "default" } }),
        app("kinds", { project: "strict", syncPolicy: never }),
      ];
    },
  });
  await scenario.waitForSynced("guarded");
  const copy = await scenario.clone("shop");
  await copy.commitAndPush({ "guarded/a.yaml": undefined, "guarded/README.md": "empty" });
  const why = async (name: string, ...args: string[]) => scenario.engine.cli(["app", "why", name, ...args]);
  /** As the command line prints it, without a process for each look. */
  const asked = async (name: string): Promise<string> => {
    const [namespace, plain] = name.includes("/") ? name.split("/") : ["argocd", name];
    const path = `/api/v1/tiphys/applications/${plain}/why?appNamespace=${namespace}`;
    return applicationText((await (await scenario.engine.api(path)).json()) as ApplicationWhy);
  };
  const answers: readonly (readonly [name: string, pattern: RegExp])[] = [
    ["web", /^Application argocd\/web: Synced at [0-9a-f]{7}, Healthy\nwaits for nothing\n/],
    [
      "manual",
      /waits for manual since 20\S+Z: automated sync is not enabled\n {2}to go on: sync by hand with `tiphys app sync manual`, or /,
    ],
    [
      "held",
      /waits for hold since 20\S+Z: a sync is due, but it is on hold: incident \(anna\)\n {2}to go on: .*`tiphys app hold held --release`/,
    ],
    [
      "windowed",
      /waits for window since 20\S+Z until 20\S+Z: a sync is due, but the deny window "\* \* \* \* \*" for 1h keeps.*\n {2}to go on: .*`tiphys proj windows list strict`/,
    ],
    [
      "needy",
      /waits for need since 20\S+Z: a sync is due, but it needs argocd\/manual, which is OutOfSync\n {2}to go on: .*`tiphys app why manual`/,
    ],
    [
      "slow",
      /waits for health since 20\S+Z: .*apps\/Deployment\/.*slow.*\n {2}to go on: look at the object: `tiphys app get slow -o tree`/,
    ],
    [
      "failing",
      /waits for failed since 20\S+Z: Failed last sync attempt to \[[0-9a-f]{40}\]: .*\n {2}to go on: mend what the message names and push/,
    ],
    [
      "retrying",
      /waits for retry since 20\S+Z until 20\S+Z: .*Retrying attempt #1 at .*\n {2}to go on: .*`tiphys app terminate-op retrying`/,
    ],
    [
      "lost",
      /waits for repository since 20\S+Z: .*nowhere.*\n {2}to go on: push the folder, .*`tiphys app get lost --hard-refresh`/,
    ],
    [
      "foreign",
      /waits for project since 20\S+Z: .*elsewhere.*\n.*`tiphys proj add-destination strict https:\/\/kubernetes\.default\.svc elsewhere`/,
    ],
    [
      "guarded",
      /waits for approval since 20\S+Z: needs approval: .*ConfigMap\/default\/guarded.*\n {2}to go on: .*`tiphys app approve guarded`/,
    ],
    ["circle", /waits for circle since 20\S+Z: .* is a circle\n {2}to go on: .*`tiphys app patch circle --type merge /],
    ["skipped", /waits for skip-reconcile: .*\n {2}to go on: .*`tiphys app patch skipped --type merge /],
    ["pathless", /waits for spec since 20\S+Z: .*spec\.source\.path.*\n {2}to go on: .*`tiphys app edit pathless`/],
    ["projectless", /waits for project since 20\S+Z: .*none which does not exist\n.*`tiphys proj create none -s http/],
    ["team-a/elsewhere", /waits for project since 20\S+Z: .*\n.*`tiphys proj add-source-namespace default team-a`/],
    ["gone", /waits for repository since 20\S+Z: .*gone\.git.*\n {2}to go on: see `tiphys repo list`/],
    ["nowhere", /waits for cluster since 20\S+Z: .*this name: nowhere\n {2}to go on: see `tiphys cluster list`/],
    [
      "kinds",
      /waits for failed since 20\S+Z: .*is not permitted.*\n.*`tiphys proj allow-cluster-resource strict '' Namespace`/,
    ],
  ];
  for (const [name, pattern] of answers) {
    await waitFor(`${name} to be explained`, async () => pattern.test(await asked(name)), 40_000).catch(
      async (error: unknown) => assert.match(await asked(name), pattern, String(error)),
    );
  }
  const web = await why("web");
  assert.match(
    web.stdout,
    /decision \S+: Application argocd\/web fired reconcile: .*\n.* {2}sync \S+: .*Succeeded at [0-9a-f]{7}/,
  );
  const json = JSON.parse((await why("held", "-o", "json")).stdout) as {
    waits: { for: string }[];
    sync: { status: string };
  };
  assert.deepEqual([json.waits.map((one) => one.for), json.sync.status], [["hold"], "OutOfSync"]);
  for (const [name, wait] of [
    ["foreign", "project"],
    ["projectless", "project"],
    ["team-a/elsewhere", "project"],
    ["circle", "circle"],
    ["skipped", "skip-reconcile"],
    ["held", "hold"],
    ["nowhere", "cluster"],
    ["kinds", "failed"],
    ["manual", "manual"],
  ] as const) {
    await pasteRemedies(
      scenario,
      await asked(name),
      wait === "hold" ? /--release/ : wait === "failed" ? /allow-cluster|app sync/ : undefined,
    );
    await waitFor(`${name} to wait for ${wait} no longer`, async () => !(await asked(name)).includes(`for ${wait}`));
  }
  const missing = await why("nobody");
  assert.deepEqual([missing.code, missing.stdout], [1, ""]);
  assert.match(missing.stderr, /"nobody" not found/);
});

test("app why --not: why a commit is not what is deployed", { skip }, async () => {
  await using scenario = await GitOpsScenario.start({
    repositories: { shop: { "web/a.yaml": configMap("web", "0"), "other/a.yaml": configMap("other", "0") } },
    manifests: (urlOf) => [
      application("web", urlOf("shop"), { source: { repoURL: urlOf("shop"), path: "web", targetRevision: "main" } }),
    ],
  });
  const not = async (commit: string): Promise<string> => {
    const { code, stdout, stderr } = await scenario.engine.cli(["app", "why", "web", "--not", commit]);
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout.split("\n")[1] ?? "";
  };
  await scenario.waitForSynced("web");
  const copy = await scenario.clone("shop");
  const first = await copy.git("rev-parse", "HEAD");
  assert.match(await not(first), /^[0-9a-f]{7} deployed: it is deployed since 20/);
  const elsewhere = await copy.commitAndPush({ "other/a.yaml": configMap("other", "1") });
  await scenario.waitForSynced("web", elsewhere);
  assert.match(await not(elsewhere.slice(0, 8)), / unchanged: .*changes nothing in web, which this Application reads/);
  const second = await copy.commitAndPush({ "web/a.yaml": configMap("web", "1") });
  await scenario.waitForSynced("web", second);
  assert.match(await not(second), / deployed: /);
  assert.match(
    await not(first),
    new RegExp(` superseded: it was synced at 20\\S+; since then ${second} took its place`),
  );
  assert.match(await not(elsewhere), / superseded: superseded: /);
  assert.match(await not("0123456789abcdef0123456789abcdef01234567"), / not-seen: never seen: /);
  await copy.git("checkout", "--quiet", "-b", "side");
  const side = await copy.commit({ "web/a.yaml": configMap("web", "side") });
  await copy.push("origin", "side");
  assert.match(await not(side), / not-followed: not on main, which the Application follows/);
  await copy.git("checkout", "--quiet", "main");
  assert.equal((await scenario.engine.cli(["app", "hold", "web", "--reason", "incident", "--owner", "anna"])).code, 0);
  const held = await copy.commitAndPush({ "web/a.yaml": configMap("web", "2") });
  await scenario.waitForStatus("web", "to differ", ({ sync }) => sync?.revision === held);
  assert.match(await not(held), / blocked: blocked: a sync is due, but it is on hold: incident \(anna\)/);
  const { stdout } = await scenario.engine.cli(["app", "why", "web"]);
  assert.match(
    stdout,
    /decision \S+: Application argocd\/web fired reconcile: push: .*; a sync is due, but it is on hold/,
  );
  assert.equal((await scenario.engine.cli(["app", "hold", "web", "--release"])).code, 0);
  await scenario.waitForSynced("web", held);
  const bad = await copy.commitAndPush({ "web/b.yaml": broken("Bad Name") });
  await scenario.waitForStatus("web", "to fail", ({ operationState }) =>
    /Retrying/.test(operationState?.message ?? ""),
  );
  assert.match(await not(bad), / syncing: it is being synced: .*Retrying attempt/);
});

/** Runs what the first remedy says, as somebody who pastes it into a shell: the first that changes something, or all that `only` fits. */
async function pasteRemedies(scenario: GitOpsScenario, told: string, only?: RegExp): Promise<void> {
  const commands = [...(/to go on: (.*)/.exec(told)?.[1] ?? "").matchAll(/`tiphys ([^`]+)`/g)].map(
    ([, one]) => one ?? "",
  );
  const chosen = only === undefined ? commands : commands.filter((one) => only.test(one));
  for (const command of chosen) {
    const words = (command.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", ""));
    const { code, stderr } = await scenario.engine.cli(words);
    assert.equal(code, 0, `tiphys ${command}: ${stderr}`);
    if (only === undefined && command !== "cluster list") return;
  }
}

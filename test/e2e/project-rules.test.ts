import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

const skip = kubectlMissing() ?? false;

const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "made" } };
const serviceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot" } };
const files = { "a.json": configMap("map", "one"), "b.json": serviceAccount, "c.json": namespace };

interface Case {
  readonly name: string;
  /** Commands that make the project `team` refuse. */
  readonly commands: readonly string[];
  /** What the sync says. */
  readonly sync: RegExp;
}

/** Each begins with a project that permits everything. */
const cases: readonly Case[] = [
  {
    name: "a kind of the cluster that is not allowed",
    commands: ["proj deny-cluster-resource team * *"],
    sync: /resource :Namespace is not permitted in project team/,
  },
  {
    name: "a kind of the cluster that is denied",
    commands: ["proj deny-cluster-resource team * Namespace --list deny"],
    sync: /resource :Namespace is not permitted in project team/,
  },
  {
    name: "a kind in namespaces that is denied",
    commands: ["proj deny-namespace-resource team * ServiceAccount"],
    sync: /resource :ServiceAccount is not permitted in project team/,
  },
  {
    name: "kinds in namespaces that are not allowed",
    commands: ["proj allow-namespace-resource team * ConfigMap --list allow"],
    sync: /resource :ServiceAccount is not permitted in project team/,
  },
  {
    name: "a window that denies",
    commands: ["proj windows add team --kind deny --schedule *_*_*_*_* --duration 1h --applications *"],
    sync: /blocked by sync window/i,
  },
  {
    name: "a window that allows, and is closed",
    commands: ["proj windows add team --kind allow --schedule 0_0_29_2_* --duration 1s --applications *"],
    sync: /blocked by sync window/i,
  },
  {
    name: "commits that nobody signed",
    commands: ["proj add-signature-key team 0123456789ABCDEF"],
    sync: /gpg|GPG|signature|signed/,
  },
];

const project = (name: string, spec: object, metadata: object = {}) => ({
  apiVersion: "argoproj.io/v1alpha1",
  kind: "AppProject",
  metadata: { name, namespace: "argocd", ...metadata },
  spec: { destinations: [{ server: "*", namespace: "*" }], ...spec },
});
const permitsAll = project("team", { sourceRepos: ["*"], clusterResourceWhitelist: [{ group: "*", kind: "*" }] });

/** One engine for all: each test has projects and Applications of its own. */
let scenario: GitOpsScenario;

before(async () => {
  if (skip) return;
  const finalizers = ["resources-finalizer.argocd.argoproj.io"];
  scenario = await GitOpsScenario.start({
    repositories: {
      shop: files,
      small: { "a.json": configMap("small", "one") },
      own: { "a.json": configMap("own", "1") },
    },
    manifests: (urlOf) => [
      permitsAll,
      project("owner", {}, { finalizers }),
      application("web", urlOf("shop"), { project: "team", syncPolicy: {} }),
      application("small", urlOf("small"), { project: "narrow", syncPolicy: {} }),
      application("own", urlOf("own"), { project: "owner" }),
    ],
  });
});

after(() => scenario?.[Symbol.asyncDispose]());
failOnLeakedChildren();

test("what a project does not permit is refused, by the command line; when it does again, it is done", {
  skip,
}, async () => {
  const url = scenario.urlOf("shop");
  const cli = (line: string) =>
    scenario.engine.cli(line.split(" ").map((word) => word.replaceAll("URL", url).replaceAll("_", " ")));
  for (const { name, commands, sync } of cases) {
    await scenario.kubectl(["replace", "-f", "-"], permitsAll);
    await scenario.waitForStatus("web", "without a condition", ({ conditions = [] }) => conditions.length === 0);
    for (const line of commands) {
      const done = await cli(line);
      assert.equal(done.code, 0, `${name}: ${line}: ${done.stderr}`);
    }
    const { code, stdout, stderr } = await cli("app sync web");
    assert.notEqual(code, 0, `${name}: ${stdout}`);
    assert.match(stdout + stderr, sync, name);
  }
  await scenario.kubectl(["replace", "-f", "-"], permitsAll);
  const done = await cli("app sync web");
  assert.equal(done.code, 0, done.stdout + done.stderr);
});

const create =
  "app create new --repo URL --path . --dest-server https://kubernetes.default.svc --dest-namespace default --project";

test("an Application that its project does not permit is not made, nor brought there by kubectl", {
  skip,
}, async () => {
  const url = scenario.urlOf("small");
  const cli = (line: string) => scenario.engine.cli(line.split(" ").map((word) => word.replaceAll("URL", url)));
  const projects = [
    ["sources", "-s https://other.example/* -d *,*", /application repo http:\S+ is not permitted in project 'sources'/],
    ["denied", "-s * -s !URL -d *,*", /application repo http:\S+ is not permitted in project 'denied'/],
    ["places", "-s * -d *,other", /application destination server .* and namespace 'default' do not match any/],
    ["servers", "-s * -d https://other.example,*", /application destination server .* do not match any/],
  ] as const;
  for (const [name, flags, reason] of projects) {
    assert.equal((await cli(`proj create ${name} ${flags}`)).code, 0, name);
    const { code, stderr } = await cli(`${create} ${name}`);
    assert.equal(code, 20, `${name}: ${stderr}`);
    assert.match(stderr, reason, name);
  }
  await cli("proj create narrow -s * -d *,*");
  await scenario.kubectl(["create", "namespace", "team-a"]);
  const elsewhere = await cli(`${create} narrow -N team-a`);
  assert.equal(elsewhere.code, 20);
  assert.match(elsewhere.stderr, /namespace.? 'team-a' is not (allowed|permitted)/);
  await cli("proj add-source-namespace narrow team-a");
  const allowed = await cli(`${create} narrow -N team-a`);
  assert.equal(allowed.code, 0, allowed.stderr);

  for (const [flags, refused] of [
    ["set narrow -s https://other.example/*", "are not permitted any more: new, small"],
    ["set narrow -d *,other", "are not permitted any more: new, small"],
  ] as const) {
    const { code, stderr } = await cli(`proj ${flags}`);
    assert.deepEqual([code, stderr.includes(refused)], [20, true], stderr);
  }
  // kubectl asks nobody: the Application says what is wrong.
  const patch = JSON.stringify({ spec: { sourceRepos: ["https://other.example/*"] } });
  await scenario.kubectl(["patch", "appproject", "narrow", "-n", "argocd", "--type", "merge", "-p", patch]);
  const { conditions = [] } = await scenario.waitForStatus("small", "with a condition", (status) =>
    Boolean(status.conditions?.length),
  );
  assert.equal(conditions[0]?.type, "InvalidSpecError");
  assert.match(conditions[0]?.message ?? "", /application repo http:\S+ is not permitted in project 'narrow'/);
});

test("a repository whose Secret names the project may be used by it, as long as it does; a project stays as long as it is used", {
  skip,
}, async () => {
  const isRefused = ({ conditions = [] }: Awaited<ReturnType<typeof scenario.status>>): boolean =>
    conditions.some(({ message = "" }) => /^application repo .* is not permitted in project 'owner'/.test(message));
  await scenario.waitForStatus("own", "refused", isRefused);
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "own", namespace: "argocd", labels: { "argocd.argoproj.io/secret-type": "repository" } },
    stringData: { type: "git", url: scenario.urlOf("own"), project: "owner" },
  };
  await scenario.kubectl(["apply", "-f", "-"], secret);
  await scenario.waitForSynced("own");
  await scenario.kubectl(["delete", "secret", "own", "-n", "argocd"]);
  await scenario.engine.cli(["app", "get", "own", "--refresh"]);
  await scenario.waitForStatus("own", "refused", isRefused);
  await scenario.kubectl(["delete", "appproject", "owner", "-n", "argocd", "--wait=false"]);
  await scenario.engine.cli(["app", "get", "own", "--refresh"]);
  assert.ok((await scenario.find("appproject", "owner", "argocd"))?.metadata.deletionTimestamp);
  await scenario.kubectl(["delete", "application", "own", "-n", "argocd"]);
  await waitFor("the project to go", async () => (await scenario.find("appproject", "owner", "argocd")) === undefined);
});

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { adminToken } from "../../harness/control-plane.ts";
import { createTestRepository } from "../../harness/git-repository.ts";
import { openTestCluster } from "../../harness/remote-cluster.ts";
import { mainFile, run } from "../../harness/run.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const hook = (type: string) => ({ "argocd.argoproj.io/hook": type });
const wave = (n: number) => ({ "argocd.argoproj.io/sync-wave": String(n) });
const yaml = (...objects: readonly object[]): string => objects.map((one) => JSON.stringify(one)).join("\n---\n");
const config = (name: string, annotations: Readonly<Record<string, string>> = {}, data: object = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, annotations },
  data,
});
const job = (name: string, annotations: object) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name, annotations },
  spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } } },
});

function applicationOf(repoURL: string, more: object = {}): object {
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "shop" },
    spec: {
      project: "default",
      source: { repoURL, path: "shop", targetRevision: "main" },
      destination: { server: "https://kubernetes.default.svc", namespace: "default" },
      ...more,
    },
  };
}

async function open(files: Readonly<Record<string, string>>) {
  await using stack = new AsyncDisposableStack();
  const repository = stack.use(await createTestRepository());
  const folder = stack.use(await tempDir());
  const commit = await repository.commit(files);
  const owned = stack.move();
  return {
    repository,
    commit,
    async plan(manifest: string, ...args: readonly string[]) {
      const file = join(folder.path, "app.yaml");
      await writeFile(file, manifest);
      return run(process.execPath, [mainFile, "--data-dir", join(folder.path, "none"), "sync", "plan", file, ...args]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test("a plan names every step in its order, with an empty cluster where none is named", async () => {
  await using rig = await open({
    "shop/all.yaml": yaml(
      job("after", hook("PostSync")),
      job("sorry", hook("SyncFail")),
      job("before", { ...hook("PreSync"), "argocd.argoproj.io/hook-delete-policy": "HookSucceeded" }),
      config("late", wave(1)),
      config("plain", { "argocd.argoproj.io/sync-options": "ServerSideApply=false" }),
    ),
  });
  const { code, stdout, stderr } = await rig.plan(yaml(applicationOf(rig.repository.url)));
  assert.equal(
    stdout,
    `argocd/shop at ${rig.commit.slice(0, 12)} to https://kubernetes.default.svc, namespace default

PreSync, wave 0
  run     batch/Job default/before  (hook, HookSucceeded)

Sync, wave 0
  create  ConfigMap default/plain  (client-side apply)

Sync, wave 1
  create  ConfigMap default/late

PostSync, wave 0
  run     batch/Job default/after  (hook, BeforeHookCreation)

SyncFail, wave 0: only when something fails
  run     batch/Job default/sorry  (hook, BeforeHookCreation)

3 to run, 2 to create
`,
  );
  assert.equal(code, 0);
  assert.match(stderr, /^note: no --kubeconfig, no KUBECONFIG, and no engine on ".*none": nothing counts as live\n$/);
});

test("against a cluster it says what changes, what would be pruned, and that this needs approval", async () => {
  await using cluster = await openTestCluster();
  await cluster.open({ user: { token: adminToken } });
  const { client } = cluster.plane;
  const twice = [config("a", {}, { v: "0" }), config("a", {}, { v: "2" })];
  await using rig = await open({ "shop/a.yaml": yaml(...twice), "shop/README.md": "x" });
  const tracked = (kind: string, name: string, where: string) => ({
    "argocd.argoproj.io/tracking-id": `shop:/${kind}:${where}/${name}`,
  });
  const old = config("a", tracked("ConfigMap", "a", "default"), { v: "1" });
  await client.create({ ...old, metadata: { ...old.metadata, namespace: "default" } });
  const space = { name: "old", annotations: tracked("Namespace", "old", "default") };
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata: space });
  const status = { resources: [{ version: "v1", kind: "Namespace", name: "old", status: "OutOfSync" }] };
  const app = { ...applicationOf(rig.repository.url), status };
  const kubeconfig = ["--kubeconfig", join(cluster.directory, "kubeconfig")];
  const skipped = await rig.plan(yaml(app), ...kubeconfig);
  assert.match(skipped.stdout, /\n {2}change {2}ConfigMap default\/a\n/);
  assert.match(skipped.stdout, /\n {2}skip {4}Namespace old {2}\(ignored \(requires pruning\)\)\n/);
  const repeated =
    "RepeatedResourceWarning: Resource /ConfigMap/default/a appeared 2 times among application resources.";
  assert.ok(skipped.stdout.includes(`\nwarning: ${repeated}\n`), skipped.stdout);
  assert.equal(skipped.code, 0, "a warning is in nobody's way");
  const { stdout, code } = await rig.plan(yaml(app), ...kubeconfig, "--prune", "-o", "json");
  const answer = JSON.parse(stdout);
  assert.deepEqual(
    answer.steps.map(({ tasks }: { tasks: { action: string; name: string }[] }) =>
      tasks.map(({ action, name }) => `${action} ${name}`),
    ),
    [["prune old", "change a"]],
  );
  assert.deepEqual([answer.warnings, answer.problems], [[repeated], []]);
  assert.deepEqual(answer.needsApproval.reasons, ["a Namespace would be deleted"]);
  assert.match(answer.needsApproval.digest, /^[0-9a-f]{16}$/);
  assert.equal(code, 0);
  const after = await client.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" });
  assert.deepEqual(after?.data, { v: "1" }, "nothing was done");
});

test("what is in the way is said, and is exit code 1", async () => {
  await using rig = await open({
    "shop/a.yaml": yaml(config("a"), { apiVersion: "example.com/v1", kind: "Odd", metadata: { name: "o" } }),
  });
  const project = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { name: "team", namespace: "argocd" },
    spec: {
      sourceRepos: ["*"],
      destinations: [{ server: "*", namespace: "*" }],
      namespaceResourceBlacklist: [{ group: "", kind: "ConfigMap" }],
      syncWindows: [{ kind: "deny", schedule: "* * * * *", duration: "1h", applications: ["*"] }],
    },
  };
  const app = applicationOf(rig.repository.url, { project: "team" });
  const { code, stdout } = await rig.plan(yaml(app, project));
  assert.match(stdout, /\nblocked now: Sync operation blocked by sync window\n/);
  assert.match(stdout, /problem: \/ConfigMap\/default\/a: resource :ConfigMap is not permitted in project team\n/);
  assert.match(stdout, /problem: example.com\/Odd\/default\/o: The Kubernetes API could not find example.com\/Odd/);
  assert.equal(code, 1);
});

test("what cannot be planned says what, and what to do", async () => {
  await using rig = await open({ "shop/a.yaml": yaml(config("a")) });
  const { url: repoURL } = rig.repository;
  const at = (source: object) => yaml(applicationOf(repoURL, { source: { repoURL, path: "shop", ...source } }));
  for (const [manifest, flags, exit, message] of [
    [at({}), ["--revision", "gone"], 1, /unable to resolve 'gone' to a commit SHA\nMend spec\.source\.targetRevision/],
    [at({ path: "none" }), [], 1, /none: app path does not exist\nMend the file or the path/],
    [yaml(config("a")), [], 2, /app\.yaml" holds 0 Applications: a plan is of one/],
    [yaml(applicationOf(repoURL), applicationOf(repoURL)), [], 2, /holds 2 Applications/],
    [yaml(applicationOf(repoURL, { project: "none" })), [], 1, /project none which does not exist/],
    ["a: [\n", [], 2, /app\.yaml:2:1: /],
    [at({}), ["--kubeconfig", "/nowhere/none"], 2, /kubeconfig "\/nowhere\/none" does not exist/],
    [at({}), ["--strategy", "odd"], 2, /'odd' is invalid\. Allowed choices are apply, hook/],
  ] as const) {
    const { code, stderr, stdout } = await rig.plan(manifest, ...flags);
    assert.deepEqual([code, stdout], [exit, ""], stderr);
    assert.match(stderr, message);
  }
  const misspelt = await rig.plan(at({}), "--sync-option", "ServerSideAply=true");
  assert.equal(misspelt.code, 0);
  assert.match(
    misspelt.stderr,
    /^warning: --sync-option: "ServerSideAply=true" is not a sync option.*`ServerSideApply=true`/,
  );
});

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseYaml } from "../../src/base/yaml.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import type { RunResult } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image: "nginx:1" }] } },
  },
};

interface Step {
  readonly line: string;
  readonly code?: number;
  readonly out?: RegExp;
  readonly err?: RegExp;
}

/** Each command against the running engine, in order: what it prints and how it exits. */
async function run(scenario: GitOpsScenario, steps: readonly Step[]): Promise<void> {
  for (const { line, code = 0, out, err } of steps) {
    const args = line.replaceAll("URL", scenario.urlOf("shop")).split(" ");
    const result: RunResult = await scenario.engine.cli(args);
    assert.equal(result.code, code, `${line}: ${result.stdout}${result.stderr}`);
    if (out) assert.match(result.stdout, out, line);
    if (err) assert.match(result.stderr, err, line);
    else assert.equal(code === 0 ? result.stderr : "", "", line);
  }
}

async function start(): Promise<GitOpsScenario> {
  return GitOpsScenario.start({
    repositories: { shop: { "all/web.json": deployment, "all/map.json": configMap("map", "one") } },
    manifests: () => [],
  });
}

const create =
  "app create web --repo URL --path all --dest-server https://kubernetes.default.svc --dest-namespace default";

test("an Application from its creation to its deletion, by the command line alone", async () => {
  await using scenario = await start();
  await run(scenario, [
    { line: "app get web", code: 20, err: /"web" not found/ },
    { line: create.replace("all", "none"), code: 20, err: /app path does not exist/ },
    { line: `${create} --project nobody`, code: 20, err: /project nobody which does not exist/ },
    { line: `${create} --label team=a`, out: /^application 'web' created\n$/ },
    { line: `${create} --label team=a`, out: /^application 'web' unchanged\n$/ },
    { line: `${create} --revision main`, code: 20, err: /existing application spec is different, use upsert/ },
    { line: `${create} --revision main --label team=a --upsert`, out: /^application 'web' updated\n$/ },
    { line: "app list -l team=a -o name", out: /^argocd\/web\n$/ },
    { line: "app diff web", code: 1, out: /===== apps\/Deployment default\/web ======/ },
    { line: "app diff web --exit-code=false", out: /\+ {2}name: web/ },
    { line: "app diff none", code: 20, err: /not found/ },
    { line: "app manifests web", out: /^---\napiVersion: [\s\S]*\n---\n/ },
    { line: "app sync web --timeout 30", out: /Phase: +Succeeded/ },
    { line: "app wait web --timeout 30", out: /Health Status: +Healthy/ },
    { line: "app wait web --sync --timeout 1", out: /Sync Status: +Synced to main/ },
    { line: "app wait web --suspended --timeout 1", code: 20, err: /timed out \(1s\) waiting for app "argocd\/web"/ },
    { line: "app diff web" },
    {
      line: "app resources web",
      out: /^GROUP +KIND +NAMESPACE +NAME +ORPHANED\n[\s\S]*apps +Deployment +default +web +No\n/,
    },
    {
      line: "app resources web -o tree",
      out: /Deployment\/web +Synced[\s\S]*└─ReplicaSet\/web-\w+[\s\S]* {2}└─Pod\/web-/,
    },
    {
      line: "app resources web -o tree --depth 1",
      out: /Deployment\/web \(\+1\) +Synced +Healthy *\n(?![\s\S]*ReplicaSet)/,
    },
    { line: "app get web -o tree=detailed", out: /KIND\/NAME +STATUS +HEALTH +AGE +MESSAGE +REASON/ },
    { line: "app history web -o id", out: /^0\n$/ },
    { line: "app rollback web", code: 20, err: /should have at least two successful deployments/ },
    { line: "app rollback web 7", code: 20, err: /does not have deployment id 7 in history/ },
    { line: "app terminate-op web", code: 20, err: /No operation is in progress/ },
  ]);
  const clone = await scenario.clone("shop");
  const second = await clone.commitAndPush({ "all/map.json": configMap("map", "two") });
  await scenario.waitForStatus(
    "web",
    "OutOfSync",
    ({ sync }) => sync?.status === "OutOfSync" && sync.revision === second,
  );
  await run(scenario, [
    {
      line: "app diff web",
      code: 1,
      out: /^\n===== \/ConfigMap default\/map ======\n[\s\S]*- {2}value: one\n\+ {2}value: two\n/,
    },
    {
      line: "app diff web --server-side-diff --server-side-diff-max-batch-kb 1",
      code: 1,
      out: /^\n===== \/ConfigMap default\/map ======\n[\s\S]*- {2}value: one\n\+ {2}value: two\n(?![\s\S]*=====)/,
    },
    { line: "app sync web --timeout 30", out: /Phase: +Succeeded/ },
    { line: "app diff web --server-side-diff --refresh" },
    { line: `app diff web --revision ${second}` },
    { line: "app diff web --revision main~1", code: 20 },
    {
      line: "app history web",
      out: /^SOURCE {2}http:\S+\nID +DATE +REVISION\n0 .*main \(\w{7}\)\n1 .*main \(\w{7}\)\n/,
    },
    { line: "app rollback web --timeout 30", out: /Phase: +Succeeded/ },
    {
      line: "app history web --all",
      out: /^ID +ENDED +PHASE +REVISION +BY +MESSAGE\n(?:\S+ +\S+Z +Succeeded +\w{7} +admin .*\n){3}$/,
    },
    { line: "app history web --all --limit 0", code: 2, err: /"0" must be 1 to 1000/ },
  ]);
  assert.equal(((await scenario.find("configmap", "map")) as unknown as { data: { value: string } }).data.value, "one");
  await run(scenario, [
    { line: "app set web --sync-policy auto --auto-prune --self-heal --sync-option CreateNamespace=true" },
    { line: "app set web --sync-option !CreateNamespace=true --auto-prune=false" },
    { line: "app get web -o json", out: /"automated": \{\n +"prune": false,\n +"selfHeal": true\n +\}\n +\}/ },
    { line: "app set web --sync-policy none --self-heal", code: 2, err: /need an automated sync/ },
    { line: "app set web --sync-policy manual" },
    { line: "app set web --dest-name in-cluster" },
    { line: "app set web --dest-name elsewhere", code: 20, err: /there are no clusters with this name: elsewhere/ },
    { line: "app delete web --wait", out: /^application 'web' deleted\n$/ },
    { line: "app delete web", code: 20, err: /not found/ },
  ]);
  assert.equal(await scenario.find("deployment", "web"), undefined);
});

test("objects of an Application: read, patched, deleted, acted on", async () => {
  await using scenario = await start();
  await run(scenario, [
    { line: create },
    { line: "app sync web --timeout 30", out: /Succeeded/ },
    { line: "app wait web --timeout 30", out: /Healthy/ },
    {
      line: "app get-resource web --kind Deployment --filter-fields metadata.name,spec.replicas",
      out: /spec\.replicas +1\n/,
    },
    { line: "app get web --show-params --source-position 2", code: 2, err: /must be between 1 and 1/ },
    { line: "app get-resource web --kind Secret", code: 20, err: /No matching resource found/ },
    {
      line: 'app patch-resource web --kind ConfigMap --patch {"data":{"value":"patched"}}',
      out: /Resource 'map' patched/,
    },
    { line: "app manifests web --source live", out: /value: patched/ },
    { line: "app patch-resource web --patch {}", code: 20, err: /Multiple resources match \(.*Use the --all flag/ },
    {
      line: "app logs web --kind Deployment --name web",
      out: /^\[tiphys\] workloads are simulated.*\n\[tiphys\] phase \w+\n$/,
    },
    { line: "app logs web --tail 1", out: /^\[tiphys\] phase \w+\n$/ },
    { line: "app logs web --filter !PHASE", out: /^\[tiphys\] workloads are simulated[^\n]*\n$/ },
    { line: "app logs web --filter PHASE -m", out: /^$/ },
    { line: "app logs web -c nobody", code: 20, err: /container nobody is not valid/ },
    { line: "app logs web -f --kind ConfigMap", out: /^$/ },
    { line: "app logs web --until-time then", code: 2, err: /--until-time: "then" must be a time/ },
    { line: "app logs none", code: 20, err: /"none" not found/ },
    {
      line: "app actions list web --kind Deployment",
      out: /^GROUP +KIND +NAME +ACTION +DISABLED\n[\s\S]*apps +Deployment +web +restart +false\n/,
    },
    { line: "app actions list web --kind Deployment --out json", out: /^\[\n +\{\n +"group": "apps"/ },
    { line: "app actions list web --kind Deployment --project other", code: 20, err: /"web" not found/ },
    { line: "app actions run web scale --kind Deployment --param replicas=2" },
    { line: "app actions run web scale --kind Deployment", code: 20, err: /replicas: "" must be a whole number/ },
    { line: "app actions run web resume --kind Deployment", code: 20, err: /action "resume" is disabled now/ },
    { line: "app actions run web nothing --kind Deployment", code: 20, err: /action "nothing" is not there/ },
    { line: "app get-resource web --kind Deployment --filter-fields spec.replicas", out: /spec\.replicas +2\n/ },
    { line: "app delete-resource web --kind ConfigMap --resource-name map", out: /Resource 'map' deleted/ },
    { line: 'app patch web --type merge --patch {"metadata":{"labels":{"a":"b"}}}', out: /^apiVersion: [\s\S]*a: b/ },
    { line: 'app patch web --patch [{"op":"remove","path":"/spec/none"}]', code: 20, err: /patch: operation 0/ },
    { line: "app delete web --cascade=false", out: /deleted/ },
  ]);
  await waitFor(
    "the Application to be gone",
    async () => (await scenario.find("application", "web", "argocd")) === undefined,
  );
  assert.ok(await scenario.find("deployment", "web"), "its objects stay");
});

test("Applications of a file, with several sources", async () => {
  await using folder = await tempDir();
  await using scenario = await start();
  const source = (path: string) => ({ repoURL: scenario.urlOf("shop"), path });
  const destination = { server: "https://kubernetes.default.svc", namespace: "default" };
  const objects = [
    {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { name: "one" },
      spec: { destination, source: source("all") },
    },
    {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { name: "two", namespace: "default" },
      spec: { project: "wide", destination, sources: [source("all"), { ...source("all"), name: "second" }] },
    },
  ];
  const spec = { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }], sourceNamespaces: ["default"] };
  const metadata = { name: "wide", namespace: "argocd" };
  await scenario.kubectl(["apply", "-f", "-"], {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata,
    spec,
  });
  const file = join(folder.path, "apps.yaml");
  await writeFile(file, objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(""));
  await run(scenario, [
    { line: `app create -f ${file}`, out: /^application 'one' created\napplication 'two' created\n$/ },
    { line: "app list -o name", out: /^argocd\/one\ndefault\/two\n$/ },
    { line: "app set two --path other", code: 2, err: /the Application has several sources/ },
    { line: "app set two --source-position 3 --path other", code: 2, err: /must be between 1 and 2/ },
    { line: "app set two --source-position 2 --revision main" },
    { line: "app add-source two --repo URL --path all --revision main", out: /updated successfully/ },
    { line: "app remove-source two --source-position 3", out: /updated successfully/ },
    { line: "app remove-source two --source-position 1", out: /updated successfully/ },
    { line: "app remove-source two --source-position 1", code: 20, err: /Cannot remove the only source remaining/ },
    { line: "app add-source one --repo URL", code: 20, err: /does not have multiple sources/ },
  ]);
  const { stdout } = await scenario.engine.cli(["app", "get", "two", "-o", "yaml"]);
  const [two] = parseYaml(stdout) as unknown as [{ spec: { sources: unknown } }];
  assert.deepEqual(two.spec.sources, [{ ...source("all"), targetRevision: "main", name: "second" }]);
  await run(scenario, [
    { line: "app delete one two --cascade=false", out: /application 'one' deleted\napplication 'two' deleted\n/ },
  ]);
});

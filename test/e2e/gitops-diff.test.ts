import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestRepository } from "../harness/git-repository.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing, projectRoot, run } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const main = join(projectRoot, "src", "cli", "main.ts");

const tiphys = (...args: string[]) => run(process.execPath, [main, "diff", ...args]);

test("diff against live names each field, both values and who wrote it", { skip: kubectlMissing() }, async () => {
  await using folder = await tempDir();
  await using scenario = await GitOpsScenario.start({
    repositories: {
      web: {
        "a.yaml": configMap("settings", "git"),
        "b.yaml": configMap("other", "git"),
        "c.yaml": configMap("mine", "git"),
      },
    },
    manifests: (urlOf) => [application("web", urlOf("web"), { syncPolicy: { automated: {} } })],
  });
  await scenario.waitForSynced("web");
  const file = join(folder.path, "app.json");
  const app = application("web", scenario.urlOf("web"));
  await writeFile(file, JSON.stringify(app));
  const { kubeconfig } = scenario.engine.endpoints;
  const diff = (...more: string[]) => tiphys(file, "--kubeconfig", kubeconfig, ...more);

  const same = await diff("--against", "live");
  assert.deepEqual([same.code, same.stdout, same.stderr], [0, "", ""]);

  const patch = (name: string, value: string, ...more: readonly string[]) => {
    const change = JSON.stringify({ data: { value } });
    return scenario.kubectl(["patch", "configmap", name, "-n", "default", "--type", "merge", "-p", change, ...more]);
  };
  await patch("settings", "tuned", "--field-manager", "tuner");
  await patch("mine", "by hand");
  await scenario.kubectl(["delete", "configmap", "other", "-n", "default"]);
  const differs = await diff();
  assert.equal(differs.code, 1, differs.stderr);
  assert.match(
    differs.stdout,
    /^===== \/ConfigMap default\/settings ======\n[\s\S]*- {2}value: tuned\n\+ {2}value: git\n/,
  );
  assert.match(differs.stdout, /# data\.value: last written by tuner \(Update, 20\d\d-[^)]*\)\n/);
  const rule = '{"group":"","kind":"ConfigMap","name":"settings","managedFieldsManagers":["tuner"]}';
  assert.deepEqual(
    differs.stdout.split("\n").filter((line) => line.startsWith("# to leave")),
    [`# to leave it to them: spec.ignoreDifferences: [${rule}]`],
    "what a person wrote is none to be left",
  );
  assert.match(differs.stdout, /# data\.value: last written by kubectl-patch \(Update, 20/);
  assert.match(differs.stdout, /===== \/ConfigMap default\/other ======\n/);
  const [first, second] = JSON.parse((await diff("-o", "json")).stdout);
  assert.equal(first.change, "update");
  const { time, ...lastWriter } = first.differences[0].lastWriter;
  assert.ok(Date.parse(time) > 0);
  assert.deepEqual(
    { ...first.differences[0], lastWriter },
    {
      path: "data.value",
      live: "tuned",
      target: "git",
      lastWriter: { manager: "tuner", operation: "Update" },
    },
  );
  assert.deepEqual([second.name, second.change], ["other", "create"]);

  assert.equal(first.strategy, "structured-merge");

  const asked = { annotations: { "argocd.argoproj.io/compare-options": "ServerSideDiff=true" } };
  await writeFile(file, JSON.stringify(application("web", scenario.urlOf("web"), {}, asked)));
  const [served] = JSON.parse((await diff("-o", "json")).stdout);
  assert.equal(served.strategy, "server-side");
  assert.deepEqual(served.differences, first.differences);

  const rules = [{ kind: "ConfigMap", name: "settings", managedFieldsManagers: ["tuner"], group: "" }];
  await writeFile(file, JSON.stringify(application("web", scenario.urlOf("web"), { ignoreDifferences: rules })));
  assert.deepEqual(
    JSON.parse((await diff("-o", "json")).stdout).map(({ name }: { name: string }) => name),
    ["other", "mine"],
  );
});

test("diff against a revision and a folder needs no cluster", async () => {
  await using folder = await tempDir();
  await using repository = await createTestRepository();
  const secret = (value: string) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s" },
    stringData: { value },
  });
  const before = await repository.commit({
    "app/a.json": JSON.stringify(configMap("a", "1")),
    "app/s.json": JSON.stringify(secret("x")),
  });
  await repository.commit({
    "app/a.json": JSON.stringify(configMap("a", "2")),
    "app/s.json": JSON.stringify(secret("y")),
  });
  const source = { repoURL: repository.path, path: "app", targetRevision: "HEAD" };
  const file = join(folder.path, "app.json");
  const endless = [{ group: "", kind: "ConfigMap", jqPathExpressions: [".data | repeat(.)"] }];
  await writeFile(file, JSON.stringify(application("web", "", { source, ignoreDifferences: endless })));

  assert.equal((await tiphys(file, "--against", "HEAD")).code, 0);
  const { code, stdout, stderr } = await tiphys(file, "--against", before);
  assert.equal(code, 1, stderr);
  assert.match(stdout, /- {2}value: '1'\n\+ {2}value: '2'\n/);
  assert.match(stderr, /^warning: ignoreDifferences left nothing out of ConfigMap default\/a: \.data \| repeat/);
  assert.match(stdout, /===== \/Secret default\/s ======\n[\s\S]*- {2}value: \+{12}\n\+ {2}value: \+{8}\n/);

  const manifests = join(folder.path, "manifests", "deep");
  await mkdir(manifests, { recursive: true });
  await writeFile(join(manifests, "a.json"), JSON.stringify(configMap("a", "2")));
  await writeFile(join(manifests, "z.json"), JSON.stringify(configMap("z", "2")));
  const json = JSON.parse((await tiphys(file, "--against", join(folder.path, "manifests"), "-o", "json")).stdout);
  assert.deepEqual(
    json.map(({ name, change }: { name: string; change: string }) => [name, change]),
    [
      ["s", "create"],
      ["z", "prune"],
    ],
  );

  const nowhere = await tiphys(file, "--against", "nowhere");
  assert.equal(nowhere.code, 20);
  assert.match(
    nowhere.stderr,
    /^error: --against: "nowhere" is neither "live", nor a folder here, nor a revision of \//,
  );
  const missing = await tiphys(join(folder.path, "none.json"), "--against", "HEAD");
  assert.equal(missing.code, 20);
  assert.match(missing.stderr, /none\.json" cannot be read: it does not exist\nCheck the path/);
  const pathless = application("web", "", { source: { repoURL: repository.path, targetRevision: "HEAD" } });
  for (const [text, message] of [
    [
      JSON.stringify(pathless),
      /spec\.source\.repoURL and either spec\.source\.path or spec\.source\.chart are required/,
    ],
    ["a: [\n", /app\.json:2:1: /],
  ] as const) {
    await writeFile(file, text);
    const refused = await tiphys(file, "--against", "HEAD");
    assert.equal(refused.code, 20);
    assert.match(refused.stderr, message);
  }
  await writeFile(file, JSON.stringify(application("web", "", { source })));
  assert.equal((await tiphys()).code, 2);
  const alone = await tiphys(file, "--data-dir", folder.path, "--kubeconfig", "");
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /--against live: no cluster/);
});

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestRepository, type TestRepository } from "../harness/git-repository.ts";
import { renderToolsMissing, toolPath } from "../harness/render-tools.ts";
import { mainFile, type RunResult, run } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";

const tools = ["helm", "kustomize", "jsonnet"] as const;
const skip = renderToolsMissing(...tools);

const map = (name: string, data: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "${name}"}\ndata: ${data}\n`;

const files = {
  "plain/a.yaml": map("plain", "{a: b}"),
  "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n",
  "chart/templates/map.yaml": map(
    "{{ .Release.Name }}",
    '{ns: "{{ .Release.Namespace }}", c: "{{ .Values.c }}", k: "{{ .Capabilities.KubeVersion }}", h: "{{ .Capabilities.APIVersions.Has "x/v1" }}"}',
  ),
  "chart/prod.yaml": "c: chart-file\n",
  "mine.yaml": "c: my-file\n",
  "over/kustomization.yaml": "resources: [../base]\n",
  "base/kustomization.yaml": "resources: [pod.yaml]\n",
  "base/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: nginx}]}\n",
  "jsonnet/a.jsonnet": `function(x) {apiVersion: "v1", kind: "ConfigMap", metadata: {name: x}}`,
  "broken/Chart.yaml": "apiVersion: v2\nname: broken\nversion: 0.1.0\n",
  "broken/templates/x.yaml": '{{ fail "no" }}',
};

interface Rig extends AsyncDisposable {
  readonly repository: TestRepository;
  render(line: string, flags?: readonly string[]): Promise<RunResult>;
}

async function open(withTools = true): Promise<Rig> {
  const repository = await createTestRepository();
  await repository.commit(files);
  const flags = withTools ? tools.flatMap((name) => ["--tool", `${name}=${toolPath(name)}`]) : [];
  return {
    repository,
    render: (line, more = []) =>
      run(process.execPath, [mainFile, "render", ...line.split(" "), ...flags, ...more], { cwd: repository.path }),
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

async function objects(result: Promise<RunResult>): Promise<readonly Record<string, unknown>[]> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

const first = async (result: Promise<RunResult>) => (await objects(result))[0];

function dataOf(object: Record<string, unknown> | undefined): Readonly<Record<string, string>> {
  return (object?.data ?? {}) as Record<string, string>;
}

test("every flag reaches the tool", { skip }, async () => {
  await using rig = await open();
  const chart =
    "chart --release-name r --namespace n --helm-values mine.yaml --kube-version 1.30.1 --api-version x/v1 -o json";
  const data = { ns: "n", c: "my-file", k: "v1.30.1", h: "true" };
  assert.deepEqual(await first(rig.render(chart)), {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "r" },
    data,
  });
  const ofChart = await first(rig.render("chart --helm-values prod.yaml --helm-set c=set -o json"));
  assert.deepEqual(dataOf(ofChart).c, "set");
  const [pod] = await objects(rig.render("over --kustomize-image nginx=other:2 -o json"));
  assert.match(JSON.stringify(pod), /"image":"other:2"/);
  assert.deepEqual((await rig.render("jsonnet --jsonnet-tla x=named -o name")).stdout, "configmap/named\n");
  assert.deepEqual(
    (await rig.render("plain")).stdout,
    "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: plain\ndata:\n  a: b\n",
  );
});

test("the working tree counts, unless a revision or a repository is named", { skip }, async () => {
  await using rig = await open();
  await writeFile(join(rig.repository.path, "plain/a.yaml"), map("changed", "{}"));
  await using elsewhere = await tempDir();
  const names = async (line: string, cwd?: string) =>
    (cwd === undefined
      ? await rig.render(line)
      : await run(process.execPath, [mainFile, "render", ...line.split(" ")], { cwd })
    ).stdout;
  assert.equal(await names("plain -o name"), "configmap/changed\n");
  assert.equal(await names("plain --revision HEAD -o name"), "configmap/plain\n");
  const remote = `plain --repo ${rig.repository.url} --revision main -o name`;
  assert.equal(await names(remote, elsewhere.path), "configmap/plain\n");
});

test("an Application is rendered from its repository, with its refs", { skip }, async () => {
  await using rig = await open();
  const app = (sources: string): string =>
    `apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app, namespace: argocd}\nspec:\n  project: default\n  destination: {server: "https://x", namespace: dest}\n  ${sources}\n`;
  const { url, path } = rig.repository;
  await mkdir(join(path, "apps"));
  await writeFile(join(path, "apps/one.yaml"), app(`source: {repoURL: "${url}", path: chart, targetRevision: main}`));
  await writeFile(
    join(path, "apps/two.yaml"),
    app(`sources: [{repoURL: "${url}", path: chart, helm: {valueFiles: [$v/mine.yaml]}}, {repoURL: "${url}", ref: v}]`),
  );
  const one = await first(rig.render("apps/one.yaml --helm-set c=flag -o json"));
  assert.deepEqual([one?.metadata, dataOf(one).c], [{ name: "app" }, "flag"]);
  const explained = await rig.render("apps/two.yaml -o json --explain");
  const [two] = JSON.parse(explained.stdout) as readonly Record<string, unknown>[];
  assert.deepEqual([dataOf(two).c, dataOf(two).ns], ["my-file", "dest"]);
  // What is said of one source stands together, though both are rendered at once.
  const [rendered = "", referred = ""] = explained.stderr.split(/^app, source 2 of 2: /m);
  assert.match(rendered, /^app, source 1 of 2: file:.* chart\n +\d+\.\d ms {2}fetch\n +\d+\.\d ms {2}prepare\n/);
  assert.match(rendered, /^ {2}read {2}\$v\/mine\.yaml {2}[0-9a-f]{12}$/m);
  assert.match(referred, /^file:.*\n +\d+\.\d ms {2}fetch\n$/);
  assert.match(
    (await rig.render("apps/two.yaml --helm-set c=x")).stderr,
    /app has 2 sources: flags that change a source/,
  );
});

test("--explain says what was read, the key and the time of each step; a second run takes what was kept", {
  skip,
}, async () => {
  await using rig = await open();
  await mkdir(join(rig.repository.path, ".tiphys"));
  const made = await rig.render("over --explain");
  assert.match(made.stderr, /^ +\d+\.\d ms {2}prepare$/m);
  assert.match(made.stderr, /^ +\d+\.\d ms {2}kustomize build$/m);
  assert.match(made.stderr, /^key [0-9a-f]{16}: rendered now$/m);
  assert.match(made.stderr, /^ {2}read {2}base\/pod\.yaml {2}[0-9a-f]{12}$/m);
  assert.match(made.stderr, /^ {2}read {2}base\/kustomization\.yml {2}not there$/m);
  const again = await rig.render("over --explain");
  assert.match(again.stderr, /: kept from an earlier rendering$/m);
  assert.match(again.stderr, /^ +\d+\.\d ms {2}read from disk$/m);
  assert.equal(again.stdout, made.stdout);
});

for (const [name, line, withTools, code, message] of [
  [
    "a chart that fails, and what was read of it",
    "broken --explain",
    true,
    1,
    /^ {2}read {2}broken {2}[0-9a-f]{12}$.*failed exit status 1: .*no/ms,
  ],
  [
    "a missing tool, with what to install",
    "chart --tool helm=/none",
    false,
    2,
    /helm is missing: "\/none".*install Helm 3.*https:\/\/helm\.sh/s,
  ],
  [
    "a value file that no tool may read",
    "chart --helm-values /etc/hosts",
    true,
    2,
    /--helm-values: "\/etc\/hosts" is outside of the repository, where tools read nothing: copy it below/,
  ],
  ["a version that is none", "chart --kube-version new", true, 2, /"new" must be a version such as 1\.32\.3/],
  ["a path that is not there", "none", true, 2, /"none" is neither a folder nor a file/],
  ["a file without Applications", "mine.yaml", true, 2, /"mine\.yaml" holds no Application/],
  ["a folder that is not in the repository", "none --repo .", true, 1, /none: app path does not exist/],
  [
    "a revision of a folder that is in no repository",
    ".. --revision main",
    false,
    2,
    /--revision: "\.\." is in no Git repository: name the repository with --repo/,
  ],
  ["a revision that is not there", "plain --revision none", false, 1, /unable to resolve 'none' to a commit SHA/],
  ["a flag that is half", "plain --helm-set a", false, 2, /"a" must be NAME=VALUE/],
  ["a tool that nobody knows", "plain --tool ksonnet=/x", false, 2, /"ksonnet=\/x" must be NAME=PATH/],
] as const) {
  test(`the exit code tells ${name}`, { skip }, async () => {
    await using rig = await open(withTools);
    const result = await rig.render(line.replace("--repo .", `--repo ${rig.repository.url}`));
    assert.match(result.stderr, message);
    assert.equal(result.code, code);
  });
}

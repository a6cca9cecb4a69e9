import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { refuse, startDoor } from "../../gitops/source/door.ts";
import { startHelmServer } from "../../harness/helm-repository.ts";
import { renderToolsMissing, toolPath } from "../../harness/render-tools.ts";
import { mainFile, type RunResult, run } from "../../harness/run.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const skip = renderToolsMissing("helm");
const password = "pa ss:wörd";
const login = `me:${password}`;
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const authorization = `Basic ${base64(login)}`;
const map = (name: string, data: object = {}) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });

interface SecretOptions {
  readonly type?: string;
  readonly isPlain?: boolean;
}

function secret(name: string, data: Readonly<Record<string, string>>, { type = "repository", isPlain }: SecretOptions) {
  const labels = { "argocd.argoproj.io/secret-type": type };
  const encoded = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)]));
  const content = isPlain ? { stringData: data } : { data: encoded };
  return { apiVersion: "v1", kind: "Secret", metadata: { name, labels }, ...content };
}

function application(source: object, project = "default"): object {
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "app", namespace: "argocd" },
    spec: { project, source, destination: { server: "https://x", namespace: "dest" } },
  };
}

type Files = Readonly<Record<string, readonly object[] | string>>;

async function open(files: Files) {
  const folder = await tempDir();
  for (const [name, objects] of Object.entries(files)) {
    const path = join(folder.path, name);
    await mkdir(dirname(path), { recursive: true });
    const text = typeof objects === "string" ? objects : objects.map((one) => `---\n${JSON.stringify(one)}\n`).join("");
    await writeFile(path, text);
  }
  return {
    tiphys: (line: string): Promise<RunResult> =>
      run(process.execPath, [mainFile, ...line.split(" "), "--tool", `helm=${toolPath("helm")}`], { cwd: folder.path }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** A repository that wants a password, with a map in `web` and a chart. */
const startPrivate = () =>
  startDoor((request, response) => request.headers.authorization === authorization || refuse(response), undefined, {
    "web/m.json": JSON.stringify(map("private")),
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n",
    "chart/templates/m.yaml": JSON.stringify(map("{{ .Release.Name }}")),
    "chart/plain.yaml": JSON.stringify(map("not-templated")),
  });

const credentials = { username: "me", password };

for (const [name, secretsOf, flags, project] of [
  [
    "a repository's own Secret",
    (url: string) => [secret("r", { url, ...credentials }, {})],
    "--repo-secrets d/s.yaml",
    "default",
  ],
  [
    "credentials for a prefix, as plain text",
    (url: string) => [
      secret("c", { url: url.replace(/demo.*/, ""), ...credentials }, { type: "repo-creds", isPlain: true }),
    ],
    "--repo-secrets d",
    "default",
  ],
  [
    "a directory with all there is, under the other flag",
    (url: string) => [map("argocd-cm"), secret("r", { url, ...credentials }, {})],
    "--settings d",
    "default",
  ],
  [
    "a Secret of the Application's project",
    (url: string) => [secret("r", { url, ...credentials, project: "team" }, {})],
    "--repo-secrets d",
    "team",
  ],
] as const) {
  test(`a private Application is rendered with ${name}`, async () => {
    await using door = await startPrivate();
    const app = application({ repoURL: door.url, path: "web", targetRevision: "main" }, project);
    await using rig = await open({ "app.yaml": [app], "d/s.yaml": secretsOf(door.url) });
    const { code, stdout, stderr } = await rig.tiphys(`render app.yaml -o name ${flags}`);
    assert.deepEqual([stderr, code, stdout], ["", 0, "configmap/private\n"]);
    const folder = await rig.tiphys(`render web --repo ${door.url} --project ${project} -o name ${flags}`);
    assert.deepEqual([folder.stderr, folder.stdout], ["", "configmap/private\n"]);
  });
}

test("without its Secret, or with that of another project, a private Application says what is missing", async () => {
  await using door = await startPrivate();
  const app = application({ repoURL: door.url, path: "web", targetRevision: "main" });
  const other = secret("r", { url: door.url, ...credentials, project: "team" }, {});
  await using rig = await open({ "app.yaml": [app], "s.yaml": [other] });
  for (const flags of ["", " --repo-secrets s.yaml"]) {
    const { code, stderr } = await rig.tiphys(`render app.yaml${flags}`);
    assert.match(stderr, /authentication required/);
    assert.doesNotMatch(stderr, /wörd/);
    assert.equal(code, 1);
  }
});

test("a chart of a private Helm repository is rendered offline", { skip }, async () => {
  await using charts = await startHelmServer(login);
  charts.publish("shop", "1.2.3", { "templates/m.yaml": JSON.stringify(map("from-{{ .Values.at }}")) });
  const helm = { parameters: [{ name: "at", value: "$ARGOCD_APP_REVISION", forceString: true }] };
  const app = application({ repoURL: charts.url, chart: "shop", targetRevision: "1.x", helm });
  await using rig = await open({
    "app.yaml": [app],
    "s.yaml": [secret("r", { url: charts.url, type: "helm", name: "charts", ...credentials }, {})],
  });
  const { stdout, stderr } = await rig.tiphys("render app.yaml -o name --repo-secrets s.yaml");
  assert.deepEqual([stderr, stdout], ["", "configmap/from-1.2.3\n"]);
});

test("both ConfigMaps count, in one file, several or a directory", { skip }, async () => {
  await using door = await startPrivate();
  const repository = secret("r", { url: door.url, ...credentials }, {});
  const off = map("argocd-cm", { "helm.enable": "false" });
  const small = map("argocd-cmd-params-cm", { "reposerver.max.combined.directory.manifests.size": "10" });
  await using rig = await open({
    "app.yaml": [application({ repoURL: door.url, path: "chart", targetRevision: "main" })],
    "s.yaml": [repository],
    "off.yaml": [off],
    "small.yaml": [small],
    "unnamed.yaml": [map("mine", { "helm.enable": "false" })],
  });
  const render = (flags: string) => rig.tiphys(`render app.yaml -o name --repo-secrets s.yaml${flags}`);
  assert.equal((await render("")).stdout, "configmap/app\n");
  assert.equal((await render(" --settings off.yaml")).stdout, "configmap/not-templated\n");
  assert.equal((await render(" --settings unnamed.yaml")).stdout, "configmap/not-templated\n");
  const both = await render(" --settings off.yaml --settings small.yaml");
  assert.match(both.stderr, /10 bytes|allowed/);
  assert.equal(both.code, 1);
});

test("diff and sync plan take them, too", async () => {
  await using door = await startPrivate();
  const app = application({ repoURL: door.url, path: "web", targetRevision: "main" });
  await using rig = await open({
    "app.yaml": [{ ...app, metadata: { name: "app" } }],
    "s.yaml": [secret("r", { url: door.url, ...credentials }, {})],
  });
  const diff = await rig.tiphys("diff app.yaml --against main --repo-secrets s.yaml");
  assert.deepEqual([diff.stderr, diff.code], ["", 0]);
  assert.equal((await rig.tiphys("diff app.yaml --against main")).code, 20);
  const plan = await rig.tiphys("sync plan app.yaml --repo-secrets s.yaml");
  assert.match(plan.stdout, /private/);
});

const url = "https://git.example/a";
for (const [name, files, message] of [
  [
    "nothing that is known",
    { "d/x.yaml": [map("a"), map("b")] },
    /--settings: "d" holds nothing that is known; expected a ConfigMap argocd-cm, .*Secret with the label argocd\.argoproj\.io\/secret-type/,
  ],
  [
    "text that is not base64",
    {
      "d/x.yaml": [
        {
          ...secret("r", {}, {}),
          data: { url: base64(url), password: "p@ss-not-encoded" },
        },
      ],
    },
    /d\/x\.yaml:2: Secret "r": data\.password is not base64; plain text belongs into stringData/,
  ],
  ["a Secret without a URL", { "d/x.yaml": [secret("r", credentials, {})] }, /Secret "r": url is missing: expected/],
  [
    "a Secret that is still encrypted",
    { "d/x.yaml": [{ ...secret("r", { url }, {}), sops: { version: "3" } }] },
    /Secret "r": it is encrypted by sops: decrypt it first/,
  ],
  [
    "one ConfigMap twice",
    { "d/x.yaml": [map("argocd-cm")], "d/y.yaml": [map("argocd-cm")] },
    /d\/y\.yaml:2: ConfigMap "argocd-cm" stands in --settings: d\/x\.yaml:2, too: keep one/,
  ],
  [
    "a setting that cannot be used",
    { "d/x.yaml": [map("argocd-cmd-params-cm", { "reposerver.max.combined.directory.manifests.size": "many" })] },
    /reposerver\.max\.combined\.directory\.manifests\.size: "many" must be a size such as 10M/,
  ],
  ["a file that is no YAML", { "d/x.yaml": "a: [" }, /d\/x\.yaml:/],
  ["nothing at all", {}, /"d" cannot be read/],
] as const satisfies readonly (readonly [string, Files, RegExp])[]) {
  test(`what is declared is refused with its reason: ${name}`, async () => {
    await using rig = await open({ "web/m.yaml": [map("m")], ...files });
    const { code, stdout, stderr } = await rig.tiphys("render web --settings d");
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /p@ss/);
    assert.deepEqual([stdout, code], ["", 2]);
  });
}

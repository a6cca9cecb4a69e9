import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

interface Step {
  readonly line: string;
  readonly code?: number;
  readonly out?: RegExp;
  readonly err?: RegExp;
}

/** One engine for all: each test has projects, repositories or clusters of its own. */
let scenario: GitOpsScenario;

async function run(steps: readonly Step[]): Promise<void> {
  for (const { line, code = 0, out, err } of steps) {
    const result = await scenario.engine.cli(line.replaceAll("URL", scenario.urlOf("shop")).split(" "));
    assert.equal(result.code, code, `${line}: ${result.stdout}${result.stderr}`);
    if (out) assert.match(result.stdout, out, line);
    if (err) assert.match(result.stderr, err, line);
  }
}

before(async () => {
  scenario = await GitOpsScenario.start({
    repositories: { shop: { "map.json": configMap("map", "one") } },
    manifests: (urlOf) => [
      application("web", urlOf("shop"), { project: "team" }),
      {
        apiVersion: "argoproj.io/v1alpha1",
        kind: "AppProject",
        metadata: { name: "team", namespace: "argocd" },
        spec: { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] },
      },
    ],
  });
});

after(() => scenario[Symbol.asyncDispose]());
failOnLeakedChildren();

test("projects, by the command line", async () => {
  await scenario.waitForSynced("web");
  await run([
    { line: "proj list -o name", out: /^default\nteam\n$/ },
    { line: "proj create shop -s https://git.example/* -d *,shop --description Shop" },
    { line: "proj create shop -s *", code: 20, err: /existing project spec is different, use upsert/ },
    {
      line: "proj get shop",
      out: /Name: +shop\nDescription: +Shop\nDestinations: +\*,shop\nRepositories: +https:\/\/git\.example\/\*/,
    },
    { line: "proj add-source shop https://other.example/x" },
    { line: "proj add-source shop https://other.example/x", code: 1, err: /already defined/ },
    { line: "proj add-destination shop in-cluster other" },
    { line: "proj add-destination shop * named --name" },
    { line: "proj get shop -o json", out: /"name": "\*",\n +"namespace": "named"/ },
    { line: "proj remove-destination shop * named --name" },
    { line: "proj add-signature-key shop bad", code: 2, err: /"bad" is not a valid GnuPG key ID/ },
    { line: "proj add-signature-key shop 0123456789ABCDEF" },
    { line: "proj remove-signature-key shop 0123456789ABCDEF" },
    { line: "proj list", out: /shop +Shop +2 destinations +2 repos +<none>/ },
    { line: "proj remove-source shop https://none.example", code: 1, err: /does not exist/ },
    { line: "proj allow-cluster-resource shop * Namespace" },
    { line: "proj deny-namespace-resource shop apps Deployment" },
    {
      line: "proj get shop -o json",
      out: /"clusterResourceWhitelist": \[\n +\{\n +"group": "\*",\n +"kind": "Namespace"/,
    },
    { line: "proj deny-cluster-resource shop * Namespace" },
    { line: "proj allow-namespace-resource shop apps Deployment" },
    { line: "proj get shop -o json", out: /"clusterResourceWhitelist": \[\],\n +"namespaceResourceBlacklist": \[\]/ },
    { line: "proj add-orphaned-ignore shop apps Deployment --name x" },
    { line: "proj role create shop deployers --description Deployers", out: /Role 'deployers' created/ },
    { line: "proj role add-policy shop deployers -a sync --object *" },
    { line: "proj role add-policy shop deployers -a get -o web -p deny" },
    { line: "proj role remove-policy shop deployers -a get -o web -p deny" },
    { line: "proj role remove-policy shop deployers -a get -o web", code: 20, err: /is not there/ },
    { line: "proj role add-group shop deployers my-team" },
    {
      line: "proj role get shop deployers",
      out: /p, proj:shop:deployers, applications, sync, shop\/\*, allow\nGroups: +my-team/,
    },
    { line: "proj role list shop", out: /^ROLE-NAME +DESCRIPTION\ndeployers +Deployers\n/ },
    { line: "proj role delete shop nobody", code: 20, err: /role 'nobody' does not exist/ },
    { line: "proj windows list shop", out: /^ID/ },
    { line: "proj set shop", code: 2, err: /no flag says what to change/ },
    { line: "proj set shop --dest *,*,*", code: 2, err: /must be SERVER,NAMESPACE/ },
    { line: "proj delete team", code: 20, err: /project is referenced by 1 applications/ },
    { line: "proj delete default", code: 20, err: /cannot be deleted/ },
    { line: "proj set team -s https://none.example", code: 20, err: /1 applications are not permitted any more: web/ },
    { line: "proj delete shop" },
    { line: "proj get shop", code: 20, err: /"shop" not found/ },
  ]);
  const window = ["proj", "windows", "add", "team", "--kind", "deny", "--schedule", "0 22 * * *"];
  const added = await scenario.engine.cli([...window, "--duration", "1h", "--applications", "*"]);
  assert.equal(added.code, 0, added.stderr);
  await run([
    { line: "proj windows enable-manual-sync team 0" },
    {
      line: "proj windows list team",
      out: /\n0 +(?:Ina|A)ctive +deny +0 22 \* \* \* +1h +\* +- +- +Enabled +Disabled +UTC +Disabled\n/,
    },
    { line: "proj source-integrity git policies add team --gpg-mode head --gpg-key 0123456789ABCDEF --repo-url *" },
    { line: "proj source-integrity git policies update team 0 --gpg-mode none --delete-gpg-key 0123456789ABCDEF" },
    {
      line: "proj source-integrity git policies list team",
      out: /^ID +GPG-MODE +GPG-KEYS +REPO-URLS\n0 +none +- +\*\n$/,
    },
    {
      line: "proj source-integrity git policies update team 0 --gpg-mode some",
      code: 2,
      err: /must be none, head or strict/,
    },
    { line: "proj source-integrity git policies delete team 1", code: 20, err: /there is no policy 1/ },
    { line: "proj source-integrity git policies delete team 0" },
    { line: "proj windows delete team 1", code: 20, err: /there is no window 1/ },
    { line: "proj windows delete team 0" },
  ]);
});

test("repositories and credentials, by the command line; what is secret stays so", async () => {
  const none = scenario.urlOf("none");
  await run([
    { line: "repo add URL --name shop", out: /^Repository 'http:\S+' added\n$/ },
    { line: `repo add ${none}`, code: 20, err: /Unable to connect to repository/ },
    { line: "repo add URL", code: 20, err: /use upsert flag/ },
    { line: "repo add https://charts.example --type helm", code: 2, err: /--name: must be given/ },
    { line: "repo list", out: /^TYPE +NAME +REPO .*\ngit +shop +http:\S+ +false +false +false +false +Successful/ },
    { line: "repocreds add http://127.0.0.1 --username u --password very-secret", out: /^Repository credentials for/ },
    {
      line: "repocreds list",
      out: /^URL PATTERN +USERNAME +SSH_CREDS +TLS_CREDS\nhttp:\/\/127\.0\.0\.1 +u +false +false\n/,
    },
    { line: "repo get URL", out: / inherited / },
    { line: "repo list -o url", out: /^http:\S+shop\.git\n$/ },
  ]);
  for (const path of ["repositories", "repocreds"]) {
    const text = await (await scenario.engine.api(`/api/v1/${path}`)).text();
    assert.equal(text.includes("very-secret"), false, path);
  }
  assert.equal(scenario.engine.output.includes("very-secret"), false);
  await run([
    { line: "repocreds rm http://127.0.0.1", out: /removed/ },
    { line: "repo rm URL", out: /^Repository '\S+' removed\n$/ },
    { line: "repo get URL", code: 20, err: /not found/ },
  ]);
});

test("clusters, by the command line", async () => {
  const { kube, kubeconfig } = scenario.engine.endpoints;
  await run([
    {
      line: "cluster list",
      out: /^SERVER +NAME .*\nhttps:\/\/kubernetes\.default\.svc +in-cluster +v1\.\S+ +Successful/,
    },
    { line: "cluster get in-cluster", out: /^server: https:\/\/kubernetes\.default\.svc\n/ },
    { line: "cluster rm in-cluster", code: 20, err: /is the engine's own/ },
    { line: "cluster set in-cluster", code: 2, err: /no flag says what to change/ },
    { line: "cluster get none", code: 20, err: /cluster "none" not found/ },
    { line: `cluster add nowhere --kubeconfig ${kubeconfig} -y`, code: 2, err: /nowhere/ },
  ]);
  // A cluster writes the token of a service account; the embedded one has nobody who does.
  const adding = scenario.engine.cli(["cluster", "add", "tiphys", "--kubeconfig", kubeconfig, "--name", "other", "-y"]);
  await waitFor("the Secret for the token", () =>
    scenario.find("secret", "argocd-manager-long-lived-token", "kube-system"),
  );
  const patch = JSON.stringify({ data: { token: Buffer.from("the-token").toString("base64") } });
  await scenario.kubectl(["patch", "secret", "argocd-manager-long-lived-token", "-n", "kube-system", "-p", patch]);
  const added = await adding;
  assert.deepEqual([added.code, added.stdout], [0, `Cluster '${kube}' added\n`], added.stderr);
  const secrets = await scenario.list("secret", "argocd");
  const [stored] = secrets.filter(({ metadata }) => metadata.name.startsWith("cluster-")) as unknown as [
    { data: { config: string; name: string } },
  ];
  const config = JSON.parse(Buffer.from(stored.data.config, "base64").toString()) as { bearerToken: string };
  assert.equal(config.bearerToken, "the-token");
  await run([
    { line: "cluster set other --label env=test --namespace a --namespace b", out: /^Cluster 'other' updated\.\n$/ },
    { line: "cluster list", out: / \(2 namespaces\) +other / },
    { line: "cluster get other -o json", out: /"labels": \{\n +"env": "test"/ },
  ]);
  const shown = await scenario.engine.cli(["cluster", "get", "other", "-o", "json"]);
  assert.equal(shown.stdout.includes("the-token"), false);
  const rewritten = (await scenario.list("secret", "argocd")).find(({ metadata }) =>
    metadata.name.startsWith("cluster-"),
  );
  const kept = (rewritten as unknown as { data: { config: string } }).data.config;
  assert.match(Buffer.from(kept, "base64").toString(), /the-token/, "what is not shown is not lost");
  const rm = `cluster rm ${kube} --kubeconfig ${kubeconfig}`;
  await run([
    {
      line: `${rm} --kube-context tiphys`,
      out: /^Cluster '\S+' removed\n.*ClusterRoleBinding argocd-manager-role-binding deleted\n[\s\S]*ServiceAccount argocd-manager deleted\n$/,
    },
  ]);
  const clusterInfo = {
    clusters: [{ name: "", cluster: { server: "https://public.example", "certificate-authority-data": "eA==" } }],
  };
  await scenario.kubectl(["create", "-f", "-"], {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "cluster-info", namespace: "kube-public" },
    data: { kubeconfig: JSON.stringify(clusterInfo) },
  });
  const aws = `cluster add tiphys --kubeconfig ${kubeconfig} --aws-cluster-name x --name public --cluster-endpoint`;
  await run([
    { line: `${aws} elsewhere`, code: 2, err: /Allowed choices are kubeconfig, kube-public, internal/ },
    { line: `${aws} kube-public`, out: /^Cluster 'https:\/\/public\.example' added\n$/ },
    {
      line: `cluster rm public --kubeconfig ${kubeconfig} --kube-context tiphys`,
      out: /^Cluster 'public' removed\n$/,
      err: /argocd-manager\): context "tiphys" of \S+ is https:\S+, not https:\/\/public\.example: name one with --kube-context/,
    },
  ]);
  assert.doesNotMatch(
    await scenario.kubectl(["get", "clusterrole,sa,secret", "-n", "kube-system", "-o", "name"]),
    /argocd-manager/,
  );
});

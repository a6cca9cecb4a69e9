import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonAnswer } from "../harness/answer.ts";
import { openConnectProxy } from "../harness/connect-proxy.ts";
import { adminToken } from "../harness/control-plane.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { base64, openTestCluster, type TestCluster } from "../harness/remote-cluster.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;

/** A Secret as `argocd cluster add` writes it. */
function clusterSecret(
  { url, certificate }: TestCluster,
  bearerToken: string,
  more: { readonly config?: object; readonly data?: object } = {},
): object {
  const tlsClientConfig = { insecure: false, caData: base64(certificate.cert) };
  const config = { bearerToken, tlsClientConfig, ...more.config };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "edge", namespace: "argocd", labels: { "argocd.argoproj.io/secret-type": "cluster" } },
    stringData: { name: "edge", server: url, config: JSON.stringify(config), ...more.data },
  };
}

async function answerOf(response: Response): Promise<JsonAnswer> {
  return { status: response.status, body: await response.json() };
}

async function valueIn(cluster: TestCluster): Promise<unknown> {
  const { body } = await cluster.plane.call("GET", "/api/v1/namespaces/default/configmaps/settings");
  return body.data?.value;
}

test("an Application names a cluster of a Secret; one that is away costs only its own Applications", {
  skip,
}, async () => {
  await using cluster = await openTestCluster({ simulate: true });
  const destination = { name: "edge", namespace: "default" };
  await using scenario = await GitOpsScenario.start({
    repositories: { edge: { "a.yaml": configMap("settings", "0") }, own: { "a.yaml": configMap("settings", "own") } },
    manifests: (urlOf) => [
      clusterSecret(cluster, "wrong"),
      application("edge", urlOf("edge"), { destination }),
      application("own", urlOf("own")),
    ],
  });
  await scenario.waitForSynced("own");
  const { conditions = [] } = await scenario.waitForStatus("edge", "with a condition", (status) =>
    Boolean(status.conditions?.length),
  );
  assert.match(conditions[0]?.message ?? "", /^Failed to load live state: .*Unauthorized/);

  await scenario.kubectl(["apply", "-f", "-"], clusterSecret(cluster, adminToken));
  await scenario.waitForSynced("edge", undefined, 15_000); // not at the next try, which would be after 30 s
  assert.equal(await valueIn(cluster), "0");
  const deleted = await cluster.plane.call("DELETE", "/api/v1/namespaces/default/configmaps/settings");
  assert.equal(deleted.status, 200);
  await waitFor("drift on the other cluster to be mended", async () => (await valueIn(cluster)) === "0");

  await scenario.kubectl(["delete", "secret", "edge", "-n", "argocd"]);
  const gone = await scenario.waitForStatus("edge", "without its cluster", (status) =>
    Boolean(status.conditions?.some(({ message }) => message?.includes("no clusters with this name: edge"))),
  );
  assert.equal(gone.conditions?.[0]?.type, "InvalidSpecError");
});

/** Bob may do everything in the namespace, and nothing elsewhere. */
async function allowBob({ plane }: TestCluster, namespace: string): Promise<void> {
  const group = "rbac.authorization.k8s.io";
  const at = `/apis/${group}/v1/namespaces/${namespace}`;
  const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
  const roleRef = { apiGroup: group, kind: "Role", name: "all" };
  const subjects = [{ apiGroup: group, kind: "User", name: "bob" }];
  const role = { apiVersion: `${group}/v1`, kind: "Role", metadata: { name: "all" }, rules };
  const binding = { apiVersion: `${group}/v1`, kind: "RoleBinding", metadata: { name: "bob" }, roleRef, subjects };
  assert.equal((await plane.call("POST", `${at}/roles`, role)).status, 201);
  assert.equal((await plane.call("POST", `${at}/rolebindings`, binding)).status, 201);
}

test("a cluster of some namespaces, for an account that may do no more, through a proxy", { skip }, async () => {
  await using cluster = await openTestCluster({ simulate: true });
  await using proxy = await openConnectProxy();
  await allowBob(cluster, "default");
  const destination = { name: "edge", namespace: "default" };
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "more" } };
  const settings = { config: { proxyUrl: proxy.url }, data: { namespaces: "default" } };
  await using scenario = await GitOpsScenario.start({
    repositories: {
      edge: { "a.yaml": configMap("settings", "0") },
      other: { "a.yaml": { ...configMap("other", "0"), metadata: { name: "other", namespace: "kube-system" } } },
      wide: { "a.yaml": namespace },
    },
    manifests: (urlOf) => [
      clusterSecret(cluster, "bob-token", settings),
      ...["edge", "other", "wide"].map((name) => application(name, urlOf(name), { destination })),
    ],
  });
  await scenario.waitForSynced("edge");
  assert.equal(await valueIn(cluster), "0");
  assert.ok(proxy.targets.length > 0 && proxy.targets.every((target) => cluster.url.endsWith(target)));
  const messageOf = async (name: string): Promise<string> => {
    const { conditions = [] } = await scenario.waitForStatus(name, "with a condition", (status) =>
      Boolean(status.conditions?.length),
    );
    return conditions[0]?.message ?? "";
  };
  assert.match(await messageOf("other"), /namespace "kube-system" for ConfigMap "other" is not managed/);
  assert.match(await messageOf("wide"), /cluster level Namespace "more" can not be managed when in namespaced mode/);
  await cluster.plane.call("DELETE", "/api/v1/namespaces/default/configmaps/settings");
  await waitFor("drift to be mended", async () => (await valueIn(cluster)) === "0");
  const { stdout } = await scenario.engine.cli(["cluster", "list"]);
  assert.match(stdout, / \(1 namespaces\) +edge +v1\.\d+\S* +Successful/);
  const { body } = await answerOf(await scenario.engine.api("/api/v1/clusters/edge?id.type=name"));
  const { info } = body;
  assert.deepEqual([info.connectionState.status, info.applicationsCount], ["Successful", 3]);
  assert.ok(info.apiVersions.includes("apps/v1/Deployment"));
  assert.deepEqual([info.cacheInfo.apisCount > 0, info.cacheInfo.resourcesCount > 0], [true, true]);

  await allowBob(cluster, "kube-system");
  const both = { ...settings, data: { namespaces: "default, kube-system" } };
  await scenario.kubectl(["apply", "-f", "-"], clusterSecret(cluster, "bob-token", both));
  await scenario.waitForSynced("other", undefined, 15_000);
  assert.equal(scenario.engine.output.includes("user:secret"), false, "no password of a proxy in a log");
});

test("a cluster that is away says so; its token is rotated, and what is known of it is read anew", {
  skip,
}, async () => {
  await using cluster = await openTestCluster({ simulate: true });
  const { call } = cluster.plane;
  await using scenario = await GitOpsScenario.start({
    repositories: {},
    manifests: () => [clusterSecret(cluster, "wrong")],
  });
  const { cli } = scenario.engine;
  assert.match((await cli(["cluster", "list"])).stdout, /edge +Failed +.*Unauthorized/);
  const notRotated = await cli(["cluster", "rotate-auth", "edge"]);
  assert.deepEqual([notRotated.code, /no token of a service account/.test(notRotated.stderr)], [20, true]);

  const at = "/api/v1/namespaces/kube-system";
  const group = "rbac.authorization.k8s.io";
  const account = { kind: "ServiceAccount", name: "argocd-manager", namespace: "kube-system" };
  const roleRef = { apiGroup: group, kind: "ClusterRole", name: "cluster-admin" };
  const binding = {
    apiVersion: `${group}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "m" },
    roleRef,
    subjects: [account],
  };
  await call("POST", `${at}/serviceaccounts`, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: account.name },
  });
  assert.equal((await call("POST", `/apis/${group}/v1/clusterrolebindings`, binding)).status, 201);
  const newToken = async (seconds: number): Promise<string> => {
    const request = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: seconds },
    };
    return (await call("POST", `${at}/serviceaccounts/argocd-manager/token`, request)).body.status.token;
  };
  await scenario.kubectl(["apply", "-f", "-"], clusterSecret(cluster, await newToken(3_600)));
  await waitFor("the cluster", async () => / edge +v1\S+ +Successful/.test((await cli(["cluster", "list"])).stdout));

  // A cluster writes the tokens of service accounts into their Secrets; the embedded one has nobody who does.
  const rotating = cli(["cluster", "rotate-auth", "edge"]);
  const name = await waitFor("the Secret for the token", async () => {
    const { items } = (await call("GET", `${at}/secrets`)).body;
    return items
      .map(({ metadata }: { metadata: { name: string } }) => metadata.name)
      .find((one: string) => one.startsWith("argocd-manager-token-"));
  });
  const written = await newToken(7_200);
  const patch = { data: { token: Buffer.from(written).toString("base64") } };
  await call("PATCH", `${at}/secrets/${name}`, patch, { "content-type": "application/merge-patch+json" });
  const rotated = await rotating;
  assert.deepEqual([rotated.code, rotated.stdout], [0, "Cluster 'edge' rotated auth\n"], rotated.stderr);
  const secret = (await scenario.find("secret", "edge", "argocd")) as unknown as { data: { config: string } };
  const { bearerToken } = JSON.parse(Buffer.from(secret.data.config, "base64").toString());
  assert.equal(bearerToken, written);
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
  const again = await scenario.engine.api("/api/v1/clusters/edge/invalidate-cache?id.type=name", init);
  assert.equal(again.status, 200);
  assert.ok((await scenario.find("secret", "edge", "argocd"))?.metadata.annotations?.["argocd.argoproj.io/refresh"]);
  await waitFor("the cluster", async () => / edge +v1\S+ +Successful/.test((await cli(["cluster", "list"])).stdout));
  assert.equal(scenario.engine.output.includes(written), false, "no token in a log");
});

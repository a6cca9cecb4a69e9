import assert from "node:assert/strict";
import { test } from "node:test";
import { adminToken } from "../harness/control-plane.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { base64, openTestCluster, type TestCluster } from "../harness/remote-cluster.ts";
import { kubectlMissing } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();
const skip = kubectlMissing() ?? false;

/** A Secret as `argocd cluster add` writes it. */
function clusterSecret({ url, certificate }: TestCluster, bearerToken: string): object {
  const config = { bearerToken, tlsClientConfig: { insecure: false, caData: base64(certificate.cert) } };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "edge", namespace: "argocd", labels: { "argocd.argoproj.io/secret-type": "cluster" } },
    stringData: { name: "edge", server: url, config: JSON.stringify(config) },
  };
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

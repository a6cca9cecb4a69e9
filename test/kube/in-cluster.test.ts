import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import { readInCluster } from "../../src/kube/in-cluster.ts";
import { openKubeconfig } from "../../src/kube/kubeconfig.ts";
import { openTestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";

const accounts = "/api/v1/namespaces/default/serviceaccounts";

test("a Pod reaches its cluster as its service account", async () => {
  await using cluster = await openTestCluster();
  await cluster.plane.call("POST", accounts, { metadata: { name: "web" } });
  const { body } = await cluster.plane.call("POST", `${accounts}/web/token`, { spec: {} });
  const accountDirectory = cluster.directory;
  await writeFile(join(accountDirectory, "token"), body.status.token);
  await writeFile(join(accountDirectory, "ca.crt"), cluster.certificate.cert);
  const { port } = new URL(cluster.url);
  const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: port };
  const options = { path: "in-cluster", env, clock: systemClock, log: silentLogger, accountDirectory };
  await using remote = await openKubeconfig(options);
  const { fetch, baseUrl } = remote;
  const client = createKubeClient({ fetch, baseUrl, log: silentLogger });
  const made = await client.create({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", namespace: "default" },
  });
  assert.equal(made.metadata.name, "a");
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: {} };
  const me = (await client.create(review)) as unknown as { status: { userInfo: { username: string } } };
  assert.equal(me.status.userInfo.username, "system:serviceaccount:default:web");
});

test("outside of a Pod it says what is missing", async () => {
  await using directory = await tempDir();
  await assert.rejects(readInCluster({}, directory.path), /KUBERNETES_SERVICE_HOST is not set/);
  const inside = { KUBERNETES_SERVICE_HOST: "10.0.0.1" };
  await assert.rejects(readInCluster(inside, directory.path), /ca\.crt/);
});

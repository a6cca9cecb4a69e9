import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { adminToken, enforceRoles } from "../harness/control-plane.ts";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { authority, kubeconfigOf, openTestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const namespaced = "/namespaces/default";
const deploymentsPath = `/apis/apps/v1${namespaced}/deployments`;
const sensorPath = `/apis/argoproj.io/v1alpha1${namespaced}/sensors/tell`;
const secretPath = `/api/v1${namespaced}/secrets/tell-sensor-manifests`;
const mapsPath = `/api/v1${namespaced}/configmaps`;
const mergePatch = { "content-type": "application/merge-patch+json" };
const numbered = (dest: string) => [{ src: { dependencyName: "push", dataKey: "body.n" }, dest }];

const rbac = `/apis/rbac.authorization.k8s.io/v1${namespaced}`;
/** The Sensor's account, which may do what its triggers do and nothing else. */
const robot: readonly (readonly [string, object])[] = [
  [`/api/v1${namespaced}/serviceaccounts`, { metadata: { name: "robot" } }],
  [
    `${rbac}/roles`,
    {
      metadata: { name: "maps" },
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "create", "patch"] }],
    },
  ],
  [
    `${rbac}/rolebindings`,
    {
      metadata: { name: "maps" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "maps" },
      subjects: [{ kind: "ServiceAccount", name: "robot", namespace: "default" }],
    },
  ],
];

function tell(url: string): object {
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "n" }, data: { n: "" } };
  const parameters = [{ ...numbered("metadata.name")[0], operation: "append" }];
  return resource("Sensor", "tell", {
    dependencies: [{ name: "push", eventSourceName: "hook", eventName: "push" }],
    template: { serviceAccountName: "robot" },
    triggers: [
      { template: { name: "send", http: { url: `${url}/send`, method: "POST", payload: numbered("n") } } },
      { template: { name: "write", k8s: { operation: "create", source: { resource: map }, parameters } } },
    ],
  });
}

test("a Sensor goes into a Pod of its own and back: each event has its effects once, also after the Pod was killed", {
  skip: natsServerMissing(),
  timeout: 180_000,
}, async () => {
  await using nats = await startNatsServer();
  await using sink = await startHttpSink();
  await using cluster = await openTestCluster();
  await using folder = await tempDir();
  await cluster.open({ user: { token: adminToken } });
  const { call } = cluster.plane;
  await enforceRoles(cluster.plane);
  for (const [path, object] of robot) assert.equal((await call("POST", path, object)).status, 201);
  const dir = await writeManifests(join(folder.path, "manifests"), [
    resource("EventBus", "default", { jetstreamExotic: { url: nats.url, streamConfig: "replicas: 1" } }),
    webhookSource("hook", await freePort()),
    tell(sink.url),
  ]);
  const args = ["--kubeconfig", join(cluster.directory, "kubeconfig"), "--yes", "--image", "tiphys:test"];
  await using engine = await startEngine({ dir, dataDir: join(folder.path, "data"), args });
  const send = async (n: number): Promise<void> => {
    const answer = await postJson(`${engine.endpoints.ingress}/webhooks/default/hook/push`, { n });
    assert.equal(answer.status, 200);
  };
  const told = (): string[] => sink.requests.map(({ body }) => JSON.parse(body).n);
  const written = async (n: number) => (await call("GET", `${mapsPath}/n${n}`)).body;
  const effects = (n: number) =>
    waitFor(`the effects of ${n}`, async () => told().includes(String(n)) && (await written(n)).kind === "ConfigMap");
  await send(1);
  await effects(1);

  // Into a Pod: what comes before it runs waits on the EventBus.
  const status = async () => (await call("GET", sensorPath)).body.status;
  await call("PATCH", sensorPath, { spec: { template: { nodeSelector: { disk: "fast" } } } }, mergePatch);
  const deployments = async () => (await call("GET", deploymentsPath)).body.items;
  const [deployment] = await waitFor("the Deployment", async () => {
    const items = await deployments();
    return items.length > 0 ? items : undefined;
  });
  assert.equal(deployment.spec.template.spec.serviceAccountName, "robot");
  await waitFor("the status", async () => (await status()).triggers === undefined);
  assert.equal((await status()).warnings, undefined);
  await send(2);

  // What the kubelet would do: the Secret as a file, the account's token, the claim, and the container's arguments.
  const manifests = join(folder.path, "manifests.yaml");
  const { body: secret } = await call("GET", secretPath);
  await writeFile(manifests, Buffer.from(secret.data["manifests.yaml"], "base64"));
  const token = await call("POST", `/api/v1${namespaced}/serviceaccounts/robot/token`, { spec: {} });
  const account = join(folder.path, "account");
  const trusted = { server: cluster.url, ...authority(cluster.certificate.cert) };
  await writeFile(account, kubeconfigOf(trusted, { token: token.body.status.token }));
  const [main] = deployment.spec.template.spec.containers;
  const podArgs = (main.args as string[]).slice(4).map((arg) => arg.replace("in-cluster", account));
  const startPod = (): Promise<RunningEngine> =>
    startEngine({ dir: manifests, dataDir: join(folder.path, "claim"), args: podArgs });
  {
    await using pod = await startPod();
    await effects(2);
    await pod.kill9();
  }
  await send(3);
  {
    await using pod = await startPod();
    await effects(3);
    // Back: the Pod is told to end, and what it has not passed is the engine's.
    await call("PATCH", sensorPath, { spec: { template: { nodeSelector: null } } }, mergePatch);
    await waitFor("the Deployment to go", async () => (await deployments()).length === 0);
    assert.equal(await pod.stop(), 0);
  }
  await waitFor("its Secret to go", async () => (await call("GET", secretPath)).status === 404);
  await send(4);
  await effects(4);
  assert.deepEqual(told(), ["1", "2", "3", "4"]);
  assert.equal(await engine.stop(), 0);
});

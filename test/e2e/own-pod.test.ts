import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { adminToken } from "../harness/control-plane.ts";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { openTestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const namespaced = "/namespaces/default";
const deploymentsPath = `/apis/apps/v1${namespaced}/deployments`;
const sourcePath = `/apis/argoproj.io/v1alpha1${namespaced}/eventsources/hook`;
const secretPath = `/api/v1${namespaced}/secrets/hook-eventsource-manifests`;
const servicePath = `/api/v1${namespaced}/services/hook-eventsource-svc`;

test("an EventSource that asks for volumes runs in a Pod of its own, and its events reach the engine's Sensors", {
  skip: natsServerMissing(),
  timeout: 120_000,
}, async () => {
  await using nats = await startNatsServer();
  await using sink = await startHttpSink();
  await using cluster = await openTestCluster();
  await using folder = await tempDir();
  await cluster.open({ user: { token: adminToken } });
  const port = await freePort();
  const hook = webhookSource("hook", port, { authSecret: { name: "tokens", key: "hook" } }) as { spec: object };
  const template = {
    volumes: [{ name: "data", emptyDir: {} }],
    container: { env: [{ name: "A", value: "1" }], resources: { limits: { cpu: "1" } } },
    nodeSelector: { disk: "fast" },
  };
  const dir = await writeManifests(join(folder.path, "manifests"), [
    { apiVersion: "v1", kind: "Secret", metadata: { name: "tokens", namespace: "default" }, stringData: { hook: "t" } },
    resource("EventBus", "default", { jetstreamExotic: { url: nats.url, streamConfig: "replicas: 1" } }),
    { ...hook, spec: { ...hook.spec, template } },
    resource("Sensor", "tell", {
      dependencies: [{ name: "push", eventSourceName: "hook", eventName: "push" }],
      triggers: [
        {
          template: {
            name: "send",
            http: {
              url: `${sink.url}/send`,
              method: "POST",
              payload: [{ src: { dependencyName: "push", dataKey: "body.n" }, dest: "n" }],
            },
          },
        },
      ],
    }),
  ]);
  const args = ["--kubeconfig", join(cluster.directory, "kubeconfig"), "--yes", "--image", "tiphys:test"];
  await using engine = await startEngine({
    dir,
    dataDir: join(folder.path, "data"),
    args,
    env: { POD_IP: "127.0.0.1" },
  });
  const deployments = async () => (await cluster.plane.call("GET", deploymentsPath)).body.items;
  const [deployment] = await waitFor("the Deployment", async () => {
    const items = await deployments();
    return items.length > 0 ? items : undefined;
  });
  const labels = { controller: "eventsource-controller", "eventsource-name": "hook", "owner-name": "hook" };
  assert.match(deployment.metadata.name, /^hook-eventsource-[0-9a-f]{10}$/);
  assert.deepEqual(deployment.spec.selector.matchLabels, labels);
  const pod = deployment.spec.template.spec;
  assert.deepEqual(pod.nodeSelector, { disk: "fast" });
  assert.equal(pod.volumes[0].name, "data");
  const [main] = pod.containers;
  assert.deepEqual(
    [main.image, main.env[0], main.resources.limits.cpu],
    ["tiphys:test", { name: "A", value: "1" }, "1"],
  );
  const service = await waitFor("the Service", async () => {
    const answer = await cluster.plane.call("GET", servicePath);
    return answer.status === 200 ? answer.body : undefined;
  });
  assert.deepEqual([service.spec.selector, service.spec.ports[0].targetPort], [labels, port]);
  const { status } = await waitFor("the status", async () => {
    const { body } = await cluster.plane.call("GET", sourcePath);
    return body.status?.conditions?.length === 2 ? body : undefined;
  });
  assert.equal(status.warnings, undefined);

  // What the kubelet would do: the Secret as a file, and the container's arguments.
  const manifests = join(folder.path, "manifests.yaml");
  const { body: secret } = await cluster.plane.call("GET", secretPath);
  await writeFile(manifests, Buffer.from(secret.data["manifests.yaml"], "base64"));
  const podArgs = (main.args as string[]).slice(4).map((arg) => arg.replace("$(POD_IP)", "127.0.0.1"));
  assert.deepEqual(main.args.slice(0, 4), ["--data-dir", "/tmp/tiphys", "up", "/etc/tiphys/manifests/manifests.yaml"]);
  const send = (n: number) =>
    fetch(`http://127.0.0.1:${port}/push`, {
      method: "POST",
      headers: { authorization: "Bearer t", "content-type": "application/json" },
      body: JSON.stringify({ n }),
    }).then(({ status: answered }) => answered);
  await assert.rejects(send(0), "the engine itself does not listen for it");
  {
    await using own = await startEngine({ dir: manifests, dataDir: join(folder.path, "pod"), args: podArgs });
    await waitFor("its port", async () => (await send(1).catch(() => undefined)) === 200);
    await waitFor("the trigger", () => sink.requests.length > 0);
    assert.equal(await own.stop(), 0);
  }
  assert.deepEqual(
    sink.requests.map(({ body }) => JSON.parse(body)),
    [{ n: "1" }],
  );

  const type = { "content-type": "application/merge-patch+json" };
  await cluster.plane.call("PATCH", sourcePath, { spec: { template: null } }, type);
  await waitFor("the Deployment to go", async () => (await deployments()).length === 0);
  await waitFor("its Secret to go", async () => (await cluster.plane.call("GET", secretPath)).status === 404);
  await waitFor("the Service to lead to the engine", async () => {
    const { body } = await cluster.plane.call("GET", servicePath);
    return body.spec.selector === undefined;
  });
  assert.equal(await engine.stop(), 0);
});

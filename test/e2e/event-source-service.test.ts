import assert from "node:assert/strict";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { adminToken } from "../harness/control-plane.ts";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { openTestCluster, type TestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const servicesPath = "/api/v1/namespaces/default/services";
const slicesPath = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const sourcesPath = "/apis/argoproj.io/v1alpha1/namespaces/default/eventsources";

/** One of the EventSource's, as the API server of the cluster has it. */
async function sliceOf(cluster: TestCluster, name: string) {
  const query = `?labelSelector=kubernetes.io/service-name%3D${name}-eventsource-svc`;
  const { body } = await cluster.plane.call("GET", slicesPath + query);
  return body.items[0];
}

/** As a Service would, with the name that the sender knows. */
async function post(port: number, path: string, host: string): Promise<number | undefined> {
  const headers = { host, "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, path, method: "POST", headers, agent: false }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
    });
    outgoing.on("error", reject);
    outgoing.end('{"n":1}');
  });
}

async function openCluster(): Promise<TestCluster & { readonly args: readonly string[] }> {
  const cluster = await openTestCluster();
  await cluster.open({ user: { token: adminToken } });
  return { ...cluster, args: ["--kubeconfig", join(cluster.directory, "kubeconfig"), "--yes"] };
}

test("in a cluster a Service leads to each EventSource with HTTP events", async () => {
  await using cluster = await openCluster();
  await using dir = await tempDir();
  const service = { ports: [{ name: "http", port: 80, targetPort: 12000 }], metadata: { labels: { team: "web" } } };
  const hook = { port: "12000", endpoint: "/push", method: "POST" };
  const named = resource("EventSource", "named", { service, webhook: { push: hook } });
  const tick = resource("EventSource", "tick", { calendar: { tick: { interval: "1h" } } });
  await writeManifests(dir.path, [named, webhookSource("plain", 12000), tick]);
  await using engine = await startEngine({ dir: dir.path, args: cluster.args, env: { POD_IP: "127.0.0.1" } });
  // Two that name one port and path: each has its own, as each had its own Pod.
  for (const [name, portName] of [
    ["named", "http"],
    ["plain", ""],
  ] as const) {
    const slice = await waitFor(`the slice of ${name}`, () => sliceOf(cluster, name));
    assert.deepEqual(slice.endpoints[0].addresses, ["127.0.0.1"]);
    assert.equal(slice.ports[0].name ?? "", portName);
    assert.equal(await post(slice.ports[0].port, "/push", `${name}-eventsource-svc.default.svc:12000`), 200);
  }
  const { body } = await cluster.plane.call("GET", `${servicesPath}/named-eventsource-svc`);
  assert.deepEqual(
    [body.spec.ports[0].port, body.spec.ports[0].targetPort, body.spec.selector],
    [80, 12000, undefined],
  );
  assert.deepEqual(body.metadata.labels, {
    team: "web",
    controller: "eventsource-controller",
    "eventsource-name": "named",
    "owner-name": "named",
  });
  assert.equal(body.metadata.ownerReferences[0].name, "named");
  assert.equal((await cluster.plane.call("GET", `${servicesPath}/tick-eventsource-svc`)).status, 404);

  const patch = { spec: { service: { ports: [{ name: "http", port: 81, targetPort: 12000 }] } } };
  const type = { "content-type": "application/merge-patch+json" };
  assert.equal((await cluster.plane.call("PATCH", `${sourcesPath}/named`, patch, type)).status, 200);
  const portOf = async () =>
    (await cluster.plane.call("GET", `${servicesPath}/named-eventsource-svc`)).body.spec.ports[0].port;
  await waitFor("the new port", async () => (await portOf()) === 81);

  await cluster.plane.call("DELETE", `${sourcesPath}/plain`);
  await waitFor("the Service to go", async () => {
    const { status } = await cluster.plane.call("GET", `${servicesPath}/plain-eventsource-svc`);
    return status === 404 && (await sliceOf(cluster, "plain")) === undefined;
  });
  assert.equal(await engine.stop(), 0);
  assert.equal(await sliceOf(cluster, "named"), undefined, "nothing leads to an engine that ended");
  assert.equal(await portOf(), 81, "its address stays");
});

test("an engine that does not know its address says so, and which fields ask for a Pod in vain", async () => {
  await using cluster = await openCluster();
  await using dir = await tempDir();
  const spec = { calendar: { tick: { interval: "1h" } }, template: { nodeSelector: { disk: "fast" } } };
  await writeManifests(dir.path, [webhookSource("plain", await freePort()), resource("EventSource", "placed", spec)]);
  const warnings = (
    name: string,
    body: { items: { metadata: { name: string }; status?: { warnings?: string[] } }[] },
  ) => body.items.find(({ metadata }) => metadata.name === name)?.status?.warnings?.join();
  await using engine = await startEngine({ dir: dir.path, args: cluster.args, env: { POD_IP: "" } });
  await waitFor("the warnings", async () => {
    const { body } = await cluster.plane.call("GET", sourcesPath);
    const [plain, placed] = [warnings("plain", body), warnings("placed", body)];
    return (
      plain?.includes("--address") && placed?.startsWith("spec.template.nodeSelector: has no effect: it runs inside")
    );
  });
  assert.equal((await cluster.plane.call("GET", `${servicesPath}/plain-eventsource-svc`)).status, 404);
  await engine.stop();
});

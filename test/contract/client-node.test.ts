import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import {
  AppsV1Api,
  AuthorizationV1Api,
  BatchV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  makeInformer,
  RbacAuthorizationV1Api,
  VersionApi,
  Watch,
} from "@kubernetes/client-node";
import type { KubeObject } from "../../src/objects/object.ts";
import { widgetDefinition } from "../harness/control-plane.ts";
import { openServedPlane } from "../harness/served-plane.ts";
import { waitFor } from "../harness/wait.ts";

/** A client of others, with types of its own: what it cannot read, nobody's controllers can. */
async function openClient() {
  const plane = await openServedPlane({ simulate: true });
  const config = new KubeConfig();
  config.loadFromFile(plane.kubeconfig);
  return { plane, config, [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose]() };
}

const namespace = "default";
const labels = { app: "w" };
const deployment = {
  metadata: { name: "w", namespace },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: "w", image: "w:1" }] } },
  },
};

test("an independent client reads and writes core kinds", { timeout: 60_000 }, async () => {
  await using client = await openClient();
  const core = client.config.makeApiClient(CoreV1Api);
  const { gitVersion } = await client.config.makeApiClient(VersionApi).getCode();
  assert.match(gitVersion, /tiphys/);
  const made = await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "a" }, data: { x: "1" } } });
  assert.ok(made.metadata?.creationTimestamp instanceof Date);
  await core.replaceNamespacedConfigMap({ namespace, name: "a", body: { ...made, data: { x: "2" } } });
  await assert.rejects(core.replaceNamespacedConfigMap({ namespace, name: "a", body: { ...made, data: { x: "3" } } }), {
    code: 409,
  });
  for (let index = 0; index < 5; index++) {
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: `m-${index}`, labels } } });
  }
  const page = await core.listNamespacedConfigMap({ namespace, labelSelector: "app=w", limit: 3 });
  const rest = await core.listNamespacedConfigMap({
    namespace,
    labelSelector: "app=w",
    limit: 3,
    _continue: page.metadata?._continue ?? "",
  });
  assert.deepEqual([page.items.length, rest.items.length], [3, 2]);
  await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: "app=w" });
  const left = await core.listNamespacedConfigMap({ namespace });
  assert.deepEqual(
    left.items.map(({ metadata }) => metadata?.name),
    ["a"],
  );
  await assert.rejects(core.readNamespacedConfigMap({ namespace, name: "none" }), { code: 404 });
});

test("an independent client sees workloads run, and their logs say what they are", { timeout: 60_000 }, async () => {
  await using client = await openClient();
  const apps = client.config.makeApiClient(AppsV1Api);
  const core = client.config.makeApiClient(CoreV1Api);
  await apps.createNamespacedDeployment({ namespace, body: deployment });
  await waitFor("both Pods", async () => {
    const { status } = await apps.readNamespacedDeployment({ namespace, name: "w" });
    return status?.availableReplicas === 2;
  });
  const scale = await apps.readNamespacedDeploymentScale({ namespace, name: "w" });
  assert.equal(scale.spec?.replicas, 2);
  const { items } = await core.listNamespacedPod({ namespace, labelSelector: "app=w" });
  const output = new PassThrough();
  await new Log(client.config).log(namespace, items[0]?.metadata?.name ?? "", "w", output);
  const chunks: Buffer[] = [];
  for await (const chunk of output) chunks.push(chunk);
  assert.match(Buffer.concat(chunks).toString(), /workloads are simulated/);
  const batch = client.config.makeApiClient(BatchV1Api);
  const template = { spec: { restartPolicy: "Never", containers: [{ name: "j", image: "j" }] } };
  await batch.createNamespacedJob({ namespace, body: { metadata: { name: "j" }, spec: { template } } });
  await waitFor(
    "the Job",
    async () => (await batch.readNamespacedJob({ namespace, name: "j" })).status?.succeeded === 1,
  );
});

test("an independent client applies, and finds kinds by discovery", { timeout: 60_000 }, async () => {
  await using client = await openClient();
  const objects = KubernetesObjectApi.makeApiClient(client.config);
  // Not by the client itself: its types rename the fields x-kubernetes-….
  await client.plane.client.create(widgetDefinition as unknown as KubeObject);
  const widget = {
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name: "w", namespace },
    spec: { size: 1 },
  };
  const apply = (spec: object, manager: string) =>
    objects.patch({ ...widget, spec } as never, undefined, undefined, manager, false, "application/apply-patch+yaml");
  await apply({ size: 1 }, "one");
  await assert.rejects(apply({ size: 2 }, "two"), { code: 409 });
  const custom = client.config.makeApiClient(CustomObjectsApi);
  const place = { group: "example.com", version: "v1", namespace, plural: "widgets", name: "w" };
  const found = (await custom.getNamespacedCustomObject(place)) as { spec: object };
  assert.deepEqual(found.spec, { size: 1 });
});

test("an independent client watches, as a stream and as an informer", { timeout: 60_000 }, async () => {
  await using client = await openClient();
  const core = client.config.makeApiClient(CoreV1Api);
  const seen: string[] = [];
  const stop = await new Watch(client.config).watch(
    `/api/v1/namespaces/${namespace}/configmaps`,
    { allowWatchBookmarks: true },
    (phase, object) => void seen.push(`${phase} ${object.metadata.name}`),
    () => undefined,
  );
  const list = () => core.listNamespacedConfigMap({ namespace });
  const informer = makeInformer(client.config, `/api/v1/namespaces/${namespace}/configmaps`, list);
  const known = new Set<string>();
  informer.on("add", ({ metadata }) => void known.add(metadata?.name ?? ""));
  informer.on("delete", ({ metadata }) => void known.delete(metadata?.name ?? ""));
  await informer.start();
  try {
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "a" } } });
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "b" } } });
    await core.deleteNamespacedConfigMap({ namespace, name: "a" });
    await waitFor("all events", async () => seen.includes("DELETED a") && known.has("b") && !known.has("a"));
    assert.deepEqual(seen, ["ADDED a", "ADDED b", "DELETED a"]);
  } finally {
    stop.abort();
    await informer.stop();
  }
});

test("an independent client asks for rights, and is refused without them", { timeout: 60_000 }, async () => {
  await using client = await openClient();
  const { config } = client;
  const rbac = config.makeApiClient(RbacAuthorizationV1Api);
  const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }];
  await rbac.createNamespacedRole({ namespace, body: { metadata: { name: "r" }, rules } });
  await rbac.createNamespacedRoleBinding({
    namespace,
    body: {
      metadata: { name: "b" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" },
      subjects: [{ kind: "User", name: "alice" }],
    },
  });
  const review = async (verb: string) => {
    const resourceAttributes = { namespace, verb, group: "", resource: "configmaps" };
    const body = { spec: { user: "alice", resourceAttributes } };
    return (await config.makeApiClient(AuthorizationV1Api).createSubjectAccessReview({ body })).status?.allowed;
  };
  assert.deepEqual([await review("get"), await review("delete")], [true, false]);
  config.users[0] = { ...config.users[0]!, token: "wrong" };
  await assert.rejects(config.makeApiClient(CoreV1Api).listNamespacedConfigMap({ namespace }), { code: 401 });
});

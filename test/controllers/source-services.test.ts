import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEventSource } from "../../src/api/event-source.ts";
import type { EventSource } from "../../src/api/resources.ts";
import { silentLogger } from "../../src/base/log.ts";
import { type Allocated, servicePorts } from "../../src/controllers/source-service-objects.ts";
import { createSourceServices, type SourceServicesDeps } from "../../src/controllers/source-services.ts";
import { sourceSchemas } from "../../src/events/sources/registry.ts";
import type { KubeClient } from "../../src/kube/kube.ts";
import { openTestPlane } from "../harness/control-plane.ts";

const { signal } = new AbortController();
const http = { isHttp: true, writes: true };
const services = "/api/v1/namespaces/default/services";
const slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const servicePath = `${services}/s-eventsource-svc`;

function sourceOf(service?: object, uid = "u"): EventSource {
  const metadata = { name: "s", namespace: "default", uid, labels: { own: "1" } };
  const webhook = { push: { port: "12000", endpoint: "/push", method: "POST" } };
  const object = { apiVersion: "argoproj.io/v1alpha1", kind: "EventSource", metadata };
  return parseEventSource({ ...object, spec: { webhook, ...(service && { service }) } }, sourceSchemas()).resource;
}

async function open(deps: Partial<SourceServicesDeps> = {}) {
  const plane = await openTestPlane();
  const writes: string[] = [];
  const noted = (name: "create" | "patch" | "delete") => {
    const call = plane.client[name] as (...args: unknown[]) => Promise<unknown>;
    return (...args: unknown[]) => {
      writes.push(`${name} ${(args[0] as { kind: string }).kind}`);
      return call.apply(plane.client, args);
    };
  };
  const kube = Object.assign(Object.create(plane.client) as KubeClient, {
    get: plane.client.get.bind(plane.client),
    list: plane.client.list.bind(plane.client),
    create: noted("create"),
    patch: noted("patch"),
    delete: noted("delete"),
  });
  const allocated: Allocated = new Map([[12_000, 40_001]]);
  const made = createSourceServices({
    kube,
    address: "10.0.0.7",
    engine: "engine-1",
    isLive: async () => false,
    allocated: () => allocated,
    log: silentLogger,
    ...deps,
  });
  const reconcile = async (source: EventSource, is = http) => {
    const { problems } = await made.reconcile(source, is, signal);
    return problems.map(({ path, message }) => `${path}: ${message}`);
  };
  return { ...plane, writes, made, reconcile, [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose]() };
}

test("nothing is written again that is there, and what somebody changed is", async () => {
  await using at = await open();
  const source = sourceOf();
  assert.deepEqual(await at.reconcile(source), []);
  assert.deepEqual(at.writes.splice(0), ["create Service", "create EndpointSlice"]);
  await at.reconcile(source);
  assert.deepEqual(at.writes, []);
  await at.client.delete({ apiVersion: "v1", kind: "Service", namespace: "default", name: "s-eventsource-svc" });
  await at.reconcile(source);
  assert.deepEqual(at.writes.splice(0), ["create Service"]);
  await at.made.removeSlices();
  assert.deepEqual((await at.call("GET", slices)).body.items, []);
  assert.equal((await at.call("GET", servicePath)).status, 200);
});

test("only one engine writes the Service, each its own slice", async () => {
  await using at = await open();
  await at.reconcile(sourceOf(), { isHttp: true, writes: false });
  assert.deepEqual(at.writes, ["create EndpointSlice"]);
});

test("a Service of the original is taken over: its selector and other ports go, its address stays", async () => {
  await using at = await open();
  const ownerReferences = [{ apiVersion: "argoproj.io/v1alpha1", kind: "EventSource", name: "s", uid: "u" }];
  const ports = [
    { name: "a", port: 12_000 },
    { name: "b", port: 13_000 },
  ];
  const theirs = { metadata: { name: "s-eventsource-svc", ownerReferences }, spec: { ports, selector: { a: "b" } } };
  const { body: before } = await at.call("POST", services, theirs);
  assert.deepEqual(await at.reconcile(sourceOf({ ports: [{ port: 80, targetPort: 12_000 }] })), []);
  const { body } = await at.call("GET", servicePath);
  assert.deepEqual(
    [body.spec.selector, body.spec.ports.map(({ port }: { port: number }) => port), body.spec.clusterIP],
    [undefined, [80], before.spec.clusterIP],
  );
  assert.equal(body.metadata.labels["owner-name"], "s");
  assert.equal(body.metadata.labels.own, "1");
});

test("a Service of somebody else is left alone, with a word", async () => {
  await using at = await open();
  await at.call("POST", services, { metadata: { name: "s-eventsource-svc" }, spec: { ports: [{ port: 1 }] } });
  const [problem] = await at.reconcile(sourceOf());
  assert.match(problem ?? "", /Service "s-eventsource-svc" is there and not of this EventSource: rename or delete it/);
  assert.deepEqual(at.writes, []);
});

test("another clusterIP needs another Service", async () => {
  await using at = await open();
  const ports = [{ port: 12_000 }];
  await at.reconcile(sourceOf({ ports }));
  at.writes.length = 0;
  assert.deepEqual(await at.reconcile(sourceOf({ ports, clusterIP: "None" })), []);
  assert.deepEqual(at.writes, ["delete Service", "create Service"]);
  assert.equal((await at.call("GET", servicePath)).body.spec.clusterIP, "None");
});

test("slices of engines that ended are removed, those of others stay", async () => {
  await using at = await open({ isLive: async (engine) => engine === "live" });
  for (const engine of ["live", "gone"]) {
    const metadata = {
      name: engine,
      labels: {
        "endpointslice.kubernetes.io/managed-by": "tiphys",
        "kubernetes.io/service-name": "s-eventsource-svc",
      },
      annotations: { "tiphys.io/engine": engine },
    };
    const slice = { metadata, addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.8"] }], ports: [] };
    assert.equal((await at.call("POST", slices, slice)).status, 201);
  }
  await at.reconcile(sourceOf());
  const { body } = await at.call("GET", slices);
  const names = body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  assert.deepEqual([names.includes("live"), names.includes("gone"), names.length], [true, false, 2]);
});

test("without HTTP events what was made for them goes", async () => {
  await using at = await open();
  await at.reconcile(sourceOf());
  const none = { isHttp: false, writes: true };
  assert.deepEqual(await at.reconcile(sourceOf(), none), []);
  assert.equal((await at.call("GET", servicePath)).status, 404);
  assert.deepEqual((await at.call("GET", slices)).body.items, []);
  assert.match(
    (await at.reconcile(sourceOf({ ports: [{ port: 1 }] }), none)).join(),
    /^spec.service: there is no Service/,
  );
});

test("an IPv6 address, and none", async () => {
  await using at = await open({ address: "fd00::7" });
  await at.reconcile(sourceOf());
  assert.equal((await at.call("GET", slices)).body.items[0].addressType, "IPv6");
  await using lost = await open({ address: undefined });
  assert.match((await lost.reconcile(sourceOf())).join(), /does not know its address .* --address, or as POD_IP/);
  assert.deepEqual(lost.writes, []);
});

test("a port that no event has is told, and the others work", async () => {
  await using at = await open();
  const ports = [
    { name: "a", port: 80, targetPort: 12_000, nodePort: 30_000 },
    { name: "b", port: 81 },
    { name: "c", port: 82, targetPort: "web" },
  ];
  assert.deepEqual(await at.reconcile(sourceOf({ ports })), [
    "spec.service.ports[0].nodePort: has no effect: the Service is a ClusterIP",
    "spec.service.ports[1].port: no HTTP event of the EventSource has port 81, which therefore leads nowhere; their ports: 12000",
    "spec.service.ports[2].targetPort: no HTTP event of the EventSource has port web, which therefore leads nowhere; their ports: 12000",
  ]);
  const { body } = await at.call("GET", slices);
  assert.deepEqual(body.items[0].ports, [{ name: "a", port: 40_001, protocol: "TCP" }]);
});

const portCases: readonly (readonly [string, object | undefined, readonly number[], readonly string[]])[] = [
  ["one own port has no name", undefined, [12_000], [":12000→12000"]],
  ["several have", undefined, [13_000, 12_000], ["port-12000:12000→12000", "port-13000:13000→13000"]],
  ["no ports count as none", { ports: [] }, [12_000], [":12000→12000"]],
  ["given ones count", { ports: [{ port: 80, targetPort: 12_000 }] }, [12_000, 13_000], [":80→12000"]],
];
for (const [name, service, own, wanted] of portCases) {
  test(`ports: ${name}`, () => {
    const ports = servicePorts(sourceOf(service), new Map(own.map((port) => [port, undefined])));
    assert.deepEqual(
      ports.map((port) => `${port.name}:${port.port}→${port.targetPort}`),
      wanted,
    );
  });
}

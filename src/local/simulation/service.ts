import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { ObjectKey } from "../stored-object.ts";
import { type Cluster, controllerReference, isDeleted, metaOf, objectOf, specOf, statusOf } from "./cluster.ts";
import { hashOf, isActive, isReady } from "./pods.ts";

const slices = "discovery.k8s.io/endpointslices";

/** The endpoints of a Service that selects Pods, and the address of a load balancer. */
export async function reconcileService(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const service = cluster.read(key);
  if (service === undefined || isDeleted(service)) return {};
  const { selector, type } = specOf(service);
  if (type === "LoadBalancer") await giveAddress(cluster, key, service);
  if (!isJsonObject(selector) || Object.keys(selector).length === 0 || type === "ExternalName") return {};
  const pods = cluster
    .listCandidates(key.namespace, selector)
    .filter((pod) => isActive(pod) && statusOf(pod).podIP !== undefined && isSelectedBy(selector, metaOf(pod).labels));
  const sorted = pods.toSorted((a, b) => (String(metaOf(a).name) < String(metaOf(b).name) ? -1 : 1));
  await keep(cluster, slices, sliceOf(service, sorted));
  await keep(cluster, "/endpoints", endpointsOf(service, sorted));
  return {};
}

export function isSelectedBy(selector: JsonObject, labels: unknown): boolean {
  const given = isJsonObject(labels) ? labels : {};
  return Object.entries(selector).every(([name, value]) => given[name] === value);
}

/** An address of a network that is for documentation: nothing answers there. */
async function giveAddress(cluster: Cluster, key: ObjectKey, service: JsonObject): Promise<void> {
  const { loadBalancerIP } = specOf(service);
  const ip = typeof loadBalancerIP === "string" && loadBalancerIP !== "" ? loadBalancerIP : addressOf(service);
  await cluster.setStatus(key, (old) => ({ ...statusOf(old), loadBalancer: { ingress: [{ ip, ipMode: "VIP" }] } }));
}

function addressOf(object: JsonObject): string {
  const hash = hashOf({ uid: metaOf(object).uid ?? "" });
  return `198.51.100.${1 + ((hash.charCodeAt(0) * 27 + hash.charCodeAt(1)) % 254)}`;
}

/** An Ingress gets an address, as from a controller. */
export async function reconcileIngress(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const ingress = cluster.read(key);
  if (ingress === undefined || isDeleted(ingress)) return {};
  await cluster.setStatus(key, (old) => ({
    ...statusOf(old),
    loadBalancer: { ingress: [{ ip: addressOf(ingress) }] },
  }));
  return {};
}

/** The number of a port: of that name in the Pods where it is named. */
function portNumber(target: JsonValue | undefined, fallback: JsonValue, pods: readonly JsonObject[]): JsonValue {
  if (typeof target !== "string") return target ?? fallback;
  const containers = pods.flatMap((pod) => {
    const { containers: list } = specOf(pod);
    return Array.isArray(list) ? list.filter(isJsonObject) : [];
  });
  const ports = containers.flatMap(({ ports: list }) => (Array.isArray(list) ? list.filter(isJsonObject) : []));
  return ports.find(({ name }) => name === target)?.containerPort ?? fallback;
}

function portsOf(service: JsonObject, pods: readonly JsonObject[]): readonly JsonObject[] {
  const { ports } = specOf(service);
  return (Array.isArray(ports) ? ports.filter(isJsonObject) : []).map(
    ({ name, port = 0, protocol = "TCP", targetPort }) => ({
      ...(name === undefined ? {} : { name }),
      port: portNumber(targetPort, port, pods),
      protocol,
    }),
  );
}

function targetOf(pod: JsonObject): JsonObject {
  const { name = "", namespace = "", uid = "" } = metaOf(pod);
  return { kind: "Pod", name, namespace, uid };
}

function sliceOf(service: JsonObject, pods: readonly JsonObject[]): JsonObject {
  const { name, namespace = "" } = metaOf(service);
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${String(name)}-${hashOf({ uid: metaOf(service).uid ?? "" }).slice(0, 5)}`,
      namespace,
      labels: {
        "kubernetes.io/service-name": name ?? "",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      },
      ownerReferences: [controllerReference({ ...service, apiVersion: "v1", kind: "Service" })],
    },
    addressType: "IPv4",
    // Clients take it for granted that a port has a name.
    ports: portsOf(service, pods).map((port) => ({ name: "", ...port })),
    endpoints: pods.map((pod) => ({
      addresses: [statusOf(pod).podIP ?? ""],
      conditions: { ready: isReady(pod), serving: isReady(pod), terminating: false },
      nodeName: specOf(pod).nodeName ?? "",
      targetRef: targetOf(pod),
    })),
  };
}

function endpointsOf(service: JsonObject, pods: readonly JsonObject[]): JsonObject {
  const { name = "", namespace = "" } = metaOf(service);
  const address = (pod: JsonObject): JsonObject => ({
    ip: statusOf(pod).podIP ?? "",
    nodeName: specOf(pod).nodeName ?? "",
    targetRef: targetOf(pod),
  });
  const ready = pods.filter(isReady).map(address);
  const others = pods.filter((pod) => !isReady(pod)).map(address);
  const subset = {
    ...(ready.length === 0 ? {} : { addresses: ready }),
    ...(others.length === 0 ? {} : { notReadyAddresses: others }),
    ports: portsOf(service, pods),
  };
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name, namespace, labels: { "endpoints.kubernetes.io/managed-by": "endpoint-controller" } },
    ...(pods.length === 0 ? {} : { subsets: [subset] }),
  };
}

/** Writes only what differs: every change of a Pod leads here. */
async function keep(cluster: Cluster, resource: string, wanted: JsonObject): Promise<void> {
  const { name = "", namespace = "" } = metaOf(wanted);
  const key = { resource, namespace: String(namespace), name: String(name) };
  const old = cluster.read(key);
  if (old === undefined) return cluster.create(resource, wanted);
  const fields = ["subsets", "ports", "endpoints"];
  if (fields.every((field) => isDeepStrictEqual(old[field], wanted[field]))) return;
  await cluster.change(key, ({ subsets: _subsets, ...rest }) => ({ ...rest, ...wanted, metadata: metaOf(rest) }));
}

/** Endpoints carry the Service's name and no owner. */
export async function removeEndpoints(cluster: Cluster, key: ObjectKey): Promise<void> {
  const endpoints = { ...key, resource: "/endpoints" };
  const found = cluster.read(endpoints);
  if (found === undefined) return;
  const managed = objectOf(metaOf(found).labels)["endpoints.kubernetes.io/managed-by"];
  if (managed === "endpoint-controller") await cluster.delete(endpoints);
}

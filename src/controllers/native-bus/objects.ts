import type { JsonObject } from "../../base/json.ts";
import type { KubeObject, ObjectMeta } from "../../objects/object.ts";
import { labelsOf, type NativeBus, namesOf, ownerOf, ports } from "./native-bus.ts";
import { type KeyForm, renderServerConfig } from "./server-config.ts";
import { statefulSetSpec } from "./stateful-set.ts";

// What a bus is made of beside its Secrets. Pure: the same resource gives the same objects.

export function configMapOf(bus: NativeBus, keyForm: KeyForm): KubeObject {
  const metadata = metadataOf(bus, namesOf(bus).config);
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "nats-js": renderServerConfig(bus, keyForm) } };
}

export function serviceOf(bus: NativeBus): KubeObject {
  const metadata = metadataOf(bus, namesOf(bus).service);
  return { apiVersion: "v1", kind: "Service", metadata, spec: serviceSpec(labelsOf(bus)) };
}

/** @throws TerminalError MANIFEST_INVALID for an unknown version */
export function statefulSetOf(bus: NativeBus): KubeObject {
  const metadata = metadataOf(bus, namesOf(bus).statefulSet, bus.ownLabels);
  return { apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec: statefulSetSpec(bus) };
}

function metadataOf(bus: NativeBus, name: string, ownLabels: Readonly<Record<string, string>> = {}): ObjectMeta {
  const labels = { ...ownLabels, ...labelsOf(bus) };
  return { name, namespace: bus.namespace, labels, ownerReferences: [ownerOf(bus)] };
}

/** Headless, and with addresses of servers that are not ready: a cluster becomes ready only once its servers meet. */
function serviceSpec(selector: Readonly<Record<string, string>>): JsonObject {
  return {
    type: "ClusterIP",
    clusterIP: "None",
    publishNotReadyAddresses: true,
    selector,
    ports: [
      { name: "tcp-client", port: ports.client, protocol: "TCP" },
      { name: "cluster", port: ports.cluster, protocol: "TCP" },
      { name: "metrics", port: ports.metrics, protocol: "TCP" },
      { name: "monitor", port: ports.monitor, protocol: "TCP" },
    ],
  };
}

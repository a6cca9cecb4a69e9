import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { labelsOf, type NativeBus, namesOf, ownerOf, ports } from "./native-bus.ts";
import { renderServerConfig } from "./server-config.ts";
import { statefulSetSpec } from "./stateful-set.ts";

/** What a bus is made of beside its Secrets, which hold what is made once and kept. */
export interface NativeObjects {
  readonly configMap: KubeObject;
  readonly service: KubeObject;
  readonly statefulSet: KubeObject;
}

/** Pure: the same resource gives the same objects. @throws TerminalError MANIFEST_INVALID for an unknown version */
export function nativeObjects(bus: NativeBus): NativeObjects {
  const names = namesOf(bus);
  const labels = labelsOf(bus);
  const metadata = (name: string, more: Readonly<Record<string, string>> = {}) => ({
    name,
    namespace: bus.namespace,
    labels: { ...more, ...labels },
    ownerReferences: [ownerOf(bus)],
  });
  return {
    configMap: {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: metadata(names.config),
      data: { "nats-js": renderServerConfig(bus) },
    },
    service: { apiVersion: "v1", kind: "Service", metadata: metadata(names.service), spec: serviceSpec(labels) },
    statefulSet: {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: metadata(names.statefulSet, bus.ownLabels),
      spec: statefulSetSpec(bus),
    },
  };
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

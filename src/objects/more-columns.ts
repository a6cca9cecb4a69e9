import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { KubeObject } from "./object.ts";
import type { WorkloadColumn } from "./workload-columns.ts";

type Cell = WorkloadColumn[2];

/** What `kubectl get` shows of the other built-in kinds beside name and age. */
export const moreColumns: Readonly<Record<string, readonly WorkloadColumn[]>> = {
  Node: [
    ["Status", "string", nodeStatus],
    ["Roles", "string", nodeRoles],
  ],
  PersistentVolume: [
    ["Capacity", "string", ({ spec }) => textAt(spec, "capacity", "storage")],
    ["Access Modes", "string", ({ spec }) => listAt(spec, "accessModes").map(shortMode).join(",")],
    ["Reclaim Policy", "string", ({ spec }) => textAt(spec, "persistentVolumeReclaimPolicy")],
    ["Status", "string", ({ status }) => textAt(status, "phase")],
    ["Claim", "string", ({ spec }) => pair(textAt(spec, "claimRef", "namespace"), textAt(spec, "claimRef", "name"))],
    ["StorageClass", "string", ({ spec }) => textAt(spec, "storageClassName")],
  ],
  Endpoints: [["Endpoints", "string", endpointsText]],
  EndpointSlice: [
    ["AddressType", "string", ({ addressType }) => String(addressType ?? "")],
    [
      "Ports",
      "string",
      ({ ports }) =>
        listOf(ports)
          .map((port) => textAt(port, "port"))
          .join(",") || "<unset>",
    ],
    ["Endpoints", "string", sliceText],
  ],
  Event: [
    ["Last Seen", "string", lastSeen],
    ["Type", "string", ({ type }) => String(type ?? "")],
    ["Reason", "string", ({ reason }) => String(reason ?? "")],
    ["Object", "string", eventObject],
    ["Message", "string", ({ message, note }) => String(message ?? note ?? "").trim()],
  ],
  Ingress: [
    ["Class", "string", ({ spec }) => textAt(spec, "ingressClassName") || "<none>"],
    ["Hosts", "string", ingressHosts],
    ["Address", "string", ({ status }) => listAt(status, "loadBalancer", "ingress").map(addressText).join(",")],
    ["Ports", "string", ({ spec }) => (listAt(spec, "tls").length > 0 ? "80, 443" : "80")],
  ],
  IngressClass: [
    ["Controller", "string", ({ spec }) => textAt(spec, "controller")],
    [
      "Parameters",
      "string",
      ({ spec }) => pair(textAt(spec, "parameters", "kind"), textAt(spec, "parameters", "name")) || "<none>",
    ],
  ],
  NetworkPolicy: [["Pod-Selector", "string", ({ spec }) => selectorText(objectOf(objectOf(spec).podSelector))]],
  HorizontalPodAutoscaler: [
    [
      "Reference",
      "string",
      ({ spec }) => pair(textAt(spec, "scaleTargetRef", "kind"), textAt(spec, "scaleTargetRef", "name")),
    ],
    ["Targets", "string", () => "<unknown>"],
    ["MinPods", "string", ({ spec }) => textAt(spec, "minReplicas") || "<unset>"],
    ["MaxPods", "string", ({ spec }) => textAt(spec, "maxReplicas")],
    ["Replicas", "string", ({ status }) => textAt(status, "currentReplicas") || "0"],
  ],
  PodDisruptionBudget: [
    ["Min Available", "string", ({ spec }) => textAt(spec, "minAvailable") || "N/A"],
    ["Max Unavailable", "string", ({ spec }) => textAt(spec, "maxUnavailable") || "N/A"],
    ["Allowed Disruptions", "string", ({ status }) => textAt(status, "disruptionsAllowed") || "0"],
  ],
  RoleBinding: [["Role", "string", roleOf]],
  ClusterRoleBinding: [["Role", "string", roleOf]],
  StorageClass: [
    ["Provisioner", "string", ({ provisioner }) => String(provisioner ?? "")],
    ["ReclaimPolicy", "string", ({ reclaimPolicy }) => String(reclaimPolicy ?? "Delete")],
    ["VolumeBindingMode", "string", ({ volumeBindingMode }) => String(volumeBindingMode ?? "Immediate")],
    ["AllowVolumeExpansion", "string", ({ allowVolumeExpansion }) => String(allowVolumeExpansion ?? false)],
  ],
  PriorityClass: [
    ["Value", "integer", ({ value }) => (typeof value === "number" ? value : 0)],
    ["Global-Default", "string", ({ globalDefault }) => String(globalDefault ?? false)],
  ],
  ResourceQuota: [["Request", "string", quotaText]],
  Lease: [["Holder", "string", ({ spec }) => textAt(spec, "holderIdentity")]],
  ControllerRevision: [
    ["Controller", "string", controllerText],
    ["Revision", "integer", ({ revision }) => (typeof revision === "number" ? revision : 0)],
  ],
  ValidatingWebhookConfiguration: [["Webhooks", "integer", ({ webhooks }) => listOf(webhooks).length]],
  MutatingWebhookConfiguration: [["Webhooks", "integer", ({ webhooks }) => listOf(webhooks).length]],
};

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((found, step) => objectOf(found)[step], value);
}

/** Texts and numbers; "" for what is not there. */
function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, path);
  return typeof found === "string" || typeof found === "number" ? String(found) : "";
}

function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  return listOf(at(value, path));
}

function pair(left: string, right: string): string {
  return left === "" ? right : `${left}/${right}`;
}

function shortMode(mode: unknown): string {
  return String(mode) === "ReadWriteOncePod" ? "RWOP" : String(mode).replace(/[a-z]+/g, "");
}

function addressText(one: unknown): string {
  return textAt(one, "ip") || textAt(one, "hostname");
}

function nodeStatus({ spec, status }: KubeObject): string {
  const ready = listAt(status, "conditions").find((condition) => textAt(condition, "type") === "Ready");
  const state = ready === undefined ? "Unknown" : textAt(ready, "status") === "True" ? "Ready" : "NotReady";
  return objectOf(spec).unschedulable === true ? `${state},SchedulingDisabled` : state;
}

function nodeRoles({ metadata }: KubeObject): string {
  const prefix = "node-role.kubernetes.io/";
  const roles = Object.keys(metadata.labels ?? {}).filter((label) => label.startsWith(prefix));
  return roles.map((label) => label.slice(prefix.length)).join(",") || "<none>";
}

const maxEndpoints = 3;

function shortened(all: readonly string[]): string {
  if (all.length === 0) return "<none>";
  const more = all.length > maxEndpoints ? ` + ${all.length - maxEndpoints} more...` : "";
  return all.slice(0, maxEndpoints).join(",") + more;
}

function endpointsText({ subsets }: KubeObject): string {
  const all = listOf(subsets).flatMap((subset) =>
    listAt(subset, "addresses").flatMap((address) =>
      listAt(subset, "ports").map((port) => `${textAt(address, "ip")}:${textAt(port, "port")}`),
    ),
  );
  return shortened(all);
}

function sliceText({ endpoints }: KubeObject): string {
  return shortened(listOf(endpoints).flatMap((one) => listAt(one, "addresses").map(String)));
}

function lastSeen(event: KubeObject, durationOf: Parameters<Cell>[1]): string {
  const { lastTimestamp, eventTime, series } = event;
  const time =
    textAt(series, "lastObservedTime") || String(lastTimestamp ?? eventTime ?? event.metadata.creationTimestamp ?? "");
  return time === "" ? "<unknown>" : durationOf(time);
}

function eventObject({ involvedObject, regarding }: KubeObject): string {
  const about = involvedObject ?? regarding;
  return pair(textAt(about, "kind").toLowerCase(), textAt(about, "name"));
}

function ingressHosts({ spec }: KubeObject): string {
  const hosts = listAt(spec, "rules").map((rule) => textAt(rule, "host") || "*");
  return hosts.length === 0 ? "*" : shortened([...new Set(hosts)]);
}

function roleOf({ roleRef }: KubeObject): string {
  return `${textAt(roleRef, "kind")}/${textAt(roleRef, "name")}`;
}

function selectorText(selector: JsonObject): string {
  const labels = Object.entries(objectOf(selector.matchLabels)).map(([name, value]) => `${name}=${String(value)}`);
  return labels.join(",") || "<none>";
}

function quotaText({ spec, status }: KubeObject): string {
  const used = objectOf(objectOf(status).used);
  return Object.entries(objectOf(objectOf(spec).hard))
    .map(([name, hard]) => `${name}: ${String(used[name] ?? 0)}/${String(hard)}`)
    .join(", ");
}

function controllerText({ metadata }: KubeObject): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  return owner === undefined ? "<none>" : `${owner.kind.toLowerCase()}.${owner.apiVersion.split("/")[0]}/${owner.name}`;
}

import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { KubeObject } from "./object.ts";

/** A column of `kubectl get`: its name, its type, and its cell. `durationOf` is the time between two, or until now. */
export type WorkloadColumn = readonly [
  name: string,
  type: "string" | "integer",
  cell: (object: KubeObject, durationOf: (from: string, to?: string) => string) => string | number,
];

/** What `kubectl get` shows of workloads beside name and age, as kube-apiserver's printers have it. */
export const workloadColumns: Readonly<Record<string, readonly WorkloadColumn[]>> = {
  Pod: [
    ["Ready", "string", ({ spec, status }) => `${readyOf(status)}/${listOf(objectOf(spec).containers).length}`],
    ["Status", "string", podStatus],
    ["Restarts", "string", ({ status }) => sumOf(listOf(objectOf(status).containerStatuses), "restartCount")],
  ],
  Deployment: [
    ["Ready", "string", ({ spec, status }) => `${numberIn(status, "readyReplicas")}/${replicasOf(spec)}`],
    ["Up-to-date", "integer", ({ status }) => numberIn(status, "updatedReplicas")],
    ["Available", "integer", ({ status }) => numberIn(status, "availableReplicas")],
  ],
  ReplicaSet: [
    ["Desired", "integer", ({ spec }) => replicasOf(spec)],
    ["Current", "integer", ({ status }) => numberIn(status, "replicas")],
    ["Ready", "integer", ({ status }) => numberIn(status, "readyReplicas")],
  ],
  StatefulSet: [["Ready", "string", ({ spec, status }) => `${numberIn(status, "readyReplicas")}/${replicasOf(spec)}`]],
  DaemonSet: [
    ["Desired", "integer", ({ status }) => numberIn(status, "desiredNumberScheduled")],
    ["Current", "integer", ({ status }) => numberIn(status, "currentNumberScheduled")],
    ["Ready", "integer", ({ status }) => numberIn(status, "numberReady")],
    ["Up-to-date", "integer", ({ status }) => numberIn(status, "updatedNumberScheduled")],
    ["Available", "integer", ({ status }) => numberIn(status, "numberAvailable")],
  ],
  Job: [
    ["Status", "string", jobStatus],
    ["Completions", "string", ({ spec, status }) => `${numberIn(status, "succeeded")}/${completionsOf(spec)}`],
    ["Duration", "string", jobDuration],
  ],
  CronJob: [
    ["Schedule", "string", ({ spec }) => textIn(spec, "schedule")],
    ["Suspend", "string", ({ spec }) => (objectOf(spec).suspend === true ? "True" : "False")],
    ["Active", "integer", ({ status }) => listOf(objectOf(status).active).length],
    ["Last Schedule", "string", ({ status }, durationOf) => sinceOf(textIn(status, "lastScheduleTime"), durationOf)],
  ],
  Service: [
    ["Type", "string", ({ spec }) => textIn(spec, "type") || "ClusterIP"],
    ["Cluster-IP", "string", ({ spec }) => textIn(spec, "clusterIP") || "<none>"],
    ["External-IP", "string", externalAddress],
    ["Port(s)", "string", ({ spec }) => listOf(objectOf(spec).ports).map(portText).join(",") || "<none>"],
  ],
  PersistentVolumeClaim: [
    ["Status", "string", ({ status }) => textIn(status, "phase")],
    ["Volume", "string", ({ spec }) => textIn(spec, "volumeName")],
    ["Capacity", "string", ({ status }) => textIn(objectOf(status).capacity, "storage")],
    ["Access Modes", "string", ({ status }) => listOf(objectOf(status).accessModes).map(modeText).join(",")],
    ["StorageClass", "string", ({ spec }) => textIn(spec, "storageClassName")],
  ],
};

/** The phase, unless a container says more. */
function podStatus({ metadata, status }: KubeObject): string {
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  const reasons = listOf(objectOf(status).containerStatuses).flatMap((container) => {
    const { waiting, terminated } = objectOf(objectOf(container).state);
    const reason = textIn(waiting, "reason") || textIn(terminated, "reason");
    return reason === "" ? [] : [reason];
  });
  return reasons.at(-1) ?? (textIn(status, "reason") || textIn(status, "phase"));
}

function jobStatus({ metadata, spec, status }: KubeObject): string {
  const isTrue = (type: string): boolean =>
    listOf(objectOf(status).conditions).some((one) => objectOf(one).type === type && objectOf(one).status === "True");
  if (isTrue("Complete")) return "Complete";
  if (isTrue("Failed")) return "Failed";
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  return objectOf(spec).suspend === true ? "Suspended" : "Running";
}

function jobDuration({ status }: KubeObject, durationOf: (from: string, to?: string) => string): string {
  const started = textIn(status, "startTime");
  const ended = textIn(status, "completionTime");
  return started === "" ? "" : durationOf(started, ended === "" ? undefined : ended);
}

function completionsOf(spec: unknown): number {
  const { completions } = objectOf(spec);
  return typeof completions === "number" ? completions : 1;
}

function externalAddress({ spec, status }: KubeObject): string {
  const addresses = listOf(objectOf(objectOf(status).loadBalancer).ingress).map(
    (one) => textIn(one, "ip") || textIn(one, "hostname"),
  );
  const named = listOf(objectOf(spec).externalIPs).map(String);
  const all = [...addresses, ...named].filter((address) => address !== "");
  if (all.length > 0) return all.join(",");
  if (textIn(spec, "type") === "ExternalName") return textIn(spec, "externalName");
  return textIn(spec, "type") === "LoadBalancer" ? "<pending>" : "<none>";
}

function portText(port: unknown): string {
  const node = numberIn(port, "nodePort");
  return `${numberIn(port, "port")}${node === 0 ? "" : `:${node}`}/${textIn(port, "protocol") || "TCP"}`;
}

const accessModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

function modeText(mode: unknown): string {
  return accessModes[String(mode)] ?? String(mode);
}

function sinceOf(time: string, durationOf: (from: string) => string): string {
  return time === "" ? "<none>" : durationOf(time);
}

function readyOf(status: unknown): number {
  return listOf(objectOf(status).containerStatuses).filter((container) => objectOf(container).ready === true).length;
}

function replicasOf(spec: unknown): number {
  const { replicas } = objectOf(spec);
  return typeof replicas === "number" ? replicas : 1;
}

function sumOf(list: readonly unknown[], name: string): number {
  return list.reduce<number>((sum, one) => sum + numberIn(one, name), 0);
}

function numberIn(value: unknown, name: string): number {
  const found = objectOf(value)[name];
  return typeof found === "number" ? found : 0;
}

function textIn(value: unknown, name: string): string {
  const found = objectOf(value)[name];
  return typeof found === "string" ? found : "";
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

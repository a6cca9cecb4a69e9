import type { JsonObject } from "../../base/json.ts";
import { type Cluster, nodeName } from "./cluster.ts";
import { simulatedLabel } from "./pods.ts";

/** The one Node that simulated Pods are on, so that `kubectl get nodes` and DaemonSets have something to see. */
export async function ensureNode(cluster: Cluster): Promise<void> {
  const key = { resource: "/nodes", namespace: "", name: nodeName };
  if (cluster.read(key) === undefined) await cluster.create("/nodes", node);
  const now = cluster.nowText();
  await cluster.setStatus(key, (old) => (old.status === undefined ? status(now) : (old.status as JsonObject)));
}

const labels = {
  "kubernetes.io/hostname": nodeName,
  "kubernetes.io/os": "linux",
  "kubernetes.io/arch": "amd64",
  [simulatedLabel]: "true",
};

const node: JsonObject = { apiVersion: "v1", kind: "Node", metadata: { name: nodeName, labels }, spec: {} };

function status(now: string): JsonObject {
  const amounts = { cpu: "8", memory: "32Gi", "ephemeral-storage": "100Gi", pods: "10000" };
  const ready = { lastHeartbeatTime: now, lastTransitionTime: now, reason: "Simulated" };
  return {
    capacity: amounts,
    allocatable: amounts,
    addresses: [
      { type: "InternalIP", address: "127.0.0.1" },
      { type: "Hostname", address: nodeName },
    ],
    conditions: [{ type: "Ready", status: "True", ...ready, message: "this node is simulated: no container runs" }],
    nodeInfo: {
      architecture: "amd64",
      bootID: "",
      containerRuntimeVersion: "simulated://0",
      kernelVersion: "",
      kubeProxyVersion: "",
      kubeletVersion: "v1.36.0+tiphys",
      machineID: "",
      operatingSystem: "linux",
      osImage: "simulated",
      systemUUID: "",
    },
  };
}

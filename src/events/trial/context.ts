import { type Clock, type Instant, instant } from "../../base/clock.ts";
import { TerminalError } from "../../base/errors.ts";
import { silentLogger } from "../../base/log.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { ExecutorDeps } from "../sensor/executor.ts";
import type { GitOpsTarget } from "../triggers/trigger.ts";

/** A clock that stands where it was set; nobody sleeps on it. */
export interface StandingClock extends Clock {
  set(at: Instant): void;
}

export function createStandingClock(): StandingClock {
  let now = instant(0);
  return {
    now: () => now,
    monotonicMs: () => now,
    sleepUntil: () => Promise.reject(new Error("nothing sleeps while a trigger plans")),
    set: (at) => {
      now = at;
    },
  };
}

/** Kinds of Kubernetes that live in no namespace; of others it is not known, and they are taken to live in one. */
const clusterKinds = new Set([
  "APIService",
  "CSIDriver",
  "CertificateSigningRequest",
  "ClusterRole",
  "ClusterRoleBinding",
  "ClusterWorkflowTemplate",
  "CustomResourceDefinition",
  "IngressClass",
  "MutatingWebhookConfiguration",
  "Namespace",
  "Node",
  "PersistentVolume",
  "PriorityClass",
  "RuntimeClass",
  "StorageClass",
  "ValidatingWebhookConfiguration",
  "VolumeAttachment",
]);

/** What a trigger plans with where there is neither cluster nor secret: enough to plan, nothing to act. */
export function planningContext(clock: Clock): ExecutorDeps["context"] {
  return {
    kube: planningKube,
    secret: {
      read: async ({ name, key }) => `secret ${name}/${key}`,
      readConfigMap: async ({ name, key }) => `config map ${name}/${key}`,
    },
    gitOps: planningTarget,
    clients: { use: refuse },
    isOffline: true,
    allowLoopback: true,
    clock,
    log: silentLogger,
  };
}

async function refuse(): Promise<never> {
  throw new TerminalError("TRIGGER_FAILED", "there is no cluster to read from, or to act on");
}

const planningKube: KubeClient = {
  get: async () => undefined,
  list: refuse,
  create: refuse,
  update: refuse,
  patch: refuse,
  delete: refuse,
  // biome-ignore lint/correctness/useYield: it refuses at the first step
  async *watch() {
    await refuse();
  },
  // biome-ignore lint/correctness/useYield: it refuses at the first step
  async *logs() {
    await refuse();
  },
  isNamespaced: async ({ kind }) => !clusterKinds.has(kind),
  document: refuse,
  kindOf: refuse,
  as: () => planningKube,
};

const planningTarget: GitOpsTarget = {
  find: async (which) => [
    {
      application: { namespace: which.namespace, name: "name" in which ? which.name : which.selector },
      syncStatus: "Unknown",
      healthStatus: "Unknown",
      revision: "",
      outOfSync: [],
      history: [],
      begun: "",
    },
  ],
  request: refuse,
  wait: refuse,
  preview: async () => undefined,
};

import type { KubeObject } from "../../../src/objects/object.ts";

const labels = { app: "x" };

function podSpec(more: object = {}): object {
  return {
    containers: [
      {
        name: "c",
        image: "nginx",
        ports: [{ containerPort: 80 }, { containerPort: 80, protocol: "UDP" }, { name: "m", containerPort: 9_090 }],
        env: [
          { name: "B", value: "2" },
          { name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        ],
        resources: { limits: { cpu: "1000m", memory: "1024Mi" }, requests: { cpu: 0.5 } },
        readinessProbe: { httpGet: { path: "/", port: 80 } },
        volumeMounts: [{ name: "v", mountPath: "/v" }],
        stdin: false,
        args: ["a", "b"],
      },
    ],
    initContainers: [{ name: "i", image: "busybox:1", command: ["true"] }],
    volumes: [
      { name: "v", configMap: { name: "c" } },
      { name: "e", emptyDir: {} },
      { name: "s", secret: { secretName: "s" } },
    ],
    ...more,
  };
}

const template = (more?: object) => ({ metadata: { labels }, spec: podSpec(more) });
const selector = { matchLabels: labels };

function object(apiVersion: string, kind: string, fields: object, namespaced = true): KubeObject {
  const metadata = { name: "x", ...(namespaced ? { namespace: "default" } : {}), labels: { a: "b" }, annotations: {} };
  return { apiVersion, kind, metadata, ...fields } as KubeObject;
}

const webhook = {
  name: "a.example.com",
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
  clientConfig: { service: { name: "s", namespace: "default" } },
  rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
};

/** One of each kind, as people write it: with what the server fills in left out, and with values in forms of their own. */
export const writtenKinds: readonly KubeObject[] = [
  object("apps/v1", "Deployment", { spec: { selector, template: template(), strategy: {} } }),
  object("apps/v1", "StatefulSet", {
    spec: {
      serviceName: "x",
      selector,
      template: template(),
      volumeClaimTemplates: [
        {
          metadata: { name: "d" },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1024Mi" } } },
        },
      ],
    },
  }),
  object("apps/v1", "DaemonSet", { spec: { selector, template: template() } }),
  object("apps/v1", "ReplicaSet", { spec: { selector, template: template(), replicas: 0 } }),
  object("v1", "ReplicationController", { spec: { selector: labels, template: template() } }),
  object("v1", "Pod", { spec: podSpec() }),
  object("batch/v1", "Job", { spec: { template: template({ restartPolicy: "Never" }), suspend: false } }),
  object("batch/v1", "CronJob", {
    spec: { schedule: "0 0 * * *", jobTemplate: { spec: { template: template({ restartPolicy: "OnFailure" }) } } },
  }),
  object("v1", "Service", {
    spec: { selector: labels, ports: [{ port: 80 }, { name: "b", port: 53, protocol: "UDP" }] },
  }),
  object("v1", "ConfigMap", { data: { a: "1", empty: "" } }),
  object("v1", "Secret", { stringData: { a: "x" }, data: { b: "Yg==" } }),
  object("v1", "ServiceAccount", {}),
  object("v1", "PersistentVolumeClaim", {
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "0.5Gi" } } },
  }),
  object(
    "v1",
    "PersistentVolume",
    {
      spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/x" } },
    },
    false,
  ),
  object("v1", "ResourceQuota", { spec: { hard: { "requests.cpu": "2000m", pods: 10 } } }),
  object("v1", "LimitRange", { spec: { limits: [{ type: "Container", default: { cpu: "0.5" } }] } }),
  object("v1", "Endpoints", {
    subsets: [{ addresses: [{ ip: "10.0.0.2" }, { ip: "10.0.0.1" }], ports: [{ port: 80 }] }],
  }),
  object("networking.k8s.io/v1", "Ingress", {
    spec: {
      rules: [
        {
          host: "a.b",
          http: {
            paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "x", port: { number: 80 } } } }],
          },
        },
      ],
    },
  }),
  object("networking.k8s.io/v1", "NetworkPolicy", { spec: { podSelector: {}, ingress: [{ ports: [{ port: 80 }] }] } }),
  object("networking.k8s.io/v1", "IngressClass", { spec: { controller: "a.b/c" } }, false),
  object("autoscaling/v2", "HorizontalPodAutoscaler", {
    spec: {
      maxReplicas: 3,
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "x" },
      metrics: [
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } },
      ],
    },
  }),
  object("policy/v1", "PodDisruptionBudget", { spec: { minAvailable: 1, selector } }),
  object("rbac.authorization.k8s.io/v1", "Role", { rules: [] }),
  object(
    "rbac.authorization.k8s.io/v1",
    "ClusterRole",
    {
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
    },
    false,
  ),
  object("rbac.authorization.k8s.io/v1", "RoleBinding", {
    roleRef: { kind: "Role", name: "x", apiGroup: "rbac.authorization.k8s.io" },
    subjects: [
      { kind: "ServiceAccount", name: "x", namespace: "default" },
      { kind: "User", name: "u" },
    ],
  }),
  object("storage.k8s.io/v1", "StorageClass", { provisioner: "a.b/c" }, false),
  object("scheduling.k8s.io/v1", "PriorityClass", { value: 5 }, false),
  object("coordination.k8s.io/v1", "Lease", { spec: { leaseDurationSeconds: 15 } }),
  object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", { webhooks: [webhook] }, false),
  object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", { webhooks: [webhook] }, false),
  object("autoscaling/v1", "HorizontalPodAutoscaler", {
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "x" } },
  }),
  object("v1", "PodTemplate", { template: template() }),
  object("v1", "Namespace", { spec: null }, false),
  object("discovery.k8s.io/v1", "EndpointSlice", {
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.0.0.1"] }],
    ports: [{ port: 80 }],
  }),
  object(
    "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding",
    {
      roleRef: { kind: "ClusterRole", name: "x", apiGroup: "rbac.authorization.k8s.io" },
      subjects: [{ kind: "Group", name: "g" }],
    },
    false,
  ),
  object(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    {
      metadata: { name: "widgets.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { kind: "Widget", plural: "widgets" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: "object",
                properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
              },
            },
          },
        ],
      },
    },
    false,
  ),
  object(
    "apiregistration.k8s.io/v1",
    "APIService",
    {
      metadata: { name: "v1.x.example.com" },
      spec: {
        group: "x.example.com",
        version: "v1",
        groupPriorityMinimum: 1_000,
        versionPriority: 15,
        service: { name: "x", namespace: "default" },
        caBundle: "eHh4eHh4\neHh4eHh4\n",
      },
    },
    false,
  ),
  object("node.k8s.io/v1", "RuntimeClass", { handler: "x", overhead: { podFixed: { cpu: "0.25" } } }, false),
  object("storage.k8s.io/v1", "CSIDriver", { spec: { attachRequired: false } }, false),
];

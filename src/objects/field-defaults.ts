import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";

/** `parent` is the struct of the field as it is without it; `live` what stands there now. */
type Default = JsonValue | ((parent: JsonObject, live: JsonValue) => JsonValue | undefined);

/**
 * What a real server puts in the place of a field that is null or taken away; undefined: nothing, the field is then absent.
 * `struct` is a key of `fieldTypes`. What a server allots once (an address, a volume) stays as it is.
 */
export function defaultOf(struct: string, field: string, parent: JsonObject, live: JsonValue): JsonValue | undefined {
  const name = struct.slice("io.k8s.".length);
  const fields = Object.hasOwn(defaults, name) ? defaults[name] : undefined;
  const found = fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined;
  return typeof found === "function" ? found(parent, live) : found;
}

/**
 * Whether a server takes a zero value for no value: of fields that are no pointers in Go it cannot tell them apart. An empty
 * `imagePullPolicy` is the default one, but no replicas are none.
 */
export function isUnset(struct: string, field: string, value: JsonValue): boolean {
  if (value === null) return true;
  const name = struct.slice("io.k8s.".length);
  const isZero = value === "" || value === 0 || (typeof value === "object" && Object.keys(value).length === 0);
  return isZero && Object.hasOwn(values, name) && (values[name]?.includes(field) ?? false);
}

const kept: Default = (_parent, live) => live;

/** `latest`, said or not, is asked for again at each start. */
function pullPolicy({ image }: JsonObject): JsonValue {
  return /(?:^[^:@]*|\/[^:@]*|:latest)$/.test(typeof image === "string" ? image : "") ? "Always" : "IfNotPresent";
}

/** Of a type that has no such values there are none. */
function ifRolling(values: JsonObject): Default {
  return ({ type = "RollingUpdate" }) => (type === null || type === "RollingUpdate" ? values : undefined);
}

function ifOutside(value: JsonValue): Default {
  return ({ type }) => (type === "NodePort" || type === "LoadBalancer" ? value : undefined);
}

const rollingDeployment = { maxUnavailable: "25%", maxSurge: "25%" };
const rollingDaemonSet = { maxUnavailable: 1, maxSurge: 0 };
const rollingSet = { partition: 0 };
const rolling = (rollingUpdate: JsonObject): JsonObject => ({ type: "RollingUpdate", rollingUpdate });
const retained = { whenDeleted: "Retain", whenScaled: "Retain" };
const files = { defaultMode: 420 };

const container: Readonly<Record<string, Default>> = {
  resources: {},
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  imagePullPolicy: pullPolicy,
};

const webhook: Readonly<Record<string, Default>> = {
  failurePolicy: "Fail",
  matchPolicy: "Equivalent",
  timeoutSeconds: 10,
  namespaceSelector: {},
  objectSelector: {},
};

/** Of Kubernetes' own defaults (`SetDefaults_…` of its API groups) those of fields that people write. By struct. */
const defaults: Readonly<Record<string, Readonly<Record<string, Default>>>> = {
  "api.core.v1.PodSpec": {
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    securityContext: {},
    schedulerName: "default-scheduler",
  },
  "api.core.v1.Container": container,
  "api.core.v1.EphemeralContainer": container,
  "api.core.v1.ContainerPort": { protocol: "TCP" },
  "api.core.v1.Probe": { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 },
  "api.core.v1.HTTPGetAction": { path: "/", scheme: "HTTP" },
  "api.core.v1.ObjectFieldSelector": { apiVersion: "v1" },
  "api.core.v1.SecretVolumeSource": files,
  "api.core.v1.ConfigMapVolumeSource": files,
  "api.core.v1.DownwardAPIVolumeSource": files,
  "api.core.v1.ProjectedVolumeSource": files,
  "api.core.v1.ServiceAccountTokenProjection": { expirationSeconds: 3_600 },
  "api.core.v1.HostPathVolumeSource": { type: "" },
  "api.core.v1.ServiceSpec": {
    type: "ClusterIP",
    sessionAffinity: "None",
    internalTrafficPolicy: "Cluster",
    externalTrafficPolicy: ifOutside("Cluster"),
    allocateLoadBalancerNodePorts: ({ type }) => (type === "LoadBalancer" ? true : undefined),
    ...{ clusterIP: kept, clusterIPs: kept, ipFamilies: kept, ipFamilyPolicy: kept, healthCheckNodePort: kept },
  },
  "api.core.v1.ServicePort": { protocol: "TCP", targetPort: ({ port }) => port, nodePort: kept },
  "api.core.v1.ClientIPConfig": { timeoutSeconds: 10_800 },
  "api.core.v1.EndpointPort": { protocol: "TCP" },
  "api.core.v1.PersistentVolumeClaimSpec": { volumeMode: "Filesystem", storageClassName: kept, volumeName: kept },
  "api.core.v1.PersistentVolumeSpec": { volumeMode: "Filesystem", persistentVolumeReclaimPolicy: "Retain" },
  "api.core.v1.Namespace": { spec: kept },
  "api.core.v1.NamespaceSpec": { finalizers: kept },
  "api.core.v1.Secret": { type: "Opaque" },
  "api.core.v1.ReplicationControllerSpec": { replicas: 1, selector: kept },
  "api.apps.v1.DeploymentSpec": {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: rolling(rollingDeployment),
  },
  "api.apps.v1.DeploymentStrategy": { type: "RollingUpdate", rollingUpdate: ifRolling(rollingDeployment) },
  "api.apps.v1.RollingUpdateDeployment": rollingDeployment,
  "api.apps.v1.ReplicaSetSpec": { replicas: 1 },
  "api.apps.v1.StatefulSetSpec": {
    replicas: 1,
    revisionHistoryLimit: 10,
    podManagementPolicy: "OrderedReady",
    updateStrategy: rolling(rollingSet),
    persistentVolumeClaimRetentionPolicy: retained,
  },
  "api.apps.v1.StatefulSetUpdateStrategy": { type: "RollingUpdate", rollingUpdate: ifRolling(rollingSet) },
  "api.apps.v1.RollingUpdateStatefulSetStrategy": rollingSet,
  "api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy": retained,
  "api.apps.v1.DaemonSetSpec": { revisionHistoryLimit: 10, updateStrategy: rolling(rollingDaemonSet) },
  "api.apps.v1.DaemonSetUpdateStrategy": { type: "RollingUpdate", rollingUpdate: ifRolling(rollingDaemonSet) },
  "api.apps.v1.RollingUpdateDaemonSet": rollingDaemonSet,
  "api.batch.v1.JobSpec": {
    parallelism: 1,
    completions: ({ parallelism = null }) => (parallelism === null || parallelism === 1 ? 1 : undefined),
    backoffLimit: 6,
    completionMode: "NonIndexed",
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: ({ podFailurePolicy }) => (isJsonObject(podFailurePolicy) ? "Failed" : "TerminatingOrFailed"),
    selector: kept,
  },
  "api.batch.v1.CronJobSpec": {
    concurrencyPolicy: "Allow",
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  },
  "api.autoscaling.v1.HorizontalPodAutoscalerSpec": { minReplicas: 1, targetCPUUtilizationPercentage: 80 },
  "api.autoscaling.v2.HorizontalPodAutoscalerSpec": { minReplicas: 1, metrics: kept },
  "api.networking.v1.NetworkPolicyPort": { protocol: "TCP" },
  "api.networking.v1.NetworkPolicySpec": {
    policyTypes: ({ egress }) => (Array.isArray(egress) ? ["Ingress", "Egress"] : ["Ingress"]),
  },
  "api.rbac.v1.RoleRef": { apiGroup: "rbac.authorization.k8s.io" },
  "api.rbac.v1.Subject": {
    apiGroup: ({ kind }) => (kind === "User" || kind === "Group" ? "rbac.authorization.k8s.io" : undefined),
  },
  "api.storage.v1.StorageClass": { reclaimPolicy: "Delete", volumeBindingMode: "Immediate" },
  "api.scheduling.v1.PriorityClass": { preemptionPolicy: "PreemptLowerPriority" },
  "api.admissionregistration.v1.ValidatingWebhook": webhook,
  "api.admissionregistration.v1.MutatingWebhook": { ...webhook, reinvocationPolicy: "Never" },
  "api.admissionregistration.v1.RuleWithOperations": { scope: "*" },
  "api.admissionregistration.v1.ServiceReference": { port: 443 },
  "api.discovery.v1.EndpointPort": { name: "", protocol: "TCP" },
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionNames": { singular: kept, listKind: kept },
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec": {
    conversion: { strategy: "None" },
  },
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference": { port: 443 },
  "kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference": { port: 443 },
};

/** Fields with a default that are no pointers. By struct. */
const values: Readonly<Record<string, readonly string[]>> = {
  "api.core.v1.PodSpec": ["restartPolicy", "dnsPolicy", "schedulerName"],
  "api.core.v1.Container": ["terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy"],
  "api.core.v1.EphemeralContainer": ["terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy"],
  "api.core.v1.ContainerPort": ["protocol"],
  "api.core.v1.Probe": ["timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"],
  "api.core.v1.HTTPGetAction": ["path", "scheme"],
  "api.core.v1.ObjectFieldSelector": ["apiVersion"],
  "api.core.v1.ServiceSpec": [
    ...["type", "sessionAffinity", "externalTrafficPolicy", "clusterIP", "clusterIPs", "ipFamilies"],
    "healthCheckNodePort",
  ],
  "api.core.v1.ServicePort": ["protocol", "targetPort", "nodePort"],
  "api.core.v1.EndpointPort": ["protocol"],
  "api.core.v1.PersistentVolumeClaimSpec": ["volumeName"],
  "api.core.v1.PersistentVolumeSpec": ["persistentVolumeReclaimPolicy"],
  "api.core.v1.NamespaceSpec": ["finalizers"],
  "api.core.v1.Namespace": ["spec"],
  "api.core.v1.Secret": ["type"],
  "api.core.v1.ReplicationControllerSpec": ["selector"],
  "api.apps.v1.DeploymentStrategy": ["type"],
  "api.apps.v1.StatefulSetSpec": ["podManagementPolicy"],
  "api.apps.v1.StatefulSetUpdateStrategy": ["type"],
  "api.apps.v1.DaemonSetUpdateStrategy": ["type"],
  "api.batch.v1.JobSpec": ["selector"],
  "api.batch.v1.CronJobSpec": ["concurrencyPolicy"],
  "api.rbac.v1.RoleRef": ["apiGroup"],
  "api.rbac.v1.Subject": ["apiGroup"],
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionNames": ["singular", "listKind"],
};

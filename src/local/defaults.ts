import { hash } from "node:crypto";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";

type Defaulting = (object: JsonObject) => JsonObject;

/** What a real server fills in, for the kinds that simulation and `kubectl rollout` look at. By `group/Kind`. */
export const kindDefaults: Readonly<Record<string, Defaulting>> = {
  "/Pod": (pod) => withField(pod, "status", { phase: "Pending" }, withField(pod, "spec", {}, pod, podSpec)),
  "/Service": (service) => withField(service, "spec", {}, service, (spec) => serviceSpec(spec, uidOf(service))),
  "/PersistentVolumeClaim": (claim) =>
    withField(claim, "status", { phase: "Pending" }, withField(claim, "spec", { volumeMode: "Filesystem" })),
  "apps/Deployment": (object) =>
    withWorkload(object, {
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: rollingUpdate({ maxUnavailable: "25%", maxSurge: "25%" }),
    }),
  "apps/ReplicaSet": (object) => withWorkload(object, { replicas: 1 }),
  "apps/StatefulSet": (object) =>
    withWorkload(object, {
      replicas: 1,
      revisionHistoryLimit: 10,
      podManagementPolicy: "OrderedReady",
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      updateStrategy: rollingUpdate({ partition: 0 }),
    }),
  "apps/DaemonSet": (object) =>
    withWorkload(object, {
      revisionHistoryLimit: 10,
      updateStrategy: rollingUpdate({ maxUnavailable: 1, maxSurge: 0 }),
    }),
  "batch/Job": job,
  "batch/CronJob": (object) =>
    withField(object, "spec", {
      concurrencyPolicy: "Allow",
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    }),
};

function withField(
  object: JsonObject,
  field: string,
  defaults: JsonObject,
  into = object,
  more: Defaulting = (value) => value,
): JsonObject {
  const value = object[field];
  return { ...into, [field]: more(filled(defaults, isJsonObject(value) ? value : {})) };
}

/** Null counts as absent. */
function filled(defaults: JsonObject, value: JsonObject): JsonObject {
  const missing = Object.entries(defaults).filter(([key]) => (value[key] ?? null) === null);
  return missing.length === 0 ? value : { ...value, ...Object.fromEntries(missing) };
}

function rollingUpdate(values: JsonObject): JsonObject {
  return { type: "RollingUpdate", rollingUpdate: values };
}

function withWorkload(object: JsonObject, defaults: JsonObject): JsonObject {
  const fillStrategy = (spec: JsonObject, field: string): JsonObject => {
    const [given, full] = [spec[field], defaults[field]];
    if (!isJsonObject(given) || !isJsonObject(full) || (given.type ?? full.type) !== full.type) return spec;
    const inner = filled(asObject(full.rollingUpdate), asObject(given.rollingUpdate));
    return { ...spec, [field]: { ...given, type: full.type ?? "", rollingUpdate: inner } };
  };
  return withField(object, "spec", defaults, object, (spec) =>
    withTemplate(fillStrategy(fillStrategy(spec, "strategy"), "updateStrategy")),
  );
}

function withTemplate(spec: JsonObject): JsonObject {
  const { template } = spec;
  if (!isJsonObject(template) || !isJsonObject(template.spec)) return spec;
  return { ...spec, template: { ...template, spec: podSpec(template.spec) } };
}

function podSpec(spec: JsonObject): JsonObject {
  const defaults = {
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    securityContext: {},
    schedulerName: "default-scheduler",
  };
  const lists = ["containers", "initContainers"].flatMap((field): [string, JsonValue][] => {
    const list = spec[field];
    return Array.isArray(list) ? [[field, list.map((item) => (isJsonObject(item) ? container(item) : item))]] : [];
  });
  return { ...filled(defaults, spec), ...Object.fromEntries(lists) };
}

function container(item: JsonObject): JsonObject {
  const { image = "", ports } = item;
  const isLatest = /(?:^[^:@]*|\/[^:@]*|:latest)$/.test(String(image));
  const defaults = {
    resources: {},
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    imagePullPolicy: isLatest ? "Always" : "IfNotPresent",
  };
  const result = filled(defaults, item);
  return Array.isArray(ports) ? { ...result, ports: ports.map((port) => withProtocol(port)) } : result;
}

function withProtocol(port: JsonValue): JsonValue {
  return isJsonObject(port) ? filled({ protocol: "TCP" }, port) : port;
}

function serviceSpec(spec: JsonObject, uid: string): JsonObject {
  const { type = "ClusterIP", ports } = spec;
  const defaults = { type: "ClusterIP", sessionAffinity: "None" };
  const filledPorts = Array.isArray(ports)
    ? ports.map((port) => (isJsonObject(port) ? filled({ protocol: "TCP", targetPort: port.port ?? 0 }, port) : port))
    : undefined;
  const isOutside = type === "NodePort" || type === "LoadBalancer";
  const allPorts = isOutside ? filledPorts?.map((port, index) => withNodePort(port, uid, index)) : filledPorts;
  const result = {
    ...filled({ ...defaults, ...outside(type) }, spec),
    ...(allPorts === undefined ? {} : { ports: allPorts }),
  };
  if (type === "ExternalName") return result;
  const address = spec.clusterIP === undefined || spec.clusterIP === "" ? addressOf(uid) : spec.clusterIP;
  return {
    ...filled({ internalTrafficPolicy: "Cluster", ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" }, result),
    clusterIP: address,
    clusterIPs: Array.isArray(spec.clusterIPs) && spec.clusterIPs.length > 0 ? spec.clusterIPs : [address],
  };
}

function outside(type: JsonValue): JsonObject {
  if (type === "LoadBalancer") return { externalTrafficPolicy: "Cluster", allocateLoadBalancerNodePorts: true };
  return type === "NodePort" ? { externalTrafficPolicy: "Cluster" } : {};
}

/** Of the usual range. As with addresses, two of the same do no harm. */
function withNodePort(port: JsonValue, uid: string, index: number): JsonValue {
  if (!isJsonObject(port)) return port;
  const [a = 0, b = 0] = hash("sha256", `${uid} ${index}`, "buffer");
  return filled({ nodePort: 30_000 + ((a * 256 + b) % 2_768) }, port);
}

/** The same for each write of one Service, with nothing to allocate; two of the same address do no harm here. */
function addressOf(uid: string): string {
  const [a = 0, b = 0, c = 0] = hash("sha256", uid, "buffer");
  return `10.${a}.${b}.${1 + (c % 254)}`;
}

function uidOf(object: JsonObject): string {
  return String(asObject(object.metadata).uid ?? "");
}

/** The selector and labels by which a Job finds its Pods. */
function job(object: JsonObject): JsonObject {
  const metadata = asObject(object.metadata);
  const spec = asObject(object.spec);
  const template = asObject(spec.template);
  const templateMetadata = asObject(template.metadata);
  const uid = uidOf(object);
  const labels = {
    "batch.kubernetes.io/controller-uid": uid,
    "batch.kubernetes.io/job-name": metadata.name ?? "",
    "controller-uid": uid,
    "job-name": metadata.name ?? "",
  };
  const isSerial = spec.completions === undefined && spec.parallelism === undefined;
  const defaults = {
    parallelism: 1,
    ...(isSerial ? { completions: 1 } : {}),
    backoffLimit: 6,
    completionMode: "NonIndexed",
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: isJsonObject(spec.podFailurePolicy) ? "Failed" : "TerminatingOrFailed",
  };
  const generated =
    spec.manualSelector === true
      ? {}
      : {
          selector: { matchLabels: { "batch.kubernetes.io/controller-uid": uid } },
          template: {
            ...template,
            metadata: { ...templateMetadata, labels: { ...asObject(templateMetadata.labels), ...labels } },
          },
        };
  return { ...object, spec: withTemplate({ ...filled(defaults, spec), ...generated }) };
}

function asObject(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

import { objectOf, textOf } from "../../api/fields.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { labelsOf, type NativeBus, namesOf, ports } from "./native-bus.ts";
import { configFile, configFolder, dataFolder, pidFile, secretFiles } from "./server-config.ts";
import { imagesOf, type ServerImages } from "./versions.ts";

const emptyVolume = "js-data";
const pidFolder = "/var/run/nats";
/** As they stand in `spec.jetstream`, they stand in the Pods. */
const podFields = [
  "nodeSelector",
  "tolerations",
  "securityContext",
  "imagePullSecrets",
  "priorityClassName",
  "priority",
  "serviceAccountName",
  "affinity",
];

/** The StatefulSet's `spec`. @throws TerminalError MANIFEST_INVALID for an unknown version */
export function statefulSetSpec(bus: NativeBus): JsonObject {
  const names = namesOf(bus);
  const labels = labelsOf(bus);
  const images = imagesOf(bus.version);
  const metadata = objectOf(bus.spec.metadata);
  const annotations = objectOf(metadata.annotations);
  return {
    replicas: bus.replicas,
    serviceName: names.service,
    podManagementPolicy: "Parallel",
    selector: { matchLabels: labels },
    template: {
      metadata: {
        labels: { ...objectOf(metadata.labels), ...labels },
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      },
      spec: {
        ...given(bus.spec, podFields),
        shareProcessNamespace: true,
        terminationGracePeriodSeconds: 60,
        volumes: volumes(bus),
        containers: [serverContainer(bus, images), reloaderContainer(bus, images), metricsContainer(bus, images)],
      },
    },
    ...(isPersistent(bus) ? { volumeClaimTemplates: [claim(bus)] } : {}),
  };
}

export function isPersistent({ spec }: NativeBus): boolean {
  return spec.persistence !== undefined;
}

function volumes(bus: NativeBus): JsonValue[] {
  const { config, serverSecret } = namesOf(bus);
  const files = Object.entries(secretFiles).map(([key, path]) => ({ key, path }));
  const sources = [
    { configMap: { name: config, items: [{ key: "nats-js", path: "nats-js.conf" }] } },
    { secret: { name: serverSecret, items: files } },
  ];
  return [
    { name: "pid", emptyDir: {} },
    { name: "config-volume", projected: { sources } },
    ...(isPersistent(bus) ? [] : [{ name: emptyVolume, emptyDir: {} }]),
  ];
}

function claim(bus: NativeBus): JsonObject {
  const { storageClassName, accessMode, volumeSize } = objectOf(bus.spec.persistence);
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: namesOf(bus).volume },
    spec: {
      accessModes: [textOf(accessMode) || "ReadWriteOnce"],
      volumeMode: "Filesystem",
      ...(storageClassName === undefined ? {} : { storageClassName }),
      resources: { requests: { storage: volumeSize ?? "20Gi" } },
    },
  };
}

const sharedMounts: readonly JsonObject[] = [
  { name: "config-volume", mountPath: configFolder },
  { name: "pid", mountPath: pidFolder },
];

function serverContainer(bus: NativeBus, { server, startCommand }: ServerImages): JsonObject {
  const { service, serverSecret, volume } = namesOf(bus);
  const podField = (name: string, fieldPath: string): JsonObject => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const probe = (path: string, more: JsonObject): JsonObject => ({
    httpGet: { path, port: ports.monitor },
    initialDelaySeconds: 10,
    timeoutSeconds: 5,
    ...more,
  });
  return {
    name: "main",
    image: server,
    ...containerFields(bus.spec.containerTemplate),
    command: [startCommand, "--config", configFile],
    ...(bus.startArgs.length === 0 ? {} : { args: bus.startArgs }),
    ports: [
      { name: "client", containerPort: ports.client, protocol: "TCP" },
      { name: "cluster", containerPort: ports.cluster, protocol: "TCP" },
      { name: "monitor", containerPort: ports.monitor, protocol: "TCP" },
    ],
    env: [
      podField("POD_NAME", "metadata.name"),
      { name: "SERVER_NAME", value: "$(POD_NAME)" },
      podField("POD_NAMESPACE", "metadata.namespace"),
      { name: "CLUSTER_ADVERTISE", value: `$(POD_NAME).${service}.$(POD_NAMESPACE).svc` },
      { name: "JS_KEY", valueFrom: { secretKeyRef: { name: serverSecret, key: "encryption" } } },
    ],
    volumeMounts: [...sharedMounts, { name: isPersistent(bus) ? volume : emptyVolume, mountPath: dataFolder }],
    startupProbe: probe("/healthz", { failureThreshold: 30 }),
    livenessProbe: probe("/", { periodSeconds: 30 }),
    readinessProbe: probe("/healthz", { periodSeconds: 5 }),
    // Clients are sent to other servers before this one ends.
    lifecycle: { preStop: { exec: { command: [startCommand, `-sl=ldm=${pidFile}`] } } },
  };
}

/** What makes the server load all again: users and certificates may change, too. */
const watched = [configFile, ...["auth", "cert", "cluster-cert"].map((key) => `${configFolder}/${secretFiles[key]}`)];

function reloaderContainer(bus: NativeBus, { reloader }: ServerImages): JsonObject {
  return {
    name: "reloader",
    image: reloader,
    ...containerFields(bus.spec.reloaderContainerTemplate),
    args: ["-pid", pidFile, ...watched.flatMap((file) => ["-config", file])],
    volumeMounts: sharedMounts,
  };
}

function metricsContainer(bus: NativeBus, { metrics }: ServerImages): JsonObject {
  const wanted = ["-connz", "-routez", "-subz", "-varz", "-prefix=nats", "-use_internal_server_id", "-jsz=all"];
  return {
    name: "metrics",
    image: metrics,
    ...containerFields(bus.spec.metricsContainerTemplate),
    args: [...wanted, `http://localhost:${ports.monitor}`],
    ports: [{ name: "metrics", containerPort: ports.metrics, protocol: "TCP" }],
  };
}

function containerFields(template: JsonValue | undefined): JsonObject {
  return given(objectOf(template), ["resources", "imagePullPolicy", "securityContext"]);
}

function given(object: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(fields.flatMap((field) => (object[field] === undefined ? [] : [[field, object[field]]])));
}

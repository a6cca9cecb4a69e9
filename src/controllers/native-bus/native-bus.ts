import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { argoApiVersion, type EventBusResource } from "../../api/resources.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { formatYaml, parseYaml } from "../../base/yaml.ts";
import type { OwnerReference } from "../../objects/object.ts";

/** What the servers of a managed bus listen on. */
export const ports = { client: 4222, cluster: 6222, metrics: 7777, monitor: 8222 } as const;

/** The original's name: whoever finds it on an EventBus knows who is to remove it. */
export const busFinalizer = "eventbus-controller";

/** A `jetstream` EventBus with the original's defaults filled in (spec argo-events 2.6). */
export interface NativeBus {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Of the EventBus: its StatefulSet gets them, too. */
  readonly ownLabels: Readonly<Record<string, string>>;
  readonly replicas: number;
  readonly version: string;
  /** The content of the server's `jetstream {}` block beside key and store. */
  readonly settings: string;
  readonly maxPayload: string;
  readonly startArgs: readonly string[];
  /** Merged over the defaults; lower-case keys. */
  readonly streamConfig: JsonObject;
  /** The whole of `spec.jetstream`, for the fields of Pods. */
  readonly spec: JsonObject;
}

/** The names that the original gives (spec argo-events 7.3). */
export interface NativeNames {
  readonly serverSecret: string;
  readonly clientSecret: string;
  readonly config: string;
  readonly service: string;
  readonly statefulSet: string;
  readonly volume: string;
  /** What clients connect to, inside the cluster; the servers' certificate names it. */
  readonly host: string;
}

const defaultReplicas = 3;
const defaultSettings = "max_memory_store: -1\nmax_file_store: 1TB\n";
const defaultStream: JsonObject = {
  maxmsgs: 50_000,
  maxage: "168h",
  maxbytes: -1,
  duplicates: "300s",
  retention: 0,
  discard: 0,
};

/**
 * Without `replicas` in `streamConfig` the stream has 3, but no more than there are servers: the original asks a single
 * server for 3 and gets no stream (spec argo-events 4.1.2).
 * @throws TerminalError MANIFEST_INVALID when `streamConfig` is no YAML of an object
 */
export function readNativeBus({ metadata, spec: { jetstream } }: EventBusResource): NativeBus {
  const spec = objectOf(jetstream);
  const { name, namespace, uid, labels } = metadata;
  const replicas = typeof spec.replicas === "number" ? spec.replicas : defaultReplicas;
  const streamReplicas = Math.min(defaultReplicas, replicas);
  return {
    name,
    namespace,
    uid,
    ownLabels: labels,
    replicas,
    version: textOf(spec.version),
    settings: typeof spec.settings === "string" ? spec.settings : defaultSettings,
    maxPayload: textOf(spec.maxPayload) || "1MB",
    startArgs: listOf(spec.startArgs).map(textOf),
    streamConfig: { ...defaultStream, replicas: streamReplicas, ...readStreamConfig(textOf(spec.streamConfig)) },
    spec,
  };
}

function readStreamConfig(text: string): JsonObject {
  if (text === "") return {};
  const [value = {}] = parseYaml(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TerminalError("MANIFEST_INVALID", "spec.jetstream.streamConfig: must be YAML of an object");
  }
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key.toLowerCase(), entry]));
}

export function namesOf({ name, namespace }: Pick<NativeBus, "name" | "namespace">): NativeNames {
  const service = `eventbus-${name}-js-svc`;
  return {
    serverSecret: `eventbus-${name}-js-server`,
    clientSecret: `eventbus-${name}-js-client-auth`,
    config: `eventbus-${name}-js-config`,
    service,
    statefulSet: `eventbus-${name}-js`,
    volume: `eventbus-${name}-js-vol`,
    host: `${service}.${namespace}.svc`,
  };
}

/** On all objects; the selector of Pods and volumes, too. */
export function labelsOf({ name }: Pick<NativeBus, "name">): Record<string, string> {
  return { controller: "eventbus-controller", "eventbus-name": name, "owner-name": name };
}

/** With it the objects go when the EventBus goes. */
export function ownerOf({ name, uid }: NativeBus): OwnerReference {
  return { apiVersion: argoApiVersion, kind: "EventBus", name, uid, controller: true, blockOwnerDeletion: true };
}

/** `status.config.jetstream`: what clients of the original read (spec argo-events 2.7). */
export function clientConfigOf(bus: NativeBus): JsonObject {
  const { clientSecret, host } = namesOf(bus);
  const sorted = Object.entries(bus.streamConfig).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    url: `nats://${host}:${ports.client}`,
    accessSecret: { name: clientSecret, key: "client-auth" },
    streamConfig: formatYaml(Object.fromEntries(sorted)),
  };
}

import { createHash } from "node:crypto";
import { listOf, objectOf } from "../../api/fields.ts";
import { argoApiVersion, type ResourceMeta } from "../../api/resources.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { KubeObject, OwnerReference } from "../../objects/object.ts";

/** The original's annotation; ours is another hash (spec argo-events 7.2). */
export const hashAnnotation = "resource-spec-hash";

const folder = "/etc/tiphys/manifests";
const file = "manifests.yaml";
/** Where a Sensor's Pod keeps what it must not forget. */
const dataFolder = "/var/lib/tiphys";
/** A user who declares this volume in the template says where that is. */
export const dataVolume = "tiphys-data";
/** Room for the ledger, which is the largest of it. */
const dataSize = "10Gi";
/** Any group does that the volume then belongs to; without it only root could write there. */
const dataGroup = 65_532;

/** What a Pod is for. */
export interface PodOwner {
  readonly kind: "EventSource" | "Sensor";
  readonly metadata: ResourceMeta;
}

/** The original's word for a kind, in names and labels. */
const words = { EventSource: "eventsource", Sensor: "sensor" } as const;

/** The original's selector. */
export function podLabels({ kind, metadata: { name } }: PodOwner): Record<string, string> {
  return { controller: `${words[kind]}-controller`, [`${words[kind]}-name`]: name, "owner-name": name };
}

export function ownerOf({ kind, metadata: { name, uid } }: PodOwner): OwnerReference {
  return { apiVersion: argoApiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export function manifestsSecretName({ kind, metadata }: PodOwner): string {
  return `${metadata.name}-${words[kind]}-manifests`;
}

export function manifestsSecretOf(owner: PodOwner, text: string): KubeObject {
  const { namespace } = owner.metadata;
  const metadata = { name: manifestsSecretName(owner), namespace, labels: podLabels(owner) };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...metadata, ownerReferences: [ownerOf(owner)] },
    type: "Opaque",
    data: { [file]: Buffer.from(text).toString("base64") },
  };
}

/** Where a Sensor's Pod keeps its data directory; `begin`, where it begins to read, makes each move one of its own. */
export function dataClaimOf(owner: PodOwner, begin: string): KubeObject {
  const { namespace, name } = owner.metadata;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: `${name}-${words[owner.kind]}-data-${hashOf(begin)}`,
      namespace,
      labels: podLabels(owner),
      ownerReferences: [ownerOf(owner)],
    },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: dataSize } } },
  };
}

export interface PodWish {
  readonly image: string;
  /** Only one may run at a time, whatever `replicas` says. */
  readonly isSingle: boolean;
  /** Of a Sensor. */
  readonly sensor?: {
    /** The name of its claim; undefined: the user has declared `dataVolume`. */
    readonly claim: string | undefined;
    /** Whether its triggers act in the cluster. */
    readonly actsInCluster: boolean;
  };
}

/** `written`: the owner's spec. */
export function deploymentOf(owner: PodOwner, written: JsonObject, wish: PodWish): KubeObject {
  const { namespace, name, uid, labels } = owner.metadata;
  const { isSingle } = wish;
  const replicas = typeof written.replicas === "number" && written.replicas > 0 && !isSingle ? written.replicas : 1;
  const { revisionHistoryLimit } = written;
  const spec: JsonObject = {
    replicas,
    ...(typeof revisionHistoryLimit === "number" ? { revisionHistoryLimit } : {}),
    selector: { matchLabels: podLabels(owner) },
    // Of two, both would act while one replaces the other.
    ...(isSingle ? { strategy: { type: "Recreate" } } : {}),
    template: podOf(owner, objectOf(written.template), wish),
  };
  const metadata = {
    name: `${name}-${words[owner.kind]}-${hashOf(uid)}`,
    namespace,
    labels: { ...labels, ...podLabels(owner) },
    annotations: { [hashAnnotation]: hashOf(JSON.stringify([spec, labels])) },
    ownerReferences: [ownerOf(owner)],
  };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata, spec };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 10);
}

function podOf(owner: PodOwner, template: JsonObject, wish: PodWish): JsonObject {
  const { metadata, container, volumes, serviceAccountName, securityContext, ...fields } = template;
  const { labels, annotations } = objectOf(metadata);
  const group = wish.sensor === undefined ? {} : { fsGroup: dataGroup };
  const context = { ...group, ...objectOf(securityContext) };
  const { claim } = wish.sensor ?? {};
  return {
    metadata: {
      labels: { ...objectOf(labels), ...podLabels(owner) },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...fields,
      ...(Object.keys(context).length === 0 ? {} : { securityContext: context }),
      ...(serviceAccountName === undefined || serviceAccountName === "" ? {} : { serviceAccountName }),
      containers: [containerOf(objectOf(container), wish)],
      volumes: [
        ...listOf(volumes),
        { name: "tiphys-manifests", secret: { secretName: manifestsSecretName(owner) } },
        { name: "tmp", emptyDir: {} },
        ...(claim === undefined ? [] : [{ name: dataVolume, persistentVolumeClaim: { claimName: claim } }]),
      ],
    },
  };
}

/** The user's variables come first, as in the original; its volumes are the Pod's own, so files of all may be named. */
function containerOf({ env, volumeMounts, imagePullPolicy: _, ...fields }: JsonObject, wish: PodWish): JsonObject {
  const { image, sensor } = wish;
  const podIp: JsonValue = { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } };
  const data = { name: dataVolume, mountPath: dataFolder };
  return {
    ...fields,
    name: "main",
    image,
    command: ["tiphys"],
    args: argsOf(sensor),
    env: [...listOf(env), ...(sensor === undefined ? [podIp] : [])],
    volumeMounts: [
      ...listOf(volumeMounts),
      { name: "tiphys-manifests", mountPath: folder, readOnly: true },
      { name: "tmp", mountPath: "/tmp" },
      ...(sensor === undefined ? [] : [data]),
    ],
  };
}

function argsOf(sensor: PodWish["sensor"]): string[] {
  const up = ["up", `${folder}/${file}`];
  if (sensor === undefined) return ["--data-dir", "/tmp/tiphys", ...up, "--address", "$(POD_IP)", "--file-root", "/"];
  const hands = sensor.actsInCluster ? ["--trigger-kubeconfig", "in-cluster", "--yes"] : [];
  return ["--data-dir", dataFolder, ...up, "--file-root", "/", ...hands];
}

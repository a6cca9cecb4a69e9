import { createHash } from "node:crypto";
import { listOf, objectOf } from "../../api/fields.ts";
import { argoApiVersion, type EventSource } from "../../api/resources.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { KubeObject, OwnerReference } from "../../objects/object.ts";

/** The original's annotation; ours is another hash (spec argo-events 7.2). */
export const hashAnnotation = "resource-spec-hash";

const folder = "/etc/tiphys/manifests";
const file = "manifests.yaml";

/** The original's selector. */
export function podLabels(name: string): Record<string, string> {
  return { controller: "eventsource-controller", "eventsource-name": name, "owner-name": name };
}

export function ownerOf({ metadata: { name, uid } }: EventSource): OwnerReference {
  return { apiVersion: argoApiVersion, kind: "EventSource", name, uid, controller: true, blockOwnerDeletion: true };
}

export function manifestsSecretName({ metadata }: EventSource): string {
  return `${metadata.name}-eventsource-manifests`;
}

export function manifestsSecretOf(source: EventSource, text: string): KubeObject {
  const { namespace, name } = source.metadata;
  const metadata = { name: manifestsSecretName(source), namespace, labels: podLabels(name) };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...metadata, ownerReferences: [ownerOf(source)] },
    type: "Opaque",
    data: { [file]: Buffer.from(text).toString("base64") },
  };
}

/** `written`: the EventSource's spec; `isSingle`: only one replica may listen. */
export function deploymentOf(
  source: EventSource,
  written: JsonObject,
  { image, isSingle }: { readonly image: string; readonly isSingle: boolean },
): KubeObject {
  const { namespace, name, uid, labels } = source.metadata;
  const replicas = typeof written.replicas === "number" && written.replicas > 0 && !isSingle ? written.replicas : 1;
  const spec: JsonObject = {
    replicas,
    selector: { matchLabels: podLabels(name) },
    // Of two, both would listen while one replaces the other.
    ...(isSingle ? { strategy: { type: "Recreate" } } : {}),
    template: podOf(source, objectOf(written.template), image),
  };
  const metadata = {
    name: `${name}-eventsource-${hashOf(uid)}`,
    namespace,
    labels: { ...labels, ...podLabels(name) },
    annotations: { [hashAnnotation]: hashOf(JSON.stringify([spec, labels])) },
    ownerReferences: [ownerOf(source)],
  };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata, spec };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 10);
}

function podOf(source: EventSource, template: JsonObject, image: string): JsonObject {
  const { metadata, container, volumes, serviceAccountName, ...fields } = template;
  const { labels, annotations } = objectOf(metadata);
  return {
    metadata: {
      labels: { ...objectOf(labels), ...podLabels(source.metadata.name) },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...fields,
      ...(serviceAccountName === undefined || serviceAccountName === "" ? {} : { serviceAccountName }),
      containers: [containerOf(objectOf(container), image)],
      volumes: [
        ...listOf(volumes),
        { name: "tiphys-manifests", secret: { secretName: manifestsSecretName(source) } },
        { name: "tmp", emptyDir: {} },
      ],
    },
  };
}

/** The user's variables come first, as in the original; its volumes are the Pod's own, so a file source may see all. */
function containerOf({ env, volumeMounts, imagePullPolicy: _, ...fields }: JsonObject, image: string): JsonObject {
  const podIp: JsonValue = { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } };
  return {
    ...fields,
    name: "main",
    image,
    command: ["tiphys"],
    args: ["--data-dir", "/tmp/tiphys", "up", `${folder}/${file}`, "--address", "$(POD_IP)", "--file-root", "/"],
    env: [...listOf(env), podIp],
    volumeMounts: [
      ...listOf(volumeMounts),
      { name: "tiphys-manifests", mountPath: folder, readOnly: true },
      { name: "tmp", mountPath: "/tmp" },
    ],
  };
}

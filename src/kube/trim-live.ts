import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { KubeObject, ObjectMeta } from "../objects/object.ts";

const trackingAnnotation = "argocd.argoproj.io/tracking-id";
const lastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";
const ownManager = "argocd-controller";

/** What health and the tree read of the specs of objects that controllers make by the thousand. */
const slimSpecs: Readonly<Record<string, readonly string[]>> = {
  "v1/Pod": ["nodeName", "restartPolicy"],
  "apps/v1/ReplicaSet": ["replicas"],
};

/**
 * What is kept of a live object. Objects that an Application may track keep all that a comparison reads; of Pods and
 * ReplicaSets that a controller made, metadata and status stay, and of their spec what health reads. Trimming twice is
 * trimming once.
 */
export function trimLive(object: KubeObject): KubeObject {
  const isTracked = isWrittenByUs(object) || object.metadata.annotations?.[trackingAnnotation] !== undefined;
  const { managedFields = [], ...metadata } = object.metadata;
  const fields = slimSpecs[`${object.apiVersion}/${object.kind}`];
  if (fields !== undefined && isMade(object)) return slim(object, metadata, fields);
  const kept = isTracked ? managedFields.flatMap(trimEntry) : [];
  return { ...object, metadata: { ...metadata, ...(kept.length > 0 ? { managedFields: kept } : {}) } };
}

/**
 * Made by a controller. Not told by the annotation alone: a Deployment's is copied to its ReplicaSets, and then names
 * another object.
 */
function isMade(object: KubeObject): boolean {
  const { ownerReferences = [], annotations = {}, namespace = "", name = "" } = object.metadata;
  const isNamed = annotations[trackingAnnotation]?.endsWith(`/${object.kind}:${namespace}/${name}`) === true;
  return ownerReferences.length > 0 && !isNamed && !isWrittenByUs(object);
}

function isWrittenByUs({ metadata: { managedFields = [] } }: KubeObject): boolean {
  return managedFields.some((entry) => isJsonObject(entry) && entry.manager === ownManager);
}

/**
 * Entries of other managers stay: a field that somebody else owns too is not ours to remove, and rules of an Application
 * may name any manager. Who wrote the status is never asked.
 */
function trimEntry(entry: JsonValue): JsonValue[] {
  if (!isJsonObject(entry) || !entry.subresource || !isJsonObject(entry.fieldsV1)) return [entry];
  const { "f:status": _status, ...fieldsV1 } = entry.fieldsV1;
  return Object.keys(fieldsV1).length > 0 ? [{ ...entry, fieldsV1 }] : [];
}

function slim(object: KubeObject, metadata: ObjectMeta, fields: readonly string[]): KubeObject {
  const { [lastAppliedAnnotation]: _applied, ...annotations } = metadata.annotations ?? {};
  const spec = isJsonObject(object.spec) ? object.spec : {};
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: { ...metadata, ...(metadata.annotations === undefined ? {} : { annotations }) },
    spec: {
      ...Object.fromEntries(Object.entries(spec).filter(([field]) => fields.includes(field))),
      ...imagesOf(spec, "initContainers"),
      ...imagesOf(spec, "containers"),
    },
    ...(object.status === undefined ? {} : { status: object.status }),
  };
}

/** An Application's summary lists the images that run. */
function imagesOf(spec: JsonObject, field: string): JsonObject {
  const containers = spec[field];
  if (!Array.isArray(containers)) return {};
  return { [field]: containers.filter(isJsonObject).map(({ name = "", image = "" }) => ({ name, image })) };
}

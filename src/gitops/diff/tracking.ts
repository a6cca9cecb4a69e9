import { isJsonObject } from "../../base/json.ts";
import type { KubeObject, ObjectMeta } from "../../objects/object.ts";
import { groupOf, type ObjectKey } from "./diff.ts";

export const trackingAnnotation = "argocd.argoproj.io/tracking-id";
const installationAnnotation = "argocd.argoproj.io/installation-id";
/** Of old installations: with this label, pod templates are marked, too. */
const oldInstanceLabel = "applications.argoproj.io/app-name";

export type TrackingMethod = "annotation" | "annotation+label" | "label";

export interface Tracking {
  readonly method: TrackingMethod;
  /** The Application's instance name. */
  readonly instance: string;
  readonly label: string;
  /** Tells Applications of one name apart, of several controllers on one cluster; "" or absent: there is one controller. */
  readonly installationId?: string;
}

export interface TrackingId {
  readonly instance: string;
  readonly key: ObjectKey;
}

const maxLabel = 63;

/** `<name>`, or `<namespace>_<name>` for an Application outside of the controller's namespace. */
export function instanceName(name: string, namespace: string, controllerNamespace: string): string {
  return namespace === controllerNamespace ? name : `${namespace}_${name}`;
}

/** `<instance>:<group>/<kind>:<namespace>/<name>`; `namespace` is used where the object has none. */
export function formatTrackingId(instance: string, object: KubeObject, namespace: string): string {
  const { metadata, kind } = object;
  const where = metadata.namespace || namespace;
  return `${instance}:${groupOf(object)}/${kind}:${where}/${metadata.name ?? ""}`;
}

/** Undefined for text of another form. Names may hold colons. */
export function parseTrackingId(text: string): TrackingId | undefined {
  const [instance, type, ...rest] = text.split(":");
  if (instance === undefined || type === undefined || rest.length === 0) return undefined;
  const types = type.split("/");
  const names = rest.join(":").split("/");
  if (types.length !== 2 || names.length !== 2) return undefined;
  const [group = "", kind = ""] = types;
  const [namespace = "", name = ""] = names;
  return { instance, key: { group, kind, namespace, name } };
}

/**
 * The object marked as the Application's. CRDs are not marked, so that they are never pruned through it; a name that gives
 * no label value leaves the label out.
 */
export function setTracking(object: KubeObject, tracking: Tracking, namespace: string): KubeObject {
  if (groupOf(object) === "apiextensions.k8s.io" && object.kind === "CustomResourceDefinition") return object;
  const { method, instance, label, installationId = "" } = tracking;
  const id = formatTrackingId(instance, object, namespace);
  const value = method === "label" ? instance : truncateLabel(instance);
  const { annotations, ...metadata } = withoutInstallation(object.metadata);
  const added = {
    ...(method === "label" ? {} : { [trackingAnnotation]: id }),
    ...(installationId === "" ? {} : { [installationAnnotation]: installationId }),
  };
  const all = { ...annotations, ...added };
  const withAnnotations = annotations === undefined && Object.keys(added).length === 0 ? {} : { annotations: all };
  const isLabelled = method !== "annotation" && value !== "";
  const withLabel = isLabelled ? { labels: { ...metadata.labels, [label]: value } } : {};
  const marked = { ...object, metadata: { ...metadata, ...withAnnotations, ...withLabel } };
  return isLabelled && label === oldInstanceLabel ? withPodLabel(marked, value) : marked;
}

/** What a manifest says of installations is not its to say. */
function withoutInstallation(metadata: ObjectMeta): ObjectMeta {
  if (metadata.annotations?.[installationAnnotation] === undefined) return metadata;
  const { [installationAnnotation]: _id, ...annotations } = metadata.annotations;
  return { ...metadata, annotations };
}

const podMakers = new Set(["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "Job"]);

function withPodLabel(object: KubeObject, value: string): KubeObject {
  const { spec, kind } = object;
  if (!podMakers.has(kind) || !isJsonObject(spec) || !isJsonObject(spec.template)) return object;
  const { metadata, ...template } = spec.template;
  const fields = isJsonObject(metadata) ? metadata : {};
  const labels = { ...(isJsonObject(fields.labels) ? fields.labels : {}), [oldInstanceLabel]: value };
  return { ...object, spec: { ...spec, template: { ...template, metadata: { ...fields, labels } } } };
}

/** At most 63 characters that end in a letter or digit; "" when there is none. */
export function truncateLabel(text: string): string {
  if (text.length <= maxLabel) return text;
  return text.slice(0, maxLabel).replace(/[^A-Za-z0-9]+$/, "");
}

/** The instance to which a live object belongs. Objects with owners belong to their owner's. */
export function ownerOf(
  live: KubeObject,
  { method, label, installationId = "" }: Omit<Tracking, "instance">,
): string | undefined {
  const { annotations = {}, labels = {}, ownerReferences = [] } = live.metadata;
  if (ownerReferences.length > 0) return undefined;
  if (installationId !== "" && annotations[installationAnnotation] !== installationId) return undefined;
  if (method === "label") return labels[label] || undefined;
  const id = annotations[trackingAnnotation];
  return id === undefined ? undefined : parseTrackingId(id)?.instance;
}

/**
 * Whether the tracking annotation is the object's own: other controllers copy objects together with their annotations,
 * and such copies are not the Application's.
 */
export function isSelfReferenced(
  live: KubeObject | undefined,
  target: KubeObject | undefined,
  method: TrackingMethod,
): boolean {
  if (live === undefined || method === "label") return true;
  if (target !== undefined) return isSameObject(live, keyOfTarget(target));
  const id = live.metadata.annotations?.[trackingAnnotation];
  const parsed = id === undefined ? undefined : parseTrackingId(id);
  return parsed === undefined || isSameObject(live, parsed.key);
}

function keyOfTarget(target: KubeObject): ObjectKey {
  const { namespace = "", name = "" } = target.metadata;
  return { group: groupOf(target), kind: target.kind, namespace, name };
}

function isSameObject(live: KubeObject, key: ObjectKey): boolean {
  const { namespace = "", name } = live.metadata;
  const isSame = groupOf(live) === key.group && live.kind === key.kind && name === key.name;
  return isSame && (namespace === "" || namespace === key.namespace);
}

/** As an object of Kubernetes; the parts that its type needs are there. Undefined for anything else. */
export function toKubeObject(value: unknown): KubeObject | undefined {
  if (!isJsonObject(value) || !isJsonObject(value.metadata)) return undefined;
  if (typeof value.apiVersion !== "string" || typeof value.kind !== "string") return undefined;
  return value as unknown as KubeObject;
}

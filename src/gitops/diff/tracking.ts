import { isJsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf, type ObjectKey } from "./diff.ts";

export const trackingAnnotation = "argocd.argoproj.io/tracking-id";
export const defaultInstanceLabel = "app.kubernetes.io/instance";

export type TrackingMethod = "annotation" | "annotation+label" | "label";

export interface Tracking {
  readonly method: TrackingMethod;
  /** The Application's instance name. */
  readonly instance: string;
  readonly label: string;
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
  const { metadata } = object;
  const { method, instance, label } = tracking;
  const id = formatTrackingId(instance, object, namespace);
  const value = method === "label" ? instance : truncateLabel(instance);
  const withAnnotation =
    method === "label" ? {} : { annotations: { ...metadata.annotations, [trackingAnnotation]: id } };
  const withLabel = method === "annotation" || value === "" ? {} : { labels: { ...metadata.labels, [label]: value } };
  return { ...object, metadata: { ...metadata, ...withAnnotation, ...withLabel } };
}

/** At most 63 characters that end in a letter or digit; "" when there is none. */
export function truncateLabel(text: string): string {
  if (text.length <= maxLabel) return text;
  return text.slice(0, maxLabel).replace(/[^A-Za-z0-9]+$/, "");
}

/** The instance to which a live object belongs. Objects with owners belong to their owner's. */
export function ownerOf(live: KubeObject, method: TrackingMethod, label: string): string | undefined {
  const { annotations = {}, labels = {}, ownerReferences = [] } = live.metadata;
  if (ownerReferences.length > 0) return undefined;
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

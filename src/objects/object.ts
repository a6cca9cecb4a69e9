import type { JsonValue } from "../base/json.ts";

/** An object of Kubernetes as raw JSON: fields that we do not know are kept. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly JsonValue[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface GroupVersionKind {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface ObjectRef extends GroupVersionKind {
  readonly namespace?: string;
  readonly name: string;
}

export function refOf({ apiVersion, kind, metadata: { name = "", namespace } }: KubeObject): ObjectRef {
  return { apiVersion, kind, name, ...(namespace ? { namespace } : {}) };
}

/** `apiVersion/kind/namespace/name`, for records and messages. */
export function refText(ref: ObjectRef): string {
  return [ref.apiVersion, ref.kind, ...(ref.namespace ? [ref.namespace] : []), ref.name].join("/");
}

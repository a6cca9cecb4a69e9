import { type Instant, isoTime } from "../../base/clock.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import { type AuditedObject, auditEvent, objectRefOf, versionNote } from "../audit.ts";
import { wholeSeconds } from "../metadata.ts";
import { deleteStored } from "../removal.ts";
import type { ResourceRequest } from "../request.ts";
import { storeKey } from "../resources.ts";
import { StatusError } from "../status-error.ts";
import { type ObjectKey, readObject, type WriteDeps } from "../stored-object.ts";
import { changeObject, createObject } from "../writes.ts";
import type { PodIndex } from "./pod-index.ts";

/** What controllers see and do. Writes resolve after the fsync; one on an object that is gone does nothing. */
export interface Cluster {
  now(): Instant;
  /** RFC 3339, whole seconds. */
  nowText(): string;
  read(key: ObjectKey): JsonObject | undefined;
  /** Of one resource (`apps/replicasets`), in order of name. */
  listOwned(owner: JsonObject, resource: string): readonly JsonObject[];
  /** All of one resource, or those of a namespace, in order of namespace and name. */
  list(resource: string, namespace?: string): readonly JsonObject[];
  /** Pods that one label of the selector has; the others may differ. In no order. */
  listCandidates(namespace: string, selector: JsonObject): readonly JsonObject[];
  create(resource: string, object: JsonObject): Promise<void>;
  change(key: ObjectKey, change: (old: JsonObject) => JsonObject): Promise<void>;
  /** Nothing is written when the status is the same. */
  setStatus(key: ObjectKey, status: (old: JsonObject) => JsonObject): Promise<void>;
  delete(key: ObjectKey): Promise<void>;
}

const user = { name: "system:kube-controller-manager", groups: ["system:masters"] };
/** The node that simulated Pods are on, and who writes the status of Pods. */
export const nodeName = "tiphys-simulated";

export function createCluster(plane: WriteDeps, pods: Pick<PodIndex, "candidates">): Cluster {
  // What is written here is the machine's, not a user's: nobody has to admit it.
  const deps: WriteDeps = { ...plane, admission: undefined, reviewer: undefined };
  const request = new Request("http://localhost/");
  const query = new URLSearchParams({ fieldManager: "kube-controller-manager" });
  const kubeletQuery = new URLSearchParams({ fieldManager: "kubelet" });
  // What is served of built-in kinds does not change.
  const served = new Map(deps.table.all().map((resource) => [storeKey(resource), resource]));
  const targetOf = (key: string, namespace: string, subresource?: string): ResourceRequest => {
    const resource = served.get(key) ?? deps.table.findByStoreKey(key);
    if (resource === undefined) throw new Error(`${key} is not served`);
    const by = key === "/pods" && subresource === "status" ? kubeletQuery : query;
    const place = { namespace: resource.namespaced ? namespace : undefined, name: undefined, subresource };
    return { request, query: by, user, resource, ...place, warnings: [] };
  };
  const told = (target: ResourceRequest, verb: string, text?: string, before?: JsonValue): void => {
    if (deps.audit === undefined) return;
    const metadata = text === undefined ? {} : metaOf(parseJson(text) as JsonObject);
    if (before !== undefined && before === metadata.resourceVersion) return;
    const objectRef = objectRefOf(target, metadata);
    const what = { verb, objectRef, requestURI: pathOf(objectRef), ...versionNote(metadata.resourceVersion) };
    const by = { user: { username: user.name, groups: user.groups }, userAgent: "kube-controller-manager" };
    const responseStatus = { code: verb === "create" ? 201 : 200 };
    deps.audit(auditEvent({ ...what, ...by, responseStatus, at: deps.clock.now(), now: deps.clock.now() }));
  };
  /** What is not there any more does not change. Only a change that was stored is told. */
  const changeIfThere = async (target: ResourceRequest, name: string, change: (old: JsonObject) => JsonObject) => {
    let before: JsonValue | undefined;
    try {
      const text = await changeObject(deps, target, name, (old) => {
        before = metaOf(old).resourceVersion;
        return change(old);
      });
      told({ ...target, name }, "update", text, before);
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 404) throw error;
    }
  };
  return {
    now: () => deps.clock.now(),
    nowText: () => wholeSeconds(isoTime(deps.clock.now())),
    read: (key) => readObject(deps, key),
    listOwned(owner, resource) {
      const rows = deps.store.listOwned(String(metaOf(owner).uid)).filter((row) => row.resource === resource);
      return rows.map((row) => parseJson(row.text) as JsonObject);
    },
    list(resource, namespace) {
      return deps.store.list(resource, { namespace, limit: -1 }).map((row) => parseJson(row.text) as JsonObject);
    },
    listCandidates(namespace, selector) {
      const found = pods.candidates(namespace, selector).map((key) => readObject(deps, key));
      return found.filter((pod) => pod !== undefined);
    },
    async create(resource, object) {
      const target = targetOf(resource, String(metaOf(object).namespace ?? ""));
      told(target, "create", await createObject(deps, target, object));
    },
    async change(key, change) {
      await changeIfThere(targetOf(key.resource, key.namespace), key.name, change);
    },
    async setStatus(key, status) {
      const target = targetOf(key.resource, key.namespace, "status");
      await changeIfThere(target, key.name, (old) => ({ ...old, status: status(old) }));
    },
    async delete(key) {
      const isThere = await deps.store.write(() => {
        const old = readObject(deps, key);
        if (old !== undefined) deleteStored(deps, key, old, "Background");
        return old !== undefined;
      });
      if (isThere) told({ ...targetOf(key.resource, key.namespace), name: key.name }, "delete");
    },
  };
}

/** Where a controller of a real cluster would have sent its write. */
function pathOf({ apiGroup, apiVersion, namespace, resource, name, subresource }: AuditedObject): string {
  const root = apiGroup === undefined ? `/api/${apiVersion}` : `/apis/${apiGroup}/${apiVersion}`;
  const place = namespace === undefined ? [] : ["namespaces", namespace];
  return [root, ...place, resource, name, subresource].filter((part) => part !== undefined).join("/");
}

export function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

export function metaOf(object: JsonObject): JsonObject {
  return objectOf(object.metadata);
}

export function specOf(object: JsonObject): JsonObject {
  return objectOf(object.spec);
}

export function statusOf(object: JsonObject): JsonObject {
  return objectOf(object.status);
}

/** 0 for what is no number. */
export function countOf(value: JsonValue | undefined): number {
  return typeof value === "number" ? value : 0;
}

export function isDeleted(object: JsonObject): boolean {
  return metaOf(object).deletionTimestamp !== undefined;
}

export function keyOfObject(resource: string, object: JsonObject): ObjectKey {
  const { namespace = "", name = "" } = metaOf(object);
  return { resource, namespace: String(namespace), name: String(name) };
}

/** The reference that makes `owner` the controller of an object. */
export function controllerReference(owner: JsonObject): JsonObject {
  const { name = "", uid = "" } = metaOf(owner);
  const { apiVersion = "", kind = "" } = owner;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

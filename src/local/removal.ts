import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import { objectAt } from "./kinds.ts";
import { asKubeObject, withRevision } from "./metadata.ts";
import { type ServedResource, servedByDefinition, storeKey } from "./resources.ts";
import { nowText, type ObjectKey, readObject, type WriteDeps } from "./stored-object.ts";

/**
 * What happens to the objects that name a deleted one as their owner: they go after it, before it (it waits with the
 * finalizer `foregroundDeletion`), or stay and lose the reference. All in the transaction of the deletion.
 */
export type Propagation = "Background" | "Foreground" | "Orphan";

const foreground = "foregroundDeletion";

/** Only within a write. The object as JSON if it waits for something, undefined if it is gone. */
export function deleteStored(
  deps: WriteDeps,
  key: ObjectKey,
  old: JsonObject,
  propagation: Propagation,
): string | undefined {
  if (key.resource === "/namespaces") return deleteNamespace(deps, key, old);
  if (key.resource === "apiextensions.k8s.io/customresourcedefinitions") deleteCustomObjects(deps, old);
  const uid = String(objectAt(old, "metadata").uid);
  const dependents = deps.store.listOwned(uid);
  if (propagation === "Orphan") for (const dependent of dependents) removeOwner(deps, dependent, uid);
  if (propagation === "Foreground" && dependents.length > 0) return deleteForeground(deps, key, old, dependents);
  if (finalizersOf(old).length > 0) return markDeleted(deps, key, old);
  removeObject(deps, key, old, asKubeObject(old));
  return undefined;
}

function deleteForeground(
  deps: WriteDeps,
  key: ObjectKey,
  old: JsonObject,
  dependents: readonly ObjectKey[],
): string | undefined {
  const finalizers = [...new Set([...finalizersOf(old), foreground])];
  markDeleted(deps, key, { ...old, metadata: { ...objectAt(old, "metadata"), finalizers } }, {}, old);
  for (const dependent of dependents)
    deleteDependent(deps, dependent, String(objectAt(old, "metadata").uid), "Foreground");
  finishWhenUnblocked(deps, key);
  return deps.store.read(key.resource, key.namespace, key.name);
}

function deleteIfThere(deps: WriteDeps, key: ObjectKey, propagation: Propagation): void {
  const found = readObject(deps, key);
  if (found !== undefined) deleteStored(deps, key, found, propagation);
}

function finalizersOf(object: JsonObject): readonly string[] {
  const { finalizers } = objectAt(object, "metadata");
  return Array.isArray(finalizers) ? finalizers.filter((item) => typeof item === "string") : [];
}

function ownersOf(object: JsonObject): readonly JsonObject[] {
  const { ownerReferences } = objectAt(object, "metadata");
  return Array.isArray(ownerReferences) ? ownerReferences.filter(isJsonObject) : [];
}

/**
 * A new object, or one with new owners, that arrives after them: it goes at once when all are gone, and loses the
 * references to those that are gone when others are left. Owners of a kind that is not served may be anywhere. Only within
 * a write.
 */
export function collectLate(deps: WriteDeps, key: ObjectKey, object: JsonObject): void {
  const owners = ownersOf(object);
  const fates = owners.map((reference) => fateOf(deps, reference, key.namespace));
  if (!fates.includes("gone") || fates.includes("unknown")) return;
  if (!fates.includes("there")) deleteStored(deps, key, object, "Background");
  else
    for (const [index, owner] of owners.entries())
      if (fates[index] === "gone") removeOwner(deps, key, String(owner.uid));
}

function fateOf(deps: WriteDeps, reference: JsonObject, namespace: string): "there" | "gone" | "unknown" {
  const resource = resourceOf(deps, reference);
  if (resource === undefined || (resource.namespaced && namespace === "")) return "unknown";
  return findOwner(deps, reference, namespace) === undefined ? "gone" : "there";
}

/** After the owner is gone. */
function collectDependents(deps: WriteDeps, uid: string): void {
  for (const dependent of deps.store.listOwned(uid)) deleteDependent(deps, dependent, uid, "Background");
}

/** Goes with its last owner; while another one lives it only loses the reference. */
function deleteDependent(deps: WriteDeps, key: ObjectKey, uid: string, propagation: Propagation): void {
  const object = readObject(deps, key);
  if (object === undefined) return;
  const others = ownersOf(object).filter((reference) => reference.uid !== uid);
  const isOwned = others.some((reference) => {
    const owner = findOwner(deps, reference, key.namespace);
    return owner !== undefined && objectAt(owner.object, "metadata").deletionTimestamp === undefined;
  });
  if (isOwned) removeOwner(deps, key, uid);
  else deleteStored(deps, key, object, propagation);
}

function removeOwner(deps: WriteDeps, key: ObjectKey, uid: string): void {
  const object = readObject(deps, key);
  if (object === undefined) return;
  const { ownerReferences: _old, ...metadata } = objectAt(object, "metadata");
  const left = ownersOf(object).filter((reference) => reference.uid !== uid);
  const changed = { ...object, metadata: { ...metadata, ...(left.length === 0 ? {} : { ownerReferences: left }) } };
  deps.store.put(key, (revision) => withRevision(changed, revision), asKubeObject(object));
}

interface Owner {
  readonly key: ObjectKey;
  readonly object: JsonObject;
}

function resourceOf(deps: WriteDeps, { apiVersion, kind }: JsonObject): ServedResource | undefined {
  return deps.table.findKind(String(apiVersion), String(kind));
}

function findOwner(deps: WriteDeps, reference: JsonObject, namespace: string): Owner | undefined {
  const resource = resourceOf(deps, reference);
  if (resource === undefined) return undefined;
  const key = {
    resource: storeKey(resource),
    namespace: resource.namespaced ? namespace : "",
    name: String(reference.name),
  };
  const object = readObject(deps, key);
  return object !== undefined && objectAt(object, "metadata").uid === reference.uid ? { key, object } : undefined;
}

function finishForeground(deps: WriteDeps, reference: JsonObject, namespace: string): void {
  const owner = findOwner(deps, reference, namespace);
  if (owner !== undefined && finalizersOf(owner.object).includes(foreground)) finishWhenUnblocked(deps, owner.key);
}

/** An owner that is being deleted waits for the dependents that say `blockOwnerDeletion`. */
function finishWhenUnblocked(deps: WriteDeps, key: ObjectKey): void {
  const owner = readObject(deps, key);
  if (owner === undefined) return;
  const metadata = objectAt(owner, "metadata");
  const isBlocked = deps.store.listOwned(String(metadata.uid)).some(({ text }) => {
    const references = ownersOf(parseJson(text) as JsonObject);
    return references.some((reference) => reference.uid === metadata.uid && reference.blockOwnerDeletion === true);
  });
  if (metadata.deletionTimestamp === undefined || isBlocked) return;
  const finalizers = finalizersOf(owner).filter((finalizer) => finalizer !== foreground);
  const released = { ...owner, metadata: { ...metadata, finalizers } };
  if (finalizers.length === 0) removeObject(deps, key, released, asKubeObject(owner));
  else deps.store.put(key, (revision) => withRevision(released, revision), asKubeObject(owner));
}

function markDeleted(deps: WriteDeps, key: ObjectKey, old: JsonObject, more: JsonObject = {}, stored = old): string {
  const metadata = objectAt(old, "metadata");
  if (metadata.deletionTimestamp !== undefined) return JSON.stringify(old);
  const generation = typeof metadata.generation === "number" ? { generation: metadata.generation + 1 } : {};
  const marked = {
    ...old,
    ...more,
    metadata: { ...metadata, ...generation, deletionTimestamp: nowText(deps), deletionGracePeriodSeconds: 0 },
  };
  return deps.store.put(key, (revision) => withRevision(marked, revision), asKubeObject(stored)).text;
}

/** Deletes everything in it; the namespace itself goes with the last object (see `removeObject`). */
function deleteNamespace(deps: WriteDeps, key: ObjectKey, old: JsonObject): string {
  const text = markDeleted(deps, key, old, { status: { ...objectAt(old, "status"), phase: "Terminating" } });
  const marked = parseJson(text) as JsonObject;
  for (const item of deps.store.listContent(key.name)) deleteIfThere(deps, item, "Background");
  const isGone = deps.store.read(key.resource, "", key.name) === undefined;
  const finalizers = objectAt(marked, "metadata").finalizers;
  const waits = Array.isArray(finalizers) && finalizers.length > 0;
  if (!isGone && !waits && !deps.store.hasContent(key.name)) removeObject(deps, key, marked, asKubeObject(marked));
  return text;
}

/** The objects of a kind go with its definition, finalizers or not: nobody could remove these afterwards. */
function deleteCustomObjects(deps: WriteDeps, definition: JsonObject): void {
  const [resource] = servedByDefinition(definition);
  if (resource === undefined) return;
  const found = deps.store.list(storeKey(resource), { limit: -1 });
  for (const { namespace, name } of found) {
    const key = { resource: storeKey(resource), namespace, name };
    const object = readObject(deps, key);
    if (object !== undefined) removeObject(deps, key, object, asKubeObject(object));
  }
}

/** Removes an object for good, with what only it owns. Only within a write. */
export function removeObject(deps: WriteDeps, key: ObjectKey, object: JsonObject, old: KubeObject): string {
  const { text } = deps.store.remove(key, (revision) => withRevision(object, revision), old);
  collectDependents(deps, String(old.metadata.uid));
  for (const reference of ownersOf(object)) finishForeground(deps, reference, key.namespace);
  if (key.namespace !== "") finishNamespace(deps, key.namespace);
  return text;
}

/** Removes a namespace that is being deleted once nothing is left in it. */
function finishNamespace(deps: WriteDeps, name: string): void {
  const key = { resource: "/namespaces", namespace: "", name };
  const found = readObject(deps, key);
  if (found === undefined || objectAt(found, "metadata").deletionTimestamp === undefined) return;
  const finalizers = objectAt(found, "metadata").finalizers;
  if ((Array.isArray(finalizers) && finalizers.length > 0) || deps.store.hasContent(name)) return;
  deps.store.remove(key, (revision) => withRevision(found, revision), asKubeObject(found));
}

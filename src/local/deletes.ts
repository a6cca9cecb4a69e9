import { isJsonObject, type JsonObject } from "../base/json.ts";
import { objectAt } from "./kinds.ts";
import { asKubeObject, withRevision } from "./metadata.ts";
import { isDryRun, parseText, type ResourceRequest, readText } from "./request.ts";
import { type ServedResource, servedByDefinition, storeKey } from "./resources.ts";
import { badRequest, conflict, forbidden } from "./status-error.ts";
import { admit, keyOf, needObject, nowText, type ObjectKey, removeObject, type WriteDeps } from "./writes.ts";

/** What a deletion answers with: the object while it waits for finalizers, otherwise a Status. */
export interface Deleted {
  readonly text: string;
  readonly isWaiting: boolean;
}

/** `DeleteOptions` in the body and in the query; propagation and grace periods are accepted and have no effect. */
export async function readDeleteOptions(target: ResourceRequest): Promise<JsonObject> {
  const text = await readText(target.request);
  if (text === "") return {};
  const options = parseText(text, "application/json");
  if (!isJsonObject(options)) throw badRequest("the body of a DELETE must be DeleteOptions");
  return options;
}

/** @throws StatusError 404, 409 (preconditions), 403 (namespaces that must stay) */
export function deleteObject(
  deps: WriteDeps,
  target: ResourceRequest,
  name: string,
  options: JsonObject,
): Promise<Deleted> {
  const isDry = isDryRun(target.query) || (Array.isArray(options.dryRun) && options.dryRun.includes("All"));
  return deps.store.write(() => {
    const old = needObject(deps, target, name);
    checkPreconditions(target, name, objectAt(old, "metadata"), objectAt(options, "preconditions"));
    if (
      target.resource.group === "" &&
      target.resource.kind === "Namespace" &&
      ["default", "kube-system"].includes(name)
    ) {
      throw forbidden(`namespaces "${name}" is forbidden: this namespace may not be deleted`);
    }
    admit(deps, target, { operation: "DELETE", object: asKubeObject(old) });
    if (isDry) return { text: statusText(target.resource, name, old), isWaiting: false };
    const key = keyOf(target, name);
    const waiting = deleteStored(deps, key, old);
    return waiting === undefined
      ? { text: statusText(target.resource, name, old), isWaiting: false }
      : { text: waiting, isWaiting: true };
  });
}

function checkPreconditions(target: ResourceRequest, name: string, old: JsonObject, wanted: JsonObject): void {
  for (const [field, label] of [
    ["uid", "UID"],
    ["resourceVersion", "ResourceVersion"],
  ] as const) {
    const value = wanted[field];
    if (value === undefined || value === null || value === old[field]) continue;
    const why = `Precondition failed: ${label} in precondition: ${String(value)}, ${label} in object meta: ${String(old[field])}`;
    throw conflict(target.resource, name, why);
  }
}

/** Only within a write. The object as JSON if it waits for something, undefined if it is gone. */
function deleteStored(deps: WriteDeps, key: ObjectKey, old: JsonObject): string | undefined {
  const metadata = objectAt(old, "metadata");
  if (key.resource === "/namespaces") return deleteNamespace(deps, key, old);
  if (key.resource === "apiextensions.k8s.io/customresourcedefinitions") deleteCustomObjects(deps, old);
  const finalizers = Array.isArray(metadata.finalizers) ? metadata.finalizers : [];
  if (finalizers.length > 0) return markDeleted(deps, key, old);
  removeObject(deps, key, old, asKubeObject(old));
  return undefined;
}

function markDeleted(deps: WriteDeps, key: ObjectKey, old: JsonObject, more: JsonObject = {}): string {
  const metadata = objectAt(old, "metadata");
  if (metadata.deletionTimestamp !== undefined) return JSON.stringify(old);
  const generation = typeof metadata.generation === "number" ? { generation: metadata.generation + 1 } : {};
  const marked = {
    ...old,
    ...more,
    metadata: { ...metadata, ...generation, deletionTimestamp: nowText(deps), deletionGracePeriodSeconds: 0 },
  };
  return deps.store.put(key, (revision) => withRevision(marked, revision), asKubeObject(old)).text;
}

/** Deletes everything in it; the namespace itself goes with the last object (see `removeObject`). */
function deleteNamespace(deps: WriteDeps, key: ObjectKey, old: JsonObject): string {
  const text = markDeleted(deps, key, old, { status: { ...objectAt(old, "status"), phase: "Terminating" } });
  const marked = JSON.parse(text) as JsonObject;
  for (const item of deps.store.listContent(key.name)) {
    deleteStored(deps, item, JSON.parse(item.text) as JsonObject);
  }
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
  for (const { namespace, name, text } of found) {
    const object = JSON.parse(text) as JsonObject;
    removeObject(deps, { resource: storeKey(resource), namespace, name }, object, asKubeObject(object));
  }
}

function statusText(resource: ServedResource, name: string, old: JsonObject): string {
  return JSON.stringify({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: {
      name,
      ...(resource.group ? { group: resource.group } : {}),
      kind: resource.plural,
      uid: objectAt(old, "metadata").uid ?? "",
    },
  });
}

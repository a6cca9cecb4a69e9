import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { applyJsonPatch, PatchError } from "../objects/json-patch.ts";
import { patchTypes } from "../objects/kubernetes-types.ts";
import { applyMergePatch } from "../objects/merge-patch.ts";
import { applyStrategicMergePatch } from "../objects/strategic-merge-patch.ts";
import { objectAt } from "./kinds.ts";
import { contentType, parseText, type ResourceRequest, readText } from "./request.ts";
import { apiVersionOf } from "./resources.ts";
import { badRequest, invalid, StatusError, unsupportedMediaType } from "./status-error.ts";
import { changeObject, createObject, keyOf, nowText, readObject, type WriteDeps } from "./writes.ts";

const json = "application/json-patch+json";
const merge = "application/merge-patch+json";
const strategic = "application/strategic-merge-patch+json";
const apply = "application/apply-patch+yaml";

/** PATCH in its four forms. The result as JSON, and whether the object is new (apply only). @throws StatusError */
export async function patchObject(
  deps: WriteDeps,
  target: ResourceRequest,
  name: string,
): Promise<{ readonly text: string; readonly isNew: boolean }> {
  const type = contentType(target.request);
  const accepted = target.resource.custom ? [json, merge, apply] : [json, merge, strategic, apply];
  if (!accepted.includes(type)) throw unsupportedMediaType(accepted);
  const body = parseText(await readText(target.request), type);
  if (type === apply) return applyObject(deps, target, name, needObjectPatch(body));
  const change = changeOf(type, body, target);
  const text = await changeObject(deps, target, name, (old) => patched(target, name, () => change(old)));
  return { text, isNew: false };
}

function changeOf(type: string, body: unknown, target: ResourceRequest): (old: JsonObject) => JsonValue {
  if (type === json) {
    if (!Array.isArray(body)) throw badRequest("a JSON patch must be a list of operations");
    return (old) => applyJsonPatch(old, body);
  }
  const patch = needObjectPatch(body);
  if (type === merge) return (old) => applyMergePatch(old, patch);
  const rules = { types: patchTypes, directives: true };
  return (old) => applyStrategicMergePatch(old, patch, target.resource.patchType, rules);
}

function needObjectPatch(body: unknown): JsonObject {
  if (!isJsonObject(body)) throw badRequest("the patch must be an object");
  return body;
}

function patched(target: ResourceRequest, name: string, change: () => JsonValue): JsonObject {
  try {
    const result = change();
    if (isJsonObject(result)) return result;
    throw new PatchError("the patched object is no object");
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    const problem = {
      field: "patch",
      message: `Invalid value: ${error.message}`,
      reason: "FieldValueInvalid",
    } as const;
    throw invalid(target.resource, name, [problem]);
  }
}

/**
 * Server-side apply without ownership yet: creates, or merges by the lists' keys. What a manager no longer mentions
 * stays; the manager's entry in `managedFields` is kept so that clients see who applied.
 */
async function applyObject(
  deps: WriteDeps,
  target: ResourceRequest,
  name: string,
  patch: JsonObject,
): Promise<{ readonly text: string; readonly isNew: boolean }> {
  const manager = target.query.get("fieldManager");
  if (!manager) {
    const message = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch';
    throw new StatusError(422, "Invalid", message, {});
  }
  if (objectAt(patch, "metadata").managedFields !== undefined) {
    throw badRequest("metadata.managedFields must be nil");
  }
  const entry = managedEntry(deps, target, manager, patch);
  if (target.subresource === undefined && readObject(deps, keyOf(target, name)) === undefined) {
    const metadata = { ...objectAt(patch, "metadata"), managedFields: [entry] };
    return { text: await createObject(deps, target, { ...patch, metadata }, name), isNew: true };
  }
  const rules = { types: patchTypes, directives: false };
  const text = await changeObject(deps, target, name, (old) => {
    const merged = patched(target, name, () => applyStrategicMergePatch(old, patch, target.resource.patchType, rules));
    const metadata = { ...objectAt(merged, "metadata"), managedFields: withEntry(objectAt(old, "metadata"), entry) };
    return { ...merged, metadata };
  });
  return { text, isNew: false };
}

function managedEntry(deps: WriteDeps, target: ResourceRequest, manager: string, patch: JsonObject): JsonObject {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = patch;
  const { name: _name, namespace: _namespace, ...owned } = isJsonObject(metadata) ? metadata : {};
  const applied = { ...rest, ...(Object.keys(owned).length > 0 ? { metadata: owned } : {}) };
  return {
    manager,
    operation: "Apply",
    apiVersion: apiVersionOf(target.resource),
    time: nowText(deps),
    fieldsType: "FieldsV1",
    fieldsV1: fieldsOf(applied),
    ...(target.subresource === undefined ? {} : { subresource: target.subresource }),
  };
}

function fieldsOf(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [`f:${key}`, isJsonObject(value) ? fieldsOf(value) : {}]),
  );
}

/** The manager's entry replaced; its time stays when it owns the same, so that repeating an apply changes nothing. */
function withEntry(old: JsonObject, entry: JsonObject): readonly JsonValue[] {
  const entries = Array.isArray(old.managedFields) ? old.managedFields.filter(isJsonObject) : [];
  const identity = ({ time: _time, ...rest }: JsonObject): string => JSON.stringify(rest);
  if (entries.some((other) => identity(other) === identity(entry))) return entries;
  const isSame = (other: JsonObject): boolean =>
    other.manager === entry.manager && other.operation === "Apply" && other.subresource === entry.subresource;
  return [...entries.filter((other) => !isSame(other)), entry];
}

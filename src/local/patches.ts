import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { applyJsonPatch, PatchError } from "../objects/json-patch.ts";
import { patchTypes } from "../objects/kubernetes-types.ts";
import { applyMergePatch } from "../objects/merge-patch.ts";
import { applyStrategicMergePatch } from "../objects/strategic-merge-patch.ts";
import { objectAt } from "./kinds.ts";
import { checkType } from "./metadata.ts";
import { applyOwned, type Claim, withManagedFields } from "./ownership.ts";
import { contentType, parseText, type ResourceRequest, readText } from "./request.ts";
import { checkApplied, decodeObject } from "./schema/decode.ts";
import { badRequest, invalid, StatusError, unsupportedMediaType } from "./status-error.ts";
import { isStored, keyOf, nowText, type WriteDeps } from "./stored-object.ts";
import { changeNow, changeObject, createNow, reviewedWrite, storeMade } from "./writes.ts";

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
  const text = await readText(target.request);
  if (type === apply) return applyObject(deps, target, name, text);
  const change = changeOf(type, parseText(text, type), target.resource.patchType);
  const changed = await changeObject(deps, target, name, (old) => patched(target, name, () => change(old)));
  return { text: changed, isNew: false };
}

function changeOf(type: string, body: unknown, patchType: string | undefined): (old: JsonObject) => JsonValue {
  if (type === json) {
    if (!Array.isArray(body)) throw badRequest("a JSON patch must be a list of operations");
    return (old) => applyJsonPatch(old, body);
  }
  const patch = needObjectPatch(body);
  if (type === merge) return (old) => applyMergePatch(old, patch);
  const rules = { types: patchTypes, directives: true };
  return (old) => applyStrategicMergePatch(old, patch, patchType, rules);
}

/** A patch, but no apply, of something that is not stored itself. @throws StatusError */
export async function readPatch(target: ResourceRequest, name: string): Promise<(old: JsonObject) => JsonObject> {
  const type = contentType(target.request);
  if (![json, merge, strategic].includes(type)) throw unsupportedMediaType([json, merge, strategic]);
  const change = changeOf(type, parseText(await readText(target.request), type), undefined);
  return (old) => patched(target, name, () => change(old));
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

/** Server-side apply: creates, or merges what the manager owns from now on. */
async function applyObject(
  deps: WriteDeps,
  target: ResourceRequest,
  name: string,
  text: string,
): Promise<{ readonly text: string; readonly isNew: boolean }> {
  if (!target.query.get("fieldManager")) {
    const message = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch';
    throw new StatusError(422, "Invalid", message, {});
  }
  const made = deps.rehearsals?.take(target, name, text, nowText(deps));
  const read = (): JsonObject => readApplied(target, name, text);
  const patch = made === undefined ? read() : undefined;
  // In one write: whether it is there is asked once, and cannot change before it is stored.
  return reviewedWrite(deps, target, () => {
    if (target.subresource !== undefined || isStored(deps, keyOf(target, name))) {
      const { apply, claim } = applying(deps, target, name, patch ?? read());
      return { text: changeNow(deps, target, name, apply, claim), isNew: false };
    }
    if (made !== undefined) return { text: storeMade(deps, target, name, made), isNew: true };
    return { text: applyNew(deps, target, name, { patch: patch ?? read(), text }), isNew: true };
  });
}

/** @throws StatusError when it is no object that can be applied */
function readApplied(target: ResourceRequest, name: string, text: string): JsonObject {
  const patch = needObjectPatch(parseText(text, apply));
  if (objectAt(patch, "metadata").managedFields !== undefined) {
    throw badRequest("metadata.managedFields must be nil");
  }
  checkApplied(target, name, patch);
  return patch;
}

/** What an apply makes of a live object, or of none, and who owns it then. */
function applying(deps: WriteDeps, target: ResourceRequest, name: string, patch: JsonObject) {
  let owners: readonly JsonObject[] = [];
  const onto = (live: JsonObject | undefined): JsonObject =>
    patched(target, name, () => {
      const applied = applyOwned(target, nowText(deps), live, patch);
      owners = applied.managedFields;
      return applied.object;
    });
  const claim: Claim = ({ after }) => withManagedFields(after, owners);
  return { apply: onto, claim };
}

/** Within a write, of what is not there. */
function applyNew(
  deps: WriteDeps,
  target: ResourceRequest,
  name: string,
  { patch, text }: { readonly patch: JsonObject; readonly text: string },
): string {
  const { apply: applied, claim } = applying(deps, target, name, patch);
  const sent = applied(undefined);
  checkType(sent, target.resource);
  // A built-in kind's fields are known since `checkApplied`; a CRD's has defaults to be filled in.
  const body = target.resource.custom === undefined ? sent : decodeObject(target, sent);
  const onMade = (object: JsonObject, now: string): void => deps.rehearsals?.keep(target, name, text, { now, object });
  return createNow(deps, target, body, { name, claim, isNew: true, onMade });
}

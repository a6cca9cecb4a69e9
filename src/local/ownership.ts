import type { JsonObject, JsonValue } from "../base/json.ts";
import { formOfKind } from "../objects/apply-form.ts";
import { PatchError } from "../objects/json-patch.ts";
import {
  isReset,
  type Manager,
  managedFieldsOf,
  type Ownership,
  parseManagedFields,
} from "../objects/managed-fields.ts";
import { ApplyConflictError, applyFields, ownersAfterUpdate, type WriteBy } from "../objects/server-side-apply.ts";
import { objectAt } from "./kinds.ts";
import type { ResourceRequest } from "./request.ts";
import { apiVersionOf } from "./resources.ts";
import { applyConflict } from "./status-error.ts";

/** Puts `metadata.managedFields` into an object that is about to be stored. `before` is undefined for a new one. */
export type Claim = (write: {
  readonly target: ResourceRequest;
  readonly now: string;
  readonly before: JsonObject | undefined;
  readonly after: JsonObject;
}) => JsonObject;

const longestManager = 128;

/** `fieldManager`, or the first part of the User-Agent. */
function managerName({ query, request }: ResourceRequest): string {
  const agent = (request.headers.get("user-agent") ?? "")
    .split("/", 1)[0]
    ?.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, "");
  return query.get("fieldManager") || agent?.slice(0, longestManager) || "unknown";
}

function writeBy(target: ResourceRequest, now: string, operation: Manager["operation"]): WriteBy {
  const { resource, subresource } = target;
  return {
    self: { manager: managerName(target), operation, apiVersion: apiVersionOf(resource), subresource },
    form: resource.custom?.form ?? formOfKind(resource.patchType),
    time: now,
    hasStatus: resource.hasStatus,
  };
}

/** Creates, updates and patches: what they change belongs to their manager. */
export const claimUpdate: Claim = ({ target, now, before, after }) => {
  const owners = ownersSent(target, before, after);
  const by = writeBy(target, now, "Update");
  try {
    return withManagedFields(after, managedFieldsOf(ownersAfterUpdate(by, owners, before, after)));
  } catch (error) {
    // List items without their keys: nobody's ownership can be told, and the write is as valid as it was.
    if (!(error instanceof PatchError)) throw error;
    return withManagedFields(after, managedFieldsOf(owners));
  }
};

/** A client may set or clear the entries with a write of the main resource; unreadable ones are those of before. */
function ownersSent(target: ResourceRequest, before: JsonObject | undefined, after: JsonObject): readonly Ownership[] {
  const sent = objectAt(after, "metadata").managedFields;
  const kept = (): readonly Ownership[] => parseManagedFields(objectAt(before ?? {}, "metadata").managedFields) ?? [];
  if (target.subresource !== undefined) return kept();
  if (isReset(sent)) return [];
  const own = parseManagedFields(sent) ?? [];
  return own.length === 0 ? kept() : own;
}

export function withManagedFields(object: JsonObject, entries: readonly JsonValue[]): JsonObject {
  const { managedFields: _old, ...metadata } = objectAt(object, "metadata");
  return { ...object, metadata: { ...metadata, ...(entries.length === 0 ? {} : { managedFields: entries }) } };
}

/** Server-side apply on the live object, or on nothing. @throws StatusError 409 PatchError */
export function applyOwned(
  target: ResourceRequest,
  now: string,
  live: JsonObject | undefined,
  config: JsonObject,
): { readonly object: JsonObject; readonly managedFields: readonly JsonObject[] } {
  const owners = parseManagedFields(objectAt(live ?? {}, "metadata").managedFields) ?? [];
  const by = { ...writeBy(target, now, "Apply"), force: isForced(target.query) };
  try {
    const { object, owners: left } = applyFields(by, owners, live ?? {}, config);
    return { object, managedFields: managedFieldsOf(left) };
  } catch (error) {
    if (!(error instanceof ApplyConflictError)) throw error;
    throw applyConflict(error.conflicts.map(({ owner, path }) => ({ owner: ownerText(owner), path })));
  }
}

function isForced(query: URLSearchParams): boolean {
  return query.get("force") === "true" || query.get("force") === "1";
}

function ownerText({ manager, operation, apiVersion, subresource }: Ownership): string {
  const name = JSON.stringify(manager) + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : "");
  if (operation === "Apply") return name;
  return `${name} using ${apiVersion}`;
}

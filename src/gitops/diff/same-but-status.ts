import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";

/** Whether an object went on in its status alone, and in what the server counts of that. */
export function isSameButStatus(before: KubeObject, after: KubeObject): boolean {
  return isDeepStrictEqual(withoutStatus(before), withoutStatus(after));
}

function withoutStatus(object: KubeObject): object {
  const { status: _status, metadata, ...rest } = object as KubeObject & { readonly status?: unknown };
  const { resourceVersion: _version, managedFields, ...others } = metadata;
  return { ...rest, metadata: { ...others, managedFields: managedFields?.filter((one) => !isOfStatus(one)) } };
}

function isOfStatus(fields: JsonValue): boolean {
  return isJsonObject(fields) && fields.subresource === "status";
}

import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf } from "./diff.ts";

export const lastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";

/** Written by the server only. */
const serverFields = new Set([
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "managedFields",
  "selfLink",
  "namespace",
]);

/** The object without what never counts: status, what the server writes, empty maps and lists of metadata; Secrets with `data` only. */
export function normalizeObject(object: KubeObject): JsonObject {
  const { status: _status, metadata, ...rest } = object as unknown as JsonObject;
  const plain: JsonObject = { ...rest, metadata: normalizeMetadata(isJsonObject(metadata) ? metadata : {}) };
  if (object.kind === "Secret" && groupOf(object) === "") return normalizeSecret(plain);
  const isRole = object.kind === "Role" || object.kind === "ClusterRole";
  if (isRole && Array.isArray(plain.rules) && plain.rules.length === 0) return { ...plain, rules: null };
  return plain;
}

function normalizeMetadata(metadata: JsonObject): JsonObject {
  const fields = Object.entries(metadata).filter(([key]) => !serverFields.has(key));
  return Object.fromEntries(
    fields.flatMap(([key, value]): [string, JsonValue][] => {
      if (key !== "annotations" || !isJsonObject(value)) return isEmpty(value) ? [] : [[key, value]];
      const { [lastAppliedAnnotation]: _applied, ...annotations } = value;
      return isEmpty(annotations) ? [] : [[key, annotations]];
    }),
  );
}

/** Of any kind, the server keeps no empty labels. */
function isEmpty(value: JsonValue): boolean {
  return isJsonObject(value) ? Object.keys(value).length === 0 : Array.isArray(value) && value.length === 0;
}

/** `stringData` goes over `data`, encoded, as the server does it; values that are no text are copied as they are. */
export function normalizeSecret(secret: JsonObject): JsonObject {
  const { stringData, ...rest } = secret;
  const data: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(isJsonObject(rest.data) ? rest.data : {})) data[key] = value ?? "";
  for (const [key, value] of Object.entries(isJsonObject(stringData) ? stringData : {})) {
    data[key] = typeof value === "string" ? Buffer.from(value).toString("base64") : value;
  }
  return Object.keys(data).length > 0 ? { ...rest, data } : rest;
}

import { withoutZeroBlocks } from "../../api/application-zeros.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf } from "./diff.ts";
import { canonicalText } from "./list-steps.ts";

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

/**
 * The object without what never counts: what the server writes, empty maps and lists of metadata; Secrets with `data` only,
 * rules of roles and subsets of Endpoints in one form (spec argo-cd-engine 3.4).
 */
export function normalizeObject(
  object: KubeObject,
  options: { readonly ignoreAggregatedRoles?: boolean } = {},
): JsonObject {
  const { metadata, ...rest } = object as unknown as JsonObject;
  const plain: JsonObject = { ...rest, metadata: normalizeMetadata(isJsonObject(metadata) ? metadata : {}) };
  if (object.kind === "Secret" && groupOf(object) === "") return normalizeSecret(plain);
  if (object.kind === "Role" || object.kind === "ClusterRole") return normalizeRole(plain, options);
  if (object.kind === "Application" && groupOf(object) === "argoproj.io") return normalizeApplication(plain);
  return object.kind === "Endpoints" && groupOf(object) === "" ? normalizeEndpoints(plain) : plain;
}

/** Its controller takes away what says nothing: where Git has it, that is no difference. */
function normalizeApplication(application: JsonObject): JsonObject {
  return isJsonObject(application.spec) ? { ...application, spec: withoutZeroBlocks(application.spec) } : application;
}

/** Rules of an aggregated role are a controller's. */
function normalizeRole(
  role: JsonObject,
  { ignoreAggregatedRoles = false }: { readonly ignoreAggregatedRoles?: boolean },
) {
  const isAggregated = ignoreAggregatedRoles && isJsonObject(role.aggregationRule);
  const isEmptyList = Array.isArray(role.rules) && role.rules.length === 0;
  return isAggregated || isEmptyList ? { ...role, rules: null } : role;
}

/** The server sorts subsets, addresses and ports, and fills in the protocol. */
function normalizeEndpoints(endpoints: JsonObject): JsonObject {
  if (!Array.isArray(endpoints.subsets)) return endpoints;
  const subsets = endpoints.subsets.filter(isJsonObject).map((subset: JsonObject) => ({
    ...subset,
    ...(Array.isArray(subset.addresses) ? { addresses: sorted(subset.addresses) } : {}),
    ...(Array.isArray(subset.notReadyAddresses) ? { notReadyAddresses: sorted(subset.notReadyAddresses) } : {}),
    ...(Array.isArray(subset.ports)
      ? { ports: sorted(subset.ports.filter(isJsonObject).map((port: JsonObject) => ({ protocol: "TCP", ...port }))) }
      : {}),
  }));
  return { ...endpoints, subsets: sorted(subsets) };
}

function sorted(items: readonly JsonValue[]): readonly JsonValue[] {
  return items
    .map((item) => [canonicalText(item), item] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, item]) => item);
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

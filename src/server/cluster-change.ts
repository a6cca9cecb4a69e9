import { objectOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";

/** Fields of a cluster that `updatedFields` may name (spec argo-cd-surface 6.2). */
const changeable = ["name", "namespaces", "config", "shard", "clusterResources", "labels", "annotations", "project"];

/** Fields of `config` that are never shown, so that an answer that is sent back cannot have them. */
const hidden = ["username", "password", "bearerToken", "awsAuthConfig", "execProviderConfig", "proxyUrl"];
const hiddenOfTls = ["caData", "certData", "keyData"];

/**
 * The cluster that a PUT asks for: of what is given all fields, or those of `updatedFields` alone. `now` has all of its
 * `config`. The server stays: what is stored must not be tried on another one. @throws EngineError USAGE
 */
export function changedCluster(now: JsonObject, given: JsonObject, updatedFields: readonly string[]): JsonObject {
  const unknown = updatedFields.find((field) => !changeable.includes(field));
  if (unknown !== undefined) {
    throw new EngineError("USAGE", `updatedFields: "${unknown}" must be one of ${changeable.join(", ")}`);
  }
  const server = textOf(given.server);
  if (server !== "" && server !== now.server) {
    const message = `server: "${server}" must be "${textOf(now.server)}": add the other as a new cluster`;
    throw new EngineError("USAGE", message);
  }
  const { config, ...plain } = picked(given, updatedFields);
  return {
    ...now,
    ...plain,
    server: now.server ?? "",
    ...(config === undefined ? {} : { config: changedConfig(objectOf(now.config), objectOf(config)) }),
  };
}

/** A field that `updatedFields` names and that is not given is emptied; without them what is not given stays. */
function picked(given: JsonObject, updatedFields: readonly string[]): JsonObject {
  if (updatedFields.length > 0) return Object.fromEntries(updatedFields.map((field) => [field, given[field] ?? null]));
  return Object.fromEntries(Object.entries(given).filter(([field]) => changeable.includes(field)));
}

/** Credentials that are given replace all of the old ones; who gives none leaves them as they are. */
function changedConfig(now: JsonObject, given: JsonObject): JsonObject {
  const tls = objectOf(given.tlsClientConfig);
  const hasOwn = hidden.some((field) => isGiven(given, field)) || hiddenOfTls.some((field) => isGiven(tls, field));
  if (hasOwn) return given;
  const { caData, ...kept } = objectOf(now.tlsClientConfig);
  // Who checks no server has no use for an authority, and a client that is given both is refused.
  const authority = caData === undefined || tls.insecure === true ? {} : { caData };
  return { ...now, ...given, tlsClientConfig: { ...kept, ...authority, ...tls } };
}

function isGiven(fields: JsonObject, name: string): boolean {
  const value = fields[name];
  return value !== undefined && value !== null && value !== "";
}

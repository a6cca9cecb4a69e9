import { isJsonObject, type JsonObject } from "../base/json.ts";
import { objectAt } from "./kinds.ts";
import { asKubeObject } from "./metadata.ts";
import { deleteStored, type Propagation } from "./removal.ts";
import { isDryRun, parseText, type ResourceRequest, readText } from "./request.ts";
import type { ServedResource } from "./resources.ts";
import { badRequest, conflict, forbidden, StatusError } from "./status-error.ts";
import { keyOf, needObject, type WriteDeps } from "./stored-object.ts";
import { admit, reviewedWrite } from "./writes.ts";

/** What a deletion answers with: the object while it waits for finalizers, otherwise a Status. */
export interface Deleted {
  readonly text: string;
  readonly isWaiting: boolean;
}

/** `DeleteOptions` in the body; those in the query are read where they matter. Grace periods are accepted and have no effect. */
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
  const policy = propagationOf(target.query, options);
  return reviewedWrite(deps, target, () => {
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
    const waiting = deleteStored(deps, key, old, policy);
    return waiting === undefined
      ? { text: statusText(target.resource, name, old), isWaiting: false }
      : { text: waiting, isWaiting: true };
  });
}

const policies: readonly Propagation[] = ["Background", "Foreground", "Orphan"];

function propagationOf(query: URLSearchParams, options: JsonObject): Propagation {
  const value = options.propagationPolicy ?? query.get("propagationPolicy");
  const orphans = options.orphanDependents ?? query.get("orphanDependents") === "true";
  if (value === undefined || value === null || value === "") return orphans === true ? "Orphan" : "Background";
  const policy = policies.find((known) => known === value);
  if (policy !== undefined) return policy;
  const message = `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: ${JSON.stringify(value)}: must be one of "Background", "Foreground", "Orphan"`;
  throw new StatusError(422, "Invalid", message, {});
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

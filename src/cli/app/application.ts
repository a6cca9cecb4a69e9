import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";

/** `namespace/name` */
export function qualifiedName({ metadata }: KubeObject): string {
  const { namespace = "", name = "" } = metadata;
  return namespace === "" ? name : `${namespace}/${name}`;
}

export function specOf({ spec }: KubeObject): JsonObject {
  return isJsonObject(spec) ? spec : {};
}

export function statusOf({ status }: KubeObject): JsonObject {
  return isJsonObject(status) ? status : {};
}

export function projectOf(application: KubeObject): string {
  return textOf(specOf(application).project) || "default";
}

/** The URL of the cluster, else its name. */
export function clusterOf(application: KubeObject): string {
  const { server, name } = objectOf(specOf(application).destination);
  return textOf(server) || textOf(name);
}

export function destinationNamespaceOf(application: KubeObject): string {
  return textOf(objectOf(specOf(application).destination).namespace);
}

export function hasSeveralSources(application: KubeObject): boolean {
  return listOf(specOf(application).sources).length > 0;
}

/** Never empty. */
export function sourcesOf(application: KubeObject): readonly JsonObject[] {
  const { source, sources } = specOf(application);
  return hasSeveralSources(application) ? listOf(sources).map(objectOf) : [objectOf(source)];
}

/** Undefined: syncs are started by people only. */
export function automatedOf(application: KubeObject): { readonly prune: boolean } | undefined {
  const { automated } = objectOf(specOf(application).syncPolicy);
  if (!isJsonObject(automated) || automated.enabled === false) return undefined;
  return { prune: automated.prune === true };
}

export function syncStatusOf(application: KubeObject): string {
  return textOf(objectOf(statusOf(application).sync).status);
}

export function healthOf(application: KubeObject): { readonly status: string; readonly message: string } {
  const { status, message } = objectOf(statusOf(application).health);
  return { status: textOf(status), message: textOf(message) };
}

export function conditionsOf(application: KubeObject): readonly JsonObject[] {
  return listOf(statusOf(application).conditions).map(objectOf);
}

/** The objects of the last comparison. */
export function resourcesOf(application: KubeObject): readonly JsonObject[] {
  return listOf(statusOf(application).resources).map(objectOf);
}

export function operationStateOf(application: KubeObject): JsonObject | undefined {
  const { operationState } = statusOf(application);
  return isJsonObject(operationState) ? operationState : undefined;
}

/** What the last sync did, object by object. */
export function syncResultsOf(operationState: JsonObject | undefined): readonly JsonObject[] {
  return listOf(objectOf(operationState?.syncResult).resources).map(objectOf);
}

/** A message in one cell of a table. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ").trim();
}

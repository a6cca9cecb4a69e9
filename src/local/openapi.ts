import type { JsonObject } from "../base/json.ts";
import { apiVersionOf, type ResourceTable, type ServedResource } from "./resources.ts";

/** `/openapi/v3`: where the document of each group version is. */
export function openApiIndex(table: ResourceTable): JsonObject {
  const paths = new Set(table.all().map(documentPath));
  return {
    paths: Object.fromEntries([...paths].map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}` }])),
  };
}

function documentPath({ group, version }: ServedResource): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

/**
 * The document of one group version: operations, and the schemas of CRDs. It is what `kubectl` needs to see that the
 * server validates fields, so that it does not itself, and for `kubectl explain`.
 */
export function openApiDocument(table: ResourceTable, path: string): JsonObject | undefined {
  const found = table.all().filter((resource) => documentPath(resource) === path);
  if (found.length === 0) return undefined;
  return {
    openapi: "3.0.0",
    info: { title: "Tiphys", version: "v1.36.0+tiphys" },
    paths: Object.fromEntries(found.map((resource) => [itemPath(resource, path), operations(resource)])),
    components: { schemas: Object.fromEntries(found.map((resource) => [schemaName(resource), schemaOf(resource)])) },
  };
}

function itemPath(resource: ServedResource, path: string): string {
  return `/${path}/${resource.namespaced ? "namespaces/{namespace}/" : ""}${resource.plural}/{name}`;
}

function operations(resource: ServedResource): JsonObject {
  const kind = { group: resource.group, version: resource.version, kind: resource.kind };
  const parameter = (name: string): JsonObject => ({
    name,
    in: "query",
    schema: { type: "string", uniqueItems: true },
  });
  const operation = (action: string): JsonObject => ({
    operationId: `${action}${resource.kind}`,
    parameters: ["dryRun", "fieldManager", "fieldValidation"].map(parameter),
    responses: { "200": { description: "OK" } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": kind,
  });
  return { get: { ...operation("get"), parameters: [] }, patch: operation("patch"), put: operation("put") };
}

function schemaName(resource: ServedResource): string {
  const reversed = resource.group === "" ? "core" : resource.group.split(".").reverse().join(".");
  return `${reversed}.${resource.version}.${resource.kind}`;
}

function schemaOf(resource: ServedResource): JsonObject {
  return {
    type: "object",
    description: `${resource.kind} of ${apiVersionOf(resource)}.`,
    properties: { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" } },
    ...resource.custom?.schema?.node,
    "x-kubernetes-group-version-kind": [{ group: resource.group, version: resource.version, kind: resource.kind }],
    "x-kubernetes-preserve-unknown-fields": true,
  };
}

import type { JsonObject } from "../base/json.ts";
import { fieldTypes } from "../objects/typed-fields.ts";
import { apiVersionOf, type ResourceTable, type ServedResource } from "./resources.ts";

/** The schema of a kind of a CRD, with its descriptions, as it was written. */
export type FindSchema = (resource: ServedResource) => JsonObject | undefined;

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
export function openApiDocument(table: ResourceTable, path: string, schemaOf: FindSchema): JsonObject | undefined {
  const found = table.all().filter((resource) => documentPath(resource) === path);
  if (found.length === 0) return undefined;
  return {
    openapi: "3.0.0",
    info: { title: "Tiphys", version: "v1.36.0+tiphys" },
    paths: Object.fromEntries(found.map((resource) => [itemPath(resource, path), operations(resource)])),
    components: { schemas: { ...typesOf(found), ...customSchemas(found, schemaOf) } },
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

function customSchemas(found: readonly ServedResource[], schemaOf: FindSchema): JsonObject {
  const custom = found.filter(({ fieldsType }) => fieldsType === undefined);
  return Object.fromEntries(
    custom.map((resource) => [schemaName(resource), customSchema(resource, schemaOf(resource))]),
  );
}

/** The structs of built-in kinds, and those that they name. */
function typesOf(found: readonly ServedResource[]): JsonObject {
  const schemas: Record<string, JsonObject> = {};
  const waiting = found.flatMap(({ fieldsType }) => fieldsType ?? []);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const fields = fieldTypes[name];
    if (fields === undefined || schemas[name] !== undefined) continue;
    const kinds = found.filter(({ fieldsType }) => fieldsType === name).map(kindOf);
    const properties = Object.entries(fields).map(([field, code]): [string, JsonObject] => [
      field,
      codeSchema(code, waiting),
    ]);
    schemas[name] = {
      type: "object",
      properties: Object.fromEntries(properties),
      ...(kinds.length === 0 ? {} : { "x-kubernetes-group-version-kind": kinds }),
    };
  }
  return schemas;
}

const scalarSchemas: Readonly<Record<string, JsonObject>> = {
  string: { type: "string" },
  bytes: { type: "string", format: "byte" },
  boolean: { type: "boolean" },
  integer: { type: "integer" },
  number: { type: "number" },
  quantity: { type: "string" },
  "int-or-string": { type: "string", format: "int-or-string" },
  "date-time": { type: "string", format: "date-time" },
  "date-time-micro": { type: "string", format: "date-time" },
  any: { type: "object" },
};

function codeSchema(code: string, waiting: string[]): JsonObject {
  if (code.startsWith("[]")) return { type: "array", items: codeSchema(code.slice(2), waiting) };
  if (code.startsWith("{}")) return { type: "object", additionalProperties: codeSchema(code.slice(2), waiting) };
  const scalar = Object.hasOwn(scalarSchemas, code) ? scalarSchemas[code] : undefined;
  if (scalar !== undefined) return scalar;
  waiting.push(code);
  return { allOf: [{ $ref: `#/components/schemas/${code}` }] };
}

function kindOf({ group, version, kind }: ServedResource): JsonObject {
  return { group, version, kind };
}

function schemaName(resource: ServedResource): string {
  const reversed = resource.group === "" ? "core" : resource.group.split(".").reverse().join(".");
  return `${reversed}.${resource.version}.${resource.kind}`;
}

function customSchema(resource: ServedResource, written: JsonObject | undefined): JsonObject {
  return {
    type: "object",
    description: `${resource.kind} of ${apiVersionOf(resource)}.`,
    properties: { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" } },
    ...written,
    "x-kubernetes-group-version-kind": [{ group: resource.group, version: resource.version, kind: resource.kind }],
    "x-kubernetes-preserve-unknown-fields": true,
  };
}

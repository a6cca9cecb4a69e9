import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { decodeFields, FieldTypeError } from "../../objects/typed-fields.ts";
import type { ResourceRequest } from "../request.ts";
import { apiVersionOf, type ServedResource } from "../resources.ts";
import { badRequest, invalid, StatusError } from "../status-error.ts";
import { checkValue } from "./check.ts";
import { checkRules, unknownRules } from "./rules.ts";
import { readSchema } from "./schema.ts";
import { fillDefaults, prune } from "./shape.ts";

/**
 * What a client sent as the kind has it: unknown fields are dropped, and told as `fieldValidation` says (`Warn` when
 * it says nothing); defaults of a CRD are filled in. @throws StatusError 400, 422 (Strict, for a patch)
 */
export function decodeObject(target: ResourceRequest, sent: JsonObject): JsonObject {
  const { object, unknown } = known(target.resource, sent);
  if (unknown.length > 0) report(target, sent, unknown);
  const { schema } = target.resource.custom ?? {};
  return schema === undefined ? object : (fillDefaults(schema, object) as JsonObject);
}

/** What server-side apply is given: unknown fields cannot be owned. @throws StatusError */
export function checkApplied(target: ResourceRequest, name: string, patch: JsonObject): void {
  const { resource, namespace = "" } = target;
  const { unknown } = known(resource, patch);
  if (unknown.length === 0) return;
  const problems = unknown.map((path) => `.${path}: field not declared in schema`);
  const text = problems.length === 1 ? problems[0] : `errors:\n  ${problems.join("\n  ")}`;
  const what = `(${namespace}/${name}; ${apiVersionOf(resource)}, Kind=${resource.kind})`;
  throw new StatusError(500, "", `failed to create typed patch object ${what}: ${text}`);
}

function known(resource: ServedResource, sent: JsonObject) {
  const { custom, fieldsType } = resource;
  if (custom?.schema !== undefined) {
    const unknown: string[] = [];
    return { object: prune(custom.schema, sent, unknown), unknown };
  }
  if (fieldsType === undefined) return { object: sent, unknown: [] };
  try {
    return decodeFields(fieldsType, sent);
  } catch (error) {
    if (!(error instanceof FieldTypeError)) throw error;
    throw badRequest(`${unreadable(resource)}: ${error.message}`);
  }
}

function unreadable(resource: ServedResource): string {
  const { kind, version } = resource;
  const shown = resource.custom === undefined ? version : apiVersionOf(resource);
  return `${kind} in version ${JSON.stringify(shown)} cannot be handled as a ${kind}`;
}

const maxShownPatch = 4_096;

function report(target: ResourceRequest, sent: JsonObject, unknown: readonly string[]): void {
  const mode = target.query.get("fieldValidation") || "Warn";
  const problems = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (mode === "Warn") target.warnings.push(...problems);
  else if (mode === "Strict") throw strictError(target, sent, problems.join(", "));
  else if (mode !== "Ignore") {
    const allowed = 'supported values: "Ignore", "Strict", "Warn"';
    const message = `CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: ${JSON.stringify(mode)}: ${allowed}`;
    throw new StatusError(422, "Invalid", message, {});
  }
}

function strictError(target: ResourceRequest, sent: JsonObject, problems: string): StatusError {
  const why = `strict decoding error: ${problems}`;
  if (target.request.method !== "PATCH") return badRequest(`${unreadable(target.resource)}: ${why}`);
  const text = JSON.stringify(JSON.stringify(sent).slice(0, maxShownPatch));
  const problem = { field: "patch", message: `Invalid value: ${text}: ${why}`, reason: "FieldValueInvalid" } as const;
  const message = ` "" is invalid: patch: ${problem.message}`;
  return new StatusError(422, "Invalid", message, {
    causes: [{ reason: problem.reason, message: problem.message, field: problem.field }],
  });
}

/** An object of a CRD's kind against its schema and its rules. @throws StatusError 422 */
export function checkCustom(target: ResourceRequest, object: JsonObject, old: JsonObject | undefined): void {
  const { resource } = target;
  if (resource.kind === "CustomResourceDefinition" && target.subresource === undefined) warnOfRules(target, object);
  const { schema } = resource.custom ?? {};
  if (schema === undefined) return;
  const problems = checkValue(schema, object, "");
  const all = problems.length > 0 ? problems : checkRules(schema, object, old);
  if (all.length === 0) return;
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  throw invalid(resource, String(metadata.name ?? ""), all);
}

function warnOfRules(target: ResourceRequest, definition: JsonObject): void {
  const { spec } = definition;
  const versions = isJsonObject(spec) && Array.isArray(spec.versions) ? spec.versions.filter(isJsonObject) : [];
  for (const { name, schema } of versions) {
    const root = isJsonObject(schema) ? schema.openAPIV3Schema : undefined;
    if (!isJsonObject(root)) continue;
    target.warnings.push(...unknownRules(readSchema(root)).map((text) => `version ${String(name)}: ${text}`));
  }
}

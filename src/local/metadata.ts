import { randomInt, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { isLabelKey, isLabelValue, labelProblem, pathSegmentProblem, subdomainProblem } from "../objects/names.ts";
import type { KubeObject, ObjectMeta } from "../objects/object.ts";
import { apiVersionOf, type ServedResource } from "./resources.ts";
import { badRequest, type FieldProblem, invalid } from "./status-error.ts";

const nameCharacters = "bcdfghjklmnpqrstvwxz2456789";

export function generatedName(prefix: string): string {
  const suffix = Array.from({ length: 5 }, () => nameCharacters[randomInt(nameCharacters.length)]);
  return prefix.slice(0, 58) + suffix.join("");
}

/** The metadata of the body, with the namespace and name of the path filled in. @throws StatusError 400 */
export function metadataOf(body: JsonObject, namespace: string | undefined, name: string | undefined): JsonObject {
  if (body.metadata !== undefined && !isJsonObject(body.metadata)) throw badRequest("metadata must be an object");
  const { namespace: own, ...metadata } = body.metadata ?? {};
  if (name !== undefined && metadata.name !== undefined && metadata.name !== name) {
    throw badRequest(`the name of the object (${String(metadata.name)}) does not match the name on the URL (${name})`);
  }
  if (own !== undefined && own !== "" && own !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  return {
    ...(name === undefined ? {} : { name }),
    ...metadata,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** @throws StatusError 400 */
export function checkType(body: JsonObject, resource: ServedResource): void {
  const expected = apiVersionOf(resource);
  const { apiVersion = expected, kind = resource.kind } = body;
  if (apiVersion === expected && kind === resource.kind) return;
  if (kind !== resource.kind) {
    throw badRequest(
      `${String(kind)} in version ${JSON.stringify(apiVersion)} cannot be handled as a ${resource.kind}: the kind of the path is ${resource.kind}`,
    );
  }
  throw badRequest(
    `the API version in the data (${String(apiVersion)}) does not match the expected API version (${expected})`,
  );
}

/** @throws StatusError 422 naming every problem. */
export function checkMetadata(metadata: JsonObject, resource: ServedResource): void {
  const problems = [
    ...nameProblems(metadata.name, resource),
    ...labelProblems(metadata.labels),
    ...annotationProblems(metadata.annotations),
    ...finalizerProblems(metadata.finalizers),
    ...ownerProblems(metadata.ownerReferences),
  ];
  if (problems.length > 0) throw invalid(resource, String(metadata.name ?? ""), problems);
}

function nameProblems(name: JsonValue | undefined, resource: ServedResource): FieldProblem[] {
  if (typeof name !== "string" || name === "") {
    return [
      {
        field: "metadata.name",
        message: "Required value: name or generateName is required",
        reason: "FieldValueRequired",
      },
    ];
  }
  const isLabel = resource.group === "" && (resource.kind === "Namespace" || resource.kind === "Service");
  const check =
    resource.group === "rbac.authorization.k8s.io" ? pathSegmentProblem : isLabel ? labelProblem : subdomainProblem;
  const problem = check(name);
  return problem === undefined ? [] : [wrong("metadata.name", name, problem)];
}

function labelProblems(labels: JsonValue | undefined): FieldProblem[] {
  return Object.entries(stringMap(labels, "metadata.labels")).flatMap(([key, value]) => {
    if (!isLabelKey(key))
      return [
        wrong(
          "metadata.labels",
          key,
          "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        ),
      ];
    if (!isLabelValue(value))
      return [
        wrong(
          "metadata.labels",
          value,
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ),
      ];
    return [];
  });
}

function annotationProblems(annotations: JsonValue | undefined): FieldProblem[] {
  const entries = Object.entries(stringMap(annotations, "metadata.annotations"));
  const bytes = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (bytes > 256 * 1024) {
    return [
      {
        field: "metadata.annotations",
        message: "Too long: may not be more than 262144 bytes",
        reason: "FieldValueInvalid",
      },
    ];
  }
  return [];
}

function finalizerProblems(finalizers: JsonValue | undefined): FieldProblem[] {
  if (finalizers === undefined || finalizers === null) return [];
  if (!Array.isArray(finalizers)) throw badRequest("metadata.finalizers must be a list of strings");
  return finalizers
    .filter((finalizer) => typeof finalizer !== "string" || !isLabelKey(finalizer))
    .map((finalizer) => wrong("metadata.finalizers", finalizer, "must be a qualified name"));
}

function ownerProblems(owners: JsonValue | undefined): FieldProblem[] {
  if (owners === undefined || owners === null) return [];
  if (!Array.isArray(owners) || !owners.every(isJsonObject)) {
    throw badRequest("metadata.ownerReferences must be a list of objects");
  }
  const field = "metadata.ownerReferences";
  const problems = owners.flatMap((owner, index) =>
    ["apiVersion", "kind", "name", "uid"]
      .filter((name) => typeof owner[name] !== "string" || owner[name] === "")
      .map((name) => wrong(`${field}[${index}].${name}`, owner[name] ?? "", "must not be empty")),
  );
  const controllers = owners.filter((owner) => owner.controller === true);
  if (controllers.length < 2) return problems;
  const [one, other] = controllers.map(({ name }) => String(name));
  const why = `Only one reference can have Controller set to true. Found "true" in references for ${one} and ${other}`;
  return [...problems, wrong(field, owners, why)];
}

function stringMap(map: JsonValue | undefined, field: string): Readonly<Record<string, string>> {
  if (map === undefined || map === null) return {};
  if (!isJsonObject(map)) throw badRequest(`${field} must be a map of strings`);
  const bad = Object.entries(map).find(([, value]) => typeof value !== "string");
  if (bad) throw badRequest(`${field}.${bad[0]}: ${JSON.stringify(bad[1])} must be a string`);
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
}

function wrong(field: string, value: JsonValue, why: string): FieldProblem {
  return { field, message: `Invalid value: ${JSON.stringify(value)}: ${why}`, reason: "FieldValueInvalid" };
}

/** Kubernetes' times have no fraction of seconds. */
export function wholeSeconds(iso: string): string {
  return iso.replace(/\.\d+Z$/, "Z");
}

export function createdMetadata(metadata: JsonObject, resource: ServedResource, now: string): JsonObject {
  const {
    resourceVersion: _revision,
    deletionTimestamp: _deleted,
    generation: _count,
    selfLink: _link,
    ...kept
  } = metadata;
  return {
    ...withoutNulls(kept),
    uid: randomUUID(),
    creationTimestamp: now,
    ...(resource.hasGeneration ? { generation: 1 } : {}),
  };
}

/** What a client may not change stays as it was. */
export function updatedMetadata(metadata: JsonObject, old: JsonObject): JsonObject {
  const fixed = [
    "uid",
    "creationTimestamp",
    "generation",
    "generateName",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
  ];
  const kept = Object.fromEntries(fixed.flatMap((key) => (old[key] === undefined ? [] : [[key, old[key]]])));
  const { deletionTimestamp: _deleted, deletionGracePeriodSeconds: _grace, selfLink: _link, ...sent } = metadata;
  const managed = sent.managedFields ?? old.managedFields;
  return { ...withoutNulls(sent), ...kept, ...(managed === undefined ? {} : { managedFields: managed }) };
}

function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

/** Whether anything but metadata and status differs. */
export function isSpecChanged(before: JsonObject, after: JsonObject): boolean {
  const rest = ({ metadata: _metadata, status: _status, ...others }: JsonObject): JsonObject => others;
  return !isDeepStrictEqual(rest(before), rest(after));
}

/** Type and metadata come first, so that the version an object is stored in shows at the start of its text. */
export function asKubeObject(object: JsonObject): KubeObject {
  const { apiVersion, kind, metadata, ...rest } = object;
  const meta: ObjectMeta = isJsonObject(metadata) ? metadata : {};
  return { apiVersion: String(apiVersion), kind: String(kind), metadata: meta, ...rest };
}

export function withRevision(object: JsonObject, revision: number): KubeObject {
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  return asKubeObject({ ...object, metadata: { ...metadata, resourceVersion: String(revision) } });
}

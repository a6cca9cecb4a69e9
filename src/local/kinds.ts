import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { invalidValue, required } from "./kind-checks.ts";
import type { FieldProblem } from "./status-error.ts";

/** What one built-in kind does differently from all others. */
interface KindRules {
  /** Fills in what the server owns. Called for each create and update, after metadata and status are settled. */
  prepare?(object: JsonObject, now: string): JsonObject;
  problems?(object: JsonObject): readonly FieldProblem[];
}

/** By `group/Kind`. */
export const kindRules: Readonly<Record<string, KindRules>> = {
  "/Namespace": { prepare: prepareNamespace },
  "/ConfigMap": { problems: (object) => mapProblems(object, ["data", "binaryData"]) },
  "/Secret": { prepare: prepareSecret, problems: (object) => mapProblems(object, ["data"]) },
  "apiextensions.k8s.io/CustomResourceDefinition": { prepare: prepareDefinition, problems: definitionProblems },
};

function prepareNamespace(object: JsonObject): JsonObject {
  const metadata = objectAt(object, "metadata");
  const status = objectAt(object, "status");
  const isTerminating = metadata.deletionTimestamp !== undefined;
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...objectAt(metadata, "labels"), "kubernetes.io/metadata.name": metadata.name ?? "" },
    },
    spec: { finalizers: ["kubernetes"], ...objectAt(object, "spec") },
    status: { ...status, phase: isTerminating ? "Terminating" : "Active" },
  };
}

function prepareSecret(object: JsonObject): JsonObject {
  const { stringData, ...rest } = object;
  const result = { ...rest, type: rest.type ?? "Opaque" };
  if (!isJsonObject(stringData)) return result;
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString("base64"),
  ]);
  return { ...result, data: { ...objectAt(object, "data"), ...Object.fromEntries(encoded) } };
}

function mapProblems(object: JsonObject, fields: readonly string[]): readonly FieldProblem[] {
  return fields.flatMap((field) => {
    const map = object[field];
    if (map === undefined || map === null) return [];
    if (!isJsonObject(map)) return [invalidValue(field, map, "must be a map of strings")];
    return Object.entries(map).flatMap(([key, value]) => keyProblems(field, key, value));
  });
}

function keyProblems(field: string, key: string, value: JsonValue): readonly FieldProblem[] {
  if (typeof value !== "string") return [invalidValue(`${field}.${key}`, value, "must be a string")];
  if (/^[-._a-zA-Z0-9]{1,253}$/.test(key)) return [];
  const message =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
  return [invalidValue(`${field}[${key}]`, key, message)];
}

/** A definition is served as soon as it is stored, so it says so at once. */
function prepareDefinition(object: JsonObject, now: string): JsonObject {
  const spec = objectAt(object, "spec");
  const names = objectAt(spec, "names");
  const kind = String(names.kind ?? "");
  const filled = {
    ...names,
    singular: names.singular ?? kind.toLowerCase(),
    listKind: names.listKind ?? `${kind}List`,
  };
  const status = objectAt(object, "status");
  const versions = Array.isArray(spec.versions) ? spec.versions.filter(isJsonObject) : [];
  const storage = versions.find((version) => version.storage === true)?.name;
  const stored = new Set([...(Array.isArray(status.storedVersions) ? status.storedVersions : [])]);
  if (storage !== undefined) stored.add(storage);
  const condition = (type: string, reason: string, message: string): JsonObject =>
    conditionNamed(status, type) ?? { type, status: "True", reason, message, lastTransitionTime: now };
  return {
    ...object,
    spec: { conversion: { strategy: "None" }, ...spec, names: filled },
    status: {
      ...status,
      acceptedNames: filled,
      storedVersions: [...stored],
      conditions: [
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
      ],
    },
  };
}

function conditionNamed(status: JsonObject, type: string): JsonObject | undefined {
  const conditions = Array.isArray(status.conditions) ? status.conditions.filter(isJsonObject) : [];
  return conditions.find((condition) => condition.type === type && condition.status === "True");
}

function definitionProblems(object: JsonObject): readonly FieldProblem[] {
  const spec = objectAt(object, "spec");
  const names = objectAt(spec, "names");
  const problems: FieldProblem[] = [];
  for (const field of ["group", "scope"]) if (typeof spec[field] !== "string") problems.push(required(`spec.${field}`));
  for (const field of ["plural", "kind"]) {
    if (typeof names[field] !== "string" || names[field] === "") problems.push(required(`spec.names.${field}`));
  }
  const versions = Array.isArray(spec.versions) ? spec.versions.filter(isJsonObject) : [];
  if (versions.length === 0) problems.push(required("spec.versions"));
  else if (versions.filter((version) => version.storage === true).length !== 1) {
    problems.push(
      invalidValue(
        "spec.versions",
        versions.map((version) => version.name ?? ""),
        "must have exactly one version marked as storage version",
      ),
    );
  }
  const name = objectAt(object, "metadata").name;
  const wanted = `${String(names.plural)}.${String(spec.group)}`;
  if (problems.length === 0 && name !== wanted) {
    problems.push(invalidValue("metadata.name", name ?? "", `must be spec.names.plural+"."+spec.group`));
  }
  return problems;
}

export function objectAt(object: JsonObject, field: string): JsonObject {
  const value = object[field];
  return isJsonObject(value) ? value : {};
}

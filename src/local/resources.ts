import { isJsonObject, type JsonObject } from "../base/json.ts";
import { type ApplyField, type BuiltInResource, builtInResources } from "../objects/kubernetes-types.ts";
import type { PrinterColumn } from "../objects/table.ts";
import { applyForm } from "./schema/apply-schema.ts";
import { readSchema, type Schema } from "./schema/schema.ts";

/** One kind in one version, as it is served. Built-in kinds and those of CRDs look the same from here on. */
export interface ServedResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly hasStatus: boolean;
  /** Subresources of this kind alone, as discovery lists them. */
  readonly parts?: BuiltInResource["subresources"];
  readonly hasScale: boolean;
  /** `metadata.generation` counts changes outside of metadata and status. */
  readonly hasGeneration: boolean;
  /** Set for kinds of CRDs: their columns, undefined for the default ones, and what `kubectl explain` shows. */
  readonly custom?: CustomResource;
  /** Key of `fieldTypes`; undefined for kinds of CRDs. */
  readonly fieldsType?: string;
  /** For strategic merge patch; undefined for kinds of CRDs. */
  readonly patchType?: string;
}

interface CustomResource {
  readonly columns: readonly PrinterColumn[] | undefined;
  /** How server-side apply owns its fields. */
  readonly form: ApplyField | undefined;
  /** Undefined: everything is kept as it is. */
  readonly schema: Schema | undefined;
  /** The revision of the definition: objects that were stored before may not fit the schema. */
  readonly since: number;
  readonly scale?: ScalePaths;
}

/** Of a CRD's `scale` subresource: steps of the paths. */
export interface ScalePaths {
  readonly spec: readonly string[];
  readonly status: readonly string[];
  readonly selector: readonly string[];
}

export function apiVersionOf(resource: { readonly group: string; readonly version: string }): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** Under what the store keeps objects of the resource: one place for all versions. */
export function storeKey(resource: { readonly group: string; readonly plural: string }): string {
  return `${resource.group}/${resource.plural}`;
}

/** Core kinds with a status whose generation Kubernetes does not count. */
const withoutGeneration = new Set(["Namespace", "Node", "PersistentVolume", "PersistentVolumeClaim", "Service"]);

const servedParts = new Set(["Pod/log", "Pod/eviction", "ServiceAccount/token"]);

function fromBuiltIn(builtIn: BuiltInResource): ServedResource {
  const hasStatus = builtIn.subresources.some((subresource) => subresource.name === "status");
  return {
    group: builtIn.group,
    version: builtIn.version,
    kind: builtIn.kind,
    plural: builtIn.plural,
    singular: builtIn.singular,
    namespaced: builtIn.namespaced,
    shortNames: builtIn.shortNames,
    categories: builtIn.categories ?? [],
    verbs: builtIn.verbs,
    hasStatus,
    hasScale: builtIn.subresources.some((subresource) => subresource.name === "scale"),
    hasGeneration: hasStatus && !withoutGeneration.has(builtIn.kind),
    parts: builtIn.subresources.filter(({ name }) => servedParts.has(`${builtIn.kind}/${name}`)),
    patchType: builtIn.type,
    fieldsType: builtIn.type,
  };
}

/** Kinds that are asked and answered, not stored. */
const reviews: readonly ServedResource[] = [
  review("authentication.k8s.io", "TokenReview"),
  review("authentication.k8s.io", "SelfSubjectReview"),
  review("authorization.k8s.io", "LocalSubjectAccessReview", true),
  review("authorization.k8s.io", "SelfSubjectAccessReview"),
  review("authorization.k8s.io", "SelfSubjectRulesReview"),
  review("authorization.k8s.io", "SubjectAccessReview"),
];

function review(group: string, kind: string, namespaced = false): ServedResource {
  const singular = kind.toLowerCase();
  const names = { kind, plural: `${singular}s`, singular, shortNames: [], categories: [] };
  const parts = { hasStatus: false, hasScale: false, hasGeneration: false };
  return { group, version: "v1", ...names, namespaced, verbs: ["create"], ...parts };
}

const crdVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** The versions that a CustomResourceDefinition, which has been checked, says to serve. */
export function servedByDefinition(definition: JsonObject): readonly ServedResource[] {
  const { spec } = definition;
  if (!isJsonObject(spec) || !isJsonObject(spec.names) || !Array.isArray(spec.versions)) return [];
  const { names } = spec;
  const { resourceVersion } = isJsonObject(definition.metadata) ? definition.metadata : {};
  return spec.versions.filter(isJsonObject).flatMap((version) => {
    if (version.served !== true) return [];
    const subresources = isJsonObject(version.subresources) ? version.subresources : {};
    const scale = scaleOf(subresources.scale);
    const schema = spec.preserveUnknownFields === true ? undefined : schemaOf(version.schema);
    return {
      group: String(spec.group),
      version: String(version.name),
      kind: String(names.kind),
      plural: String(names.plural),
      singular: typeof names.singular === "string" ? names.singular : String(names.kind).toLowerCase(),
      namespaced: spec.scope === "Namespaced",
      shortNames: texts(names.shortNames),
      categories: texts(names.categories),
      verbs: crdVerbs,
      hasStatus: isJsonObject(subresources.status),
      hasScale: scale !== undefined,
      hasGeneration: true,
      custom: {
        columns: columnsOf(version.additionalPrinterColumns),
        form: schema && applyForm(schema),
        schema,
        since: Number(resourceVersion ?? 0),
        ...(scale === undefined ? {} : { scale }),
      },
    };
  });
}

function schemaOf(validation: unknown): Schema | undefined {
  const schema = schemaIn(validation);
  return schema && readSchema(schema);
}

function schemaIn(validation: unknown): JsonObject | undefined {
  const schema = isJsonObject(validation) ? validation.openAPIV3Schema : undefined;
  return isJsonObject(schema) ? schema : undefined;
}

/** What a CustomResourceDefinition says of one version, descriptions included: `custom.schema` is without them. */
export function writtenSchema({ spec }: JsonObject, version: string): JsonObject | undefined {
  const versions = isJsonObject(spec) && Array.isArray(spec.versions) ? spec.versions.filter(isJsonObject) : [];
  return schemaIn(versions.find(({ name }) => name === version)?.schema);
}

function scaleOf(scale: unknown): ScalePaths | undefined {
  if (!isJsonObject(scale)) return undefined;
  const steps = (path: unknown): readonly string[] =>
    typeof path === "string" ? path.split(".").filter((step) => step !== "") : [];
  return {
    spec: steps(scale.specReplicasPath),
    status: steps(scale.statusReplicasPath),
    selector: steps(scale.labelSelectorPath),
  };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function columnsOf(value: unknown): readonly PrinterColumn[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.filter(isJsonObject).map((column) => ({
    name: String(column.name),
    type: String(column.type),
    format: typeof column.format === "string" ? column.format : "",
    description: typeof column.description === "string" ? column.description : "",
    priority: typeof column.priority === "number" ? column.priority : 0,
    jsonPath: String(column.jsonPath),
  }));
}

/** What is served right now. Changes with the stored CustomResourceDefinitions only. */
export class ResourceTable {
  readonly #builtIn: readonly ServedResource[] = [...builtInResources.map(fromBuiltIn), ...reviews];
  readonly #custom = new Map<string, readonly ServedResource[]>();
  #byPath = new Map<string, ServedResource>();
  #byKind = new Map<string, ServedResource>();

  constructor() {
    this.#index();
  }

  find(group: string, version: string, plural: string): ServedResource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  findKind(apiVersion: string, kind: string): ServedResource | undefined {
    return this.#byKind.get(`${apiVersion}/${kind}`);
  }

  /** Any served version of what is stored under the key. */
  findByStoreKey(key: string): ServedResource | undefined {
    return this.all().find((resource) => storeKey(resource) === key);
  }

  all(): readonly ServedResource[] {
    return [...this.#byPath.values()];
  }

  /** `undefined` stops serving what the definition of that name declared. */
  define(name: string, definition: JsonObject | undefined): void {
    if (definition === undefined) this.#custom.delete(name);
    else this.#custom.set(name, servedByDefinition(definition));
    this.#index();
  }

  #index(): void {
    const served = [...this.#custom.values()].flat();
    // Built-in kinds come last: a definition cannot take their place.
    const all = [...served, ...this.#builtIn];
    this.#byPath = new Map(
      all.map((resource) => [`${resource.group}/${resource.version}/${resource.plural}`, resource]),
    );
    this.#byKind = new Map(all.map((resource) => [`${apiVersionOf(resource)}/${resource.kind}`, resource]));
  }
}

import { messageOf } from "../base/errors.ts";
import { parseGoBool } from "../base/go/values.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { parseYaml } from "../base/yaml.ts";
import type { IgnoreRule } from "./application-types.ts";
import { defaultResourceFilter, parseResourceRules, type ResourceFilter } from "./resource-filter.ts";

/** What `argocd-cm` says of one kind, or of all that a glob names (spec argo-cd-engine 5.5). */
export interface ResourceOverride {
  /** A Lua script. */
  readonly health?: string;
  /** Whether that script gets all of Lua's libraries. */
  readonly useOpenLibs?: boolean;
  readonly actions?: ActionOverride;
  readonly ignoreDifferences?: FieldRules;
  readonly ignoreResourceUpdates?: FieldRules;
  readonly knownTypeFields?: readonly KnownTypeField[];
}

export type FieldRules = Pick<IgnoreRule, "jsonPointers" | "jqPathExpressions" | "managedFieldsManagers">;

/** The value at `field` (dotted; lists are gone through) is of a type of Kubernetes. */
export interface KnownTypeField {
  readonly field: string;
  readonly type: string;
}

export interface ActionOverride {
  /** A Lua script that says which actions there are. */
  readonly discovery: string;
  readonly definitions: readonly { readonly name: string; readonly script: string }[];
  readonly mergeBuiltin: boolean;
}

/** `resource.compareoptions` */
export interface CompareOptions {
  readonly ignoreAggregatedRoles: boolean;
  readonly ignoreStatus: "all" | "crd" | "none";
  /** Whether `ignoreDifferences` also counts for `ignoreResourceUpdates`. */
  readonly ignoreDifferencesOnResourceUpdates: boolean;
}

export interface ResourceSettings {
  /** By `group/Kind`, `Kind` of the core group, or a glob of either. */
  readonly overrides: ReadonlyMap<string, ResourceOverride>;
  readonly compare: CompareOptions;
  readonly trackingMethod: "annotation" | "annotation+label" | "label";
  readonly instanceLabel: string;
  /** "": none. */
  readonly installationId: string;
  /** Whether changes in fields that do not count are no reason to look (`resource.ignoreResourceUpdatesEnabled`). */
  readonly ignoresUpdates: boolean;
  /** Kinds that do not exist for Applications. */
  readonly filter: ResourceFilter;
  /** Annotations of Secrets whose values are not shown. */
  readonly maskedAnnotations: readonly string[];
  /** Whether a server is asked what a sync would make of objects, where an Application does not say (`controller.diff.server.side`). */
  readonly diffsOnServer: boolean;
  readonly impersonation: Impersonation;
  /** Why the settings cannot be used. Nothing can be compared then. */
  readonly problems: readonly string[];
}

export const defaultInstanceLabel = "app.kubernetes.io/instance";

export const defaultResourceSettings: ResourceSettings = {
  overrides: new Map(),
  compare: { ignoreAggregatedRoles: false, ignoreStatus: "all", ignoreDifferencesOnResourceUpdates: true },
  trackingMethod: "annotation",
  instanceLabel: defaultInstanceLabel,
  installationId: "",
  ignoresUpdates: true,
  filter: defaultResourceFilter,
  maskedAnnotations: [],
  diffsOnServer: false,
  impersonation: "off",
  problems: [],
};

/** Whether syncs have the rights of a service account; `enforced`: never those of the engine. */
export type Impersonation = "off" | "optional" | "enforced";

/** `application.sync.impersonation.enabled` and `.enforced` of `argocd-cm`. */
export function impersonationIn(read: (key: string) => string | undefined): Impersonation {
  if (read("application.sync.impersonation.enabled") !== "true") return "off";
  return read("application.sync.impersonation.enforced") === "false" ? "optional" : "enforced";
}

type Draft = { -readonly [Key in keyof ResourceOverride]: ResourceOverride[Key] };

const prefix = "resource.customizations";

/** The data of `argocd-cm`, and of `argocd-cmd-params-cm` what comparisons need. Does not throw: what cannot be read is in `problems`. */
export function parseResourceSettings(data: Readonly<Record<string, string>>): ResourceSettings {
  const problems: string[] = [];
  const attempt = (key: string, read: () => void): void => {
    try {
      read();
    } catch (error) {
      problems.push(`argocd-cm: ${key}: ${messageOf(error)}`);
    }
  };
  const overrides = new Map<string, Draft>();
  attempt(prefix, () => readMap(overrides, data[prefix] ?? ""));
  for (const [key, text] of Object.entries(data)) {
    if (key.startsWith(`${prefix}.`)) attempt(key, () => readSplitKey(overrides, key, text));
  }
  let compare = defaultResourceSettings.compare;
  attempt("resource.compareoptions", () => {
    compare = readCompareOptions(data["resource.compareoptions"] ?? "");
  });
  const filter = { ...defaultResourceFilter };
  for (const name of ["exclusions", "inclusions"] as const) {
    const text = data[`resource.${name}`];
    if (text === undefined) continue;
    attempt(`resource.${name}`, () => {
      filter[name] = parseResourceRules(yamlOf(text));
    });
  }
  return { overrides, compare, problems, filter, ...readTracking(data) };
}

function readTracking(
  data: Readonly<Record<string, string>>,
): Omit<ResourceSettings, "overrides" | "compare" | "problems" | "filter"> {
  const method = data["application.resourceTrackingMethod"];
  return {
    trackingMethod: method === "label" || method === "annotation+label" ? method : "annotation",
    instanceLabel: data["application.instanceLabelKey"] || defaultInstanceLabel,
    installationId: data.installationID ?? "",
    ignoresUpdates: parseGoBool(data["resource.ignoreResourceUpdatesEnabled"]?.trim() ?? "") ?? true,
    diffsOnServer: parseGoBool(data["controller.diff.server.side"]?.trim() ?? "") ?? false,
    impersonation: impersonationIn((key) => data[key]?.trim()),
    maskedAnnotations: (data["resource.sensitive.mask.annotations"] ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  };
}

/** The older form: one YAML map by `group/Kind`. */
function readMap(overrides: Map<string, Draft>, text: string): void {
  for (const [key, value] of Object.entries(objectOf(yamlOf(text), "a map by group/kind"))) {
    const draft = draftOf(overrides, key);
    for (const [aspect, part] of Object.entries(objectOf(value, `a map at "${key}"`))) {
      if (aspect === "health.lua") draft.health = textOf(part, aspect);
      else if (aspect === "health.lua.useOpenLibs") draft.useOpenLibs = part === true || part === "true";
      else if (aspect in readers && aspect !== "health" && aspect !== "useOpenLibs") readAspect(draft, aspect, part);
    }
  }
}

function readSplitKey(overrides: Map<string, Draft>, key: string, text: string): void {
  const [aspect = "", ...rest] = key.slice(prefix.length + 1).split(".");
  if (rest.length === 0) return;
  const draft = draftOf(overrides, overrideKey(rest.join(".")));
  if (!Object.hasOwn(readers, aspect)) throw new Error(`resource customization type ${aspect} not supported`);
  readAspect(draft, aspect, text);
}

/** `<group>_<Kind>`, or `<Kind>`; `all` stands for every kind. */
function overrideKey(text: string): string {
  const parts = text.split("_");
  if (text === "all") return "*/*";
  if (parts.length <= 2 && text !== "") return parts.join("/");
  const form = "resource.customizations.<type>.<group_kind>` or resource.customizations.<type>.<kind>";
  throw new Error(`group kind should be in format of \`${form}\`, got group kind: '${text}'`);
}

function draftOf(overrides: Map<string, Draft>, key: string): Draft {
  const known = overrides.get(key) ?? {};
  overrides.set(key, known);
  return known;
}

function readAspect(draft: Draft, aspect: string, value: JsonValue): void {
  readers[aspect]?.(draft, value);
}

const readers: Readonly<Record<string, (draft: Draft, value: JsonValue) => void>> = {
  health: (draft, value) => {
    draft.health = textOf(value, "health");
  },
  useOpenLibs: (draft, value) => {
    draft.useOpenLibs = booleanOf(value);
  },
  actions: (draft, value) => {
    draft.actions = readActions(nested(value));
  },
  ignoreDifferences: (draft, value) => {
    draft.ignoreDifferences = readFieldRules(nested(value));
  },
  ignoreResourceUpdates: (draft, value) => {
    draft.ignoreResourceUpdates = readFieldRules(nested(value));
  },
  knownTypeFields: (draft, value) => {
    draft.knownTypeFields = itemsOf(nested(value)).map(({ field, type }) => ({
      field: textOf(field ?? null, "field"),
      type: textOf(type ?? null, "type"),
    }));
  },
};

function readActions(value: JsonValue): ActionOverride {
  const fields = objectOf(value, "a map with discovery.lua and definitions");
  return {
    discovery: textOf(fields["discovery.lua"] ?? "", "discovery.lua"),
    definitions: itemsOf(fields.definitions ?? null).map((definition) => ({
      name: textOf(definition.name ?? null, "name"),
      script: textOf(definition["action.lua"] ?? "", "action.lua"),
    })),
    mergeBuiltin: fields.mergeBuiltinActions === true,
  };
}

function readFieldRules(value: JsonValue): FieldRules {
  const fields = objectOf(value, "a map with jsonPointers, jqPathExpressions or managedFieldsManagers");
  const texts = (name: string): string[] => {
    const list = fields[name] ?? [];
    if (!Array.isArray(list)) throw new Error(`${name} must be a list`);
    return list.map((item: JsonValue) => textOf(item, name));
  };
  return {
    jsonPointers: texts("jsonPointers"),
    jqPathExpressions: texts("jqPathExpressions"),
    managedFieldsManagers: texts("managedFieldsManagers"),
  };
}

function readCompareOptions(text: string): CompareOptions {
  const fields = objectOf(yamlOf(text), "a map");
  const status = String(fields.ignoreResourceStatusField ?? "").trim();
  return {
    ignoreAggregatedRoles: fields.ignoreAggregatedRoles === true,
    ignoreStatus: status === "crd" ? "crd" : ["none", "off", "false"].includes(status) ? "none" : "all",
    ignoreDifferencesOnResourceUpdates: fields.ignoreDifferencesOnResourceUpdates !== false,
  };
}

/** YAML within YAML, or the map itself. */
function nested(value: JsonValue): JsonValue {
  return typeof value === "string" ? yamlOf(value) : value;
}

function yamlOf(text: string): JsonValue {
  const [value = null] = parseYaml(text);
  return value as JsonValue;
}

function objectOf(value: JsonValue, what: string): JsonObject {
  if (value === null) return {};
  if (isJsonObject(value)) return value;
  throw new Error(`${JSON.stringify(value).slice(0, 60)} is not ${what}`);
}

function itemsOf(value: JsonValue): readonly JsonObject[] {
  if (value === null) return [];
  if (Array.isArray(value) && value.every(isJsonObject)) return value;
  throw new Error(`${JSON.stringify(value).slice(0, 60)} is not a list of maps`);
}

function textOf(value: JsonValue, what: string): string {
  if (typeof value === "string") return value;
  throw new Error(`${what}: ${JSON.stringify(value)} is not a text`);
}

function booleanOf(value: JsonValue): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(String(value))) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(String(value))) return false;
  throw new Error(`${JSON.stringify(value)} is neither "true" nor "false"`);
}

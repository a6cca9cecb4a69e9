import { readFileSync } from "node:fs";
import { listOf, objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { SourceFlags } from "./source-flags.ts";

/** The flags that change one source. */
const sourceTexts = {
  repo: "repoURL",
  path: "path",
  helmChart: "chart",
  revision: "targetRevision",
  ref: "ref",
  sourceName: "name",
  tagPrefix: "tagPrefix",
} as const;

const helmFields = {
  releaseName: "releaseName",
  helmVersion: "version",
  helmNamespace: "namespace",
  helmKubeVersion: "kubeVersion",
  values: "valueFiles",
  helmApiVersions: "apiVersions",
  ignoreMissingValueFiles: "ignoreMissingValueFiles",
  helmPassCredentials: "passCredentials",
  helmSkipCrds: "skipCrds",
  helmSkipSchemaValidation: "skipSchemaValidation",
  helmSkipTests: "skipTests",
} as const;

const kustomizeFields = {
  nameprefix: "namePrefix",
  namesuffix: "nameSuffix",
  kustomizeVersion: "version",
  kustomizeNamespace: "namespace",
  kustomizeKubeVersion: "kubeVersion",
  kustomizeApiVersions: "apiVersions",
  kustomizeForceCommonLabel: "forceCommonLabels",
  kustomizeForceCommonAnnotation: "forceCommonAnnotations",
  kustomizeLabelWithoutSelector: "labelWithoutSelector",
  kustomizeLabelIncludeTemplates: "labelIncludeTemplates",
  ignoreMissingComponents: "ignoreMissingComponents",
} as const;

const directoryFields = {
  directoryRecurse: "recurse",
  directoryInclude: "include",
  directoryExclude: "exclude",
  directoryDisableExtensionFilter: "disableExtensionFilter",
} as const;

/** The source with what the flags say; what they do not mention stays. */
export function changedSource(source: JsonObject, flags: SourceFlags): JsonObject {
  const helm = changedHelm(objectOf(source.helm), flags);
  const kustomize = changedKustomize(objectOf(source.kustomize), flags);
  const directory = changedDirectory(objectOf(source.directory), flags);
  const plugin = changedPlugin(objectOf(source.plugin), flags);
  return withParts({ ...source, ...picked(flags, sourceTexts) }, { helm, kustomize, directory, plugin });
}

/** The spec with what the flags say of destination, project and policy. @throws EngineError USAGE */
export function changedSpec(spec: JsonObject, flags: SourceFlags): JsonObject {
  const destination: Record<string, JsonValue> = { ...objectOf(spec.destination) };
  // One of them names the cluster.
  if (flags.destServer !== undefined) delete destination.name;
  if (flags.destName !== undefined) delete destination.server;
  const named = { destServer: "server", destName: "name", destNamespace: "namespace" } as const;
  Object.assign(destination, picked(flags, named));
  const syncPolicy = changedPolicy(objectOf(spec.syncPolicy), flags);
  const others = picked(flags, { project: "project", revisionHistoryLimit: "revisionHistoryLimit" });
  return withParts({ ...spec, ...others }, { destination, syncPolicy });
}

function changedHelm(helm: JsonObject, flags: SourceFlags): JsonObject {
  const { valuesLiteralFile: file } = flags;
  const parameters = [
    ...textsIn(flags.parameter).map((text) => parameterOf(text, false)),
    ...textsIn(flags.helmSet).map((text) => parameterOf(text, false)),
    ...textsIn(flags.helmSetString).map((text) => parameterOf(text, true)),
  ];
  const files = textsIn(flags.helmSetFile).map((text) => ({ name: keyIn(text), path: valueIn(text) }));
  return withParts(
    { ...helm, ...picked(flags, helmFields), ...(typeof file === "string" ? { values: readText(file) } : {}) },
    { parameters: mergedByName(helm.parameters, parameters), fileParameters: mergedByName(helm.fileParameters, files) },
  );
}

function parameterOf(text: string, forceString: boolean): JsonObject {
  return { name: keyIn(text), value: valueIn(text), ...(forceString ? { forceString } : {}) };
}

function changedKustomize(kustomize: JsonObject, flags: SourceFlags): JsonObject {
  const replicas = textsIn(flags.kustomizeReplica).map((text) => ({ name: keyIn(text), count: countOf(text) }));
  const images = textsIn(flags.kustomizeImage);
  const kept = listOf(kustomize.images).filter(
    (old) => !images.some((image) => imageName(image) === imageName(textOf(old))),
  );
  return withParts(
    { ...kustomize, ...picked(flags, kustomizeFields) },
    {
      images: [...kept, ...images],
      replicas: mergedByName(kustomize.replicas, replicas),
      commonLabels: { ...objectOf(kustomize.commonLabels), ...pairsOf(flags.kustomizeCommonLabel) },
      commonAnnotations: { ...objectOf(kustomize.commonAnnotations), ...pairsOf(flags.kustomizeCommonAnnotation) },
    },
  );
}

/** `nginx` of `nginx=other:1`, `nginx:1` and `nginx@sha256:…`. */
export function imageName(image: string): string {
  const [old = ""] = image.split("=");
  const name = old.split("@")[0] ?? "";
  const colon = name.lastIndexOf(":");
  return colon > name.lastIndexOf("/") ? name.slice(0, colon) : name;
}

function changedDirectory(directory: JsonObject, flags: SourceFlags): JsonObject {
  const jsonnet = objectOf(directory.jsonnet);
  const variables = (str: SourceFlags[string], code: SourceFlags[string]) => [
    ...textsIn(str).map((text) => ({ name: keyIn(text), value: valueIn(text), code: false })),
    ...textsIn(code).map((text) => ({ name: keyIn(text), value: valueIn(text), code: true })),
  ];
  const libs = [...listOf(jsonnet.libs), ...textsIn(flags.jsonnetLibs)];
  const changed = withParts(jsonnet, {
    extVars: mergedByName(jsonnet.extVars, variables(flags.jsonnetExtVarStr, flags.jsonnetExtVarCode)),
    tlas: mergedByName(jsonnet.tlas, variables(flags.jsonnetTlaStr, flags.jsonnetTlaCode)),
    libs,
  });
  return withParts({ ...directory, ...picked(flags, directoryFields) }, { jsonnet: changed });
}

function changedPlugin(plugin: JsonObject, flags: SourceFlags): JsonObject {
  const env = textsIn(flags.pluginEnv).map((text) => ({ name: keyIn(text), value: valueIn(text) }));
  return withParts(
    { ...plugin, ...picked(flags, { configManagementPlugin: "name" }) },
    { env: mergedByName(plugin.env, env) },
  );
}

function changedPolicy(policy: JsonObject, flags: SourceFlags): JsonObject {
  let { automated } = policy;
  if (flags.syncPolicy === "none" || flags.syncPolicy === "manual") automated = undefined;
  else if (flags.syncPolicy !== undefined) automated = objectOf(automated);
  const asked = picked(flags, { autoPrune: "prune", selfHeal: "selfHeal", allowEmpty: "allowEmpty" });
  if (Object.keys(asked).length > 0) {
    if (!isJsonObject(automated)) {
      throw new EngineError(
        "USAGE",
        "--auto-prune, --self-heal and --allow-empty need an automated sync: --sync-policy auto",
      );
    }
    automated = { ...automated, ...asked };
  }
  const options = changedOptions(listOf(policy.syncOptions).map(textOf), textsIn(flags.syncOption));
  const retry = changedRetry(objectOf(policy.retry), flags);
  const { automated: _, ...rest } = policy;
  return withParts({ ...rest, ...(automated === undefined ? {} : { automated }) }, { syncOptions: options, retry });
}

/** `!Key=value` takes one away. */
function changedOptions(options: readonly string[], asked: readonly string[]): readonly string[] {
  const removed = new Set(asked.filter((text) => text.startsWith("!")).map((text) => text.slice(1)));
  const added = asked.filter((text) => !text.startsWith("!"));
  return [...new Set([...options, ...added])].filter((option) => !removed.has(option));
}

function changedRetry(retry: JsonObject, flags: SourceFlags): JsonObject {
  const backoff = picked(flags, {
    syncRetryBackoffDuration: "duration",
    syncRetryBackoffFactor: "factor",
    syncRetryBackoffMaxDuration: "maxDuration",
  });
  const asked = picked(flags, { syncRetryLimit: "limit", syncRetryRefresh: "refresh" });
  return withParts({ ...retry, ...asked }, { backoff: { ...objectOf(retry.backoff), ...backoff } });
}

/** Parts that are empty are left out. */
function withParts(object: JsonObject, parts: Readonly<Record<string, JsonValue>>): JsonObject {
  const result: Record<string, JsonValue> = { ...object };
  for (const [name, part] of Object.entries(parts)) {
    const isEmpty = Array.isArray(part) ? part.length === 0 : Object.keys(objectOf(part)).length === 0;
    if (isEmpty) delete result[name];
    else result[name] = part;
  }
  return result;
}

/** Fields by the names of flags. */
function picked(flags: SourceFlags, names: Readonly<Record<string, string>>): Record<string, JsonValue> {
  const result: Record<string, JsonValue> = {};
  for (const [flag, field] of Object.entries(names)) {
    const value = flags[flag];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    result[field] = value;
  }
  return result;
}

function mergedByName(before: JsonValue | undefined, added: readonly JsonObject[]): readonly JsonObject[] {
  const names = new Set(added.map(({ name }) => name));
  return [...objectsOf(before).filter(({ name }) => !names.has(name)), ...added];
}

function textsIn(value: SourceFlags[string]): readonly string[] {
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

function pairsOf(value: SourceFlags[string]): JsonObject {
  return Object.fromEntries(textsIn(value).map((text) => [keyIn(text), valueIn(text)]));
}

function keyIn(text: string): string {
  const at = text.indexOf("=");
  if (at > 0) return text.slice(0, at);
  throw new EngineError("USAGE", `"${text}" must be KEY=VALUE`);
}

function valueIn(text: string): string {
  return text.slice(text.indexOf("=") + 1);
}

function countOf(text: string): number {
  const count = Number(valueIn(text));
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new EngineError("USAGE", `--kustomize-replica: "${text}" must be NAME=COUNT`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `--values-literal-file: "${path}": ${messageOf(error)}`, error);
  }
}

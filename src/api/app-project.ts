import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { createSchema, type Problem } from "../base/schema.ts";
import { projectProblems } from "./app-project-rules.ts";
import { appProjectSchema } from "./app-project-schema.ts";
import { finalizerProblems } from "./application-metadata-rules.ts";
import { applicationSchema } from "./application-schema.ts";
import type { AppProject, AppProjectSpec, Destination, KindPattern } from "./application-types.ts";
import { type Parsed, readEnvelope, warningsOf } from "./envelope.ts";
import { listOf, objectOf, readFields, textOf } from "./fields.ts";
import { belongsTo, type Misplaced, suggestPlaces, writeAt } from "./misplaced-keys.ts";

const shape = createSchema<JsonObject>(appProjectSchema);
const projectFinalizers = ["resources-finalizer.argocd.argoproj.io"];

const applicationKeys = Object.keys(applicationSchema.properties).filter((key) => key !== "destination");
/** As the originals' documentation has called them for a while. */
const newListNames = ["cluster", "namespace"].flatMap((scope) =>
  ["Allow", "Deny"].map((way) => `${scope}Resource${way}list`),
);

const misplaced: readonly Misplaced[] = [
  { at: [""], keys: Object.keys(appProjectSchema.properties), suggest: writeAt("spec") },
  { at: ["", "spec"], keys: applicationKeys, suggest: belongsTo("Application") },
  {
    at: ["spec"],
    keys: newListNames,
    suggest: (key) => `did you mean \`${key.replace("Allow", "White").replace("Deny", "Black")}\`?`,
  },
  { at: ["spec"], keys: ["automated", "syncOptions", "prune", "selfHeal"], suggest: belongsTo("Application") },
  { at: ["spec"], keys: ["policies", "groups", "jwtTokens"], suggest: writeAt("spec.roles[]") },
  { at: ["spec"], keys: ["manualSync", "schedule", "duration"], suggest: writeAt("spec.syncWindows[]") },
  { at: ["spec"], keys: ["policy.csv", "policy.default"], suggest: belongsTo("ConfigMap `argocd-rbac-cm`") },
  { at: ["spec"], keys: ["finalizers", "labels", "annotations"], suggest: writeAt("metadata") },
];

/**
 * An AppProject as the original's CRD accepts it; unknown fields are kept and warned about, and so is what the original
 * refuses only when it is saved through its API (2.11).
 * @throws TerminalError MANIFEST_INVALID with every problem at once
 */
export function parseAppProject(value: unknown): Parsed<AppProject> {
  const problems: Problem[] = [];
  const { metadata, spec: written } = readEnvelope(value, "AppProject", problems);
  const top = isJsonObject(value) ? value : {};
  const spec = objectOf(readFields(written, appProjectSchema, "spec", problems));
  problems.push(
    ...shape.check(spec, "spec"),
    ...projectProblems(metadata, spec),
    ...finalizerProblems(objectOf(top.metadata), projectFinalizers),
  );
  // Whatever is not so is among the problems, with which nothing is returned.
  const typed = spec as AppProjectSpec;
  const { namespaceResourceWhitelist: allowed } = spec;
  const resource: AppProject = {
    metadata,
    description: textOf(spec.description),
    sourceRepos: textsOf(spec.sourceRepos),
    destinations: listOf(spec.destinations).map((entry): Destination => objectOf(entry)),
    sourceNamespaces: textsOf(spec.sourceNamespaces),
    clusterResourceWhitelist: kindsOf(spec.clusterResourceWhitelist),
    clusterResourceBlacklist: kindsOf(spec.clusterResourceBlacklist),
    ...(Array.isArray(allowed) ? { namespaceResourceWhitelist: kindsOf(allowed) } : {}),
    namespaceResourceBlacklist: kindsOf(spec.namespaceResourceBlacklist),
    syncWindows: typed.syncWindows ?? [],
    ...(typed.orphanedResources === undefined ? {} : { orphanedResources: typed.orphanedResources }),
    roles: typed.roles ?? [],
    permitOnlyProjectScopedClusters: spec.permitOnlyProjectScopedClusters === true,
    spec: typed,
  };
  return { resource, warnings: warningsOf(suggestPlaces(problems, misplaced)) };
}

function kindsOf(value: JsonValue | undefined): readonly KindPattern[] {
  return listOf(value).map((entry) => {
    const { group, kind, name } = objectOf(entry);
    return { group: textOf(group), kind: textOf(kind), ...(typeof name === "string" && name !== "" ? { name } : {}) };
  });
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return listOf(value).filter((item) => typeof item === "string");
}

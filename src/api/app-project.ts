import { parseCron } from "../base/cron.ts";
import { parseDuration } from "../base/duration.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { createSchema, type JsonSchema, type Problem } from "../base/schema.ts";
import type { AppProject, Destination, KindPattern } from "./application-types.ts";
import { type Parsed, readEnvelope, warningsOf } from "./envelope.ts";
import { listOf, objectOf, readFields, textOf, warningAt } from "./fields.ts";
import { listField, openObject, textField } from "./shared-schemas.ts";

const texts = (description: string): JsonSchema => listField(description, { type: "string" });

function kindList(description: string, withName: boolean): JsonSchema {
  const name = withName ? { name: textField("A glob; empty: any.") } : {};
  return listField(description, {
    type: "object",
    description: "One pattern.",
    required: ["group", "kind"],
    properties: { group: textField("A glob."), kind: textField("A glob."), ...name },
  });
}

const windowSchema: JsonSchema = {
  type: "object",
  description: "When syncs may happen.",
  properties: {
    kind: textField("allow or deny."),
    schedule: textField("When it opens: five fields."),
    duration: textField("How long it is open."),
    timeZone: textField("IANA name; default UTC."),
    applications: texts("Globs over names."),
    clusters: texts("Globs over the destination's server or name."),
    namespaces: texts("Globs over the destination's namespace."),
    andOperator: { type: "boolean", description: "Whether every list must match." },
    manualSync: { type: "boolean", description: "Whether people may sync anyway." },
    syncOverrun: { type: "boolean", description: "Whether a sync that runs may go on." },
    description: textField("For people."),
  },
};

/** The AppProject's `spec` (spec argo-cd-surface 2.1). */
export const appProjectSchema: JsonSchema = {
  type: "object",
  description: "What its Applications may use.",
  properties: {
    description: textField("For people; at most 255 characters."),
    sourceRepos: texts("Globs over repositories; !pattern denies."),
    destinations: listField("Clusters and namespaces; !pattern denies.", {
      type: "object",
      description: "One pattern.",
      properties: { server: textField("A glob."), name: textField("A glob."), namespace: textField("A glob.") },
    }),
    sourceNamespaces: texts("Namespaces in which its Applications may live."),
    clusterResourceWhitelist: kindList("Kinds of the cluster that are allowed; empty: none.", true),
    clusterResourceBlacklist: kindList("Kinds of the cluster that are denied.", true),
    namespaceResourceWhitelist: kindList("Kinds in namespaces that are allowed; absent: all.", false),
    namespaceResourceBlacklist: kindList("Kinds in namespaces that are denied.", false),
    roles: listField("Who may do what.", openObject("One role.")),
    syncWindows: listField("When syncs may happen.", windowSchema),
    orphanedResources: openObject("Whether objects that no Application manages are looked for."),
    signatureKeys: listField("Keys that must have signed.", openObject("One key.")),
    sourceIntegrity: openObject("Which commits are trusted."),
    permitOnlyProjectScopedClusters: { type: "boolean", description: "Whether only the project's clusters count." },
    destinationServiceAccounts: listField("Whose rights a sync has.", openObject("One rule.")),
  },
};

const shape = createSchema<JsonObject>(appProjectSchema);
const maxDescription = 255;

/**
 * An AppProject as the original's CRD accepts it; unknown fields are kept and warned about, and so is what the original
 * refuses only when it is saved through its API (2.11).
 * @throws TerminalError MANIFEST_INVALID with every problem at once
 */
export function parseAppProject(value: unknown): Parsed<AppProject> {
  const problems: Problem[] = [];
  const { metadata, spec: written } = readEnvelope(value, "AppProject", problems);
  const spec = objectOf(readFields(written, appProjectSchema, "spec", problems));
  problems.push(...shape.check(spec, "spec"), ...saveProblems(spec));
  const { orphanedResources, namespaceResourceWhitelist: allowed } = spec;
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
    syncWindows: listOf(spec.syncWindows).map(objectOf),
    ...(isJsonObject(orphanedResources) ? { orphanedResources } : {}),
    roles: listOf(spec.roles).map(objectOf),
    permitOnlyProjectScopedClusters: spec.permitOnlyProjectScopedClusters === true,
    spec,
  };
  return { resource, warnings: warningsOf(problems) };
}

/** Rules of the original's API, which `kubectl` passes by. */
function saveProblems(spec: JsonObject): Problem[] {
  const problems: Problem[] = [];
  if (textOf(spec.description).length > maxDescription) {
    problems.push(warningAt("spec.description", `must have at most ${maxDescription} characters`));
  }
  problems.push(...duplicates(textsOf(spec.sourceRepos), "spec.sourceRepos"));
  problems.push(...duplicates(textsOf(spec.sourceNamespaces), "spec.sourceNamespaces"));
  for (const [index, repo] of textsOf(spec.sourceRepos).entries()) {
    if (repo === "!*") problems.push(warningAt(`spec.sourceRepos[${index}]`, '"!*" denies everything'));
  }
  const destinations = listOf(spec.destinations).map(objectOf);
  problems.push(...duplicates(destinations.map(destinationKey), "spec.destinations"));
  for (const [index, destination] of destinations.entries()) {
    for (const field of ["server", "name", "namespace"]) {
      if (destination[field] !== "!*") continue;
      problems.push(warningAt(`spec.destinations[${index}].${field}`, '"!*" denies everything'));
    }
  }
  const roles = listOf(spec.roles).map((role) => textOf(objectOf(role).name));
  problems.push(...duplicates(roles, "spec.roles"));
  return [...problems, ...listOf(spec.syncWindows).flatMap((entry, index) => windowProblems(objectOf(entry), index))];
}

function destinationKey({ server, name, namespace }: JsonObject): string {
  return `${textOf(server) || textOf(name)}/${textOf(namespace)}`;
}

function windowProblems(window: JsonObject, index: number): Problem[] {
  const path = `spec.syncWindows[${index}]`;
  const problems: Problem[] = [];
  if (window.kind !== "allow" && window.kind !== "deny") {
    const value = JSON.stringify(window.kind ?? "");
    problems.push(warningAt(`${path}.kind`, `kind ${value} mismatch: can only be allow or deny`));
  }
  problems.push(...attempt(`${path}.schedule`, () => parseCron(textOf(window.schedule), `${path}.schedule`)));
  problems.push(...attempt(`${path}.duration`, () => parseDuration(textOf(window.duration))));
  const lists = [window.applications, window.clusters, window.namespaces];
  if (lists.every((list) => listOf(list).length === 0)) {
    problems.push(warningAt(path, "must name applications, clusters or namespaces"));
  }
  return problems;
}

function attempt(path: string, parse: () => unknown): Problem[] {
  try {
    parse();
    return [];
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const { message } = error;
    return [warningAt(path, message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message)];
  }
}

function duplicates(values: readonly string[], path: string): Problem[] {
  const seen = new Set<string>();
  return values.flatMap((value, index) => {
    if (seen.has(value)) return [warningAt(`${path}[${index}]`, `${JSON.stringify(value)} is there twice`)];
    seen.add(value);
    return [];
  });
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

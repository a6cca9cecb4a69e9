import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { createSchema, type Problem } from "../base/schema.ts";
import { annotationProblems, applicationFinalizers, finalizerProblems } from "./application-metadata-rules.ts";
import { misplacedInApplication } from "./application-misplaced.ts";
import { applicationSchema, operationSchema } from "./application-schema.ts";
import { specTraps } from "./application-traps.ts";
import type {
  Application,
  ApplicationSource,
  ApplicationSpec,
  IgnoreRule,
  Operation,
  SyncOperation,
  SyncPolicy,
} from "./application-types.ts";
import { withoutZeroBlocks } from "./application-zeros.ts";
import { type Parsed, readEnvelope, warningsOf } from "./envelope.ts";
import { errorAt, listOf, objectOf, readFields, textOf, warningAt } from "./fields.ts";
import { suggestPlaces } from "./misplaced-keys.ts";
import { readRetry } from "./retry-policy.ts";
import { syncOptionProblems } from "./sync-options.ts";

const shape = createSchema<JsonObject>(applicationSchema);
const fields = applicationSchema.properties;
const operationShape = createSchema<JsonObject>(operationSchema);
/** Of an automated sync without `retry`. */
export const automatedRetryLimit = 5;

/**
 * An Application as the original's CRD accepts it; unknown fields are kept and warned about. What only makes a condition
 * there (`specProblems`) is a warning here.
 * @throws TerminalError MANIFEST_INVALID with every problem at once
 */
export function parseApplication(value: unknown): Parsed<Application> {
  const problems: Problem[] = [];
  const { metadata, spec: written } = readEnvelope(value, "Application", problems, ["operation"]);
  const top = isJsonObject(value) ? value : {};
  const read = objectOf(readFields(written, applicationSchema, "spec", problems));
  problems.push(...shape.check(read, "spec"));
  const spec = withoutZeroBlocks(read);
  const operation = readOperation(top.operation, problems);
  const syncPolicy = toSyncPolicy(objectOf(spec.syncPolicy));
  const sources = sourcesOf(spec);
  const meta = objectOf(top.metadata);
  const resource: Application = {
    metadata,
    finalizers: textsOf(meta.finalizers),
    deletedAt: textOf(meta.deletionTimestamp),
    project: textOf(spec.project) || fields.project.default,
    sources,
    isMultiSource: listOf(spec.sources).length > 0 && !isJsonObject(spec.sourceHydrator),
    destination: objectOf(spec.destination),
    syncPolicy,
    ignoreDifferences: listOf(spec.ignoreDifferences).map((rule) => objectOf(rule) as unknown as IgnoreRule),
    revisionHistoryLimit: numberOf(spec.revisionHistoryLimit, fields.revisionHistoryLimit.default),
    ...(operation === undefined ? {} : { operation }),
    // Whatever is not so is among the problems, with which nothing is returned.
    spec: spec as unknown as ApplicationSpec,
    status: objectOf(top.status),
  };
  // Of refs `specTraps` tells, as of templates.
  const invalid = specProblems(resource).filter(({ path }) => !path.endsWith(".ref"));
  problems.push(...invalid.map(({ path, message }) => warningAt(path, message)));
  problems.push(...specTraps(read, "spec"), ...annotationProblems(objectOf(meta.annotations)));
  problems.push(...finalizerProblems(meta, applicationFinalizers));
  return { resource, warnings: warningsOf(suggestPlaces(problems, misplacedInApplication)) };
}

/**
 * What makes the condition InvalidSpecError before any repository or cluster is asked, in the words of the original.
 */
export function specProblems(application: Application): readonly Problem[] {
  const { destination } = application;
  const problems = application.sources.flatMap((source, index) => sourceProblems(application, source, index));
  if (application.isMultiSource) problems.push(...refProblems(application.sources));
  if (destination.name && destination.server) {
    const both = `${destination.name} ${destination.server}`;
    const message = `application destination can't have both name and server defined: ${both}`;
    problems.push(errorAt("spec.destination", message));
  } else if (!destination.name && !destination.server) {
    problems.push(errorAt("spec.destination", "Destination server missing from app spec"));
  }
  return problems;
}

function sourceProblems(application: Application, source: ApplicationSource, index: number): Problem[] {
  const { isMultiSource } = application;
  const path = isMultiSource ? `spec.sources[${index}]` : "spec.source";
  const isEmpty = !source.path && !source.chart && !(isMultiSource && source.ref);
  const problems: Problem[] = [];
  if (!source.repoURL || isEmpty) {
    const message = isMultiSource
      ? `spec.source.repoURL and either source.path, source.chart, or source.ref are required for source ${index + 1}`
      : "spec.source.repoURL and either spec.source.path or spec.source.chart are required";
    problems.push(errorAt(path, message));
  }
  if (source.chart && !source.targetRevision) {
    const message = "spec.source.targetRevision is required if the manifest source is a helm chart";
    problems.push(errorAt(`${path}.targetRevision`, message));
  }
  return problems;
}

/** What makes it unclear what `$name/…` means. */
function refProblems(sources: readonly ApplicationSource[]): Problem[] {
  const seen = new Set<string>();
  return sources.flatMap(({ ref = "" }, index) => {
    const at = `spec.sources[${index}].ref`;
    if (ref === "") return [];
    if (!/^[a-zA-Z0-9_-]+$/.test(ref)) {
      return [errorAt(at, `sources.ref ${ref} cannot contain any special characters except '_' and '-'`)];
    }
    if (seen.has(ref)) return [errorAt(at, `invalid sources: multiple sources had the same \`ref\` key: ${ref}`)];
    seen.add(ref);
    return [];
  });
}

function sourcesOf(spec: JsonObject): readonly ApplicationSource[] {
  if (isJsonObject(spec.sourceHydrator)) {
    const dry = objectOf(spec.sourceHydrator.drySource);
    const sync = objectOf(spec.sourceHydrator.syncSource);
    const repoURL = textOf(sync.repoURL) || textOf(dry.repoURL);
    return [{ repoURL, path: textOf(sync.path), targetRevision: textOf(sync.targetBranch) }];
  }
  const sources = listOf(spec.sources);
  return (sources.length > 0 ? sources : [objectOf(spec.source)]).map((source) => toSource(objectOf(source)));
}

/** The shape was checked before. */
function toSource(raw: JsonObject): ApplicationSource {
  return { ...raw, repoURL: textOf(raw.repoURL) };
}

function toSyncPolicy(raw: JsonObject): SyncPolicy {
  const automated = objectOf(raw.automated);
  const isAutomated = isJsonObject(raw.automated) && automated.enabled !== false;
  const metadata = objectOf(raw.managedNamespaceMetadata);
  return {
    ...(isAutomated ? { automated: flagsOf(automated, ["prune", "selfHeal", "allowEmpty"]) } : {}),
    syncOptions: textsOf(raw.syncOptions),
    // `specTraps` tells about durations that cannot be read.
    ...(isJsonObject(raw.retry) ? { retry: readRetry(raw.retry, "", []) } : {}),
    ...(isJsonObject(raw.managedNamespaceMetadata)
      ? {
          managedNamespaceMetadata: {
            labels: textMapOf(metadata.labels),
            annotations: textMapOf(metadata.annotations),
          },
        }
      : {}),
  };
}

function readOperation(value: JsonValue | undefined, problems: Problem[]): Operation | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) {
    problems.push(errorAt("operation", "must be an object"));
    return undefined;
  }
  const raw = objectOf(readFields(value, operationSchema, "operation", problems));
  problems.push(...operationShape.check(raw, "operation"));
  const sync = objectOf(raw.sync);
  problems.push(...syncOptionProblems(textsOf(sync.syncOptions), "operation.sync.syncOptions"));
  const { apply, hook } = objectOf(sync.syncStrategy);
  if (isJsonObject(apply) && isJsonObject(hook)) {
    problems.push(warningAt("operation.sync.syncStrategy.hook", "has no effect: `apply` wins"));
  }
  return {
    ...(isJsonObject(raw.sync) ? { sync: toSync(raw.sync) } : {}),
    initiatedBy: objectOf(raw.initiatedBy),
    ...(isJsonObject(raw.retry) ? { retry: readRetry(raw.retry, "operation.retry", problems) } : {}),
    info: listOf(raw.info) as unknown as Operation["info"],
    raw,
  };
}

function toSync(raw: JsonObject): SyncOperation {
  const strategy = objectOf(raw.syncStrategy);
  const isApply = isJsonObject(strategy.apply);
  const revision = textOf(raw.revision);
  return {
    ...(revision === "" ? {} : { revision }),
    revisions: textsOf(raw.revisions),
    prune: raw.prune === true,
    dryRun: raw.dryRun === true,
    strategy: isApply ? "apply" : "hook",
    force: objectOf(isApply ? strategy.apply : strategy.hook).force === true,
    resources: listOf(raw.resources).map((entry) => {
      const { group, kind, name, namespace } = objectOf(entry);
      const where = textOf(namespace) === "" ? {} : { namespace: textOf(namespace) };
      return { group: textOf(group), kind: textOf(kind), name: textOf(name), ...where };
    }),
    manifests: textsOf(raw.manifests),
    syncOptions: textsOf(raw.syncOptions),
    autoHealAttemptsCount: numberOf(raw.autoHealAttemptsCount, 0),
  };
}

function flagsOf<Name extends string>(raw: JsonObject, names: readonly Name[]): Record<Name, boolean> {
  return Object.fromEntries(names.map((name) => [name, raw[name] === true])) as Record<Name, boolean>;
}

function numberOf(value: JsonValue | undefined, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return listOf(value).filter((item) => typeof item === "string");
}

function textMapOf(value: JsonValue | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([key, text]) => [key, textOf(text)]));
}

import type { Request } from "express";
import { operationSchema } from "../api/application-schema.ts";
import { listOf, objectOf, readFields, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { createSchema, formatProblems, type JsonSchema, type Problem } from "../base/schema.ts";
import type { KubeObject } from "../objects/object.ts";
import { traceContextOf } from "../record/trace-context.ts";

const syncSchema = partOf(operationSchema, "sync");

/** ApplicationSyncRequest of the original (spec argo-cd-surface 6.2): an operation's fields under other names. */
const requestSchema: JsonSchema = {
  type: "object",
  properties: {
    appNamespace: { type: "string" },
    ...partsOf(syncSchema, ["revision", "revisions", "prune", "dryRun", "resources", "manifests"]),
    strategy: partOf(syncSchema, "syncStrategy"),
    syncOptions: { type: "object", properties: { items: partOf(syncSchema, "syncOptions") } },
    infos: partOf(operationSchema, "info"),
    retryStrategy: partOf(operationSchema, "retry"),
    sourcePositions: { type: "array", items: { type: "integer" } },
  },
};
const shape = createSchema<JsonObject>(requestSchema);

function partOf(schema: JsonSchema, name: string): JsonSchema {
  return schema.properties?.[name] ?? {};
}

function partsOf(schema: JsonSchema, names: readonly string[]): Record<string, JsonSchema> {
  return Object.fromEntries(names.map((name) => [name, partOf(schema, name)]));
}

/** The body of a sync request; fields that are null count as absent. @throws EngineError USAGE with every problem */
export function parseSyncRequest(body: unknown): JsonObject {
  if (body === undefined || body === null) return {};
  if (!isJsonObject(body)) throw new EngineError("USAGE", "request: must be an object");
  const ignored: Problem[] = []; // unknown fields are left out, as by the original
  const request = objectOf(readFields(body, requestSchema, "request", ignored));
  const problems = shape.check(request, "request");
  if (problems.length > 0) throw new EngineError("USAGE", formatProblems(problems));
  return request;
}

/** The `operation` that the request of `username` asks for; options and retry are the Application's unless the request has its own. */
export function operationOf(application: KubeObject, request: JsonObject, username: string): JsonObject {
  const policy = objectOf(specOf(application).syncPolicy);
  const { strategy, infos } = request;
  const syncOptions = isJsonObject(request.syncOptions) ? request.syncOptions.items : policy.syncOptions;
  const retry = request.retryStrategy ?? policy.retry;
  const same = ["revision", "revisions", "prune", "dryRun", "resources", "manifests"] as const;
  return {
    sync: {
      ...Object.fromEntries(same.flatMap((name) => entryOf(name, request[name]))),
      ...positionedRevisions(application, request),
      ...present("syncStrategy", strategy),
      ...present("syncOptions", syncOptions),
    },
    initiatedBy: { username },
    ...present("info", infos),
    ...present("retry", retry),
  };
}

/** What is asked for in a trace goes on in it, unless `info` names another. */
export function inTrace(operation: JsonObject, headers: Request["headers"]): JsonObject {
  const trace = traceContextOf(headers.traceparent, headers.tracestate);
  const info = listOf(operation.info);
  if (trace === undefined || info.some((one) => objectOf(one).name === "traceparent")) return operation;
  return { ...operation, info: [...info, ...Object.entries(trace).map(([name, value]) => ({ name, value }))] };
}

/** One revision for each source: those of `sourcePositions`, which count from 1, and the targets of the others. */
function positionedRevisions(application: KubeObject, { revisions, sourcePositions }: JsonObject): JsonObject {
  const positions = listOf(sourcePositions).map(Number);
  if (positions.length === 0) return {};
  const given = listOf(revisions).map(textOf);
  const sources = listOf(specOf(application).sources).map(objectOf);
  if (given.length !== positions.length)
    throw new EngineError("USAGE", "revisions and sourcePositions must be as many");
  if (positions.some((position) => !(position >= 1 && position <= sources.length))) {
    throw new EngineError("USAGE", `sourcePositions: must be between 1 and ${sources.length}`);
  }
  return {
    revisions: sources.map(
      ({ targetRevision }, at) => given[positions.indexOf(at + 1)] ?? (textOf(targetRevision) || "HEAD"),
    ),
  };
}

/** Why the sync cannot be started now, in the words of the original (spec argo-cd-surface 6.4). */
export function syncRefusal(application: KubeObject, request: JsonObject): string | undefined {
  if (application.metadata.deletionTimestamp !== undefined) return "application is deleting";
  const automated = objectOf(specOf(application).syncPolicy).automated;
  const isAutomated = isJsonObject(automated) && automated.enabled !== false;
  if (isAutomated && request.dryRun !== true) {
    const [wanted, target] = [textOf(request.revision), targetOf(application)];
    if (wanted !== "" && wanted !== target) return `Cannot sync to ${wanted}: auto-sync currently set to ${target}`;
    const other = otherRevision(application, request);
    if (other !== undefined) return other;
    if (listOf(request.manifests).length > 0) {
      return "Cannot use local sync when Automatic Sync Policy is enabled unless for dry run";
    }
  }
  return isJsonObject(application.operation) ? "another operation is already in progress" : undefined;
}

/** Of an Application with several sources: the first that would not be at its target. */
function otherRevision(application: KubeObject, request: JsonObject): string | undefined {
  const { revisions } = positionedRevisions(application, request);
  const sources = listOf(specOf(application).sources).map(objectOf);
  for (const [at, wanted] of listOf(revisions).map(textOf).entries()) {
    const target = textOf(sources[at]?.targetRevision) || "HEAD";
    const where = `source ${at + 1}`;
    if (wanted !== target) return `Cannot sync ${where} to ${wanted}: auto-sync currently set to ${target}`;
  }
  return undefined;
}

function targetOf(application: KubeObject): string {
  const spec = specOf(application);
  return textOf(objectOf(listOf(spec.sources)[0] ?? spec.source).targetRevision) || "HEAD";
}

function specOf({ spec }: KubeObject): JsonObject {
  return isJsonObject(spec) ? spec : {};
}

function entryOf(name: string, value: JsonValue | undefined): [string, JsonValue][] {
  return value === undefined ? [] : [[name, value]];
}

function present(name: string, value: JsonValue | undefined): JsonObject {
  return value === undefined ? {} : { [name]: value };
}

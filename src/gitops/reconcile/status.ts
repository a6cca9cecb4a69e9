import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf } from "../../api/fields.ts";
import { optionValue, syncOptionsOf } from "../../api/resource-annotations.ts";
import { type Instant, isoTime } from "../../base/clock.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { diffMergePatch } from "../../objects/merge-patch.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ComparedObject, SyncStatus } from "../diff/compare.ts";
import { keyOf, keyText } from "../diff/diff.ts";
import type { ApplicationHealth } from "../health/aggregate.ts";
import type { Health } from "../health/health.ts";
import type { SourceType } from "../render/render.ts";
import { comparedTo, hasSameSources, revisionFields } from "./compared-to.ts";
import { setConditions } from "./conditions.ts";
import type { ComparisonLevel } from "./request.ts";
import { readTime, timeText } from "./timestamps.ts";

/** What a reconcile has found out. */
export interface StatusInput {
  /** With its status as stored: what is not found out here (operationState, history) is kept. */
  readonly application: Application;
  /** Of the Application; Unknown when something could not be compared. */
  readonly syncStatus: SyncStatus;
  readonly objects: readonly ComparedObject[];
  /** Of `objects`, in their order. */
  readonly health: Pick<ApplicationHealth, "health" | "resources">;
  /** Those that were compared with, one for each source; empty when they are not known. */
  readonly revisions: readonly string[];
  /** One for each source. */
  readonly sourceTypes: readonly SourceType[];
  /** As `setConditions` makes them. */
  readonly conditions: readonly JsonObject[];
  /** As `summarize` makes it. */
  readonly summary: JsonObject;
  readonly controllerNamespace: string;
  readonly level: ComparisonLevel;
  /** When this reconcile began. */
  readonly startedAt: Instant;
  readonly now: Instant;
}

/** Written by `buildStatus`: absent in its result when there is nothing to say. */
const ownFields = new Set([
  "sync",
  "health",
  "resources",
  "conditions",
  "reconciledAt",
  "sourceType",
  "sourceTypes",
  "summary",
  "controllerNamespace",
  // Health stands in each resource, so that it can be read without this program; nothing is said for "inline".
  "resourceHealthSource",
]);

/** The whole `status` after a comparison (spec argo-cd-engine 1.6, 2.6). */
export function buildStatus(input: StatusInput): JsonObject {
  const { application, conditions, sourceTypes, summary } = input;
  const [sourceType] = sourceTypes;
  const types = application.isMultiSource ? { sourceTypes } : { sourceType: sourceType ?? "" };
  return {
    ...Object.fromEntries(Object.entries(application.status).filter(([key]) => !ownFields.has(key))),
    sync: {
      status: input.syncStatus,
      comparedTo: comparedTo(application),
      ...revisionFields(application, input.revisions),
    },
    health: healthStatus(application.status, input.health.health, input.now),
    ...(input.objects.length > 0 ? { resources: resourcesOf(input) } : {}),
    ...(conditions.length > 0 ? { conditions } : {}),
    reconciledAt: reconciledAt(input),
    ...(sourceType === undefined ? {} : types),
    ...(Object.keys(summary).length > 0 ? { summary } : {}),
    controllerNamespace: input.controllerNamespace,
  };
}

/**
 * The whole `status` when the spec itself is wrong, so that nothing was compared: both states are Unknown, the rest is as
 * it was (spec argo-cd-engine 1.7).
 */
export function invalidStatus(application: Application, conditions: readonly JsonObject[], now: Instant): JsonObject {
  const { status } = application;
  return {
    ...status,
    sync: { ...objectOf(status.sync), status: "Unknown" satisfies SyncStatus },
    health: healthStatus(status, { status: "Unknown" }, now),
    conditions,
  };
}

export type FailedInput = Pick<
  StatusInput,
  "application" | "conditions" | "controllerNamespace" | "level" | "startedAt" | "now"
>;

/**
 * The whole `status` when nothing could be compared: the Application and its objects are Unknown, their health is what it
 * was (spec argo-cd-engine 2.6, 3.1). It counts as a comparison: else it would be asked for again at every look.
 */
export function failedStatus(input: FailedInput): JsonObject {
  const { application, conditions, controllerNamespace, now } = input;
  const { status } = application;
  const { revision, revisions, comparedTo: before } = objectOf(status.sync);
  const isKnown = hasSameSources(application, objectOf(before));
  return {
    ...status,
    sync: {
      status: "Unknown" satisfies SyncStatus,
      comparedTo: comparedTo(application),
      // A commit of another source is none of this one.
      ...(isKnown && revision !== undefined ? { revision } : {}),
      ...(isKnown && revisions !== undefined ? { revisions } : {}),
    },
    // As the original has it: what has no objects yet is Healthy.
    health: status.health ?? healthStatus(status, { status: "Healthy" }, now),
    ...(Array.isArray(status.resources) ? { resources: status.resources.map(objectOf).map(unknownResource) } : {}),
    conditions,
    reconciledAt: reconciledAt(input),
    controllerNamespace,
  };
}

function unknownResource(resource: JsonObject): JsonObject {
  return resource.status === undefined ? resource : { ...resource, status: "Unknown" satisfies SyncStatus };
}

/** The merge patch of an Application that has the status `before`; undefined when nothing changed. */
export function statusPatch(before: JsonObject, after: JsonObject): JsonObject | undefined {
  const status = diffMergePatch(before, after);
  return status === undefined ? undefined : { status };
}

/** `lastTransitionTime` moves with the status only, not with the message. */
function healthStatus(before: JsonObject, health: Health, now: Instant): JsonObject {
  const { status, lastTransitionTime } = objectOf(before.health);
  const since = status === health.status ? lastTransitionTime : timeText(now);
  return { ...healthFields(health), ...(since === undefined ? {} : { lastTransitionTime: since }) };
}

function healthFields({ status, message }: Health): JsonObject {
  return message === undefined || message === "" ? { status } : { status, message };
}

/** A look at what is known already does not count as one: else busy workloads would put off polling for ever. */
function reconciledAt({ application, level, startedAt }: FailedInput): string {
  const before = application.status.reconciledAt;
  return level < 2 && readTime(before) !== undefined ? String(before) : timeText(startedAt);
}

function resourcesOf({ application, objects, health }: StatusInput): readonly JsonObject[] {
  const entries = objects.flatMap((object, index) => {
    const some = object.target ?? object.live;
    if (some === undefined) return [];
    const key = keyOf(some);
    return [{ text: keyText(key), resource: resourceStatus(application, object, health.resources[index]) }];
  });
  return entries.sort((a, b) => (a.text < b.text ? -1 : Number(a.text > b.text))).map(({ resource }) => resource);
}

/** What is empty, false or 0 is left out, as Go leaves it out. */
function resourceStatus(application: Application, object: ComparedObject, health: Health | undefined): JsonObject {
  const some = object.target ?? object.live;
  if (some === undefined) return {};
  const { group, kind, namespace, name } = keyOf(some);
  return {
    ...(group === "" ? {} : { group }),
    version: some.apiVersion.split("/").at(-1) ?? "",
    kind,
    ...(namespace === "" ? {} : { namespace }),
    name,
    ...(object.status === undefined ? {} : { status: object.status }),
    ...(health === undefined ? {} : { health: healthFields(health) }),
    ...(object.isHook ? { hook: true } : {}),
    ...(object.requiresPruning ? { requiresPruning: true } : {}),
    ...(object.syncWave === 0 ? {} : { syncWave: object.syncWave }),
    ...(needsConfirmation(application, object) ? { requiresDeletionConfirmation: true } : {}),
  };
}

/** Whether the option Prune or Delete is `confirm` on either side, else for the whole Application. */
function needsConfirmation({ syncPolicy }: Application, { target, live }: ComparedObject): boolean {
  return [target, live].some((object) => {
    if (object === undefined) return false;
    const own = syncOptionsOf(object.metadata.annotations ?? {});
    return ["Prune", "Delete"].some((key) => {
      return (optionValue(own, key) ?? optionValue(syncPolicy.syncOptions, key)) === "confirm";
    });
  });
}

/** The status as it is stored, with the condition that says why it is not up to date. */
export function tooLargeStatus({ status, metadata }: Application, { message }: Error, now: Instant): JsonObject {
  const { namespace, name } = metadata;
  const text =
    `the status of Application ${namespace}/${name} is larger than Kubernetes stores, so that it is not up to date: ` +
    `${message}. Split the Application into smaller ones`;
  const found = [{ type: "UnknownError" as const, message: text }];
  return { ...status, conditions: setConditions(status.conditions, found, ["UnknownError"], now) };
}

/** Of an Application whose spec cannot be read; undefined: its status says so already. */
export function unreadableStatus(
  { status: written }: KubeObject,
  message: string,
  now: Instant,
): JsonObject | undefined {
  const status = objectOf(written as JsonValue | undefined);
  const [known] = listOf(status.conditions);
  if (objectOf(known).message === message) return undefined;
  const conditions = [{ type: "InvalidSpecError", message, lastTransitionTime: isoTime(now) }];
  return { sync: { ...objectOf(status.sync), status: "Unknown" }, health: { status: "Unknown" }, conditions };
}

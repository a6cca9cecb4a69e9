import { isDeepStrictEqual } from "node:util";
import type { Application } from "../../api/application-types.ts";
import { withoutZeroBlocks } from "../../api/application-zeros.ts";
import { listOf, objectOf } from "../../api/fields.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";

/** `source` or `sources`: those in effect, as they are kept in `comparedTo`, operations and history. */
export function sourceFields(application: Application): JsonObject {
  // Sources are JSON as written; their type only lists the fields that code reads.
  const sources = application.sources as readonly unknown[] as readonly JsonObject[];
  if (application.isMultiSource) return { sources };
  const [source] = sources;
  return source === undefined ? {} : { source };
}

/** `revision` or `revisions`, in the same way; nothing when there are none. */
export function revisionFields(application: Application, revisions: readonly string[]): JsonObject {
  const [revision] = revisions;
  if (revision === undefined) return {};
  return application.isMultiSource ? { revisions } : { revision };
}

/** `status.sync.comparedTo`: the part of the spec that a comparison used. */
export function comparedTo(application: Application): JsonObject {
  const rules = listOf(application.spec.ignoreDifferences);
  return {
    ...sourceFields(application),
    destination: objectOf(application.spec.destination),
    ...(rules.length === 0 ? {} : { ignoreDifferences: rules }),
  };
}

/** Whether the sources in effect are those of `recorded` (`comparedTo`, `syncResult`). */
export function hasSameSources(application: Application, recorded: JsonObject): boolean {
  const { source, sources } = sourceFields(application);
  // What says nothing is taken out of a spec, and may be in what was recorded before.
  const { source: before } = withoutZeroBlocks(recorded.source === undefined ? {} : { source: recorded.source });
  return isSameField(source, before) && isSameField(sources, recorded.sources);
}

/**
 * Whether the labels and annotations of the destination's namespace were asked for otherwise when the last sync ran. It
 * makes an Application OutOfSync (spec argo-cd-engine 3.1). Without a sync there is nothing to differ from.
 */
export function isNamespaceMetadataChanged(application: Application): boolean {
  const { syncResult } = objectOf(application.status.operationState);
  if (!isJsonObject(syncResult)) return false;
  const { managedNamespaceMetadata } = objectOf(application.spec.syncPolicy);
  return !isSameField(managedNamespaceMetadata, syncResult.managedNamespaceMetadata);
}

/** Equal as Go reads them: a field that is empty text, false, null or an empty list equals one that is absent. */
export function isSameField(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return isDeepStrictEqual(withoutZeros(a), withoutZeros(b));
}

function withoutZeros(value: JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) return value.length === 0 ? null : value.map(withoutZeros);
  if (!isJsonObject(value)) return value === undefined || value === "" || value === false ? null : value;
  const fields = Object.entries(value).map(([key, child]) => [key, withoutZeros(child)] as const);
  return Object.fromEntries(fields.filter(([, child]) => child !== null));
}

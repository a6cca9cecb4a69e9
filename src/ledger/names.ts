import type { EffectRecord, LedgerRecord, SyncRecord } from "../record/records.ts";
import { traceContextOf, traceIdOf } from "../record/trace-context.ts";
import type { StoredRecord } from "./stored-form.ts";

/** At most so many names of one record are kept; a sync has one commit for each source. */
const maxNames = 64;

/**
 * Names, beside its id, that a record is found by: the key of a `gitOps` effect, key, trace and commits of a sync, the object of
 * an observation. Other records have none, so that the table of names stays small.
 */
export function namesOf(record: StoredRecord): readonly string[] {
  switch (record.kind) {
    case "effect":
      return record.triggerKind === "gitOps" && typeof record.key === "string" ? [keyName(record.key)] : [];
    case "sync": {
      const revisions = Array.isArray(record.revisions) ? record.revisions : [];
      const commits = revisions.flatMap((one) => (isCommit(one) ? [commitName(one)] : [])).slice(0, maxNames);
      const trace = traceContextOf(record.traceparent);
      const names = trace === undefined ? commits : [traceName(traceIdOf(trace.traceparent)), ...commits];
      return typeof record.key === "string" ? [keyName(record.key), ...names] : names;
    }
    case "observation":
      return typeof record.object === "string" ? objectNames(record.object) : [];
    default:
      return [];
  }
}

/** Of a trace by its id. */
export function traceName(id: string): string {
  return `trace ${id}`;
}

export function keyName(key: string): string {
  return `key ${key}`;
}

/** What a commit, or the start of one, is looked up as; undefined for what cannot be a commit. */
export function commitPrefix(reference: string): string | undefined {
  return /^[0-9a-f]{7,64}$/i.test(reference) ? commitName(reference) : undefined;
}

/**
 * What a live object is looked up as: `NAMESPACE/NAME`, `KIND/NAMESPACE/NAME`, `KIND/NAME` of one without a namespace, or
 * the object as records write it, with its apiVersion. Case does not matter.
 */
export function objectReference(reference: string): string | undefined {
  const parts = reference.split("/");
  if (parts.length < 2 || parts.some((part) => part === "")) return undefined;
  return parts.length <= 3 && !isCoreVersion(parts[0]) ? objectName(parts) : objectNames(reference)[0];
}

/** Of `apiVersion/kind[/namespace]/name`; the most exact name first. */
function objectNames(object: string): readonly string[] {
  const parts = object.split("/");
  const [kind, ...place] = parts.slice(isCoreVersion(parts[0]) ? 1 : 2);
  if (kind === undefined || place.length === 0) return [];
  const exact = objectName([kind, ...place]);
  return place.length === 1 ? [exact] : [exact, objectName(place)];
}

function objectName(parts: readonly string[]): string {
  return `object ${parts.join("/").toLowerCase()}`;
}

/** The only apiVersion without a group. */
function isCoreVersion(part: string | undefined): boolean {
  return part === "v1";
}

function isCommit(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{40,64}$/i.test(value);
}

function commitName(revision: string): string {
  return `commit ${revision.toLowerCase()}`;
}

/** Whether what follows may name it by its key: a `gitOps` effect, or a sync while it ran. */
export function isNamedByKey(record: LedgerRecord | undefined): record is EffectRecord | SyncRecord {
  return record?.kind === "sync" || (record?.kind === "effect" && record.triggerKind === "gitOps");
}

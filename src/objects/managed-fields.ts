import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { equalFieldSets, type FieldSet, isEmptyFieldSet, parseFieldsV1, toFieldsV1, unionOf } from "./field-set.ts";

/** Who writes, as an entry of `managedFields` names it. */
export interface Manager {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource?: string | undefined;
}

/** One entry of `managedFields`. */
export interface Ownership extends Manager {
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** More entries of updates than this are merged, oldest first, as a real server does it. */
const maxUpdaters = 10;
const oldUpdater = "ancient-changes";

export function isSameManager(a: Manager, b: Manager): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    (a.subresource ?? "") === (b.subresource ?? "") &&
    (a.operation === "Apply" || a.apiVersion === b.apiVersion)
  );
}

/** Undefined when the entries cannot be read. */
export function parseManagedFields(value: JsonValue | undefined): readonly Ownership[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const entries = value.map(parseEntry);
  return entries.every((entry) => entry !== undefined) ? entries : undefined;
}

function parseEntry(entry: JsonValue): Ownership | undefined {
  if (!isJsonObject(entry)) return undefined;
  const { manager, operation, apiVersion, subresource, time } = entry;
  const fields = parseFieldsV1(entry.fieldsV1);
  if (operation !== "Apply" && operation !== "Update") return undefined;
  if (fields === undefined || typeof apiVersion !== "string") return undefined;
  return {
    manager: typeof manager === "string" ? manager : "unknown",
    operation,
    apiVersion,
    subresource: typeof subresource === "string" && subresource !== "" ? subresource : undefined,
    time: typeof time === "string" ? time : undefined,
    fields,
  };
}

/** `[{}]`: how a client clears them. */
export function isReset(value: JsonValue | undefined): boolean {
  const [first] = Array.isArray(value) && value.length === 1 ? value : [];
  return isJsonObject(first) && Object.keys(first).length === 0;
}

/** The entry of `self` with its new fields; its time moves only when they differ. */
export function withOwnership(
  all: readonly Ownership[],
  self: Manager,
  fields: FieldSet,
  { time, before }: { readonly time: string; readonly before: readonly Ownership[] },
): readonly Ownership[] {
  const old = before.find((entry) => isSameManager(entry, self));
  const isUnchanged = old !== undefined && equalFieldSets(old.fields, fields) && old.apiVersion === self.apiVersion;
  const others = all.filter((entry) => !isSameManager(entry, self));
  return [...others, { ...self, ...(isUnchanged ? { fields: old.fields, time: old.time } : { fields, time }) }];
}

/** In the order of a real server: appliers first, then by time and name. Entries that own nothing are left out. */
export function managedFieldsOf(all: readonly Ownership[]): readonly JsonObject[] {
  const owning = all.filter((entry) => entry.operation === "Apply" || !isEmptyFieldSet(entry.fields));
  return withBoundedUpdaters(owning).toSorted(compareOwnership).map(toEntry);
}

function sortKey({ operation, time = "", manager, apiVersion, subresource = "" }: Ownership): string {
  return JSON.stringify([operation, time, manager, apiVersion, subresource]);
}

function compareOwnership(a: Ownership, b: Ownership): number {
  const [left, right] = [sortKey(a), sortKey(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function withBoundedUpdaters(all: readonly Ownership[]): readonly Ownership[] {
  const updaters = all.filter((entry) => entry.operation === "Update").toSorted(compareOwnership);
  if (updaters.length <= maxUpdaters) return all;
  const merged = updaters.slice(0, updaters.length - maxUpdaters + 1);
  const [first] = merged;
  if (first === undefined) return all;
  const fields = merged.map((entry) => entry.fields).reduce(unionOf);
  const old: Ownership = { ...first, manager: oldUpdater, subresource: undefined, time: merged.at(-1)?.time, fields };
  return [...all.filter((entry) => !merged.includes(entry)), old];
}

function toEntry({ manager, operation, apiVersion, subresource, time, fields }: Ownership): JsonObject {
  return {
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: "FieldsV1",
    fieldsV1: toFieldsV1(fields),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

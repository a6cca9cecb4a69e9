import type { JsonObject } from "../base/json.ts";
import { compareFields, fieldsOf, mergeApplied, removeFields, withNamedFields } from "./field-ownership.ts";
import {
  differenceOf,
  emptyFieldSet,
  type FieldSet,
  fieldSetOf,
  intersectionOf,
  isEmptyFieldSet,
  pathTexts,
  unionOf,
  withoutBranches,
} from "./field-set.ts";
import type { ApplyField } from "./kubernetes-types.ts";
import { isSameManager, type Manager, type Ownership, withOwnership } from "./managed-fields.ts";

/** One field that somebody else owns. */
export interface ApplyConflict {
  readonly owner: Ownership;
  readonly path: string;
}

export class ApplyConflictError extends Error {
  readonly conflicts: readonly ApplyConflict[];

  constructor(conflicts: readonly ApplyConflict[]) {
    super("fields of the applied object are owned by others");
    this.conflicts = conflicts;
  }
}

export interface WriteBy {
  readonly self: Manager;
  readonly form: ApplyField;
  /** RFC 3339, whole seconds. */
  readonly time: string;
  /** The main resource of a kind with a status leaves that alone, and so do its owners. */
  readonly hasStatus: boolean;
}

/** What the server owns, whoever writes it. */
const neverOwned = [
  ["apiVersion"],
  ["kind"],
  ["metadata", "name"],
  ["metadata", "namespace"],
  ["metadata", "creationTimestamp"],
  ["metadata", "deletionTimestamp"],
  ["metadata", "deletionGracePeriodSeconds"],
  ["metadata", "selfLink"],
  ["metadata", "uid"],
  ["metadata", "generation"],
  ["metadata", "managedFields"],
  ["metadata", "resourceVersion"],
];
const ignoredByMain = fieldSetOf(neverOwned);
const ignoredByMainWithStatus = fieldSetOf([...neverOwned, ["status"]]);
const ignoredByStatus = fieldSetOf([...neverOwned, ["spec"], ["metadata", "labels"]]);

function owned(fields: FieldSet, { self, hasStatus }: WriteBy): FieldSet {
  if (self.subresource === "status") return withoutMetadata(withoutBranches(fields, ignoredByStatus));
  return withoutMetadata(withoutBranches(fields, hasStatus ? ignoredByMainWithStatus : ignoredByMain));
}

const metadataItself = fieldSetOf([["metadata"]]);

function withoutMetadata(fields: FieldSet): FieldSet {
  return differenceOf(fields, metadataItself);
}

/**
 * The owners after a create (`before` undefined) or update: what differs belongs to the writer, and to nobody else.
 * @throws PatchError list items without their keys
 */
export function ownersAfterUpdate(
  by: WriteBy,
  owners: readonly Ownership[],
  before: JsonObject | undefined,
  after: JsonObject,
): readonly Ownership[] {
  const { changed, removed } = compareFields(before ?? {}, after, by.form);
  const others = owners.flatMap((entry) => {
    if (isSameManager(entry, by.self)) return [];
    const left = differenceOf(differenceOf(entry.fields, changed), removed);
    return isEmptyFieldSet(left) ? [] : [{ ...entry, fields: left }];
  });
  const own = owners.find((entry) => isSameManager(entry, by.self))?.fields ?? emptyFieldSet;
  const fields = owned(unionOf(differenceOf(own, removed), changed), by);
  if (isEmptyFieldSet(fields)) return others;
  return withOwnership(others, by.self, fields, { time: by.time, before: owners });
}

export interface Applied {
  readonly object: JsonObject;
  readonly owners: readonly Ownership[];
}

/**
 * Server-side apply: the applied fields are merged in and owned; fields that the manager applied before and no longer
 * mentions are removed if nobody else owns them. @throws ApplyConflictError (not with `force`) PatchError
 */
export function applyFields(
  by: WriteBy & { readonly force: boolean },
  owners: readonly Ownership[],
  live: JsonObject,
  config: JsonObject,
): Applied {
  const { form, self } = by;
  const fields = owned(fieldsOf(config, form), by);
  const last = owners.find((entry) => isSameManager(entry, self))?.fields ?? emptyFieldSet;
  const others = owners.filter((entry) => !isSameManager(entry, self));
  const merged = mergeApplied(live, config, form);
  const all = others.map((entry) => entry.fields).reduce(unionOf, fields);
  const object = withoutGivenUp(merged, form, last, all);
  const at = { time: by.time, before: owners };
  // Nobody else can lose a field: what differs need not be known.
  if (others.length === 0) return { object, owners: withOwnership([], self, fields, at) };
  const { changed, removed } = compareFields(live, object, form);
  const conflicts = others.flatMap((owner) =>
    pathTexts(intersectionOf(owner.fields, changed)).map((path) => ({ owner, path })),
  );
  if (conflicts.length > 0 && !by.force) throw new ApplyConflictError(conflicts);
  const left = others
    .map((entry) => ({ ...entry, fields: differenceOf(differenceOf(entry.fields, changed), removed) }))
    .filter((entry) => !isEmptyFieldSet(entry.fields));
  return { object, owners: withOwnership(left, self, fields, at) };
}

/** Removes what was applied last, then adds back what is owned, or what is in there and never was applied. */
function withoutGivenUp(merged: JsonObject, form: ApplyField, last: FieldSet, allOwned: FieldSet): JsonObject {
  if (isEmptyFieldSet(last)) return merged;
  const named = (set: FieldSet): FieldSet => withNamedFields(set, form);
  const remove = (set: FieldSet): JsonObject => asObject(removeFields(merged, set, form));
  const everything = named(fieldsOf(merged, form));
  const pruned = remove(named(last));
  const kept = unionOf(named(fieldsOf(pruned, form)), named(allOwned));
  const withOwned = remove(differenceOf(everything, kept));
  const gone = differenceOf(everything, named(fieldsOf(withOwned, form)));
  return remove(intersectionOf(gone, named(last)));
}

function asObject(value: unknown): JsonObject {
  return (value ?? {}) as JsonObject;
}

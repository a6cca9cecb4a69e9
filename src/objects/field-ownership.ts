import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue, setOwn } from "../base/json.ts";
import { formBelow, formOfField, formOfItem, isMergedList, isStruct, stepOfItem } from "./apply-form.ts";
import { emptyFieldSet, type FieldSet, isEmptyFieldSet, memberFieldSet, unionOf } from "./field-set.ts";
import type { ApplyField } from "./kubernetes-types.ts";

/** All paths of a value, as a manager that applies it owns them. @throws PatchError items without their keys */
export function fieldsOf(value: JsonValue, form: ApplyField): FieldSet {
  if (form.atomic) return memberFieldSet;
  if (isJsonObject(value)) return fieldsOfObject(value, form);
  if (!Array.isArray(value) || !isMergedList(form)) return memberFieldSet;
  const items = value.map((item): [string, FieldSet] => {
    return [stepOfItem(form, item), asMember(fieldsOf(item, formOfItem(form)))];
  });
  return { isMember: false, children: new Map(items) };
}

function fieldsOfObject(value: JsonObject, form: ApplyField): FieldSet {
  const areOwn = !isStruct(form);
  const children = new Map<string, FieldSet>();
  for (const [key, part] of Object.entries(value)) {
    const below = fieldsOf(part, formOfField(form, key));
    const set = areOwn || isNothing(part) ? asMember(below) : below;
    if (!isEmptyFieldSet(set)) children.set(`f:${key}`, set);
  }
  return { isMember: false, children };
}

function asMember({ children }: FieldSet): FieldSet {
  return children.size === 0 ? memberFieldSet : { isMember: true, children };
}

function isNothing(value: JsonValue): boolean {
  return value === null || (isJsonObject(value) && Object.keys(value).length === 0);
}

interface Part {
  readonly step: string;
  readonly value: JsonValue;
  readonly form: ApplyField;
}

/** The parts that are owned one by one; undefined for what is owned as a whole. */
function partsOf(value: JsonValue, form: ApplyField): readonly Part[] | undefined {
  if (form.atomic) return undefined;
  if (isJsonObject(value)) {
    return Object.entries(value).map(([key, part]) => ({
      step: `f:${key}`,
      value: part,
      form: formOfField(form, key),
    }));
  }
  if (!Array.isArray(value) || !isMergedList(form)) return undefined;
  return value.map((item) => ({ step: stepOfItem(form, item), value: item, form: formOfItem(form) }));
}

export interface Comparison {
  /** New or different in the second. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** What differs, path by path. @throws PatchError items without their keys */
export function compareFields(before: JsonValue, after: JsonValue, form: ApplyField): Comparison {
  const changed = differing(after, before, form, true);
  return { changed, removed: differing(before, after, form, false) };
}

/** Paths of `value` that `other` lacks; with `andModified` also those of another value. */
function differing(value: JsonValue, other: JsonValue, form: ApplyField, andModified: boolean): FieldSet {
  if (value === other) return emptyFieldSet; // most of an object goes through a patch as it is
  const parts = partsOf(value, form);
  const others = partsOf(other, form);
  if (parts === undefined || others === undefined || Array.isArray(value) !== Array.isArray(other)) {
    if (parts === undefined && others === undefined) {
      return andModified && !isDeepStrictEqual(value, other) ? memberFieldSet : emptyFieldSet;
    }
    // Another kind of value: itself modified, with parts that are all new or all gone.
    if (isNothing(value) && isNothing(other)) return emptyFieldSet;
    return everyPath(parts ?? [], andModified);
  }
  return differingParts(parts, others, andModified);
}

function differingParts(parts: readonly Part[], others: readonly Part[], andModified: boolean): FieldSet {
  const known = new Map(others.map((part) => [part.step, part.value]));
  const children = new Map<string, FieldSet>();
  for (const part of parts) {
    const found = known.get(part.step);
    const set =
      found === undefined
        ? everyPath(partsOf(part.value, part.form) ?? [], true)
        : differing(part.value, found, part.form, andModified);
    if (!isEmptyFieldSet(set)) children.set(part.step, unionOf(children.get(part.step) ?? emptyFieldSet, set));
  }
  return { isMember: false, children };
}

/** The parts and everything in them, structs too. */
function everyPath(parts: readonly Part[], isMember = false): FieldSet {
  const children = parts.map((part): [string, FieldSet] => [
    part.step,
    everyPath(partsOf(part.value, part.form) ?? [], true),
  ]);
  return { isMember, children: new Map(children) };
}

/** Adds fields of structs whose content is in the set. */
export function withNamedFields(set: FieldSet, form: ApplyField, isField = false): FieldSet {
  const children = [...set.children].map(([step, child]): [string, FieldSet] => {
    const isNamed = isStruct(form) && step.startsWith("f:");
    return [step, withNamedFields(child, formBelow(form, step), isNamed)];
  });
  return { isMember: set.isMember || isField, children: new Map(children) };
}

/** The value without the members of the set; undefined when nothing is left of it. */
export function removeFields(value: JsonValue, set: FieldSet, form: ApplyField): JsonValue | undefined {
  const parts = set.children.size === 0 ? undefined : partsOf(value, form);
  if (parts === undefined) return value;
  const kept = parts.flatMap(({ step, value: part, form: partForm }): [string, JsonValue][] => {
    const below = set.children.get(step);
    if (below === undefined) return [[step, part]];
    const rest = below.isMember ? undefined : removeFields(part, below, partForm);
    return rest === undefined ? [] : [[step, rest]];
  });
  if (kept.length === 0 && parts.length > 0) return undefined;
  if (Array.isArray(value)) return kept.map(([, item]) => item);
  return Object.fromEntries(kept.map(([step, item]) => [step.slice(2), item]));
}

/** What apply makes of the live object before fields given up are removed; null of the applied says nothing. */
export function mergeApplied(live: JsonObject, applied: JsonObject, form: ApplyField): JsonObject {
  const merged: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(live)) {
    if (value !== null) setOwn(merged, key, value);
  }
  for (const [key, value] of Object.entries(applied)) {
    if (value === null) continue;
    const old = Object.hasOwn(live, key) ? live[key] : undefined;
    setOwn(merged, key, mergeValue(old, value, formOfField(form, key)));
  }
  return merged;
}

function mergeValue(old: JsonValue | undefined, value: JsonValue, form: ApplyField): JsonValue {
  if (form.atomic || value === null) return value;
  if (isJsonObject(value)) return mergeApplied(isJsonObject(old) ? old : {}, value, form);
  if (!Array.isArray(value) || !isMergedList(form)) return value;
  return mergeItems(Array.isArray(old) ? old : [], value, form);
}

/** Applied items in their order; those of others stay where they were between items that both have. */
function mergeItems(old: readonly JsonValue[], applied: readonly JsonValue[], form: ApplyField): JsonValue {
  const oldItems = old.map((value) => ({ value, step: stepOfItem(form, value) }));
  const items = applied.map((value) => ({ value, step: stepOfItem(form, value) }));
  const appliedSteps = new Set(items.map((item) => item.step));
  const oldValues = new Map(oldItems.map((item) => [item.step, item.value]));
  const shared = items.filter((item) => oldValues.has(item.step)).map((item) => item.step);
  const result: JsonValue[] = [];
  let next = 0;
  const takeOthers = (): void => {
    for (let item = oldItems[next]; item !== undefined && item.step !== shared[0]; item = oldItems[++next]) {
      if (!appliedSteps.has(item.step)) result.push(item.value);
    }
  };
  for (const { value, step } of items) {
    takeOthers();
    result.push(mergeValue(oldValues.get(step), value, formOfItem(form)));
    if (step === shared[0]) shared.shift();
  }
  takeOthers();
  return result;
}

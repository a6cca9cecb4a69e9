import { isJsonObject, type JsonObject, type JsonValue, parseJson, setOwn } from "../../base/json.ts";
import { formOfField, formOfItem, isMergedList } from "../../objects/apply-form.ts";
import type { ApplyField } from "../../objects/kubernetes-types.ts";
import type { KubeObject } from "../../objects/object.ts";
import { itemFinder } from "./list-steps.ts";
import { lastAppliedAnnotation } from "./normalize.ts";

export const fieldManager = "argocd-controller";

/**
 * What the last sync wrote, with live values: the fields that our manager applied and owns alone; else what `kubectl`
 * left in its annotation. Undefined when neither is there: then nothing that the target lacks is ours to remove.
 * `form` is that of the kind, where it is known: it tells an empty object that the server filled (`strategy: {}`) from one
 * that is owned as a whole.
 */
export function lastApplied(live: KubeObject, form?: ApplyField): JsonObject | undefined {
  const entries = mainEntries(live);
  const own = entries.find(isOurs);
  if (own !== undefined && isJsonObject(own.fieldsV1)) {
    const others = entries.filter((entry) => entry !== own).map(({ fieldsV1 }) => fieldsV1);
    const alone = subtract(own.fieldsV1, others.filter(isJsonObject));
    return objectOf(project(live as unknown as JsonObject, alone ?? {}, form));
  }
  return annotatedAsApplied(live);
}

function mainEntries(live: KubeObject): readonly JsonObject[] {
  return (live.metadata.managedFields ?? []).filter(isJsonObject).filter((entry) => !entry.subresource);
}

function isOurs({ manager, operation }: JsonObject): boolean {
  return manager === fieldManager && operation === "Apply";
}

export function isAppliedByUs(live: KubeObject): boolean {
  return isJsonObject(mainEntries(live).find(isOurs)?.fieldsV1);
}

/** What `kubectl apply` left. */
export function annotatedAsApplied(live: KubeObject): JsonObject | undefined {
  return parseAnnotation(live.metadata.annotations?.[lastAppliedAnnotation]);
}

function parseAnnotation(text: string | undefined): JsonObject | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    // As the original: what cannot be read counts as absent.
    return undefined;
  }
}

/** The fields of `live` that a set in the form FieldsV1 names. */
export function ownedBy(live: KubeObject, manager: string, form?: ApplyField): readonly JsonObject[] {
  const entries = (live.metadata.managedFields ?? []).filter(isJsonObject);
  return entries
    .filter((entry) => entry.manager === manager)
    .flatMap(({ fieldsV1 }) => (isJsonObject(fieldsV1) ? [fieldsV1] : []))
    .map((fields) => objectOf(project(live as unknown as JsonObject, fields, form)));
}

/** Undefined: nothing is left. A leaf is the whole value below it. */
function subtract(own: JsonObject, others: readonly JsonObject[]): JsonObject | undefined {
  if (others.length === 0) return own;
  if (Object.keys(own).length === 0) return undefined;
  const left = Object.entries(own).flatMap(([key, value]): [string, JsonValue][] => {
    const theirs = others.flatMap((other) => (Object.hasOwn(other, key) ? [objectOf(other[key])] : []));
    const rest = subtract(objectOf(value), theirs);
    return rest === undefined ? [] : [[key, rest]];
  });
  return left.length > 0 ? Object.fromEntries(left) : undefined;
}

function project(value: JsonValue | undefined, fields: JsonObject, form?: ApplyField): JsonValue | undefined {
  if (isLeaf(fields)) return leafOf(value, form);
  if (Array.isArray(value)) return projectList(value, fields, form);
  if (!isJsonObject(value)) return value;
  const found: Record<string, JsonValue> = {};
  for (const [key, below] of Object.entries(fields)) {
    const name = key.startsWith("f:") ? key.slice(2) : "";
    if (key === "." || !Object.hasOwn(value, name)) continue;
    const child = project(value[name], objectOf(below), form && formOfField(form, name));
    if (child !== undefined) setOwn(found, name, child);
  }
  return found;
}

/** Whether a set names nothing below its own place. */
export function isLeaf(fields: JsonObject): boolean {
  for (const name in fields) if (name !== ".") return false;
  return true;
}

/** What is owned as one: all of it, but of an object or list whose parts are owned one by one only that it is there. */
function leafOf(value: JsonValue | undefined, form: ApplyField | undefined): JsonValue | undefined {
  if (form === undefined || form.atomic) return value;
  if (isJsonObject(value)) return {};
  return Array.isArray(value) && isMergedList(form) ? [] : value;
}

/** The items that steps name, in the order of the list. */
function projectList(list: readonly JsonValue[], fields: JsonObject, form: ApplyField | undefined): JsonValue {
  const placeOf = itemFinder(list, form);
  const found = Object.keys(fields).flatMap((key): { readonly at: number; readonly item: JsonValue }[] => {
    const at = placeOf(key);
    if (at < 0) return [];
    if (key.startsWith("v:")) return [{ at, item: list[at] ?? null }];
    const wanted = objectOf(parseJson(key.slice(2)));
    const inner = objectOf(fields[key]);
    const projected = project(list[at], inner, form && formOfItem(form));
    return isJsonObject(projected) ? [{ at, item: { ...writtenKeys(wanted, inner), ...projected } }] : [];
  });
  return found.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

/** A key that the server filled in (`protocol: TCP`) names the item, but nobody wrote it. */
function writtenKeys(wanted: JsonObject, fields: JsonObject): JsonObject {
  const written = Object.entries(wanted).filter(([key]) => Object.hasOwn(fields, `f:${key}`));
  return written.length > 0 ? Object.fromEntries(written) : wanted;
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { defaultOf, hasDefaults, isUnset } from "../../objects/field-defaults.ts";
import { type PatchField, patchTypes } from "../../objects/kubernetes-types.ts";
import { setField } from "../../objects/merge-patch.ts";
import { fieldTypes } from "../../objects/typed-fields.ts";
import { canonicalText } from "./list-steps.ts";

/** The three sides of one value; `applied` is what the last sync wrote there. */
interface Sides {
  readonly target: JsonValue;
  readonly live: JsonValue | undefined;
  readonly applied: JsonValue | undefined;
}

/** What is known of a value's type. */
interface Form {
  /** How a patch merges it. */
  readonly field: PatchField | undefined;
  /** As in `fieldTypes`; "" for what is not known. */
  readonly code: string;
  readonly isBuiltIn: boolean;
}

/**
 * The live object as it would be after the target is applied: the target's fields over the live ones, and what the last
 * sync wrote and the target lacks removed. `type` is a key of `patchTypes`; undefined: lists are merged by position.
 * For built-in kinds a zero value counts as absent where the live object lacks the field, since Go writes it so; what is
 * null or removed has the server's default then.
 */
export function predictLive(
  target: JsonObject,
  live: JsonObject,
  applied: JsonObject | undefined,
  type: string | undefined,
): JsonObject {
  const form = { field: type === undefined ? undefined : { type }, code: type ?? "", isBuiltIn: type !== undefined };
  return mergeObject({ target, live, applied }, form);
}

function formOf(form: Form, key: string): Form {
  const { field, code, isBuiltIn } = form;
  const fields = field?.type === undefined ? undefined : patchTypes[field.type];
  const codes = fieldTypes[code];
  return {
    field: field?.map === undefined ? fields?.[key] : { type: field.map },
    code: code.startsWith("{}")
      ? code.slice(2)
      : codes !== undefined && Object.hasOwn(codes, key)
        ? (codes[key] ?? "")
        : "",
    isBuiltIn,
  };
}

function formOfItems({ field, code, isBuiltIn }: Form): Form {
  return {
    field: field?.list ? { type: field.list } : undefined,
    code: code.startsWith("[]") ? code.slice(2) : "",
    isBuiltIn,
  };
}

function mergeObject(sides: Sides, form: Form): JsonObject {
  const live = objectOf(sides.live);
  const applied = objectOf(sides.applied);
  const target = objectOf(sides.target);
  const result = keptFields(live, target, applied, form);
  for (const [key, value] of Object.entries(target)) {
    const old = Object.hasOwn(live, key) ? live[key] : undefined;
    const isNothing = value === null || isLeftToServer(value, old, form, key);
    // Of a custom kind null is as good as absent, unless it was written before: nobody knows the server's default.
    if (isNothing && (form.isBuiltIn || (applied[key] ?? null) !== null)) delete result[key];
    if (isNothing || (old === undefined && form.isBuiltIn && isZero(value))) continue;
    const isScalar = typeof value !== "object";
    setField(
      result,
      key,
      isScalar ? value : mergeValue({ target: value, live: old, applied: applied[key] }, formOf(form, key)),
    );
  }
  fillIn(result, live, form);
  return result;
}

/** Written as a zero value where a server took it for no value. */
function isLeftToServer(value: JsonValue, old: JsonValue | undefined, { code, isBuiltIn }: Form, key: string): boolean {
  return isBuiltIn && old !== undefined && isUnset(code, key, value) && !isUnset(code, key, old);
}

function keptFields(live: JsonObject, target: JsonObject, applied: JsonObject, form: Form): Record<string, JsonValue> {
  const result: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(live)) {
    const isGone = !Object.hasOwn(target, key) && Object.hasOwn(applied, key);
    const left = isGone ? removeApplied(value, applied[key], formOf(form, key)) : value;
    if (left !== undefined) setField(result, key, left);
  }
  return result;
}

/** What others added to a map that was ours stays. Undefined: nothing is left. */
function removeApplied(live: JsonValue, applied: JsonValue | undefined, form: Form): JsonValue | undefined {
  if (!isJsonObject(live) || !isJsonObject(applied)) return undefined;
  const left: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(live)) {
    const rest = Object.hasOwn(applied, key) ? removeApplied(value, applied[key], formOf(form, key)) : value;
    if (rest !== undefined) setField(left, key, rest);
  }
  if (Object.keys(left).length === 0) return undefined;
  fillIn(left, live, form);
  return left;
}

/** What the live object has and nobody names any more is what the server puts there. */
function fillIn(result: Record<string, JsonValue>, live: JsonObject, { code, isBuiltIn }: Form): void {
  if (!isBuiltIn || !hasDefaults(code)) return;
  for (const [key, value] of Object.entries(live)) {
    if (value === null || Object.hasOwn(result, key)) continue;
    const filled = defaultOf(code, key, result, value);
    if (filled !== undefined) setField(result, key, filled);
  }
}

function mergeValue(sides: Sides, form: Form): JsonValue {
  const { target, live } = sides;
  if (isJsonObject(target)) return isJsonObject(live) || live === undefined ? mergeObject(sides, form) : target;
  if (!Array.isArray(target) || !Array.isArray(live)) return target;
  const items = formOfItems(form);
  const { field } = form;
  if (field?.list === undefined) return mergeByPosition(target, live, items);
  if (field.key === undefined) return mergeSet(target, live, listOf(sides.applied));
  const lists = { target, live, applied: listOf(sides.applied) };
  return isKeyed(target, field.key) && isKeyed(live, field.key)
    ? mergeByKey(lists, field.key, items)
    : mergeByPosition(target, live, items);
}

/** The target's items only; fields that an item lacks are the live item's at that place (defaults of the server). */
function mergeByPosition(target: readonly JsonValue[], live: readonly JsonValue[], form: Form): JsonValue {
  return target.map((item, index) => mergeValue({ target: item, live: live[index], applied: undefined }, form));
}

function mergeSet(
  target: readonly JsonValue[],
  live: readonly JsonValue[],
  applied: readonly JsonValue[],
): readonly JsonValue[] {
  const textsOf = (list: readonly JsonValue[]): ReadonlySet<string> => new Set(list.map(canonicalText));
  const [wanted, former, was] = [textsOf(target), textsOf(live), textsOf(applied)];
  const kept = live.filter((value) => {
    const text = canonicalText(value);
    return wanted.has(text) || !was.has(text);
  });
  return [...kept, ...target.filter((value) => !former.has(canonicalText(value)))];
}

/** The target's items in their order; others of the live list keep their place between items that both have. */
function mergeByKey(
  { target, live, applied }: Record<"target" | "live" | "applied", readonly JsonValue[]>,
  key: string,
  form: Form,
): readonly JsonValue[] {
  const [wanted, former, was] = [byKey(target, key), byKey(live, key), byKey(applied, key)];
  const shared = [...wanted.keys()].filter((id) => former.has(id));
  const others = [...former];
  const result: JsonValue[] = [];
  let next = 0;
  const takeOthers = (until: string | undefined): void => {
    for (let entry = others[next]; entry !== undefined && entry[0] !== until; entry = others[++next]) {
      if (!wanted.has(entry[0]) && !was.has(entry[0])) result.push(entry[1]);
    }
  };
  for (const [id, item] of wanted) {
    takeOthers(shared[0]);
    const old = former.get(id);
    result.push(old === undefined ? item : mergeValue({ target: item, live: old, applied: was.get(id) }, form));
    if (id === shared[0]) shared.shift();
  }
  takeOthers(undefined);
  return result;
}

function byKey(list: readonly JsonValue[], key: string): ReadonlyMap<string, JsonValue> {
  return new Map(list.filter(isJsonObject).map((item) => [JSON.stringify(item[key]), item]));
}

/** Every item is an object with that key, and none has it twice (one port for TCP and UDP). */
function isKeyed(list: readonly JsonValue[], key: string): boolean {
  const keys = list.map((item) => (isJsonObject(item) ? item[key] : undefined));
  return !keys.includes(undefined) && new Set(keys.map((value) => JSON.stringify(value))).size === keys.length;
}

/** What Go leaves out of JSON. */
function isZero(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isJsonObject(value)) return Object.values(value).every(isZero);
  return value === null || value === false || value === 0 || value === "";
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

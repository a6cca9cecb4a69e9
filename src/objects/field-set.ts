import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../base/json.ts";

/**
 * A set of paths into an object, as `managedFields[].fieldsV1` holds it. Steps are written as there: `f:name` (field),
 * `k:{…}` (list item by keys), `v:…` (item of a set). A path may be in the set without its children, and they without it.
 */
export interface FieldSet {
  readonly isMember: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const emptyFieldSet: FieldSet = { isMember: false, children: new Map() };
export const memberFieldSet: FieldSet = { isMember: true, children: new Map() };

export function isEmptyFieldSet(set: FieldSet): boolean {
  return !set.isMember && set.children.size === 0;
}

type IsKept = (inA: boolean, inB: boolean) => boolean;

/** Combines the two path by path; what ends up empty is left out. What stands in one of them alone is shared, not copied. */
function combine(a: FieldSet, b: FieldSet, isKept: IsKept): FieldSet {
  if (isEmptyFieldSet(b)) return isKept(true, false) ? a : emptyFieldSet;
  if (isEmptyFieldSet(a)) return isKept(false, true) ? b : emptyFieldSet;
  const children = combineChildren(a, b, isKept);
  const isMember = isKept(a.isMember, b.isMember);
  return children === a.children && isMember === a.isMember ? a : { isMember, children };
}

/** Those of `a` themselves where `b` makes no difference. */
function combineChildren(a: FieldSet, b: FieldSet, isKept: IsKept): FieldSet["children"] {
  const children = new Map<string, FieldSet>();
  let isSame = true;
  for (const [step, inA] of a.children) {
    const child = combine(inA, b.children.get(step) ?? emptyFieldSet, isKept);
    if (child !== inA) isSame = false;
    if (!isEmptyFieldSet(child)) children.set(step, child);
  }
  for (const [step, inB] of isKept(false, true) ? b.children : []) {
    if (a.children.has(step)) continue;
    isSame = false;
    children.set(step, inB);
  }
  return isSame ? a.children : children;
}

export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (inA, inB) => inA || inB);
}

export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (inA, inB) => inA && !inB);
}

export function intersectionOf(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (inA, inB) => inA && inB);
}

/** `a` without the members of `b` and all below them. */
export function withoutBranches(a: FieldSet, b: FieldSet): FieldSet {
  if (b.isMember) return emptyFieldSet;
  const children = new Map<string, FieldSet>();
  for (const [step, child] of a.children) {
    const removed = b.children.get(step);
    const rest = removed === undefined ? child : withoutBranches(child, removed);
    if (!isEmptyFieldSet(rest)) children.set(step, rest);
  }
  return { isMember: a.isMember, children };
}

export function equalFieldSets(a: FieldSet, b: FieldSet): boolean {
  if (a.isMember !== b.isMember || a.children.size !== b.children.size) return false;
  for (const [step, child] of a.children) {
    const other = b.children.get(step);
    if (other === undefined || !equalFieldSets(child, other)) return false;
  }
  return true;
}

/** Of field names: `["metadata", "labels"]`. */
export function fieldSetOf(paths: readonly (readonly string[])[]): FieldSet {
  const single = (path: readonly string[]): FieldSet =>
    path.reduceRight<FieldSet>(
      (child, name) => ({ isMember: false, children: new Map([[`f:${name}`, child]]) }),
      memberFieldSet,
    );
  return paths.map(single).reduce(unionOf, emptyFieldSet);
}

/** What sets were read from: most are written back as they were. */
const writtenAs = new WeakMap<FieldSet, JsonObject>();

/** In order of steps, so that equal sets give equal text. */
export function toFieldsV1(set: FieldSet): JsonObject {
  return writtenAs.get(set) ?? fieldsV1Of(set);
}

const nothing: JsonObject = {};

function fieldsV1Of({ children }: FieldSet, isMember = false): JsonObject {
  if (children.size === 0) return nothing;
  const fields: Record<string, JsonObject> = isMember ? { ".": nothing } : {};
  const steps = children.size === 1 ? children.keys() : [...children.keys()].sort();
  for (const step of steps) {
    const child = children.get(step);
    if (child !== undefined) fields[step] = fieldsV1Of(child, child.isMember);
  }
  return fields;
}

/** Undefined when it is none. */
export function parseFieldsV1(value: JsonValue | undefined): FieldSet | undefined {
  if (!isJsonObject(value)) return undefined;
  const set = parseNode(value, false);
  if (set !== undefined && isInOrder(value)) writtenAs.set(set, value);
  return set;
}

/** A client may have written them otherwise. */
function isInOrder(value: JsonObject): boolean {
  let before = "";
  for (const [step, below] of Object.entries(value)) {
    if (step < before || !isJsonObject(below) || !isInOrder(below)) return false;
    before = step;
  }
  return true;
}

function parseNode(value: JsonObject, isLeafMember: boolean): FieldSet | undefined {
  const children = new Map<string, FieldSet>();
  let isMember = false;
  for (const [step, below] of Object.entries(value)) {
    if (step === ".") isMember = true;
    else if (!/^[fkvi]:/.test(step) || !isJsonObject(below)) return undefined;
    else {
      const child = parseNode(below, true);
      if (child === undefined) return undefined;
      children.set(step, child);
    }
  }
  return { isMember: isMember || (isLeafMember && children.size === 0), children };
}

/** Every member as Kubernetes writes paths: `.spec.containers[name="web"].image`. */
export function pathTexts(set: FieldSet, prefix = ""): string[] {
  const own = set.isMember ? [prefix] : [];
  const below = [...set.children]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([step, child]) => pathTexts(child, prefix + stepText(step)));
  return [...own, ...below];
}

function stepText(step: string): string {
  const rest = step.slice(2);
  if (step.startsWith("f:")) return `.${rest}`;
  if (step.startsWith("v:")) return `[=${rest}]`;
  if (step.startsWith("i:")) return `[${rest}]`;
  const keys: unknown = parseJson(rest);
  const parts = isJsonObject(keys) ? Object.entries(keys).map(([key, value]) => `${key}=${JSON.stringify(value)}`) : [];
  return `[${parts.join(",")}]`;
}

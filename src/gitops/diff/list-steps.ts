import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";
import type { ApplyField } from "../../objects/kubernetes-types.ts";

/**
 * Items of lists as FieldsV1 names them: `k:{"name":"x"}` by its keys, `v:"x"` by its value. A list is read once for all
 * steps: an object may have ten thousand items, and as many steps.
 */

/** The steps of one list name the same keys. More kinds of steps than this name nothing. */
const maxSignatures = 8;

interface Step {
  /** Undefined: the value itself. */
  readonly keys: readonly string[] | undefined;
  readonly signature: string;
  readonly address: string;
}

/** Undefined for what names no item by its content. The same few steps stand in most objects. */
const readStep: (step: string) => Step | undefined = memoize((step) => computeStep(step), 2_000);

function computeStep(step: string): Step | undefined {
  const isValue = step.startsWith("v:");
  if (!isValue && !step.startsWith("k:")) return undefined;
  const named = read(step.slice(2));
  if (named === undefined) return undefined;
  if (isValue) return { keys: undefined, signature: "v", address: canonicalText(named) };
  if (!isJsonObject(named)) return undefined;
  const keys = Object.keys(named).sort();
  return { keys, signature: `k${JSON.stringify(keys)}`, address: addressOf(named, keys, {}) ?? "" };
}

function read(text: string): JsonValue | undefined {
  try {
    return parseJson(text) as JsonValue;
  } catch {
    return undefined; // no key of ours: names nothing
  }
}

/** A key that an item lacks has its default. Undefined: it cannot be named by these keys. */
function addressOf(
  item: JsonValue,
  keys: readonly string[] | undefined,
  defaults: NonNullable<ApplyField["defaults"]>,
): string | undefined {
  if (keys === undefined) return canonicalText(item);
  if (!isJsonObject(item)) return undefined;
  return keys.map((key) => canonicalText(item[key] ?? defaults[key])).join();
}

/** Equal values have equal texts. */
export function canonicalText(value: JsonValue | undefined): string {
  if (value === undefined) return "";
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return canonicalJson(value);
}

/** Says where in the list the item is that a step names; -1: nowhere. The first of equal ones. */
export function itemFinder(list: readonly JsonValue[], form: ApplyField | undefined): (step: string) => number {
  const found = new Map<string, ReadonlyMap<string, number>>();
  return (text) => {
    const step = readStep(text);
    if (step === undefined) return -1;
    let places = found.get(step.signature);
    if (places === undefined && found.size < maxSignatures) {
      places = placesIn(list, step.keys, form?.defaults ?? {});
      found.set(step.signature, places);
    }
    return places?.get(step.address) ?? -1;
  };
}

function placesIn(
  list: readonly JsonValue[],
  keys: readonly string[] | undefined,
  defaults: NonNullable<ApplyField["defaults"]>,
): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    const address = addressOf(item, keys, defaults);
    if (address !== undefined && !places.has(address)) places.set(address, index);
  }
  return places;
}

/** Says which of the steps in a set names an item; undefined: none. */
export function stepFinder(fields: JsonObject): (item: JsonValue) => string | undefined {
  const steps = new Map<string, { readonly keys: Step["keys"]; readonly names: Map<string, string> }>();
  for (const name of Object.keys(fields)) {
    const step = readStep(name);
    if (step === undefined) continue;
    const known = steps.get(step.signature);
    if (known === undefined && steps.size >= maxSignatures) continue;
    const { names } = known ?? { names: new Map<string, string>() };
    if (!names.has(step.address)) names.set(step.address, name);
    steps.set(step.signature, { keys: step.keys, names });
  }
  return (item) => {
    for (const { keys, names } of steps.values()) {
      const address = addressOf(item, keys, {});
      const name = address === undefined ? undefined : names.get(address);
      if (name !== undefined) return name;
    }
    return undefined;
  };
}

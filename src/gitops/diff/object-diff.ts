import type { IgnoreRule } from "../../api/application-types.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { builtInResources } from "../../objects/kubernetes-types.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type Difference, groupOf, type ObjectDiff } from "./diff.ts";
import { ignoreDifferences } from "./ignore.ts";
import { lastApplied } from "./last-applied.ts";
import { maskSecrets } from "./mask.ts";
import { normalizeObject } from "./normalize.ts";
import { predictLive } from "./predict.ts";
import { isSameQuantity } from "./quantity.ts";

export interface DiffOptions {
  readonly ignore?: readonly IgnoreRule[];
}

/** Beyond this, differences of one object are not listed. */
const maxDifferences = 200;

/**
 * How the live object would change by a sync (spec argo-cd-engine 3). With one side missing nothing is compared: only a
 * target counts as modified, only a live object does not. Values of Secrets are masked.
 */
export function diffObject(
  target: KubeObject | undefined,
  live: KubeObject | undefined,
  options: DiffOptions = {},
): ObjectDiff {
  if (target === undefined || live === undefined) return oneSided(target, live);
  const plainLive = normalizeObject(live);
  const type = typeOf(target);
  const applied = lastApplied(live, type === undefined ? undefined : { type });
  const base = applied === undefined ? undefined : normalizeObject(applied as unknown as KubeObject);
  const predicted = predictLive(normalizeObject(target), plainLive, base, type);
  const sides = ignoreDifferences({ predicted, live: plainLive }, live, options.ignore ?? []);
  const isSecret = target.kind === "Secret" && groupOf(target) === "";
  const shown = isSecret ? maskSecrets({ target: sides.predicted, live: sides.live }) : undefined;
  const left = shown?.live ?? sides.live;
  const right = shown?.target ?? sides.predicted;
  const differences = listDifferences(left, right);
  return { isModified: differences.length > 0, differences, normalizedLive: left, predictedLive: right };
}

function oneSided(target: KubeObject | undefined, live: KubeObject | undefined): ObjectDiff {
  const shown = (object: KubeObject): JsonObject => {
    const plain = normalizeObject(object);
    return object.kind === "Secret" && groupOf(object) === "" ? maskSecrets({ target: plain, live: {} }).target : plain;
  };
  return {
    isModified: target !== undefined,
    differences: [],
    normalizedLive: live === undefined ? null : shown(live),
    predictedLive: target === undefined ? null : shown(target),
  };
}

/** By group, version and kind: the key into the facts about built-in types. */
const builtInTypes: ReadonlyMap<string, string> = new Map(
  builtInResources.map(({ group, version, kind, type }) => [`${group ? `${group}/` : ""}${version}/${kind}`, type]),
);

function typeOf({ apiVersion, kind }: KubeObject): string | undefined {
  return builtInTypes.get(`${apiVersion}/${kind}`);
}

/** Every place in which they differ, in the order of keys; at most 200. */
export function listDifferences(live: JsonObject, target: JsonObject): readonly Difference[] {
  const found: Difference[] = [];
  compare(live, target, "", found);
  return found;
}

function compare(live: JsonValue | undefined, target: JsonValue | undefined, path: string, found: Difference[]): void {
  if (found.length >= maxDifferences) return;
  if (isJsonObject(live) && isJsonObject(target)) {
    for (const key of [...new Set([...Object.keys(live), ...Object.keys(target)])].sort()) {
      compare(own(live, key), own(target, key), fieldPath(path, key), found);
    }
    return;
  }
  if (Array.isArray(live) && Array.isArray(target)) {
    for (let index = 0; index < Math.max(live.length, target.length); index++) {
      compare(live[index], target[index], `${path}[${index}]`, found);
    }
    return;
  }
  if ((live ?? null) === (target ?? null) || isSameQuantity(path, live, target)) return;
  found.push({ path, ...(live === undefined ? {} : { live }), ...(target === undefined ? {} : { target }) });
}

function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function fieldPath(path: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

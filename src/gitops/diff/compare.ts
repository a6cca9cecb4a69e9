import type { IgnoreRule } from "../../api/application-types.ts";
import { ignoresExtraneous, isHook, isSkipped, waveOf } from "../../api/resource-annotations.ts";
import type { KubeObject } from "../../objects/object.ts";
import { keyOf, keyText, type ObjectDiff } from "./diff.ts";
import { diffObject } from "./object-diff.ts";
import { createDiffRules, type DiffRules } from "./rules.ts";
import { isSelfReferenced, type TrackingMethod } from "./tracking.ts";

export type SyncStatus = "Synced" | "OutOfSync" | "Unknown";

/** One object of an Application: what should be, what is, and what that means. */
export interface ComparedObject {
  readonly target?: KubeObject;
  readonly live?: KubeObject;
  readonly diff: ObjectDiff;
  /** Absent: it has no status (hooks, copies that others made). */
  readonly status?: SyncStatus;
  readonly isHook: boolean;
  readonly requiresPruning: boolean;
  /** The target's; of a hook that is still there its manifest's. */
  readonly syncWave: number;
  /** Whether the tracking is the object's own. */
  readonly isSelfReferenced: boolean;
}

export interface Comparison {
  /** In the order of targets, then what is live only. Hooks among the targets are in `hooks`. */
  readonly objects: readonly ComparedObject[];
  readonly hooks: readonly KubeObject[];
  readonly status: SyncStatus;
}

export interface CompareOptions {
  readonly method: TrackingMethod;
  /** Rules of the Application alone; `rules` goes before. */
  readonly ignore?: readonly IgnoreRule[];
  readonly rules?: DiffRules;
  /** In place of `diffObject`: one that remembers. */
  readonly diff?: (
    target: KubeObject | undefined,
    live: KubeObject | undefined,
    options: { readonly rules: DiffRules },
  ) => ObjectDiff;
}

/**
 * Pairs targets with the live objects of the Application by key and says what differs (spec argo-cd-engine 3.1).
 * `targets` come from `toTargets`; `live` holds the objects tracked as the Application's, and those of the targets' names.
 */
export function compareObjects(
  targets: readonly KubeObject[],
  live: readonly KubeObject[],
  options: CompareOptions,
): Comparison {
  const rules = options.rules ?? createDiffRules({ ignore: options.ignore ?? [] });
  const left = byKey(targets, live);
  const objects: ComparedObject[] = [];
  const hooks: KubeObject[] = [];
  for (const target of targets) {
    if (isHook(annotationsOf(target))) {
      hooks.push(target);
      continue;
    }
    const key = keyText(keyOf(target));
    objects.push(comparePair(target, left.get(key), rules, options));
    left.delete(key);
  }
  const waves = new Map(hooks.map((hook) => [keyText(keyOf(hook)), waveOf(annotationsOf(hook))]));
  for (const [key, object] of left)
    objects.push({ ...comparePair(undefined, object, rules, options), syncWave: waves.get(key) ?? 0 });
  const isOutOfSync = objects.some(({ status, target, live: found }) => {
    const isIgnored = target === undefined && found !== undefined && ignoresExtraneous(annotationsOf(found));
    return status === "OutOfSync" && !isIgnored;
  });
  return { objects, hooks, status: isOutOfSync ? "OutOfSync" : "Synced" };
}

/** One object that is seen through two groups of the API is one: that which a target names. */
function byKey(targets: readonly KubeObject[], live: readonly KubeObject[]): Map<string, KubeObject> {
  const wanted = new Set(targets.map((target) => keyText(keyOf(target))));
  const found = new Map<string, KubeObject>();
  const seen = new Map<string, string>();
  for (const object of live) {
    const key = keyText(keyOf(object));
    const { uid = "" } = object.metadata;
    const other = uid === "" ? undefined : seen.get(uid);
    if (other !== undefined && (wanted.has(other) || !wanted.has(key))) continue;
    if (other !== undefined) found.delete(other);
    found.set(key, object);
    seen.set(uid, key);
  }
  return found;
}

function comparePair(
  target: KubeObject | undefined,
  live: KubeObject | undefined,
  rules: DiffRules,
  options: CompareOptions,
): ComparedObject {
  const diff = (options.diff ?? diffObject)(target, live, { rules });
  const annotations = annotationsOf(target ?? live);
  const isHookObject = isHook(annotations);
  const isOwn = isSelfReferenced(live, target, options.method);
  const hasStatus = !isHookObject && isOwn && !(target && isSkipped(annotations));
  const isDifferent = diff.isModified || target === undefined || live === undefined;
  return {
    ...(target ? { target } : {}),
    ...(live ? { live } : {}),
    ...(hasStatus ? { status: isDifferent ? "OutOfSync" : "Synced" } : {}),
    diff,
    isHook: isHookObject,
    requiresPruning: target === undefined && isOwn,
    syncWave: waveOf(annotations),
    isSelfReferenced: isOwn,
  };
}

function annotationsOf(object: KubeObject | undefined): Readonly<Record<string, string>> {
  return object?.metadata.annotations ?? {};
}

import type { JsonObject } from "../../base/json.ts";
import { builtInType } from "../../objects/kubernetes-types.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf, type ObjectDiff } from "./diff.ts";
import { listDifferences } from "./differences.ts";
import { maskSecrets } from "./mask.ts";
import { diffObject, plainObject } from "./object-diff.ts";
import type { DiffRules } from "./rules.ts";

/**
 * How two manifests of one object differ, by the rules of the Application: unlike with a live object, what one of them does
 * not name is not there. Values of Secrets are masked.
 */
export function diffManifests(
  target: KubeObject | undefined,
  base: KubeObject | undefined,
  options: { readonly rules: DiffRules },
): ObjectDiff {
  if (target === undefined || base === undefined) return diffObject(target, base, options);
  const { rules } = options;
  const unapplied = new Set<string>();
  const plain = (object: KubeObject): JsonObject => plainObject(object, rules, (why) => void unapplied.add(why));
  const sides = { live: plain(base), target: plain(target) };
  const isSecret = target.kind === "Secret" && groupOf(target) === "";
  const shown = isSecret ? maskSecrets(sides, { annotations: rules.maskedAnnotations }) : sides;
  const differences = listDifferences(shown.live, shown.target, { isBuiltIn: builtInType(target) !== undefined });
  return {
    isModified: differences.length > 0,
    differences,
    normalizedLive: shown.live,
    predictedLive: shown.target,
    ...(unapplied.size === 0 ? {} : { unapplied: [...unapplied] }),
  };
}

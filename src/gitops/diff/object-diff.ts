import type { IgnoreRule } from "../../api/application-types.ts";
import type { JsonObject } from "../../base/json.ts";
import { builtInType } from "../../objects/kubernetes-types.ts";
import type { KubeObject } from "../../objects/object.ts";
import { canonicalFields } from "./canonical.ts";
import { groupOf, type ObjectDiff } from "./diff.ts";
import { listDifferences } from "./differences.ts";
import type { OnLimit } from "./jq-paths.ts";
import { withKnownTypes } from "./known-types.ts";
import { takeOverManaged } from "./managed.ts";
import { maskSecrets } from "./mask.ts";
import { normalizeObject } from "./normalize.ts";
import { withoutOldLabel } from "./old-label.ts";
import { predictLive } from "./predict.ts";
import { createDiffRules, type DiffRules, type ObjectRules } from "./rules.ts";
import type { Served } from "./server-side.ts";
import { chooseStrategy } from "./strategy.ts";

export interface DiffOptions {
  /** Rules of the Application alone; `rules` goes before. */
  readonly ignore?: readonly IgnoreRule[];
  readonly rules?: DiffRules;
  /** What a server made of the target in a dry run (see server-side.ts). */
  readonly served?: Served;
}

const defaultRules = createDiffRules({ ignore: [] });

/**
 * How the live object would change by a sync (spec argo-cd-engine 3). With one side missing nothing is compared: only a
 * target counts as modified, only a live object does not. Values of Secrets are masked.
 */
export function diffObject(
  target: KubeObject | undefined,
  live: KubeObject | undefined,
  { ignore, rules = ignore === undefined ? defaultRules : createDiffRules({ ignore }), served }: DiffOptions = {},
): ObjectDiff {
  if (target === undefined || live === undefined) return oneSided(target, live, rules);
  const unapplied = new Set<string>();
  const own = { ...rules.of(target), onLimit: (why: string) => void unapplied.add(why) };
  const type = builtInType(target);
  const [wanted, found] = withoutOldLabel(target, live, rules.tracking);
  const plainLive = plain(found, own, rules);
  const { strategy, base: applied } = chooseStrategy(target, live, {
    isServed: served !== undefined,
    serverSideApply: rules.serverSideApply,
    form: type === undefined ? undefined : { type },
  });
  const base = applied === undefined ? undefined : plain(applied as unknown as KubeObject, own, rules);
  const asked = plain(served?.object ?? wanted, own, rules);
  const predicted = served?.isWhole ? asked : predictLive(asked, plainLive, base, type);
  const compared = takeOverManaged(predicted, plainLive, live, own.managers);
  const sides = { live: plainLive, target: compared };
  const shown = isSecret(target) ? maskSecrets(sides, { annotations: rules.maskedAnnotations }) : sides;
  const differences = listDifferences(shown.live, shown.target, { isBuiltIn: type !== undefined, live });
  const isModified = differences.length > 0;
  const diff = { isModified, differences, strategy, normalizedLive: shown.live, predictedLive: shown.target };
  return unapplied.size === 0 ? diff : { ...diff, unapplied: [...unapplied] };
}

type PlainRules = ObjectRules & { readonly onLimit?: OnLimit };

function plain(object: KubeObject, { removals, knownTypes, onLimit }: PlainRules, { compare }: DiffRules): JsonObject {
  const type = builtInType(object);
  const written = normalizeObject(object, compare);
  const canonical = type === undefined ? written : canonicalFields(type, written);
  const normal = removals.reduce<JsonObject>((rest, remove) => remove(rest, onLimit), canonical);
  return knownTypes.length === 0 ? normal : withKnownTypes(normal, knownTypes);
}

/** In the form that is compared: without what the rules leave out. `onLimit` is told of those that took too long. */
export function plainObject(object: KubeObject, rules: DiffRules, onLimit?: OnLimit): JsonObject {
  return plain(object, { ...rules.of(object), ...(onLimit ? { onLimit } : {}) }, rules);
}

function isSecret(object: KubeObject): boolean {
  return object.kind === "Secret" && groupOf(object) === "";
}

function oneSided(target: KubeObject | undefined, live: KubeObject | undefined, rules: DiffRules): ObjectDiff {
  const shown = (object: KubeObject): JsonObject => {
    const normal = plainObject(object, rules);
    if (!isSecret(object)) return normal;
    return maskSecrets({ target: normal, live: {} }, { annotations: rules.maskedAnnotations }).target;
  };
  return {
    isModified: target !== undefined,
    differences: [],
    normalizedLive: live === undefined ? null : shown(live),
    predictedLive: target === undefined ? null : shown(target),
  };
}

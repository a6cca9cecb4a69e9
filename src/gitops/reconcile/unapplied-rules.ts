import type { Comparison } from "../diff/compare.ts";
import { keyOf } from "../diff/diff.ts";
import type { FoundCondition } from "./conditions.ts";

/** Objects that one warning names, and warnings in all. */
const maxNames = 3;
const maxWarnings = 10;

/**
 * Rules of `ignoreDifferences` that took too long on some objects: these may be OutOfSync for what the rule was to leave
 * out, and nobody would find out why.
 */
export function unappliedRules({ objects }: Comparison): readonly FoundCondition[] {
  const byReason = new Map<string, string[]>();
  for (const { target, live, diff } of objects) {
    const object = target ?? live;
    if (object === undefined) continue;
    const { kind, namespace, name } = keyOf(object);
    for (const why of diff.unapplied ?? []) {
      const names = byReason.get(why) ?? [];
      names.push(`${kind} ${namespace === "" ? "" : `${namespace}/`}${name}`);
      byReason.set(why, names);
    }
  }
  return [...byReason].slice(0, maxWarnings).map(([why, names]) => {
    const more = names.length > maxNames ? ` and ${names.length - maxNames} more` : "";
    const message = `ignoreDifferences left nothing out of ${names.slice(0, maxNames).join(", ")}${more}: ${why}; shorten the path, or use jsonPointers`;
    return { type: "IgnoreDifferencesWarning", message };
  });
}

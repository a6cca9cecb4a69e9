import { syncOptionsOf } from "../../api/resource-annotations.ts";
import type { JsonObject } from "../../base/json.ts";
import type { ApplyField } from "../../objects/kubernetes-types.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { Strategy } from "./diff.ts";
import { annotatedAsApplied, isAppliedByUs, lastApplied } from "./last-applied.ts";

export interface Chosen {
  readonly strategy: Strategy;
  /** What the last sync wrote; what of it the target lacks would be removed. */
  readonly base: JsonObject | undefined;
}

/**
 * spec argo-cd-engine 3.3. Ours: structured merge also where we have applied the object server-side before, since that is how
 * we write by default and then no annotation says what was written.
 */
export function chooseStrategy(
  target: KubeObject,
  live: KubeObject,
  options: { readonly isServed: boolean; readonly serverSideApply: boolean; readonly form?: ApplyField | undefined },
): Chosen {
  const isApplied = isAppliedByUs(live);
  const owned = isApplied ? lastApplied(live, options.form) : undefined;
  if (options.isServed) return { strategy: "server-side", base: owned };
  const asks =
    options.serverSideApply || syncOptionsOf(target.metadata.annotations ?? {}).includes("ServerSideApply=true");
  if (asks || isApplied) return { strategy: "structured-merge", base: owned };
  const base = annotatedAsApplied(live);
  return base === undefined ? { strategy: "two-way", base } : { strategy: "three-way", base };
}

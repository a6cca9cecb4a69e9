import { optionValue, syncOptionsOf } from "../../api/resource-annotations.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { WriteContext } from "./apply.ts";
import { deleteKnown } from "./delete-known.ts";
import { propagationOf } from "./write-mode.ts";

/**
 * Deletes what the source does not name any more; children go first unless PrunePropagationPolicy says otherwise. Only the
 * object that was compared goes: not another that took its name since, and not one that changed hands or was protected
 * meanwhile. Why it was left; undefined: it goes, or is gone.
 */
export async function pruneLive(known: KubeObject, context: WriteContext): Promise<string | undefined> {
  const { syncOptions, trackingLabel } = context;
  const whyKept = (live: KubeObject): string | undefined => {
    const said = optionValue(syncOptionsOf(live.metadata.annotations ?? {}), "Prune");
    return said === "false" ? "ignored (no prune)" : undefined;
  };
  return deleteKnown(known, { propagationPolicy: propagationOf(syncOptions), trackingLabel, whyKept }, context);
}

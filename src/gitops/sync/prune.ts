import { optionValue, syncOptionsOf } from "../../api/resource-annotations.ts";
import type { KubeObject } from "../../objects/object.ts";
import { trackingAnnotation } from "../diff/tracking.ts";
import { isConflict, refOf, type WriteContext } from "./apply.ts";
import { propagationOf } from "./write-mode.ts";

/** Others may write an object while it is deleted. */
const maxAttempts = 5;

/**
 * Deletes what the source does not name any more; children go first unless PrunePropagationPolicy says otherwise. Only the
 * object that was compared goes: not another that took its name since, and not one that changed hands or was protected
 * meanwhile. Why it was left; undefined: it goes, or is gone.
 */
export async function pruneLive(known: KubeObject, context: WriteContext): Promise<string | undefined> {
  if (known.metadata.deletionTimestamp) return undefined;
  const { kube, signal } = context;
  for (let attempt = 1; ; attempt++) {
    const live = await kube.get(refOf(known), signal);
    if (live === undefined || !isSame(known, live) || live.metadata.deletionTimestamp) return undefined;
    const why = whyKept(known, live, context);
    if (why !== undefined) return why;
    try {
      await deleteAsItIs(live, context);
      return undefined;
    } catch (error) {
      if (!isConflict(error) || attempt === maxAttempts) throw error;
    }
  }
}

function isSame(known: KubeObject, live: KubeObject): boolean {
  return known.metadata.uid === undefined || known.metadata.uid === live.metadata.uid;
}

async function deleteAsItIs(live: KubeObject, { kube, syncOptions, signal }: WriteContext): Promise<void> {
  const { uid = "", resourceVersion = "" } = live.metadata;
  const options = { propagationPolicy: propagationOf(syncOptions), onlyIf: { uid, resourceVersion } };
  await kube.delete(refOf(live), options, signal);
}

function whyKept(known: KubeObject, live: KubeObject, { trackingLabel }: WriteContext): string | undefined {
  const [before, now] = [known, live].map((object) => trackedAs(object, trackingLabel));
  if (before !== now) return now === undefined ? "ignored (no longer tracked)" : `ignored (tracked as ${now} by now)`;
  const said = optionValue(syncOptionsOf(live.metadata.annotations ?? {}), "Prune");
  return said === "false" ? "ignored (no prune)" : undefined;
}

function trackedAs({ metadata }: KubeObject, label: string | undefined): string | undefined {
  return label === undefined ? metadata.annotations?.[trackingAnnotation] : metadata.labels?.[label];
}

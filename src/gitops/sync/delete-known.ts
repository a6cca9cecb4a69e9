import { isConflict } from "../../kube/api-error.ts";
import type { KubeClient, WriteOptions } from "../../kube/kube.ts";
import { type KubeObject, refOf } from "../../objects/object.ts";
import { trackingAnnotation } from "../diff/tracking.ts";

/** Others may write an object while it is deleted. */
const maxAttempts = 5;

export interface DeletionTerms {
  readonly propagationPolicy: NonNullable<WriteOptions["propagationPolicy"]>;
  /** Objects are tracked by this label, and not by the annotation. */
  readonly trackingLabel?: string | undefined;
  /** What the object says by then against its deletion. Default: nothing. */
  readonly whyKept?: (live: KubeObject) => string | undefined;
}

/**
 * Deletes the object that was looked at, as it is by then: not another of its name, and not one that changed hands. Why it
 * was left; undefined: it goes, or is gone.
 */
export async function deleteKnown(
  known: KubeObject,
  { propagationPolicy, trackingLabel, whyKept }: DeletionTerms,
  { kube, signal }: { readonly kube: KubeClient; readonly signal: AbortSignal },
): Promise<string | undefined> {
  if (known.metadata.deletionTimestamp) return undefined;
  for (let attempt = 1; ; attempt++) {
    const live = await kube.get(refOf(known), signal);
    if (live === undefined || !isSame(known, live) || live.metadata.deletionTimestamp) return undefined;
    const why = whyHandedOver(known, live, trackingLabel) ?? whyKept?.(live);
    if (why !== undefined) return why;
    const { uid = "", resourceVersion = "" } = live.metadata;
    try {
      await kube.delete(refOf(live), { propagationPolicy, onlyIf: { uid, resourceVersion } }, signal);
      return undefined;
    } catch (error) {
      if (!isConflict(error) || attempt === maxAttempts) throw error;
    }
  }
}

function isSame(known: KubeObject, live: KubeObject): boolean {
  return known.metadata.uid === undefined || known.metadata.uid === live.metadata.uid;
}

function whyHandedOver(known: KubeObject, live: KubeObject, label: string | undefined): string | undefined {
  const [before, now] = [known, live].map((object) => trackedAs(object, label));
  if (before === now) return undefined;
  return now === undefined ? "ignored (no longer tracked)" : `ignored (tracked as ${now} by now)`;
}

function trackedAs({ metadata }: KubeObject, label: string | undefined): string | undefined {
  return label === undefined ? metadata.annotations?.[trackingAnnotation] : metadata.labels?.[label];
}

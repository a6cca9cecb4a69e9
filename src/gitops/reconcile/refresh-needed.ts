import type { Application } from "../../api/application-types.ts";
import { objectOf } from "../../api/fields.ts";
import type { Instant } from "../../base/clock.ts";
import { hasSameSources, isNamespaceMetadataChanged, isSameField } from "./compared-to.ts";
import type { ComparisonLevel } from "./request.ts";
import { readTime } from "./timestamps.ts";

export const refreshAnnotation = "argocd.argoproj.io/refresh";
export const refreshTimestampAnnotation = "argocd.argoproj.io/refresh-timestamp";

/** After how long a comparison is no more good; 0: never. */
export interface RefreshTimeouts {
  readonly softMs: number;
  /** Rendered manifests that are kept do not count then. */
  readonly hardMs: number;
}

export interface RefreshAsked {
  readonly level: ComparisonLevel;
  readonly hard: boolean;
  /** For people. */
  readonly reason: string;
}

/**
 * What the Application object itself asks for, and why (spec argo-cd-engine 2.3); the first reason that holds. Undefined:
 * nothing, only a request of others may.
 */
export function refreshAsked(
  application: Application,
  annotations: Readonly<Record<string, string>>,
  now: Instant,
  timeouts: RefreshTimeouts,
): RefreshAsked | undefined {
  const { sync } = application.status;
  const compared = objectOf(objectOf(sync).comparedTo);
  const asked = annotations[refreshAnnotation];
  if (asked !== undefined) {
    return { level: 3, hard: asked === "hard", reason: `annotation ${refreshAnnotation} asks for it` };
  }
  if (!hasSameSources(application, compared)) {
    const isNew = compared.source === undefined && compared.sources === undefined;
    return { level: 3, hard: false, reason: isNew ? "it was never compared" : "the source was changed" };
  }
  const expired = expiredAt(application, now, timeouts);
  if (expired !== undefined) return { level: 2, ...expired };
  if (!isSameField(application.spec.destination, compared.destination)) {
    return { level: 2, hard: false, reason: "the destination was changed" };
  }
  // A comparison makes it OutOfSync for this very reason. The original goes on asking after that, at every write of the
  // status, until a sync ends.
  if (objectOf(sync).status !== "OutOfSync" && isNamespaceMetadataChanged(application)) {
    return { level: 2, hard: false, reason: "managedNamespaceMetadata was changed since the last sync" };
  }
  if (!isSameField(application.spec.ignoreDifferences, compared.ignoreDifferences)) {
    return { level: 2, hard: false, reason: "ignoreDifferences was changed" };
  }
  return undefined;
}

function expiredAt(
  { status }: Application,
  now: Instant,
  { softMs, hardMs }: RefreshTimeouts,
): { readonly hard: boolean; readonly reason: string } | undefined {
  const comparedAt = readTime(status.reconciledAt);
  if (comparedAt === undefined) return { hard: hardMs > 0, reason: "it was never compared" };
  const isPast = (timeoutMs: number) => timeoutMs > 0 && comparedAt + timeoutMs < now;
  const hard = isPast(hardMs);
  if (!hard && !isPast(softMs)) return undefined;
  return { hard, reason: `the comparison of ${status.reconciledAt} has expired` };
}

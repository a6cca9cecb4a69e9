import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { SyncStatus } from "../diff/compare.ts";
import { type AutoSyncDecision, type AutoSyncResource, decideAutoSync, type Obstacle } from "./auto-sync.ts";
import { toldSince } from "./decided-since.ts";
import type { Place } from "./destination.ts";
import { type HoldDeps, keptBack } from "./held-back.ts";
import type { Memory } from "./look.ts";
import type { UnmetNeed } from "./needs.ts";
import { needsWait } from "./needs-timeout.ts";
import { readTime } from "./timestamps.ts";

export interface StatusFacts extends Pick<HoldDeps, "now" | "holds"> {
  readonly application: Application;
  readonly place: Place;
  readonly unmet: UnmetNeed | undefined;
}

/**
 * What the last look at an Application came to, from what is stored: another engine looked, or this one before it started.
 * What stands elsewhere (holds, other Applications, windows) is asked as it is now. Undefined: nobody has looked yet.
 */
export function decisionOfStatus(facts: StatusFacts): Memory["decided"] {
  const at = readTime(facts.application.status.reconciledAt);
  if (at === undefined) return undefined;
  const decision = storedDecision(facts);
  const since = toldSince(facts.application, decision);
  return { at, decision, ...(since === undefined ? {} : { since }) };
}

function storedDecision({ application, place, unmet, now, holds }: StatusFacts): AutoSyncDecision {
  const conditions = listOf(application.status.conditions).map(objectOf);
  const refused = conditions.find(({ type }) => type === "SyncError");
  if (refused !== undefined) {
    const message = textOf(refused.message);
    return { kind: "error", message, obstacle: { kind: errorKind(message) } };
  }
  const sync = objectOf(application.status.sync);
  const revisions = application.isMultiSource ? listOf(sync.revisions).map(textOf) : [textOf(sync.revision)];
  const syncStatus = (textOf(sync.status) || "Unknown") as SyncStatus;
  const decision = decideAutoSync({ application, syncStatus, resources: resourcesOf(application), revisions, now });
  const needing = unmet?.kind === "wait" ? needsWait(application, unmet.reason, now) : undefined;
  const kept = keptBack(decision, application, revisions, place, { now, unmet, needing, holds }).decision;
  const isShared = conditions.some(({ type }) => type === "SharedResourceWarning");
  if (kept.kind !== "start" || !isShared) return kept;
  // The status does not say which of its objects differ for others' sake.
  return { kind: "none", reason: "other Applications want objects of this one", obstacle: { kind: "shared" } };
}

function resourcesOf({ status }: Application): readonly AutoSyncResource[] {
  return listOf(status.resources)
    .map(objectOf)
    .map((resource) => ({
      group: textOf(resource.group),
      kind: textOf(resource.kind),
      namespace: textOf(resource.namespace),
      name: textOf(resource.name),
      ...(resource.status === undefined ? {} : { status: textOf(resource.status) as SyncStatus }),
      requiresPruning: resource.requiresPruning === true,
    }));
}

/** By how the messages of decisions begin (`auto-sync.ts`, `held-back.ts`). */
function errorKind(message: string): Obstacle["kind"] {
  if (message.startsWith("needs approval")) return "approval";
  if (message.endsWith(" is a circle")) return "circle";
  if (message.startsWith("Skipping sync attempt")) return "empty";
  if (message.startsWith('metadata.annotations["tiphys.io/on-')) return "policy";
  return message.startsWith("metadata.annotations[") ? "need" : "failed";
}

import { isTrue } from "../../api/resource-annotations.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { keyOf, keyText } from "../../gitops/diff/diff.ts";
import { type IgnoresUpdate, ignoreUpdatesAnnotation } from "../../gitops/diff/resource-updates.ts";
import { ownerOf } from "../../gitops/diff/tracking.ts";
import { assessHealth } from "../../gitops/health/assess.ts";
import type { HealthChecks } from "../../gitops/health/checks.ts";
import { defaultSettings, trackingOf } from "../../gitops/reconcile/settings.ts";
import type { LiveChange, LiveState } from "../../kube/live-state.ts";
import { type KubeObject, refText } from "../../objects/object.ts";
import type { ApplicationHead, Ledger } from "../../record/records.ts";
import type { LocalReason } from "./application-requests.ts";
import { createObservationLimit, type ObservationLimit } from "./observation-limit.ts";

/** An Application as far as changes of its objects concern it. */
export interface ChangedApplication {
  /** `namespace/name` */
  readonly key: string;
  readonly head: ApplicationHead;
  /** Names its last sync in records; undefined before its first. */
  readonly lastSync: string | undefined;
}

export interface LiveChangesDeps {
  readonly live: LiveState;
  /** By instance name. */
  readonly applicationOf: (instance: string) => ChangedApplication | undefined;
  readonly onDrift: (reason: LocalReason) => void;
  /** Applications that look for orphans in a namespace. */
  readonly monitorsOf?: (namespace: string) => readonly string[];
  /** Whether a change is in fields alone that do not count, as users say now; default: none is. */
  readonly ignoresUpdate?: IgnoresUpdate;
  /** What users say of health, as it is now. */
  readonly checks?: () => HealthChecks;
  /** The instance that an object is tracked as; default: by the annotation. */
  readonly groupOf?: (object: KubeObject) => string | undefined;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The instance that an object is tracked as; what `LiveState` groups by. */
export function groupOf(object: KubeObject): string | undefined {
  return ownerOf(object, trackingOf(defaultSettings));
}

/**
 * Attributes each change of a live object to its Application, by way of its topmost owner: a reason to look again, and,
 * when the object came, went or changed its health, an observation; of one that flaps only some.
 * @returns the way to stop
 */
export function followLiveChanges(deps: LiveChangesDeps): () => void {
  const limit = createObservationLimit(deps.clock);
  return deps.live.onChange((change) => {
    if (change.isInitial) return;
    if (isOrphanChange(change, deps)) tellMonitors(change, deps);
    const isIgnored = isIgnoredUpdate(change, deps);
    for (const instance of instancesOf(change, deps)) {
      const application = deps.applicationOf(instance);
      // Its own status is no state of one that manages itself.
      if (application === undefined || change.object.metadata.uid === application.head.uid) continue;
      if (!isIgnored) deps.onDrift(driftOf(change, application));
      observe(change, application, limit, deps);
    }
  });
}

/** Of what an Application tracks, of Applications, and of objects that say so (spec argo-cd-engine 2.10). */
function isIgnoredUpdate(
  { type, object, previous }: LiveChange,
  { ignoresUpdate, checks, groupOf: of = groupOf }: LiveChangesDeps,
): boolean {
  if (type === "deleted" || previous === undefined || ignoresUpdate === undefined) return false;
  if (previous.metadata.uid !== object.metadata.uid) return false;
  const isApplication = object.kind === "Application" && object.apiVersion.startsWith("argoproj.io/");
  const isAsked = isTrue(object.metadata.annotations?.[ignoreUpdatesAnnotation]);
  if (!isApplication && !isAsked && of(object) === undefined) return false;
  const users = checks?.();
  if (assessHealth(object, users)?.status !== assessHealth(previous, users)?.status) return false;
  return ignoresUpdate(previous, object);
}

/** Both, when the object goes from one Application to another. */
function instancesOf(
  { object, previous }: LiveChange,
  { live, groupOf: instanceOf = groupOf }: LiveChangesDeps,
): ReadonlySet<string> {
  const instances = new Set<string>();
  for (const one of previous === undefined ? [object] : [object, previous]) {
    const instance = instanceOf(live.rootOf(one));
    if (instance !== undefined) instances.add(instance);
  }
  return instances;
}

/** Whether an object that no other owns, and no Application tracks, came or went. */
function isOrphanChange({ type, object, previous }: LiveChange, { groupOf: of = groupOf }: LiveChangesDeps): boolean {
  if ((object.metadata.ownerReferences ?? []).length > 0) return false;
  const isNow = type === "set" && of(object) === undefined;
  const before = type === "deleted" ? object : previous;
  return isNow !== (before !== undefined && of(before) === undefined);
}

function tellMonitors(change: LiveChange, { monitorsOf, onDrift }: LiveChangesDeps): void {
  const { namespace } = change.object.metadata;
  if (namespace === undefined || monitorsOf === undefined) return;
  for (const key of monitorsOf(namespace)) onDrift(driftOf(change, { key }));
}

function driftOf({ type, object }: LiveChange, { key }: Pick<ChangedApplication, "key">): LocalReason {
  const isRoot = (object.metadata.ownerReferences ?? []).length === 0;
  const text = keyText(keyOf(object));
  const what = `${text.replace(/^\//, "")} ${type === "deleted" ? "was deleted" : "changed"}`;
  const id = `drift/${text}/${object.metadata.resourceVersion ?? ""}`;
  return { reason: "drift", application: key, id, what, level: isRoot ? 1 : 0, objects: [text] };
}

function observe(
  { type, object, previous }: LiveChange,
  { head, lastSync }: ChangedApplication,
  limit: ObservationLimit,
  { ledger, clock, log, checks }: LiveChangesDeps,
): void {
  if (lastSync === undefined) return;
  const users = checks?.();
  const health = type === "deleted" ? undefined : assessHealth(object, users);
  const isSame = previous !== undefined && assessHealth(previous, users)?.status === health?.status;
  if (type === "set" && isSame) return;
  const { name = "", namespace } = object.metadata;
  const { apiVersion, kind } = object;
  const text = refText({ apiVersion, kind, name, ...(namespace ? { namespace } : {}) });
  const missed = limit.admit(`${head.uid} ${text}`);
  if (missed === undefined) return;
  const more = missed === 0 ? "" : `(after ${missed} changes that are not recorded)`;
  const message = [health?.message ?? "", more].filter((part) => part !== "").join(" ");
  const { kept } = ledger.write({
    kind: "observation",
    at: clock.now(),
    causes: [lastSync],
    application: head,
    object: text,
    change: type === "deleted" ? "deleted" : previous === undefined ? "created" : "health",
    ...(health === undefined ? {} : { health: health.status }),
    ...(message === "" ? {} : { message }),
  });
  kept.catch((error: unknown) => log.error("a record could not be stored", { error }));
}

import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { Instant } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { LiveState } from "../../kube/live-state.ts";
import type { KubeObject } from "../../objects/object.ts";
import { keyOf } from "../diff/diff.ts";
import { type AutoSyncDecision, decideAutoSync, type SelfHealBackoff, syncedRevisions } from "./auto-sync.ts";
import { hasSameSources, isNamespaceMetadataChanged } from "./compared-to.ts";
import { evaluatedTypes, type FoundCondition, setConditions } from "./conditions.ts";
import { decidedAt } from "./decided-since.ts";
import { type Directory, type Place, placeOf } from "./destination.ts";
import { heldBack } from "./held-back.ts";
import type { Hold } from "./holds.ts";
import { manifestsInForce } from "./local-manifests.ts";
import { createMemory, isForeignTo, type Look, type LookDeps, lookAt, type Memory, renderingAt } from "./look.ts";
import { mayContainChanges } from "./may-change.ts";
import { type UnmetNeed, unmetNeed } from "./needs.ts";
import { needBehind } from "./needs-revision.ts";
import { type NeedsWait, needsWait } from "./needs-timeout.ts";
import { orphanCondition } from "./orphans.ts";
import { onDriftAnnotation, policiesOf } from "./policies.ts";
import type { ReconcileRequest } from "./request.ts";
import { buildStatus, failedStatus, invalidStatus } from "./status.ts";
import { summarize } from "./summary.ts";
import { TargetError } from "./target.ts";

export interface ReconcileDeps extends LookDeps {
  readonly directory: Directory;
  /** How long a repository that fails for a moment is not told of (spec argo-cd-engine 2.6), as it is said now. */
  readonly graceMs: () => number;
  /** As it is said now; absent: the default. */
  readonly selfHeal?: () => SelfHealBackoff;
  /** Applications by `namespace/name`, as they are now: others may need them. */
  readonly applicationAt?: (key: string) => KubeObject | undefined;
  /** Holds of many Applications, as they are now; undefined while they are not read. Default: none. */
  readonly holds?: () => readonly Hold[] | undefined;
}

/** What one reconcile came to. Nothing is written yet. */
export interface Reconciled {
  /** The whole status, as it should stand. */
  readonly status: JsonObject;
  /** Absent: the spec is wrong, or nothing could be compared. */
  readonly found?: { readonly look: Look; readonly place: Place };
  readonly decision: AutoSyncDecision;
  /** Look again then, because something that is away may come back. */
  readonly againAfterMs?: number;
  /** An Application, `namespace/name`, that is to be looked at: what is decided depends on what it says of newer commits. */
  readonly needed?: string;
}

/** A comparison comes after the check of the spec, and finds some of its errors itself: those keep their time, too. */
const compared = [...evaluatedTypes.spec, ...evaluatedTypes.comparison];
/** A repository or a cluster that is away is asked again. */
const failedRetryMs = 30_000;

/** As `reconcileOnce`; what it came to is kept in `memory`. */
export async function reconcile(
  application: Application,
  asked: ReconcileRequest,
  memory: Memory,
  deps: ReconcileDeps,
  signal: AbortSignal,
): Promise<Reconciled> {
  const result = await reconcileOnce(application, asked, memory, deps, signal);
  memory.decided = decidedAt(application, result.decision, memory.decided, deps.clock.now());
  return result;
}

/**
 * One reconcile of one Application, in named steps (DESIGN section 5): project and destination → revisions → render →
 * compare → health → decide → status. Reads only; the caller writes the status and starts the operation.
 * @throws EngineError that may pass: ask again
 */
async function reconcileOnce(
  application: Application,
  asked: ReconcileRequest,
  memory: Memory,
  deps: ReconcileDeps,
  signal: AbortSignal,
): Promise<Reconciled> {
  const startedAt = deps.clock.now();
  const request = memory.hasFailed && asked.level < 2 ? { ...asked, level: 2 as const } : asked;
  const place = placeOf(application, deps.directory);
  if ("problems" in place) {
    memory.hasFailed = true;
    return withoutPlace(application, place.problems, startedAt);
  }
  try {
    const revisions = revisionsOf(application, request);
    const wanted = { ...request, manifests: manifestsInForce(application) };
    const look = await lookAt(application, place, wanted, revisions, memory, deps, signal);
    delete memory.failingSince;
    delete memory.hasFailed;
    const synced = await dueOf(application, look, place, request, memory, deps, signal);
    const due = { ...synced, unmet: await unmetOf(application, synced, deps, signal) };
    return { ...conclude(application, look, place, due, request, startedAt, deps), found: { look, place } };
  } catch (error) {
    signal.throwIfAborted();
    const message = failureMessage(error);
    if (message === undefined || mayPass(error, request, memory, startedAt, deps)) throw error;
    memory.hasFailed = true;
    return withoutComparison(application, message, request, startedAt, deps);
  }
}

/** Asked only where it decides: of an Application that would sync by itself. */
async function isNewsFor(
  application: Application,
  { status, revisions }: Look,
  place: Place,
  { rendered }: Memory,
  deps: ReconcileDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const now = rendered?.value;
  if (application.syncPolicy.automated === undefined || status !== "OutOfSync") return true;
  if (now === undefined || now.revisions !== revisions) return true;
  return mayContainChanges(application, now, { ...deps, ...renderingAt(place) }, signal);
}

/** Below level 2 the commit that the last comparison used, if it was one of these sources; else what they name. */
function revisionsOf(application: Application, { level }: ReconcileRequest): readonly (string | undefined)[] {
  const { status, isMultiSource } = application;
  const sync = objectOf(status.sync);
  if (level >= 2 || !hasSameSources(application, objectOf(sync.comparedTo))) return [];
  const recorded = isMultiSource ? listOf(sync.revisions).map(textOf) : [textOf(sync.revision)];
  return recorded.map((revision) => revision || undefined);
}

function withoutPlace(application: Application, problems: readonly string[], now: Instant): Reconciled {
  const found = problems.map((message): FoundCondition => ({ type: "InvalidSpecError", message }));
  const conditions = setConditions(application.status.conditions, found, evaluatedTypes.spec, now);
  const decision = { kind: "none" as const, reason: `the spec is wrong: ${problems.join("; ")}` };
  return { status: invalidStatus(application, conditions, now), decision };
}

/** A cluster that cannot be read, or a source that cannot be rendered; undefined for anything else. */
function failureMessage(error: unknown): string | undefined {
  if (error instanceof TargetError) return error.message;
  if (error instanceof EngineError && error.code.startsWith("API_"))
    return `Failed to load live state: ${error.message}`;
  return undefined;
}

function mayPass(
  error: unknown,
  { level }: ReconcileRequest,
  memory: Memory,
  now: Instant,
  { graceMs }: ReconcileDeps,
): boolean {
  if (!(error instanceof TargetError) || !error.isTransient || level === 3) return false;
  memory.failingSince ??= now;
  return now - memory.failingSince < graceMs();
}

function withoutComparison(
  application: Application,
  message: string,
  { level }: ReconcileRequest,
  startedAt: Instant,
  { clock, controllerNamespace }: ReconcileDeps,
): Reconciled {
  const now = clock.now();
  const found: FoundCondition[] = [{ type: "ComparisonError", message }];
  const conditions = setConditions(application.status.conditions, found, compared, now);
  const decision = { kind: "none" as const, reason: "it is not known what differs: the comparison failed" };
  const status = failedStatus({ application, conditions, controllerNamespace, level, startedAt, now });
  return { status, decision, againAfterMs: failedRetryMs };
}

/** What is to be synced by itself, and the look that says so. */
interface Due {
  readonly decision: AutoSyncDecision;
  readonly look: Look;
}

/** The same, with the Application that has to be ready first. */
interface DueAfter extends Due {
  readonly unmet: UnmetNeed | undefined;
}

/** While a new revision waits for a person, what was synced last is healed (`policies.ts`). */
async function dueOf(
  application: Application,
  look: Look,
  place: Place,
  { level, hard }: ReconcileRequest,
  memory: Memory,
  deps: ReconcileDeps,
  signal: AbortSignal,
): Promise<Due> {
  const isNews =
    !isSameAsSynced(application, look, memory) && (await isNewsFor(application, look, place, memory, deps, signal));
  const decision = decideBy(application, look, isNews, deps);
  const revisions = syncedRevisions(application);
  const isWaiting = decision.kind === "none" && decision.obstacle?.kind === "revision";
  if (!isWaiting || revisions.length === 0 || !isHealing(application)) return { decision, look };
  memory.synced ??= createMemory();
  // What the Application wants is what its source says now.
  const claims = { ...deps.claims, set: () => new Set<string>() };
  const at = { level: level > 1 ? (2 as const) : level, hard, seen: [] };
  try {
    const synced = await lookAt(application, place, at, revisions, memory.synced, { ...deps, claims }, signal);
    const healing = decideBy(application, synced, true, deps);
    return healing.kind === "none" ? { decision, look } : { decision: healing, look: synced };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TargetError)) throw error;
    const message = `what was synced last, [${revisions.join(" ")}], cannot be healed: ${error.message}`;
    return { decision: { kind: "error", message, obstacle: { kind: "failed" } }, look };
  }
}

function isHealing(application: Application): boolean {
  const policies = policiesOf(application);
  return !("problem" in policies) && policies.onDrift === "heal";
}

/**
 * Whether the commits of the look are known to say the same as those of the last sync, so that what differs is drift. Only
 * where `on-drift` says what to do about that: in the original any commit is a reason to sync. After a failure another
 * commit is a reason to try again in any case: people push one to have that.
 */
function isSameAsSynced(application: Application, { revisions, manifests }: Look, memory: Memory): boolean {
  const { phase } = objectOf(application.status.operationState);
  const synced = syncedRevisions(application).join();
  if (revisions.join() === synced) memory.syncedAs = { revisions: synced, manifests };
  const { syncedAs } = memory;
  const isAsked = application.metadata.annotations[onDriftAnnotation] !== undefined;
  return isAsked && phase === "Succeeded" && syncedAs?.revisions === synced && syncedAs.manifests === manifests;
}

function decideBy(
  application: Application,
  look: Look,
  isPerhapsNew: boolean,
  { clock, selfHeal }: Pick<ReconcileDeps, "clock" | "selfHeal">,
): AutoSyncDecision {
  const resources = look.comparison.objects.flatMap((object) => {
    const some = object.target ?? object.live;
    if (some === undefined) return [];
    const { status, requiresPruning } = object;
    const isForeign = isForeignTo(look, object);
    return [{ ...keyOf(some), ...(status === undefined ? {} : { status }), requiresPruning, isForeign }];
  });
  if (look.isUnverified) {
    const reason = "a signature that the project wants is missing, or not good";
    return { kind: "none", reason, obstacle: { kind: "signature" } };
  }
  const syncStatus = syncStatusOf(application, look);
  return decideAutoSync({
    application,
    syncStatus,
    resources,
    revisions: look.revisions,
    mayContainChanges: isPerhapsNew,
    ...(selfHeal === undefined ? {} : { selfHeal: selfHeal() }),
    now: clock.now(),
  });
}

function syncStatusOf(application: Application, { status }: Look): Look["status"] {
  return status === "Synced" && isNamespaceMetadataChanged(application) ? "OutOfSync" : status;
}

function conclude(
  application: Application,
  look: Look,
  place: Place,
  due: DueAfter,
  request: ReconcileRequest,
  startedAt: Instant,
  { clock, controllerNamespace, holds = () => [] }: ReconcileDeps,
): Pick<Reconciled, "status" | "decision" | "againAfterMs" | "needed"> {
  const now = clock.now();
  const { comparison, health, objectHealth, revisions, sourceTypes } = look;
  const { unmet } = due;
  const needing = unmet?.kind === "wait" ? needsWait(application, unmet.reason, now) : undefined;
  const hold = { now, unmet, needing, holds: holds() };
  const { decision, againAfterMs } = heldBack(due.decision, application, due.look, place, hold);
  const again = [againAfterMs, needing?.againAfterMs].filter((ms) => ms !== undefined);
  return {
    decision,
    ...(again.length === 0 ? {} : { againAfterMs: Math.min(...again) }),
    ...(unmet?.isBehind && unmet.need !== undefined ? { needed: unmet.need } : {}),
    status: buildStatus({
      application,
      syncStatus: syncStatusOf(application, look),
      objects: comparison.objects,
      health: { health, resources: objectHealth },
      revisions,
      sourceTypes,
      conditions: conditionsOf(application, look, place, decision, needing, now),
      summary: summarize(treeOf(look, place.cluster.live), application.metadata.annotations),
      controllerNamespace,
      level: request.level,
      startedAt,
      now,
    }),
  };
}

/** Asked only where it decides: of an Application that would sync by itself. */
async function unmetOf(
  application: Application,
  { decision, look }: Due,
  { applicationAt: find, sources }: ReconcileDeps,
  signal: AbortSignal,
): Promise<UnmetNeed | undefined> {
  const { namespace, name } = application.metadata;
  const own = decision.kind === "start" ? find?.(`${namespace}/${name}`) : undefined;
  if (find === undefined || own === undefined) return undefined;
  return unmetNeed(own, find) ?? (await needBehind(application, own, look.revisions, find, sources, signal));
}

/** The managed objects and everything below them. */
function treeOf({ comparison }: Look, live: LiveState): readonly KubeObject[] {
  return comparison.objects.flatMap(({ live: object }) => {
    if (object === undefined) return [];
    return [object, ...live.descendantsOf(object.metadata.uid ?? "")];
  });
}

function conditionsOf(
  application: Application,
  look: Look,
  { project }: Place,
  decision: AutoSyncDecision,
  needing: NeedsWait | undefined,
  now: Instant,
): readonly JsonObject[] {
  const before = setConditions(application.status.conditions, look.conditions, compared, now);
  const orphans = orphanCondition(project, look.orphans.length);
  const found = setConditions(before, orphans === undefined ? [] : [orphans], evaluatedTypes.orphans, now);
  const refused = decision.kind === "error" ? [{ type: "SyncError" as const, message: decision.message }] : [];
  const told = setConditions(found, refused, evaluatedTypes.autoSync, now);
  return setConditions(told, needing?.conditions ?? [], evaluatedTypes.needs, now);
}

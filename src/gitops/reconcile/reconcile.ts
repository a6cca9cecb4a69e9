import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { Instant } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { LiveState } from "../../kube/live-state.ts";
import type { KubeObject } from "../../objects/object.ts";
import { keyOf } from "../diff/diff.ts";
import { type AutoSyncDecision, decideAutoSync } from "./auto-sync.ts";
import { hasSameSources, isNamespaceMetadataChanged } from "./compared-to.ts";
import { evaluatedTypes, type FoundCondition, setConditions } from "./conditions.ts";
import { type Directory, type Place, placeOf } from "./destination.ts";
import { heldBack } from "./held-back.ts";
import { isForeignTo, type Look, type LookDeps, lookAt, type Memory, renderingAt } from "./look.ts";
import { mayContainChanges } from "./may-change.ts";
import { unmetNeed } from "./needs.ts";
import type { ReconcileRequest } from "./request.ts";
import { buildStatus, failedStatus, invalidStatus } from "./status.ts";
import { summarize } from "./summary.ts";
import { TargetError } from "./target.ts";

export interface ReconcileDeps extends LookDeps {
  readonly directory: Directory;
  /** How long a repository that fails for a moment is not told of (spec argo-cd-engine 2.6: 180 s). */
  readonly graceMs: number;
  /** Applications by `namespace/name`, as they are now: others may need them. */
  readonly applicationAt?: (key: string) => KubeObject | undefined;
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
}

/** A comparison comes after the check of the spec, and finds some of its errors itself: those keep their time, too. */
const compared = [...evaluatedTypes.spec, ...evaluatedTypes.comparison];
/** A repository or a cluster that is away is asked again. */
const failedRetryMs = 30_000;

/**
 * One reconcile of one Application, in named steps (DESIGN section 5): project and destination → revisions → render →
 * compare → health → decide → status. Reads only; the caller writes the status and starts the operation.
 * @throws EngineError that may pass: ask again
 */
export async function reconcile(
  application: Application,
  asked: ReconcileRequest,
  memory: Memory,
  deps: ReconcileDeps,
  signal: AbortSignal,
): Promise<Reconciled> {
  const startedAt = deps.clock.now();
  const request = memory.hasFailed && asked.level < 2 ? { ...asked, level: 2 as const } : asked;
  const place = placeOf(application, deps.directory);
  if ("problems" in place) return withoutPlace(application, place.problems, startedAt);
  try {
    const revisions = revisionsOf(application, request);
    const look = await lookAt(application, place, request, revisions, memory, deps, signal);
    delete memory.failingSince;
    delete memory.hasFailed;
    const isNews = await isNewsFor(application, look, place, memory, deps, signal);
    return { ...decide(application, look, place, { ...request, isNews }, startedAt, deps), found: { look, place } };
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
  return now - memory.failingSince < graceMs;
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

function decide(
  application: Application,
  look: Look,
  place: Place,
  request: Pick<ReconcileRequest, "level"> & { readonly isNews: boolean },
  startedAt: Instant,
  { clock, controllerNamespace, applicationAt }: ReconcileDeps,
): Pick<Reconciled, "status" | "decision" | "againAfterMs"> {
  const now = clock.now();
  const { comparison, health, objectHealth, revisions, sourceTypes } = look;
  const isOutOfSync = look.status === "Synced" && isNamespaceMetadataChanged(application);
  const syncStatus = isOutOfSync ? "OutOfSync" : look.status;
  const resources = comparison.objects.flatMap((object) => {
    const some = object.target ?? object.live;
    if (some === undefined) return [];
    const { status, requiresPruning } = object;
    const isForeign = isForeignTo(look, object);
    return [{ ...keyOf(some), ...(status === undefined ? {} : { status }), requiresPruning, isForeign }];
  });
  const due: AutoSyncDecision = look.isUnverified
    ? { kind: "none", reason: "a signature that the project wants is missing, or not good" }
    : decideAutoSync({ application, syncStatus, resources, revisions, mayContainChanges: request.isNews, now });
  const { decision, againAfterMs } = heldBack(due, application, look, place, {
    now,
    unmet: unmetOf(application, applicationAt),
  });
  return {
    decision,
    ...(againAfterMs === undefined ? {} : { againAfterMs }),
    status: buildStatus({
      application,
      syncStatus,
      objects: comparison.objects,
      health: { health, resources: objectHealth },
      revisions,
      sourceTypes,
      conditions: conditionsOf(application, look, decision, now),
      summary: summarize(treeOf(look, place.cluster.live), application.metadata.annotations),
      controllerNamespace,
      level: request.level,
      startedAt,
      now,
    }),
  };
}

function unmetOf({ metadata }: Application, find: ReconcileDeps["applicationAt"]): ReturnType<typeof unmetNeed> {
  const own = find?.(`${metadata.namespace}/${metadata.name}`);
  return find === undefined || own === undefined ? undefined : unmetNeed(own, find);
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
  decision: AutoSyncDecision,
  now: Instant,
): readonly JsonObject[] {
  const found = setConditions(application.status.conditions, look.conditions, compared, now);
  const refused = decision.kind === "error" ? [{ type: "SyncError" as const, message: decision.message }] : [];
  return setConditions(found, refused, evaluatedTypes.autoSync, now);
}

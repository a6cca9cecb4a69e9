import { isDeepStrictEqual } from "node:util";
import type { Application } from "../../api/application-types.ts";
import { compareOptionsOf, isHook } from "../../api/resource-annotations.ts";
import type { ResourceSettings } from "../../api/resource-settings.ts";
import type { Clock } from "../../base/clock.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { Metrics } from "../../base/metrics.ts";
import { checkScope } from "../../kube/cluster-scope.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { type GroupVersionKind, type KubeObject, refOf } from "../../objects/object.ts";
import { type ComparedObject, type Comparison, compareObjects, type SyncStatus } from "../diff/compare.ts";
import { groupOf, keyOf, keyText, type ObjectDiff } from "../diff/diff.ts";
import { diffObject } from "../diff/object-diff.ts";
import { createDiffRules, type DiffRules } from "../diff/rules.ts";
import { isSameButStatus } from "../diff/same-but-status.ts";
import { type TargetOptions, type Targets, toTargets } from "../diff/targets.ts";
import { instanceName, ownerOf, type Tracking } from "../diff/tracking.ts";
import { aggregateHealth } from "../health/aggregate.ts";
import type { Health } from "../health/health.ts";
import { checkKind, checkObject } from "../project/kind-check.ts";
import type { KindToCheck } from "../project/project.ts";
import { checkSource } from "../project/source-check.ts";
import type { SourceType } from "../render/render.ts";
import type { AutoSyncDecision } from "./auto-sync.ts";
import { type Claimant, type Claims, claimKey, isForeign } from "./claims.ts";
import type { FoundCondition } from "./conditions.ts";
import type { Place } from "./destination.ts";
import { localManifests } from "./local-manifests.ts";
import { managedKinds, managedTarget } from "./managed-namespace.ts";
import { type OrphanMonitors, orphansOf } from "./orphans.ts";
import type { ReconcileRequest } from "./request.ts";
import { askServer, type ServerAnswers, serverOf } from "./server-side.ts";
import { defaultSettings, type ReconcileSettings, trackingOf } from "./settings.ts";
import { type Rendered, renderTarget, type TargetDeps } from "./target.ts";
import { unappliedRules } from "./unapplied-rules.ts";
import { mustBeSigned, type VerifyDeps, verifySources } from "./verify-sources.ts";

/** What one look at an Application found: what should be, what is, and what that means. */
export interface Look {
  readonly revisions: readonly string[];
  readonly sourceTypes: readonly SourceType[];
  /** The same array while a commit changes nothing that is rendered. */
  readonly manifests: readonly JsonObject[];
  readonly comparison: Comparison;
  /** What the comparison leaves out. */
  readonly rules: DiffRules;
  readonly status: SyncStatus;
  readonly health: Health;
  /** One for each compared object, in order. */
  readonly objectHealth: readonly (Health | undefined)[];
  readonly conditions: readonly FoundCondition[];
  /** Whether a signature that the project wants is missing, or not good: nothing is synced. */
  readonly isUnverified: boolean;
  /** Objects that another Application owns, as `keyText`. */
  readonly foreign: ReadonlySet<string>;
  /** The warnings about objects that another Application owns, or is tracked as owning. */
  readonly ownedByOthers: readonly string[];
  /** Objects of the destination's namespace that no Application manages, if the project asks for them. */
  readonly orphans: readonly KubeObject[];
  /** Hooks of earlier syncs that are still there. */
  readonly liveHooks: readonly KubeObject[];
  /** Other Applications that should look again: what they share with this one changed. */
  readonly disturbed: ReadonlySet<string>;
}

export interface LookDeps extends TargetDeps, VerifyDeps {
  readonly claims: Claims;
  readonly clock: Clock;
  /** Whether there is an Application `namespace/name`, looked at or not. */
  isApplication(key: string): boolean;
  readonly metrics: Pick<Metrics, "comparedObjects">;
  /** Default: nobody looks for orphans. */
  readonly orphanMonitors?: OrphanMonitors;
  /** As they are at the moment of a look; default: nobody set anything. */
  readonly settings?: () => ReconcileSettings;
}

/** What is remembered of one Application between looks; all of it can be made anew. */
export interface Memory {
  rendered?: { readonly key: string; readonly value: Rendered };
  targets?: { readonly key: string; readonly manifests: readonly JsonObject[]; readonly value: Targets };
  rules?: { readonly key: string; readonly settings: ResourceSettings; readonly value: DiffRules };
  /** The destination's namespace as a target. */
  namespace?: KubeObject | undefined;
  /** By target, then for the live object compared last. */
  readonly diffs: WeakMap<KubeObject, { readonly live: KubeObject; readonly rules: object; readonly diff: ObjectDiff }>;
  /** When its repository failed first, in a row. */
  failingSince?: number;
  /** Whether the last comparison failed: the next one looks at the repository, too. */
  hasFailed?: boolean;
  /** Of looks at the revision that was synced last, while a newer one waits for a person. */
  synced?: Memory;
  /** What was rendered at the commits of the last sync; absent: not looked at since. */
  syncedAs?: { readonly revisions: string; readonly manifests: readonly JsonObject[] };
  decided?: Decided;
}

/** With the settings as they were when the look began. */
type Settled = Omit<LookDeps, "settings"> & { readonly settings: ReconcileSettings };

/** What the last reconcile came to; times in milliseconds since 1970. */
export interface Decided {
  readonly at: number;
  /** Since when it came to the same, in a row; absent: not known. */
  readonly since?: number;
  readonly decision: AutoSyncDecision;
}

export function createMemory(): Memory {
  return { diffs: new WeakMap() };
}

export interface LookRequest extends Pick<ReconcileRequest, "level" | "hard" | "seen"> {
  /** In place of what the sources say. */
  readonly manifests?: readonly string[];
}

/**
 * Renders, reads what is live, compares, assesses. `revisions` are asked for in place of the sources' own (an operation,
 * or a comparison with the commit that is known).
 * @throws TargetError when the sources cannot be rendered; EngineError API_* when the cluster cannot be read
 */
export async function lookAt(
  application: Application,
  place: Place,
  request: LookRequest,
  revisions: readonly (string | undefined)[],
  memory: Memory,
  deps: LookDeps,
  signal: AbortSignal,
): Promise<Look> {
  const { manifests = [] } = request;
  const isLocal = manifests.length > 0;
  const rendered = isLocal
    ? localManifests(manifests, mustBeSigned(application, place.project, deps))
    : await renderOnce(application, request, revisions, memory, { ...deps, ...renderingAt(place) }, signal);
  const resolved = { revisions: rendered.revisions, asked: revisions };
  const unverified = isLocal ? [] : await verifySources(application, place.project, resolved, deps, signal);
  const own = claimantOf(application, deps.controllerNamespace);
  const settings = (deps.settings ?? (() => defaultSettings))();
  const { live } = place.cluster;
  const kinds = kindsOf(application, rendered.manifests).filter((kind) => !isLeftOut(kind, place, settings));
  await live.ensure([...kinds, ...managedKinds(application)], signal);
  if (request.hard) delete memory.targets;
  const targets = targetsOf(application, rendered.manifests, place, memory, { ...deps, settings });
  const { scope } = place.cluster;
  if (scope) checkScope(targets.objects, scope, (object) => keyOf(object).namespace !== "");
  const namespace = await monitored(own.app, application, place, { ...deps, settings }, signal);
  const wanted = targets.objects.filter(({ metadata }) => metadata.name);
  await live.fetch(wanted.map(refOf), own.instance, signal);
  const disturbed = deps.claims.set(own, new Set(wanted.map((target) => claimOf(target, place))));
  const found = liveObjects(own, wanted, place, settings);
  memory.namespace = managedTarget(application, targets.objects, found, memory.namespace);
  const managed = memory.namespace === undefined ? [] : [memory.namespace];
  const rules = rulesOf(application, settings, memory);
  const server = serverOf(application, place, settings);
  const asked = { targets: [...wanted, ...managed], live, server };
  const { served, problems: refused } = await answersOf(asked, rules, memory, signal);
  const diff = createDiff(rules, served, memory, deps.metrics);
  const { trackingMethod: method } = settings.resources;
  const compared = compareObjects([...targets.objects, ...managed], found, { method, rules, diff });
  const comparison = { ...compared, objects: compared.objects.map((object) => withPermission(object, place)) };
  const { health, resources, problems } = aggregateHealth(comparison.objects, own.app, settings.checks);
  const shared = sharedObjects(own, wanted, place, { ...deps, settings });
  const errors = [...settings.resources.problems, ...rules.problems, ...refused].map(comparisonError);
  const conditions = [...targets.conditions, ...errors];
  const told = problems.map((problem) => comparisonError(`error setting app health: ${problem}`));
  return {
    revisions: rendered.revisions,
    sourceTypes: rendered.types,
    manifests: rendered.manifests,
    comparison,
    rules,
    status: conditions.some(({ type }) => type === "ComparisonError") ? "Unknown" : comparison.status,
    health,
    objectHealth: resources,
    conditions: [...conditions, ...told, ...unverified, ...shared.conditions, ...unappliedRules(comparison)],
    isUnverified: unverified.length > 0,
    foreign: shared.foreign,
    ownedByOthers: shared.ownedByOthers,
    orphans: orphansIn(namespace, comparison, place, { ...deps, settings }),
    liveHooks: found.filter(({ metadata }) => isHook(metadata.annotations ?? {})),
    disturbed,
  };
}

/** The namespace where it looks for orphans: its destination's, if the project asks for them. */
async function monitored(
  app: string,
  { destination }: Application,
  { project, cluster }: Place,
  { orphanMonitors, settings }: Settled,
  signal: AbortSignal,
): Promise<string> {
  const namespace = project.orphanedResources === undefined ? "" : (destination.namespace ?? "");
  orphanMonitors?.set(app, cluster.live, namespace || undefined);
  if (namespace !== "") await orphanMonitors?.ensure(cluster, settings.isExcluded, signal);
  return namespace;
}

function orphansIn(namespace: string, { objects }: Comparison, place: Place, deps: Settled): readonly KubeObject[] {
  if (namespace === "") return [];
  const { project, cluster } = place;
  const managed = objects.flatMap(({ target, live: found }) => {
    const some = found ?? target;
    return some === undefined ? [] : [keyText(keyOf(some))];
  });
  const isTracked = (object: KubeObject): boolean => {
    const owner = ownerOf(object, trackingOf(deps.settings));
    return owner !== undefined && deps.isApplication(appOf(owner, deps.controllerNamespace));
  };
  const tops = cluster.live.topsOf(namespace).filter((object) => !isLeftOut(object, place, deps.settings));
  return orphansOf({ project, namespace, objects: tops, managed: new Set(managed), isTracked });
}

/** What renderings for a place may depend on. */
export function renderingAt({ project, cluster }: Place): Pick<TargetDeps, "isPermitted" | "versions"> {
  return {
    isPermitted: (repository) => checkSource(project, repository).permitted,
    versions: cluster.versions,
  };
}

/** Made once for the same rules: comparisons are remembered by their identity. */
function rulesOf(
  { ignoreDifferences: ignore, metadata, syncPolicy: { syncOptions } }: Application,
  { resources }: ReconcileSettings,
  memory: Memory,
): DiffRules {
  const compareOptions = compareOptionsOf(metadata.annotations);
  const key = JSON.stringify([ignore, compareOptions, syncOptions]);
  if (memory.rules?.key === key && memory.rules.settings === resources) return memory.rules.value;
  const value = createDiffRules({ ignore, settings: resources, compareOptions, syncOptions });
  memory.rules = { key, settings: resources, value };
  return value;
}

function comparisonError(message: string): FoundCondition {
  return { type: "ComparisonError", message };
}

export function claimantOf({ metadata }: Application, controllerNamespace: string): Claimant {
  const { name, namespace, createdAt } = metadata;
  const instance = instanceName(name, namespace, controllerNamespace);
  return { app: `${namespace}/${name}`, instance, createdAt };
}

/** Below level 2 the commit that is known counts; nothing is asked for while it is remembered. */
async function renderOnce(
  application: Application,
  request: Pick<ReconcileRequest, "level" | "hard" | "seen">,
  revisions: readonly (string | undefined)[],
  memory: Memory,
  deps: LookDeps,
  signal: AbortSignal,
): Promise<Rendered> {
  const key = JSON.stringify([application.sources, revisions]);
  if (request.level < 2 && !request.hard && memory.rendered?.key === key) return memory.rendered.value;
  const value = await renderTarget(application, revisions, request, memory.rendered?.value, deps, signal);
  memory.rendered = { key, value };
  return value;
}

/** Kinds of targets, and of what earlier syncs made: they may have to be pruned. */
function kindsOf(application: Application, manifests: readonly JsonObject[]): readonly GroupVersionKind[] {
  const earlier = knownObjects(application).map(({ apiVersion, kind }) => ({ apiVersion, kind }));
  return [...kindsIn(manifests), ...earlier];
}

function kindsIn(manifests: readonly JsonObject[]): readonly GroupVersionKind[] {
  return manifests.flatMap(({ apiVersion, kind }) =>
    typeof apiVersion === "string" && typeof kind === "string" ? [{ apiVersion, kind }] : [],
  );
}

/** Made once for the same manifests: comparisons are remembered by the identity of targets. */
function targetsOf(
  application: Application,
  manifests: readonly JsonObject[],
  place: Place,
  memory: Memory,
  { controllerNamespace, settings }: Settled,
): Targets {
  const { live, server } = place.cluster;
  const { namespace = "" } = application.destination;
  const scopes = new Map(
    kindsIn(manifests).map((kind) => [
      `${kind.apiVersion}/${kind.kind}`,
      isLeftOut(kind, place, settings) ? "excluded" : String(live.isNamespaced(kind)),
    ]),
  );
  const tracking: Tracking = {
    ...trackingOf(settings),
    instance: claimantOf(application, controllerNamespace).instance,
  };
  const key = JSON.stringify([namespace, [...scopes], tracking]);
  if (memory.targets?.manifests === manifests && memory.targets.key === key) return memory.targets.value;
  const isNamespaced = (kind: GroupVersionKind): boolean | undefined => live.isNamespaced(kind);
  const isExcluded: TargetOptions["isExcluded"] = (kind) => settings.isExcluded(kind, server);
  const made = toTargets(manifests, { namespace, tracking, isNamespaced, isExcluded });
  const value = memory.targets === undefined ? made : { ...made, objects: keepEqual(memory.targets.value, made) };
  memory.targets = { key, manifests, value };
  return value;
}

/** A commit mostly changes some of an Application's objects: the others are compared no more for that. */
function keepEqual(before: Targets, { objects }: Targets): readonly KubeObject[] {
  const known = new Map(before.objects.map((object) => [keyText(keyOf(object)), object]));
  return objects.map((object) => {
    const same = known.get(keyText(keyOf(object)));
    return object.metadata.name && isDeepStrictEqual(same, object) ? (same ?? object) : object;
  });
}

/**
 * What the last comparison knew of, as it is now, and what else is tracked as the Application's; nothing is rendered.
 * Without a `live` it is gone.
 */
export async function lookAtLive(
  application: Application,
  place: Place,
  { controllerNamespace, settings: read = () => defaultSettings }: Pick<LookDeps, "controllerNamespace" | "settings">,
  signal: AbortSignal,
): Promise<readonly Pick<ComparedObject, "target" | "live">[]> {
  const settings = read();
  const { live } = place.cluster;
  const known = knownObjects(application).filter((object) => !isLeftOut(object, place, settings));
  await live.ensure(known, signal);
  const own = claimantOf(application, controllerNamespace);
  await live.fetch(known.map(refOf), own.instance, signal);
  const permitted = known.filter((object) => isPermitted(object, place));
  const found = liveObjects(own, permitted, place, settings);
  const keys = new Set(found.map((object) => keyText(keyOf(object))));
  const missing = permitted.filter((object) => !keys.has(keyText(keyOf(object))));
  return [...found.map((object) => ({ live: object })), ...missing.map((target) => ({ target }))];
}

/** Those of `status.resources`, by name only. */
export function knownObjects({ status }: Application): readonly KubeObject[] {
  const known = Array.isArray(status.resources) ? status.resources.filter(isJsonObject) : [];
  return known.flatMap(({ group, version, kind, namespace, name }) => {
    if (typeof version !== "string" || typeof kind !== "string" || typeof name !== "string") return [];
    const apiVersion = group ? `${String(group)}/${version}` : version;
    return [{ apiVersion, kind, metadata: { name, ...(typeof namespace === "string" ? { namespace } : {}) } }];
  });
}

function claimOf(target: KubeObject, { cluster }: Place): string {
  return claimKey(cluster.server, keyText(keyOf(target)));
}

/**
 * Those of the targets' names, in the targets' versions, and what else is tracked as the Application's (spec
 * argo-cd-engine 6.6); without what the project does not permit, which is not the Application's to compare or prune.
 */
function liveObjects(
  own: Claimant,
  targets: readonly KubeObject[],
  place: Place,
  settings: ReconcileSettings,
): readonly KubeObject[] {
  const { live } = place.cluster;
  const named = targets.flatMap((target) => live.find(refOf(target)) ?? []);
  const byKey = new Map(named.map((object) => [keyText(keyOf(object)), object]));
  for (const object of live.ofGroup(own.instance)) {
    const key = keyText(keyOf(object));
    if (!byKey.has(key)) byKey.set(key, object);
  }
  return [...byKey.values()].filter((object) => isPermitted(object, place) && !isLeftOut(object, place, settings));
}

/** Whether the settings take objects of the kind for not there (spec argo-cd-engine 6.4). */
function isLeftOut(object: GroupVersionKind, { cluster }: Place, { isExcluded }: ReconcileSettings): boolean {
  return isExcluded({ group: groupOf(object), kind: object.kind }, cluster.server);
}

function isPermitted(object: KubeObject, { project, cluster }: Place): boolean {
  return checkObject(project, kindOf(object), cluster, keyOf(object).namespace).permitted;
}

/** What the project does not permit has no known status; that of the Application stays (spec argo-cd-engine 3.1). */
function withPermission(object: ComparedObject, { project }: Place): ComparedObject {
  const some = object.target ?? object.live;
  if (some === undefined || checkKind(project, kindOf(some)).permitted) return object;
  return { ...object, status: "Unknown" };
}

function kindOf(object: KubeObject): KindToCheck {
  const { group, kind, namespace, name } = keyOf(object);
  return { group, kind, name, isNamespaced: namespace !== "" };
}

interface Asked {
  readonly targets: readonly KubeObject[];
  readonly live: Place["cluster"]["live"];
  /** Text: why it may not be asked. */
  readonly server: KubeClient | string;
}

/** Of what changed since the last look. */
async function answersOf(
  { targets, live, server }: Asked,
  rules: DiffRules,
  { diffs }: Memory,
  signal: AbortSignal,
): Promise<ServerAnswers> {
  if (!rules.serverSideDiff) return { served: new Map(), problems: [] };
  const changed = targets.filter((target) => {
    const object = isHook(target.metadata.annotations ?? {}) ? undefined : live.find(refOf(target));
    return object !== undefined && findDiff(target, object, rules, diffs) === undefined;
  });
  if (typeof server === "string") return { served: new Map(), problems: changed.length === 0 ? [] : [server] };
  return askServer(changed, server, rules, signal);
}

/** Compares what changed since the last look only. */
function createDiff(
  rules: DiffRules,
  served: ServerAnswers["served"],
  { diffs }: Memory,
  { comparedObjects }: LookDeps["metrics"],
): typeof diffObject {
  return (target, live, options) => {
    if (target === undefined || live === undefined) return diffObject(target, live, options);
    const known = findDiff(target, live, rules, diffs);
    if (known !== undefined) return known;
    const answer = served.get(target);
    const diff = diffObject(target, live, answer === undefined ? options : { ...options, served: answer });
    if (rules.serverSideDiff && answer === undefined) return diff; // the server refused: it is asked again
    comparedObjects.add({});
    diffs.set(target, { live, rules, diff });
    return diff;
  };
}

/** Of an earlier look; it holds while only the status of the live object changes, which is not compared. */
function findDiff(
  target: KubeObject,
  live: KubeObject,
  rules: DiffRules,
  diffs: Memory["diffs"],
): ObjectDiff | undefined {
  const known = diffs.get(target);
  if (known === undefined || known.rules !== rules) return undefined;
  if (known.live === live) return known.diff;
  if (!rules.of(target).ignoresStatus || !isSameButStatus(known.live, live)) return undefined;
  diffs.set(target, { ...known, live });
  return known.diff;
}

function sharedObjects(
  own: Claimant,
  targets: readonly KubeObject[],
  place: Place,
  deps: Settled,
): Pick<Look, "conditions" | "foreign" | "ownedByOthers"> {
  const conditions: FoundCondition[] = [];
  const foreign = new Set<string>();
  const ownedByOthers: string[] = [];
  for (const target of targets) {
    const object = place.cluster.live.find(refOf(target));
    const tracked = object && ownerOf(object, trackingOf(deps.settings));
    const trackedBy = tracked === own.instance ? undefined : tracked;
    const others = deps.claims.othersOf(own.app, claimOf(target, place));
    const isOthers = isForeign(own, others, tracked) || (trackedBy !== undefined && mayWant(trackedBy, deps));
    if (isOthers) foreign.add(keyText(keyOf(target)));
    const other = (trackedBy ?? others[0]?.instance)?.replace("_", "/");
    if (other === undefined) continue;
    const message = `${target.kind}/${target.metadata.name} is part of applications ${own.app} and ${other}`;
    conditions.push({ type: "SharedResourceWarning", message });
    if (isOthers || trackedBy !== undefined) ownedByOthers.push(message);
  }
  return { conditions, foreign, ownedByOthers };
}

/**
 * Whether it is not known yet what the Application wants: after a start the order in which Applications are looked at must
 * not decide whose an object is.
 */
function mayWant(instance: string, { claims, controllerNamespace, isApplication }: Settled): boolean {
  const app = appOf(instance, controllerNamespace);
  return !claims.isKnown(app) && isApplication(app);
}

function appOf(instance: string, controllerNamespace: string): string {
  return instance.includes("_") ? instance.replace("_", "/") : `${controllerNamespace}/${instance}`;
}

/** Whether automated syncs leave the object alone. */
export function isForeignTo({ foreign }: Look, { target, live }: ComparedObject): boolean {
  const object = target ?? live;
  return object !== undefined && foreign.has(keyText(keyOf(object)));
}

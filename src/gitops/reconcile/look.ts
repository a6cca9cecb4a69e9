import type { Application, AppProject } from "../../api/application-types.ts";
import { isHook } from "../../api/resource-annotations.ts";
import type { Clock } from "../../base/clock.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { LiveState } from "../../kube/live-state.ts";
import type { GroupVersionKind, KubeObject } from "../../objects/object.ts";
import { type ComparedObject, type Comparison, compareObjects, type SyncStatus } from "../diff/compare.ts";
import { keyOf, keyText, type ObjectDiff } from "../diff/diff.ts";
import { diffObject } from "../diff/object-diff.ts";
import { type Targets, toTargets } from "../diff/targets.ts";
import { defaultInstanceLabel, instanceName, ownerOf, type Tracking } from "../diff/tracking.ts";
import { aggregateHealth } from "../health/aggregate.ts";
import type { Health } from "../health/health.ts";
import { checkObject } from "../project/kind-check.ts";
import { type Claimant, type Claims, isForeign } from "./claims.ts";
import type { FoundCondition } from "./conditions.ts";
import type { DestinationCluster, Place } from "./destination.ts";
import type { ReconcileRequest } from "./request.ts";
import type { SourceType } from "./status.ts";
import { type Rendered, renderTarget, type TargetDeps } from "./target.ts";

/** What one look at an Application found: what should be, what is, and what that means. */
export interface Look {
  readonly revisions: readonly string[];
  readonly sourceTypes: readonly SourceType[];
  readonly comparison: Comparison;
  readonly status: SyncStatus;
  readonly health: Health;
  /** One for each compared object, in order. */
  readonly objectHealth: readonly (Health | undefined)[];
  readonly conditions: readonly FoundCondition[];
  /** Objects that another Application owns, as `keyText`. */
  readonly foreign: ReadonlySet<string>;
  /** Hooks of earlier syncs that are still there. */
  readonly liveHooks: readonly KubeObject[];
  /** Other Applications that should look again: what they share with this one changed. */
  readonly disturbed: ReadonlySet<string>;
}

export interface LookDeps extends TargetDeps {
  readonly claims: Claims;
  readonly clock: Clock;
  /** Applications of other namespaces have it in their instance name. */
  readonly controllerNamespace: string;
  readonly metrics: Pick<Metrics, "comparedObjects">;
}

/** What is remembered of one Application between looks; all of it can be made anew. */
export interface Memory {
  rendered?: { readonly key: string; readonly value: Rendered };
  targets?: { readonly key: string; readonly manifests: readonly JsonObject[]; readonly value: Targets };
  /** By target, then for the live object compared last. */
  readonly diffs: WeakMap<KubeObject, { readonly live: KubeObject; readonly rules: string; readonly diff: ObjectDiff }>;
  /** When its repository failed first, in a row. */
  failingSince?: number;
  /** Whether the last comparison failed: the next one looks at the repository, too. */
  hasFailed?: boolean;
}

export function createMemory(): Memory {
  return { diffs: new WeakMap() };
}

/** The original's default; other methods come with its settings. */
const method = "annotation";

/**
 * Renders, reads what is live, compares, assesses. `revisions` are asked for in place of the sources' own (an operation,
 * or a comparison with the commit that is known).
 * @throws TargetError when the sources cannot be rendered; EngineError API_* when the cluster cannot be read
 */
export async function lookAt(
  application: Application,
  place: Place,
  request: Pick<ReconcileRequest, "level" | "hard" | "seen">,
  revisions: readonly (string | undefined)[],
  memory: Memory,
  deps: LookDeps,
  signal: AbortSignal,
): Promise<Look> {
  const rendered = await renderOnce(application, request, revisions, memory, deps, signal);
  const { live } = place.cluster;
  await live.ensure(kindsOf(application, rendered.manifests), signal);
  const targets = targetsOf(application, rendered.manifests, live, memory, deps);
  const own = claimantOf(application, deps.controllerNamespace);
  const disturbed = deps.claims.set(own, new Set(targets.objects.map((object) => keyText(keyOf(object)))));
  const found = liveObjects(own, targets.objects, place);
  const ignore = application.ignoreDifferences;
  const diff = createDiff(JSON.stringify(ignore), memory, deps.metrics);
  const comparison = compareObjects(targets.objects, found, { method, ignore, diff });
  const { health, resources } = aggregateHealth(comparison.objects, own.app);
  const shared = sharedObjects(own, targets.objects, live, deps.claims);
  return {
    revisions: rendered.revisions,
    sourceTypes: rendered.types,
    comparison,
    status: targets.conditions.some(({ type }) => type === "ComparisonError") ? "Unknown" : comparison.status,
    health,
    objectHealth: resources,
    conditions: [...targets.conditions, ...shared.conditions],
    foreign: shared.foreign,
    liveHooks: found.filter(({ metadata }) => isHook(metadata.annotations ?? {})),
    disturbed,
  };
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
  const key = JSON.stringify([application.spec.source, application.spec.sources, revisions]);
  if (request.level < 2 && !request.hard && memory.rendered?.key === key) return memory.rendered.value;
  const value = await renderTarget(application, revisions, request, deps, signal);
  memory.rendered = { key, value };
  return value;
}

/** Kinds of targets, and of what earlier syncs made: they may have to be pruned. */
function kindsOf({ status }: Application, manifests: readonly JsonObject[]): readonly GroupVersionKind[] {
  const known = Array.isArray(status.resources) ? status.resources.filter(isJsonObject) : [];
  const earlier = known.flatMap(({ group, version, kind }) => {
    if (typeof version !== "string" || typeof kind !== "string") return [];
    return [{ apiVersion: group ? `${String(group)}/${version}` : version, kind }];
  });
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
  live: LiveState,
  memory: Memory,
  { controllerNamespace }: LookDeps,
): Targets {
  const { namespace = "" } = application.destination;
  const scopes = new Map(
    kindsIn(manifests).map((kind) => [`${kind.apiVersion}/${kind.kind}`, String(live.isNamespaced(kind))]),
  );
  const key = JSON.stringify([namespace, [...scopes]]);
  if (memory.targets?.manifests === manifests && memory.targets.key === key) return memory.targets.value;
  const { instance } = claimantOf(application, controllerNamespace);
  const tracking: Tracking = { method, instance, label: defaultInstanceLabel };
  const isNamespaced = (kind: GroupVersionKind): boolean | undefined => live.isNamespaced(kind);
  const value = toTargets(manifests, { namespace, tracking, isNamespaced });
  memory.targets = { key, manifests, value };
  return value;
}

/** Objects tracked as the Application's, and those of the targets' names (spec argo-cd-engine 6.6). */
function liveObjects(
  own: Claimant,
  targets: readonly KubeObject[],
  { cluster, project }: Place,
): readonly KubeObject[] {
  const { live } = cluster;
  const byKey = new Map<string, KubeObject>();
  for (const object of live.ofGroup(own.instance)) {
    if (isPermitted(object, project, cluster)) byKey.set(keyText(keyOf(object)), object);
  }
  for (const target of targets) {
    const key = keyText(keyOf(target));
    const { name, namespace } = target.metadata;
    if (byKey.has(key) || name === undefined) continue;
    const ref = { apiVersion: target.apiVersion, kind: target.kind, name, ...(namespace ? { namespace } : {}) };
    const object = live.find(ref);
    if (object !== undefined) byKey.set(key, object);
  }
  return [...byKey.values()];
}

/** What the project does not permit is not the Application's to prune. */
function isPermitted(object: KubeObject, project: AppProject, cluster: DestinationCluster): boolean {
  const { group, kind, namespace, name } = keyOf(object);
  const isNamespaced = namespace !== "";
  return checkObject(project, { group, kind, name, isNamespaced }, cluster, namespace).permitted;
}

/** Compares what changed since the last look only. */
function createDiff(rules: string, { diffs }: Memory, { comparedObjects }: LookDeps["metrics"]): typeof diffObject {
  return (target, live, options) => {
    if (target === undefined || live === undefined) return diffObject(target, live, options);
    const known = diffs.get(target);
    if (known?.live === live && known.rules === rules) return known.diff;
    const diff = diffObject(target, live, options);
    comparedObjects.add({});
    diffs.set(target, { live, rules, diff });
    return diff;
  };
}

function sharedObjects(
  own: Claimant,
  targets: readonly KubeObject[],
  live: LiveState,
  claims: Claims,
): Pick<Look, "conditions" | "foreign"> {
  const conditions: FoundCondition[] = [];
  const foreign = new Set<string>();
  for (const target of targets) {
    const key = keyText(keyOf(target));
    const { name = "", namespace } = target.metadata;
    const object = live.find({
      apiVersion: target.apiVersion,
      kind: target.kind,
      name,
      ...(namespace ? { namespace } : {}),
    });
    const trackedBy = object && ownerOf(object, method, defaultInstanceLabel);
    const others = claims.othersOf(own.app, key);
    if (isForeign(own, others, trackedBy)) foreign.add(key);
    const other = others[0]?.app ?? (trackedBy !== undefined && trackedBy !== own.instance ? trackedBy : undefined);
    if (other === undefined) continue;
    const text = `${target.kind}/${name} is part of applications ${own.app} and ${other.replace("_", "/")}`;
    conditions.push({ type: "SharedResourceWarning", message: text });
  }
  return { conditions, foreign };
}

/** Whether automated syncs leave the object alone. */
export function isForeignTo({ foreign }: Look, { target, live }: ComparedObject): boolean {
  const object = target ?? live;
  return object !== undefined && foreign.has(keyText(keyOf(object)));
}

import { isDeepStrictEqual } from "node:util";
import type { ResourceSelection } from "../../api/application-types.ts";
import {
  type HookType,
  hookFinalizer,
  hookTypesOf,
  isHook,
  isSkipped,
  optionValue,
  syncOptionsOf,
  waveOf,
} from "../../api/resource-annotations.ts";
import type { Instant } from "../../base/clock.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ComparedObject } from "../diff/compare.ts";
import { keyOf, keyText } from "../diff/diff.ts";
import { type NamespaceMetadata, namespaceTarget } from "./namespace.ts";
import { definesKind, isCrd, orderTasks, reversePruneWaves, toSteps } from "./order.ts";
import { phases, type SyncPhase, type SyncPlan, type SyncTask } from "./sync.ts";

export interface PlanOptions {
  readonly prune: boolean;
  /** `Key=value`, of the operation. */
  readonly syncOptions: readonly string[];
  /** `apply`, or some objects only: no hooks. */
  readonly strategy: "apply" | "hook";
  /** Empty: all. */
  readonly resources: readonly ResourceSelection[];
  /** The resolved revision and the start of the operation: names of hooks that have none are made of them. */
  readonly revision: string;
  readonly startedAt: Instant;
  /** The destination's namespace and whether it is there. */
  readonly namespace: string;
  readonly namespaceExists: boolean;
  /** Why it is not known whether it is there. */
  readonly namespaceProblem?: string;
  readonly namespaceMetadata?: NamespaceMetadata;
}

/**
 * What a sync does, in order (spec argo-cd-engine 4.2, 4.3). `objects` and `hooks` come from `compareObjects`; `liveHooks`
 * are those that are there from earlier syncs.
 */
export function planSync(
  objects: readonly ComparedObject[],
  hooks: readonly KubeObject[],
  liveHooks: readonly KubeObject[],
  options: PlanOptions,
): SyncPlan {
  const selected = objects.filter((object) => object.isSelfReferenced && isSelected(object, options.resources));
  const onlyChanged = options.syncOptions.includes("ApplyOutOfSyncOnly=true");
  const plain = selected.flatMap((object) => objectTasks(object, options, onlyChanged));
  const usesHooks = options.strategy === "hook" && options.resources.length === 0;
  const liveByKey = new Map(liveHooks.map((hook) => [keyText(keyOf(hook)), hook]));
  const taken = new Set<string>();
  const hookTasks = usesHooks ? hooks.flatMap((hook) => tasksOfHook(hook, liveByKey, options, taken)) : [];
  const namespace = namespaceTask(objects, options);
  const waved = pruneLast(reversePruneWaves([...plain, ...hookTasks]), options);
  const ordered = markBlind(orderTasks([...namespace, ...waved]));
  return {
    steps: toSteps(ordered.filter(({ phase }) => phase !== "SyncFail")),
    onFailure: toSteps(ordered.filter(({ phase }) => phase === "SyncFail")),
  };
}

function isSelected({ target, live }: ComparedObject, resources: readonly ResourceSelection[]): boolean {
  const object = target ?? live;
  if (resources.length === 0 || object === undefined) return object !== undefined;
  const key = keyOf(object);
  return resources.some(({ group, kind, name, namespace }) => {
    const isSame = group === key.group && kind === key.kind && name === key.name;
    return isSame && (!namespace || namespace === key.namespace);
  });
}

function objectTasks(object: ComparedObject, options: PlanOptions, onlyChanged: boolean): readonly SyncTask[] {
  const { target, live } = object;
  const some = target ?? live;
  if (some === undefined) return [];
  const annotations = some.metadata.annotations ?? {};
  if (isHook(annotations) || isSkipped(annotations)) return [];
  if (target === undefined) return [pruneTask(some, annotations, options)];
  const one = task("apply", "Sync", waveOf(annotations), target, live);
  return [live === undefined ? one : { ...one, ...whatStays(one, object, onlyChanged) }];
}

/** What of a live object would be as it is. */
function whatStays(one: SyncTask, { status, diff }: ComparedObject, onlyChanged: boolean): Partial<SyncTask> {
  if (status === "Synced") return { changesNothing: true, ...(onlyChanged ? { isUnmodified: true } : {}) };
  const keepsSpec = isCrd(one) && isDeepStrictEqual(diff.normalizedLive?.spec, diff.predictedLive?.spec);
  return keepsSpec ? { keepsSpec } : {};
}

function pruneTask(live: KubeObject, annotations: Readonly<Record<string, string>>, options: PlanOptions): SyncTask {
  const allowed = optionValue(syncOptionsOf(annotations), "Prune") ?? optionValue(options.syncOptions, "Prune");
  const skip = options.prune ? (allowed === "false" ? "ignored (no prune)" : undefined) : "ignored (requires pruning)";
  const { key, version } = task("prune", "Sync", 0, live, live);
  return {
    action: "prune",
    phase: "Sync",
    wave: waveOf(annotations),
    key,
    version,
    live,
    needsConfirmation: skip === undefined && allowed === "confirm",
    skipsDryRun: true,
    ...(skip === undefined ? {} : { skip }),
  };
}

function task(
  action: SyncTask["action"],
  phase: SyncPhase,
  wave: number,
  target: KubeObject,
  live: KubeObject | undefined,
): SyncTask {
  return {
    action,
    phase,
    wave,
    key: keyOf(target),
    version: target.apiVersion.split("/").at(-1) ?? "",
    target,
    ...(live === undefined ? {} : { live }),
    needsConfirmation: false,
    skipsDryRun: false,
  };
}

/** One for each phase that it names. */
function tasksOfHook(
  hook: KubeObject,
  liveByKey: ReadonlyMap<string, KubeObject>,
  options: PlanOptions,
  taken: Set<string>,
): readonly SyncTask[] {
  const annotations = hook.metadata.annotations ?? {};
  return hookTypesOf(annotations)
    .filter(isPhase)
    .map((phase) => {
      const target = hookTarget(hook, phase, options, taken);
      const live = liveByKey.get(keyText(keyOf(target)));
      return { ...task("apply", phase, waveOf(annotations), target, live), hookType: phase };
    });
}

function isPhase(type: HookType): type is SyncPhase {
  return phases.some((phase) => phase === type);
}

/** `taken`: the names made up so far, so that each of several hooks with one generateName in a phase has its own. */
function hookTarget(hook: KubeObject, phase: SyncPhase, options: PlanOptions, taken: Set<string>): KubeObject {
  const { generateName, ...rest } = hook.metadata;
  const finalizers = [...new Set([...(rest.finalizers ?? []), hookFinalizer])];
  const named = (name: string): KubeObject => ({ ...hook, metadata: { ...rest, name, finalizers } });
  if (rest.name) return named(rest.name);
  const wanted = `${generateName}${hookSuffix(phase, options)}`;
  let made = named(wanted);
  for (let n = 2; taken.has(keyText(keyOf(made))); n++) made = named(`${wanted}-${n}`);
  taken.add(keyText(keyOf(made)));
  return made;
}

function hookSuffix(phase: SyncPhase, { revision, startedAt }: PlanOptions): string {
  const short = revision.length >= 8 ? revision.slice(0, 7) : revision;
  return `${short}-${phase}-${Math.floor(startedAt / 1_000)}`.toLowerCase();
}

/**
 * CreateNamespace=true: the destination's namespace, when no target is it, selected or not (spec argo-cd-engine 4.10). It
 * carries no tracking, and so is never pruned. With metadata it is applied at each sync.
 */
function namespaceTask(objects: readonly ComparedObject[], options: PlanOptions): readonly SyncTask[] {
  const { namespace, namespaceExists, namespaceProblem, namespaceMetadata: metadata } = options;
  if (namespace === "" || !options.syncOptions.includes("CreateNamespace=true")) return [];
  const isTarget = objects.some(({ target }) => {
    return target?.apiVersion === "v1" && target.kind === "Namespace" && target.metadata.name === namespace;
  });
  if (isTarget || (namespaceExists && metadata === undefined && namespaceProblem === undefined)) return [];
  const one = task("apply", "PreSync", 0, namespaceTarget(namespace, metadata), undefined);
  if (namespaceProblem === undefined) return [{ ...one, makesNamespace: true }];
  return [{ ...one, problem: `namespace auto creation failed: ${namespaceProblem}` }];
}

/** PruneLast: after every other wave. */
function pruneLast(tasks: readonly SyncTask[], options: PlanOptions): readonly SyncTask[] {
  const highest = Math.max(0, ...tasks.filter(({ phase }) => phase === "Sync").map(({ wave }) => wave));
  const isLastFor = (one: SyncTask) =>
    options.syncOptions.includes("PruneLast=true") ||
    syncOptionsOf(one.live?.metadata.annotations ?? {}).includes("PruneLast=true");
  return tasks.map((one) => (one.action === "prune" && isLastFor(one) ? { ...one, wave: highest + 1 } : one));
}

/**
 * A dry run cannot judge what needs a namespace that this sync makes, or a kind that it makes or changes: ours is the
 * server's, which would ask the schema of before. A CRD that says the same of its kind hides nothing.
 */
function markBlind(tasks: readonly SyncTask[]): readonly SyncTask[] {
  const made = tasks.flatMap(({ target, live, makesNamespace }) =>
    target && !live && !makesNamespace ? [target] : [],
  );
  const namespaces = new Set(made.flatMap(({ kind, metadata }) => (kind === "Namespace" ? [metadata.name] : [])));
  const crds = tasks.filter(isCrd);
  return tasks.map((one) => {
    const crd = crds.find(({ target }) => definesKind(target, one.key));
    const isBlind = namespaces.has(one.key.namespace) || (crd !== undefined && !crd.changesNothing && !crd.keepsSpec);
    return { ...one, ...(isBlind ? { skipsDryRun: true } : {}), ...(crd?.target ? { definition: crd.target } : {}) };
  });
}

import type { KubeObject } from "../../objects/object.ts";
import { keyText } from "../diff/diff.ts";
import { phases, type SyncStep, type SyncTask } from "./sync.ts";

/** Earlier first; others come after all of them. The group does not matter. */
const kindOrder: ReadonlyMap<string, number> = new Map(
  (
    "Namespace NetworkPolicy ResourceQuota LimitRange PodSecurityPolicy PodDisruptionBudget ServiceAccount Secret " +
    "SecretList ConfigMap StorageClass PersistentVolume PersistentVolumeClaim CustomResourceDefinition ClusterRole " +
    "ClusterRoleList ClusterRoleBinding ClusterRoleBindingList Role RoleList RoleBinding RoleBindingList Service " +
    "DaemonSet Pod ReplicationController ReplicaSet Deployment HorizontalPodAutoscaler StatefulSet Job CronJob " +
    "IngressClass Ingress APIService"
  )
    .split(" ")
    .map((kind, rank) => [kind, rank]),
);

/** By phase, wave, kind and name; Namespaces and CRDs before the first task that needs them (spec argo-cd-engine 4.3). */
export function orderTasks(tasks: readonly SyncTask[]): readonly SyncTask[] {
  const sorted = [...tasks].sort(compareTasks);
  bubbleUp(sorted, isNamespace, (provider, user) => user.key.namespace === provider.key.name);
  bubbleUp(sorted, isCrd, (provider, user) => definesKind(provider.target, user.key));
  return onceInPhase(sorted);
}

/** A hook of two phases may have been moved into one: it runs there once. */
function onceInPhase(tasks: readonly SyncTask[]): readonly SyncTask[] {
  const seen = new Set<string>();
  return tasks.filter(({ phase, key }) => {
    const text = `${phase} ${keyText(key)}`;
    return !seen.has(text) && seen.add(text);
  });
}

function compareTasks(a: SyncTask, b: SyncTask): number {
  return (
    phases.indexOf(a.phase) - phases.indexOf(b.phase) ||
    a.wave - b.wave ||
    rankOf(a.key.kind) - rankOf(b.key.kind) ||
    compareText(a.key.name, b.key.name) ||
    compareText(a.key.namespace, b.key.namespace) ||
    compareText(a.key.kind, b.key.kind) ||
    compareText(a.key.group, b.key.group)
  );
}

function rankOf(kind: string): number {
  return kindOrder.get(kind) ?? kindOrder.size;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Moves each provider before its first user; it takes that one's phase and wave. */
function bubbleUp(
  tasks: SyncTask[],
  provides: (task: SyncTask) => boolean,
  needs: (provider: SyncTask, user: SyncTask) => boolean,
): void {
  for (const provider of tasks.filter(provides)) {
    const from = tasks.indexOf(provider);
    const to = tasks.findIndex((task) => task !== provider && task.target !== undefined && needs(provider, task));
    const user = tasks[to];
    if (user === undefined || to > from) continue;
    tasks.splice(from, 1);
    tasks.splice(to, 0, { ...provider, phase: user.phase, wave: user.wave });
  }
}

function isNamespace({ key, target }: SyncTask): boolean {
  return target !== undefined && key.group === "" && key.kind === "Namespace";
}

export function isCrd({ key, target }: SyncTask): boolean {
  return target !== undefined && key.group === "apiextensions.k8s.io" && key.kind === "CustomResourceDefinition";
}

/** Whether a CRD defines the kind. */
export function definesKind(
  crd: KubeObject | undefined,
  kind: { readonly group: string; readonly kind: string },
): boolean {
  const spec = crd?.spec as { group?: unknown; names?: { kind?: unknown } } | undefined;
  return spec?.group === kind.group && spec.names?.kind === kind.kind;
}

/** Waves of prunes turned round: the last that came is the first to go. */
export function reversePruneWaves(tasks: readonly SyncTask[]): readonly SyncTask[] {
  const prunes = tasks.filter(({ action }) => action === "prune");
  const waves = [...new Set(prunes.map(({ wave }) => wave))].sort((a, b) => a - b);
  return tasks.map((task) => {
    if (task.action !== "prune") return task;
    return { ...task, wave: waves[waves.length - 1 - waves.indexOf(task.wave)] ?? task.wave };
  });
}

/** Tasks of one phase and wave together; `tasks` are in order. */
export function toSteps(tasks: readonly SyncTask[]): readonly SyncStep[] {
  const steps: { phase: SyncStep["phase"]; wave: number; tasks: SyncTask[] }[] = [];
  for (const task of tasks) {
    const last = steps.at(-1);
    if (last && last.phase === task.phase && last.wave === task.wave) last.tasks.push(task);
    else steps.push({ phase: task.phase, wave: task.wave, tasks: [task] });
  }
  return steps;
}

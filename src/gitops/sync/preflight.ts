import { syncOptionsOf } from "../../api/resource-annotations.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { WriteContext } from "./apply.ts";
import { inPool } from "./in-pool.ts";
import { missingKindText } from "./missing-kind.ts";
import { patiently } from "./patience.ts";
import type { SyncTask } from "./sync.ts";

type Asked = Pick<WriteContext, "kube" | "clock" | "syncOptions" | "signal">;

type Refusal = (task: SyncTask, isNamespaced: boolean) => string | undefined;

export interface Preflight {
  /** Tasks that cannot be, and why: kinds that the cluster does not know, or what the project does not permit. */
  readonly invalid: ReadonlyMap<SyncTask, string>;
  /** Tasks whose kind the cluster does not know yet: a dry run has nothing to ask. */
  readonly unknown: ReadonlySet<SyncTask>;
}

const skipOption = "SkipDryRunOnMissingResource=true";

/** What is known of the tasks before the first write (spec argo-cd-engine 4.2). */
export async function checkTasks(tasks: readonly SyncTask[], refusal: Refusal, context: Asked): Promise<Preflight> {
  const invalid = new Map<SyncTask, string>();
  const unknown = new Set<SyncTask>();
  await inPool(tasks, async (task) => {
    const scope = await scopeOf(task, context);
    if (scope === "unknown") unknown.add(task);
    const message = await problemOf(task, scope, refusal, context);
    if (message !== undefined) invalid.set(task, message);
  });
  return { invalid, unknown };
}

/** Those of the tasks that the project does not permit, and why; what else may be wrong with them is not asked. */
export async function refusedTasks(
  tasks: readonly SyncTask[],
  refusal: Refusal,
  context: Asked,
): Promise<ReadonlyMap<SyncTask, string>> {
  const refused = new Map<SyncTask, string>();
  await inPool(tasks, async (task) => {
    const scope = await scopeOf(task, context);
    const message = typeof scope === "object" ? undefined : refusalOf(task, scope, refusal);
    if (message !== undefined) refused.set(task, message);
  });
  return refused;
}

/** `unknown`: the cluster lacks the kind. `problem`: it could not be asked. */
type Scope = KnownScope | { readonly problem: string };
type KnownScope = "namespaced" | "cluster" | "unknown";

async function scopeOf(task: SyncTask, { kube, clock, signal }: Asked): Promise<Scope> {
  if (task.problem !== undefined) return { problem: task.problem };
  const object = task.target ?? task.live;
  if (object === undefined) return { problem: `${task.key.kind} ${task.key.name}: there is nothing to sync` };
  try {
    return (await patiently(() => kube.isNamespaced(object, signal), clock, signal)) ? "namespaced" : "cluster";
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError && error.code === "API_NOT_FOUND") return "unknown";
    return { problem: messageOf(error) };
  }
}

async function problemOf(task: SyncTask, scope: Scope, refusal: Refusal, context: Asked): Promise<string | undefined> {
  if (typeof scope === "object") return scope.problem;
  // Its CRD comes with this sync, or the user vouches for it; what the project says of it counts all the same.
  const isMissing = scope === "unknown" && task.definition === undefined && !mayBeMissing(task, context);
  return isMissing ? missingKindText(task, context.kube, context.signal) : refusalOf(task, scope, refusal);
}

function refusalOf(task: SyncTask, scope: KnownScope, refusal: Refusal): string | undefined {
  if (scope !== "unknown") return refusal(task, scope === "namespaced");
  if (task.definition !== undefined) return refusal(task, isNamespacedBy(task.definition));
  const refused = refusal(task, true);
  return refused !== undefined && refusal(task, false) !== undefined ? refused : undefined;
}

function isNamespacedBy({ spec }: KubeObject): boolean {
  return (spec as { readonly scope?: unknown } | undefined)?.scope !== "Cluster";
}

/** The user vouches for the kind. */
function mayBeMissing({ target }: SyncTask, { syncOptions }: Pick<Asked, "syncOptions">): boolean {
  return syncOptions.includes(skipOption) || syncOptionsOf(target?.metadata.annotations ?? {}).includes(skipOption);
}

import type { Clock } from "../../base/clock.ts";
import {
  type OperationPhase,
  type ResourceResult,
  type ResultStatus,
  type SyncTask,
  type TaskRun,
  taskRunKey,
} from "./sync.ts";

/** What each task has come to, in the order of the plan, however long each took; those of a former plan come first. */
export interface Results {
  find(task: SyncTask): ResourceResult | undefined;
  /** It is being worked on from now on; what is recorded of a task that never began is a moment. */
  begin(task: SyncTask): void;
  /** `uid`: of a hook's object. */
  record(task: SyncTask, status: ResultStatus, hookPhase: OperationPhase, message: string, uid?: string): void;
  list(): readonly ResourceResult[];
  /** When each task of this run was worked on. */
  readonly runs: ReadonlyMap<string, TaskRun>;
}

/** `previous` are those of the same operation before a restart. */
export function createResults(
  previous: readonly ResourceResult[],
  tasks: readonly SyncTask[],
  clock: Pick<Clock, "now">,
): Results {
  const order = new Map(tasks.map((task, index) => [taskRunKey(task.phase, task.key), index]));
  const byTask = new Map(previous.map((result) => [taskRunKey(result.syncPhase, result), result]));
  const runs = new Map<string, TaskRun>();
  return {
    runs,
    find: (task) => byTask.get(taskRunKey(task.phase, task.key)),
    begin({ phase, key, wave }) {
      const place = taskRunKey(phase, key);
      if (!runs.has(place)) runs.set(place, { wave, startedAt: clock.now() });
    },
    record(task, status, hookPhase, message, uid) {
      const { phase: syncPhase, version, key, hookType, wave } = task;
      const hook = hookType === undefined ? {} : { hookType };
      const result = { ...key, version, status, message, ...hook, hookPhase, syncPhase, ...(uid ? { uid } : {}) };
      const place = taskRunKey(syncPhase, key);
      const isKnown = byTask.has(place);
      byTask.set(place, result);
      const now = clock.now();
      // Of one from before a restart the begin is not known.
      const run = runs.get(place) ?? (isKnown ? undefined : { wave, startedAt: now });
      if (run === undefined || run.endedAt !== undefined) return;
      runs.set(place, hookPhase === "Running" ? run : { ...run, endedAt: now });
    },
    list: () => {
      const entries = [...byTask].sort(([a], [b]) => (order.get(a) ?? -1) - (order.get(b) ?? -1));
      return entries.map(([, result]) => result);
    },
  };
}

export function isFailed(result: ResourceResult | undefined): boolean {
  return result?.hookPhase === "Failed" || result?.hookPhase === "Error";
}

/** `waiting for healthy state of apps/Deployment/web and 2 more resources` */
export function waitingMessage(tasks: readonly SyncTask[], what: "state" | "deletion" | "confirmation"): string {
  const first = tasks.find(({ hookType }) => hookType !== undefined) ?? tasks[0];
  if (first === undefined) return "";
  const hooks = tasks.filter(({ hookType }) => hookType !== undefined).length;
  const type = hooks === tasks.length ? "hooks" : "resources";
  const more = tasks.length > 1 ? ` and ${tasks.length - 1} more ${type}` : "";
  const { group, kind, name } = first.key;
  return `waiting for ${reasonOf(what, hooks > 0)} ${group}/${kind}/${name}${more}`;
}

function reasonOf(what: "state" | "deletion" | "confirmation", hasHook: boolean): string {
  switch (what) {
    case "state":
      return hasHook ? "completion of hook" : "healthy state of";
    case "deletion":
      return hasHook ? "deletion of hook" : "deletion of";
    case "confirmation":
      return "pruning confirmation of";
  }
}

/** The messages of the tasks that failed, each once. */
export function withReasons(message: string, results: readonly ResourceResult[]): string {
  const reasons = [...new Set(results.filter(isFailed).map((result) => result.message))].filter((text) => text !== "");
  return reasons.length > 0 ? `${message}, reason: ${reasons.join(",")}` : message;
}

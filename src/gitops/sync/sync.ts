import type { HookType } from "../../api/resource-annotations.ts";
import type { KubeObject } from "../../objects/object.ts";
import { keyText, type ObjectKey } from "../diff/diff.ts";

/** In this order; SyncFail runs only after a failure. */
export const phases = ["PreSync", "Sync", "PostSync", "SyncFail"] as const;
export type SyncPhase = (typeof phases)[number];

/** One object in one phase. */
export interface SyncTask {
  readonly action: "apply" | "prune";
  readonly phase: SyncPhase;
  readonly wave: number;
  readonly key: ObjectKey;
  /** `v1`, without the group. */
  readonly version: string;
  /** What is applied; for a hook with its finalizer and a name. Absent for a prune. */
  readonly target?: KubeObject;
  readonly live?: KubeObject;
  /** Set for hooks. */
  readonly hookType?: HookType;
  /** Why nothing is done, with the result's message; set for prunes only. */
  readonly skip?: string;
  /** A person must approve first. */
  readonly needsConfirmation: boolean;
  /** Whether a dry run cannot say anything: its namespace or kind is made, or its kind changed, by another task. */
  readonly skipsDryRun: boolean;
  /** The CRD of its kind, where that is a task of the same sync. */
  readonly definition?: KubeObject;
  /** Of a CRD that differs: not in what it says of its kind. */
  readonly keepsSpec?: boolean;
  /** Nothing differs: it is applied all the same, but a dry run would say nothing. */
  readonly changesNothing?: boolean;
  /** ApplyOutOfSyncOnly, and nothing differs: not written; waited for only if this sync wrote it before a restart. */
  readonly isUnmodified?: boolean;
  /** CreateNamespace: written before anything else is tried. */
  readonly makesNamespace?: boolean;
  /** Why it cannot be, known before anything is asked of the cluster. */
  readonly problem?: string;
}

/** What runs together: one phase and wave. */
export interface SyncStep {
  readonly phase: SyncPhase;
  readonly wave: number;
  readonly tasks: readonly SyncTask[];
}

export interface SyncPlan {
  /** PreSync to PostSync, in order. */
  readonly steps: readonly SyncStep[];
  readonly onFailure: readonly SyncStep[];
}

export type ResultStatus = "Synced" | "SyncFailed" | "Pruned" | "PruneSkipped";
export type OperationPhase = "Running" | "Terminating" | "Failed" | "Error" | "Succeeded";

/** One entry of `status.operationState.syncResult.resources`. */
export interface ResourceResult {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: ResultStatus;
  readonly message: string;
  readonly hookType?: HookType;
  readonly hookPhase: OperationPhase;
  readonly syncPhase: SyncPhase;
  /** Ours: of a hook, which object it was that ran. One of the same name that came later is another. */
  readonly uid?: string;
}

/** When a task ran, in milliseconds since 1970. Known to the process that ran it only: it is in records, not in the status. */
export interface TaskRun {
  readonly wave: number;
  readonly startedAt: number;
  /** When it was applied and, where that was waited for, healthy or completed. Absent: it still runs. */
  readonly endedAt?: number;
}

/** What a sync has come to; as it stands in `status.operationState`. */
export interface SyncProgress {
  readonly phase: OperationPhase;
  readonly message: string;
  /** In the order of the plan. */
  readonly resources: readonly ResourceResult[];
  /** By `taskRunKey`; without what ran before a restart. */
  readonly runs?: ReadonlyMap<string, TaskRun>;
}

/** How `runs` names what a result is of. */
export function taskRunKey(syncPhase: string, key: ObjectKey): string {
  return `${syncPhase}/${keyText(key)}`;
}

export function allTasks({ steps, onFailure }: SyncPlan): readonly SyncTask[] {
  return [...steps, ...onFailure].flatMap(({ tasks }) => tasks);
}

import type { JsonObject } from "../../base/json.ts";
import type { ResourceName } from "../../record/records.ts";
import type { TraceContext } from "../../record/trace-context.ts";

/** The Applications that are meant: one by its name, or those of a namespace that a label selector (as text) finds. */
export type GitOpsWhich = ResourceName | { readonly namespace: string; readonly selector: string };

/**
 * refresh: compare with what the repository says now; hardRefresh: and render anew; sync: and apply it; rollback: back to
 * a sync of the history; revert: the same by a commit to Git; terminate: end the operation in progress.
 */
export type GitOpsOperation = "refresh" | "hardRefresh" | "sync" | "rollback" | "revert" | "terminate";

/** What of a source a sync sets first, for good: each value in place of the one of its name. */
export interface SourceChange {
  /** Of several sources, from 1 on. */
  readonly position: number;
  readonly targetRevision?: string;
  readonly helm?: {
    readonly parameters?: readonly { readonly name: string; readonly value: string; readonly forceString?: boolean }[];
    readonly values?: string;
    /** Merged into what is there. */
    readonly valuesObject?: JsonObject;
  };
  readonly kustomize?: { readonly images?: readonly string[] };
}

/** What a `gitOps` trigger asks of an Application. */
export interface GitOpsRequest {
  readonly application: ResourceName;
  readonly operation: GitOpsOperation;
  /** Of a sync. */
  readonly sync?: {
    readonly revision?: string;
    readonly prune: boolean;
    readonly dryRun: boolean;
    readonly syncOptions: readonly string[];
  };
  /** Of a sync: changes of the Application's spec, made before it. */
  readonly source?: SourceChange;
  /** Of a rollback: an entry of the history; absent only where none can be read. */
  readonly rollback?: { readonly id?: number; readonly prune: boolean; readonly dryRun: boolean };
  /** Of a revert: an entry of the history, and another branch than that of the source. */
  readonly revert?: { readonly id?: number; readonly branch?: string };
  /** Of a terminate: when the operation that is meant began; "": there was none. */
  readonly begun?: string;
  /** The firing's: the same request again is none. */
  readonly key: string;
  /** The Sensor that asks. */
  readonly by: ResourceName;
  /** How many events of ours led to it, its outcomes included. */
  readonly hop: number;
  /** Its place in the trace that its events came with. */
  readonly trace?: TraceContext;
}

/** An Application as a request would meet it, as plain JSON. */
export interface GitOpsPlan {
  readonly application: ResourceName;
  readonly syncStatus: string;
  readonly healthStatus: string;
  /** The commit that it was compared with last; "" before. */
  readonly revision: string;
  /** Objects that differ now, as `group/kind/namespace/name`. */
  readonly outOfSync: readonly string[];
  /** Ids of the history, the oldest first. */
  readonly history: readonly number[];
  /**
   * Of the history, where a rollback goes by itself: the newest deployment of something else than what the last sync was
   * for, and of nothing that a rollback went away from. Absent: there is none.
   */
  readonly previous?: number;
  /** When the operation in progress began; "": there is none. */
  readonly begun: string;
}

export interface GitOpsWait {
  /** operation: until it is over; synced, healthy: and the Application is. */
  readonly until: "operation" | "synced" | "healthy";
  readonly timeoutMs: number;
}

import type { Clock } from "../../base/clock.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { Assessment } from "../health/assess.ts";
import type { WriteContext } from "./apply.ts";
import type { Results } from "./results.ts";
import type { ResourceResult, SyncProgress, SyncTask } from "./sync.ts";

export interface ExecutorDeps {
  readonly kube: KubeClient;
  readonly clock: Clock;
  /** The health of a live object, and why it could not be found out. */
  assess(live: KubeObject): Assessment | Promise<Assessment>;
  /**
   * Called after every change and every look while it waits, and awaited before the sync goes on: what is stored is what
   * a restart resumes from.
   */
  report(progress: SyncProgress): Promise<void>;
}

export interface ExecuteOptions {
  readonly dryRun: boolean;
  /** `Key=value`. */
  readonly syncOptions: readonly string[];
  /** The strategy's: delete and create again what cannot be changed. */
  readonly force: boolean;
  readonly migrationManager?: string;
  /** Objects are tracked by this label, and not by the annotation. */
  readonly trackingLabel?: string;
  /** Names this attempt of this operation, and stays the same over restarts: hooks are known by it. */
  readonly runId: string;
  /** Results of the same operation before a restart. */
  readonly previous: readonly ResourceResult[];
  /** Whether a person approved what needs confirmation; asked again and again. */
  isApproved(): boolean;
  /** Why nothing may be begun now: `first` before anything was written, then before each wave. Undefined: it may. */
  hold(isFirst: boolean): string | undefined;
  /** Why the project does not permit the task, by the last `rules`; undefined when it does. */
  refusal(task: SyncTask, isNamespaced: boolean): string | undefined;
  /**
   * What the project says now, asked before each step; what is still to do is asked about again where it is another text,
   * or where nothing was asked before a restart. Absent: it does not change.
   */
  rules?(): string;
  /** How often the state of objects is read while waiting. */
  readonly pollMs: number;
  /** A pause between waves. */
  readonly waveDelayMs: number;
  /** How long a wave may take to become healthy; 0: no limit. */
  readonly waveTimeoutMs: number;
}

/** What the parts of one run share. */
export interface RunParts {
  readonly options: ExecuteOptions;
  readonly deps: ExecutorDeps;
  readonly context: WriteContext;
  readonly results: Results;
  /** Stores what was done so far, with what is waited for. */
  report(message: string): Promise<void>;
}

import { sleepFor } from "../../base/clock.ts";
import type { WriteContext } from "./apply.ts";
import { checkTasks, refusedTasks } from "./preflight.ts";
import { createResults, isFailed, type Results, waitingMessage, withReasons } from "./results.ts";
import type { ExecuteOptions, ExecutorDeps } from "./run.ts";
import {
  allTasks,
  type OperationPhase,
  type ResourceResult,
  type SyncPlan,
  type SyncProgress,
  type SyncStep,
  type SyncTask,
} from "./sync.ts";
import { TaskWatcher } from "./task-watcher.ts";
import { TaskWriter } from "./task-writer.ts";

/**
 * Runs a plan step by step: checks and dry-runs everything first, then waits for health and hooks between steps. Stops at
 * the first step that fails, and runs what is meant for failures (spec argo-cd-engine 4.6). May be called again with
 * `previous` after a restart: tasks that have a result are not repeated, and a hook that was made but not recorded is
 * known by its mark.
 * @throws the signal's reason when it aborts; then the operation goes on at the next call
 */
export function executeSync(
  plan: SyncPlan,
  options: ExecuteOptions,
  deps: ExecutorDeps,
  signal: AbortSignal,
): Promise<SyncProgress> {
  const run = new SyncRun(plan, options, deps, signal);
  return run.run().catch((error: unknown) => {
    if (signal.aborted) run.tellLast();
    throw error;
  });
}

const allRun = "successfully synced (all tasks run)";
const noneLeft = "successfully synced (no more tasks)";
const notValid = "one or more synchronization tasks are not valid";
const incomplete = "one or more synchronization tasks completed unsuccessfully";

/** Why a sync ends before its first step. */
interface Refused {
  readonly text: string;
  /** Something was written for it: then what is meant for failures runs. */
  readonly hasBegun: boolean;
}

class SyncRun {
  readonly #plan: SyncPlan;
  readonly #tasks: readonly SyncTask[];
  readonly #options: ExecuteOptions;
  readonly #deps: ExecutorDeps;
  readonly #signal: AbortSignal;
  readonly #results: Results;
  readonly #writer: TaskWriter;
  readonly #watcher: TaskWatcher;
  /** Several waves or phases: each is waited for. In a plan of one wave only its hooks are. */
  readonly #isMultiStep: boolean;
  readonly #asked: Pick<WriteContext, "kube" | "clock" | "syncOptions" | "signal">;
  /** By which the tasks were asked about; undefined: not in this process. */
  #rules: string | undefined;

  constructor(plan: SyncPlan, options: ExecuteOptions, deps: ExecutorDeps, signal: AbortSignal) {
    this.#plan = plan;
    this.#tasks = allTasks(plan);
    this.#options = options;
    this.#deps = deps;
    this.#signal = signal;
    this.#results = createResults(options.previous, this.#tasks, deps.clock);
    this.#isMultiStep = plan.steps.length + plan.onFailure.length > 1;
    const { syncOptions, force, migrationManager, trackingLabel } = options;
    const { kube, clock } = deps;
    const named = {
      ...(migrationManager === undefined ? {} : { migrationManager }),
      ...(trackingLabel === undefined ? {} : { trackingLabel }),
    };
    const context: WriteContext = { kube, clock, syncOptions, force, ...named, signal };
    this.#asked = context;
    const parts = { options, deps, context, results: this.#results, report: (text: string) => this.#report(text) };
    this.#writer = new TaskWriter(parts);
    this.#watcher = new TaskWatcher(parts);
  }

  async run(): Promise<SyncProgress> {
    if (!this.#hasBegun()) {
      const refused = await this.#check();
      if (refused !== undefined) return refused.hasBegun ? this.#fail(refused.text) : this.#end("Failed", refused.text);
    }
    if (this.#options.dryRun) return this.#end("Succeeded", noneLeft);
    const steps = this.#plan.steps.filter(({ tasks }) => tasks.some((task) => this.#isOpen(task)));
    const message = this.#endsByWriting(steps.at(-1)) ? allRun : noneLeft;
    for (const [index, step] of steps.entries()) {
      const failure = await this.#step(step, index === steps.length - 1);
      if (failure !== undefined) return this.#fail(failure);
    }
    await this.#release();
    await this.#writer.deleteHooks(this.#tasks, "HookSucceeded");
    return this.#end("Succeeded", message);
  }

  /** Whether it passed the checks before a restart. A namespace to be made is made ahead of them. */
  #hasBegun(): boolean {
    return this.#options.previous.some(({ group, kind, syncPhase, status }) => {
      return status !== "Synced" || `${syncPhase} ${group}/${kind}` !== "PreSync /Namespace";
    });
  }

  /** Nothing is waited for after the last write: the words of the original differ by that. */
  #endsByWriting(last: SyncStep | undefined): boolean {
    const tasks = last?.tasks ?? [];
    return tasks.some((task) => this.#isPending(task)) && !tasks.some(({ hookType }) => hookType !== undefined);
  }

  #isPending(task: SyncTask): boolean {
    return !task.isUnmodified && this.#results.find(task) === undefined;
  }

  /** Cut off: hooks that were made since the last report are to be known to whoever terminates them. */
  tellLast(): void {
    this.#report("").catch(() => undefined); // whoever cut it off stores what is left of it
  }

  /** It has to be written, or was and is not over, or failed. */
  #isOpen(task: SyncTask): boolean {
    const result = this.#results.find(task);
    if (result === undefined) return task.isUnmodified !== true;
    const isGoing = result.status === "Pruned" && task.live?.metadata.deletionTimestamp !== undefined;
    return isGoing || result.hookPhase !== "Succeeded";
  }

  /** A crash may have come between a hook's stored result and its release. */
  #release(): Promise<unknown> {
    if (this.#options.previous.length === 0) return Promise.resolve();
    const hooks = this.#tasks.filter((task) => task.hookType && this.#results.find(task)?.status === "Synced");
    return Promise.all(hooks.map((task) => this.#watcher.release(task)));
  }

  /** Nothing is changed before everything looks possible; a namespace to be made is made first. Why it is not. */
  async #check(): Promise<Refused | undefined> {
    const tasks = this.#tasks.filter(({ isUnmodified }) => !isUnmodified);
    const { dryRun, refusal, rules } = this.#options;
    this.#rules = rules?.();
    const { invalid, unknown } = await checkTasks(this.#tasks, refusal, this.#asked);
    for (const [task, message] of invalid) this.#results.record(task, "SyncFailed", "Failed", message);
    if (invalid.size > 0) {
      const messages = [...new Set(invalid.values())].sort().join("; ");
      return { text: `${notValid}: ${messages}`, hasBegun: false };
    }
    if (!dryRun) await this.#whileHeld(true);
    const first = tasks.filter(({ makesNamespace }) => makesNamespace && !dryRun);
    if (first.length > 0 && !(await this.#writer.write(first)))
      return { text: "the namespace failed to apply", hasBegun: true };
    if (!dryRun) await this.#whileUnconfirmed(tasks);
    const others = tasks.filter((task) => !first.includes(task));
    if (await this.#writer.dryRun(others, unknown)) return undefined;
    return { text: this.#reasons("one or more objects failed to apply (dry run)"), hasBegun: false };
  }

  /** One unconfirmed object stalls everything (spec argo-cd-engine 4.6). */
  async #whileUnconfirmed(tasks: readonly SyncTask[]): Promise<void> {
    const unconfirmed = tasks.filter(({ needsConfirmation }) => needsConfirmation);
    while (unconfirmed.length > 0 && !this.#options.isApproved()) {
      await this.#pause(waitingMessage(unconfirmed, "confirmation"));
    }
  }

  async #whileHeld(isFirst: boolean): Promise<void> {
    for (;;) {
      const why = this.#options.hold(isFirst);
      if (why === undefined) return;
      await this.#pause(why);
    }
  }

  /** Whether what is still to do is permitted: the project may have changed while the sync waited, or the engine was away. */
  async #isPermitted(): Promise<boolean> {
    const { refusal, rules } = this.#options;
    const now = rules?.();
    if (now === this.#rules) return true;
    this.#rules = now;
    const open = this.#tasks.filter((task) => this.#isPending(task));
    const refused = await refusedTasks(open, refusal, this.#asked);
    for (const [task, message] of refused) this.#results.record(task, "SyncFailed", "Failed", message);
    return refused.size === 0;
  }

  /** Why the sync fails; undefined when it goes on. */
  async #step({ tasks }: SyncStep, isLast: boolean): Promise<string | undefined> {
    if (tasks.some((task) => isFailed(this.#results.find(task)))) return incomplete;
    await this.#whileHeld(false);
    if (!(await this.#isPermitted())) return notValid;
    const pending = tasks.filter((task) => this.#isPending(task));
    await this.#whileUnconfirmed(pending); // what came to be known since a restart
    if (pending.length > 0 && !(await this.#writer.write(pending))) {
      const hasRunningHook = tasks.some((task) => task.hookType && this.#results.find(task)?.hookPhase === "Running");
      return hasRunningHook ? incomplete : "one or more objects failed to apply";
    }
    const { waveDelayMs, waveTimeoutMs } = this.#options;
    if (waveDelayMs > 0 && !isLast && pending.length > 0) {
      await sleepFor(this.#deps.clock, waveDelayMs, this.#signal);
    }
    const hasHook = tasks.some(({ hookType }) => hookType !== undefined);
    if (!isLast || hasHook) {
      await this.#watcher.wait(tasks, (task) => this.#isMultiStep || task.hookType !== undefined, waveTimeoutMs);
    }
    if (tasks.some((task) => isFailed(this.#results.find(task)))) return incomplete;
    if (isLast) this.#watcher.settle(tasks);
    return undefined;
  }

  /** SyncFail tasks run all at once, beside hooks that still do. */
  async #fail(text: string): Promise<SyncProgress> {
    const onFailure = this.#plan.onFailure.flatMap(({ tasks }) => tasks);
    await this.#isPermitted(); // what is not has a result, and is not written
    await this.#writer.write(onFailure.filter((task) => this.#results.find(task) === undefined));
    const hooks = this.#tasks.filter(({ hookType, phase }) => hookType !== undefined && phase !== "SyncFail");
    await this.#watcher.wait([...hooks, ...onFailure], () => true, this.#options.waveTimeoutMs);
    await this.#release();
    await this.#writer.deleteHooks(this.#tasks, "HookFailed");
    const isAfter = ({ syncPhase }: ResourceResult): boolean => syncPhase === "SyncFail";
    const results = this.#results.list();
    const failed = results.filter((result) => isAfter(result) && isFailed(result));
    const before = withReasons(
      text,
      results.filter((result) => !isAfter(result)),
    );
    if (failed.length === 0) return this.#end("Failed", before);
    return this.#end("Failed", `${before}\n${withReasons("one or more SyncFail hooks failed", failed)}`);
  }

  #reasons(text: string): string {
    return withReasons(text, this.#results.list());
  }

  async #pause(message: string): Promise<void> {
    await this.#report(message);
    await sleepFor(this.#deps.clock, this.#options.pollMs, this.#signal);
  }

  async #report(message: string): Promise<void> {
    await this.#deps.report(this.#progress("Running", message));
  }

  async #end(phase: OperationPhase, message: string): Promise<SyncProgress> {
    const progress = this.#progress(phase, message);
    await this.#deps.report(progress);
    return progress;
  }

  #progress(phase: OperationPhase, message: string): SyncProgress {
    return { phase, message, resources: this.#results.list(), runs: this.#results.runs };
  }
}

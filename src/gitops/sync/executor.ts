import { type HookDeletePolicy, hookDeletePoliciesOf } from "../../api/resource-annotations.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { HealthChecks } from "../health/checks.ts";
import { applyTarget, deleteHook, pruneLive, refOf, releaseHook, type WriteContext } from "./apply.ts";
import { observeTask } from "./observe.ts";
import { invalidMessages, mayBeMissing } from "./preflight.ts";
import { createResults, isFailed, type Results, waitingMessage, withReasons } from "./results.ts";
import type { OperationPhase, ResourceResult, SyncPlan, SyncProgress, SyncStep, SyncTask } from "./sync.ts";

export interface ExecutorDeps {
  readonly kube: KubeClient;
  readonly clock: Clock;
  /** What users say of health; default: nothing. */
  readonly checks?: HealthChecks | undefined;
  /**
   * Called after every change and every look while it waits, and awaited before the sync goes on: what is stored is what
   * a restart resumes from.
   */
  report(progress: SyncProgress): Promise<void>;
}

export interface ExecuteOptions {
  readonly dryRun: boolean;
  readonly syncOptions: readonly string[];
  /** Results of the same operation before a restart. */
  readonly previous: readonly ResourceResult[];
  /** Whether a person approved what needs confirmation. */
  readonly isApproved: boolean;
  /** Why the project does not permit the task; undefined when it does. */
  refusal(task: SyncTask, isNamespaced: boolean): string | undefined;
  /** How often the state of objects is read while waiting. */
  readonly pollMs: number;
  /** A pause between waves. */
  readonly waveDelayMs: number;
}

/** Tasks of one kind that are written at the same time. */
const maxParallel = 20;

/**
 * Runs a plan step by step: checks and dry-runs everything first, then waits for health and hooks between steps. Stops at
 * the first step that fails, and runs what is meant for failures. May be called again with `previous` after a restart:
 * tasks that have a result are not repeated. Ends as `Running` only while an approval is missing.
 * @throws the signal's reason when it aborts; then the operation goes on at the next call
 */
export function executeSync(
  plan: SyncPlan,
  options: ExecuteOptions,
  deps: ExecutorDeps,
  signal: AbortSignal,
): Promise<SyncProgress> {
  return new SyncRun(plan, options, deps, signal).run();
}

type StepOutcome = "done" | "unconfirmed" | "failed to apply" | "completed unsuccessfully";

class SyncRun {
  readonly #plan: SyncPlan;
  readonly #options: ExecuteOptions;
  readonly #deps: ExecutorDeps;
  readonly #context: WriteContext;
  readonly #results: Results;
  readonly #isFresh: boolean;
  #message = "";

  constructor(plan: SyncPlan, options: ExecuteOptions, deps: ExecutorDeps, signal: AbortSignal) {
    this.#plan = plan;
    this.#options = options;
    this.#deps = deps;
    this.#context = { kube: deps.kube, syncOptions: options.syncOptions, signal };
    this.#results = createResults(options.previous, this.#allTasks());
    this.#isFresh = options.previous.length === 0;
  }

  async run(): Promise<SyncProgress> {
    const refused = await this.#check();
    if (refused !== undefined) return this.#end("Failed", refused);
    if (this.#options.dryRun) return this.#end("Succeeded", "successfully synced (all tasks run)");
    const { steps } = this.#plan;
    const wasDone = steps.every(({ tasks }) => tasks.every((task) => this.#results.find(task) !== undefined));
    for (const [index, step] of steps.entries()) {
      const isLast = index === steps.length - 1;
      const outcome = await this.#step(step, !isLast || hasHook(step), this.#options.waveDelayMs > 0 && !isLast);
      if (outcome === "unconfirmed")
        return { phase: "Running", message: this.#message, resources: this.#results.list() };
      if (outcome !== "done") return this.#fail(failureText(outcome));
    }
    await this.#deleteHooks("HookSucceeded");
    return this.#end("Succeeded", `successfully synced (${wasDone ? "no more tasks" : "all tasks run"})`);
  }

  /** Nothing is changed before everything looks possible. The message of the refusal. */
  async #check(): Promise<string | undefined> {
    if (!this.#isFresh) return undefined;
    const tasks = this.#allTasks();
    const invalid = await invalidMessages(tasks, this.#options.refusal, this.#context);
    for (const [task, message] of invalid) this.#results.record(task, "SyncFailed", "Failed", message);
    if (invalid.size > 0) {
      const messages = [...new Set(invalid.values())].sort().join("; ");
      return `one or more synchronization tasks are not valid: ${messages}`;
    }
    const isOk = await this.#dryRun(tasks);
    return isOk ? undefined : withReasons("one or more objects failed to apply (dry run)", this.#results.list());
  }

  async #dryRun(tasks: readonly SyncTask[]): Promise<boolean> {
    const { dryRun } = this.#options;
    await inParallel(tasks, async (task) => {
      const message = await this.#attempt(task, async () => {
        if (task.skip !== undefined) return task.skip;
        if (task.action === "prune") return "pruned (dry run)";
        if (task.target === undefined || task.skipsDryRun || mayBeMissing(task, this.#context)) return "";
        return `${await applyTarget(task.target, true, this.#context)} (server dry run)`;
      });
      if (dryRun && message !== undefined) this.#results.record(task, statusOf(task), "Succeeded", message);
    });
    return !tasks.some((task) => isFailed(this.#results.find(task)));
  }

  async #step(step: SyncStep, mustWait: boolean, mustPause: boolean): Promise<StepOutcome> {
    const pending = step.tasks.filter((task) => this.#results.find(task) === undefined);
    const unconfirmed = pending.filter((task) => task.needsConfirmation && !this.#options.isApproved);
    if (unconfirmed.length > 0) {
      await this.#report(waitingMessage(unconfirmed, "confirmation"));
      return "unconfirmed";
    }
    if (pending.length > 0 && !(await this.#write(pending))) return "failed to apply";
    if (mustWait) await this.#wait(step.tasks);
    else this.#settle(step.tasks);
    if (step.tasks.some((task) => isFailed(this.#results.find(task)))) return "completed unsuccessfully";
    if (mustPause && pending.length > 0) {
      await sleepFor(this.#deps.clock, this.#options.waveDelayMs, this.#context.signal);
    }
    return "done";
  }

  /** Prunes, then applies kind by kind; a kind that fails does not keep the next ones back. */
  async #write(tasks: readonly SyncTask[]): Promise<boolean> {
    const prunes = tasks.filter(({ action }) => action === "prune");
    await inParallel(prunes, (task) => this.#prune(task));
    if (prunes.length > 0) await this.#report(this.#message);
    if (prunes.some((task) => isFailed(this.#results.find(task)))) return false;
    for (const group of byKind(tasks.filter(({ action }) => action === "apply"))) {
      await inParallel(group, (task) => this.#apply(task));
      await this.#report(this.#message);
    }
    return !tasks.some((task) => isFailed(this.#results.find(task)));
  }

  async #prune(task: SyncTask): Promise<void> {
    const { live, skip } = task;
    if (skip !== undefined || live === undefined) {
      this.#results.record(task, "PruneSkipped", "Succeeded", skip ?? "");
      return;
    }
    const isDone = await this.#attempt(task, () => pruneLive(live, this.#context).then(() => "pruned"));
    if (isDone !== undefined) this.#results.record(task, "Pruned", "Succeeded", isDone);
  }

  async #apply(task: SyncTask): Promise<void> {
    const { target } = task;
    if (target === undefined) return;
    const message = await this.#attempt(task, async () => {
      if (task.hookType !== undefined) await this.#makeRoom(task);
      return applyTarget(target, false, this.#context);
    });
    if (message !== undefined) this.#results.record(task, "Synced", "Running", message);
  }

  /** BeforeHookCreation: what an earlier sync left goes first. */
  async #makeRoom(task: SyncTask): Promise<void> {
    if (!policiesOf(task).has("BeforeHookCreation")) return;
    while (await deleteHook(task, this.#context)) await this.#pause(waitingMessage([task], "deletion"));
  }

  /** The message; undefined when it failed, which is then recorded. */
  async #attempt(task: SyncTask, write: () => Promise<string>): Promise<string | undefined> {
    try {
      return await write();
    } catch (error) {
      this.#context.signal.throwIfAborted();
      this.#results.record(task, "SyncFailed", "Failed", messageOf(error));
      return undefined;
    }
  }

  /** Until every task is over: hooks complete, objects healthy, pruned objects gone. */
  async #wait(tasks: readonly SyncTask[]): Promise<void> {
    for (;;) {
      const { running, deleting } = await this.#observe(tasks);
      if (running.length === 0 && deleting.length === 0) {
        await this.#report("");
        return;
      }
      const [waitFor, what] = running.length > 0 ? [running, "state" as const] : [deleting, "deletion" as const];
      await this.#pause(waitingMessage(waitFor, what));
    }
  }

  async #observe(tasks: readonly SyncTask[]): Promise<{ running: SyncTask[]; deleting: SyncTask[] }> {
    const running: SyncTask[] = [];
    const deleting: SyncTask[] = [];
    await inParallel(tasks, async (task) => {
      const result = this.#results.find(task);
      if (result?.status === "Pruned") {
        const left = task.live && (await this.#deps.kube.get(refOf(task.live), this.#context.signal));
        if (left?.metadata.deletionTimestamp) deleting.push(task);
        return;
      }
      if (result?.hookPhase !== "Running" || task.target === undefined) return;
      const live = await this.#deps.kube.get(refOf(task.target), this.#context.signal);
      const found = observeTask(task, live, result, this.#deps.checks);
      if (found.hookPhase === "Running") running.push(task);
      this.#results.record(task, found.status, found.hookPhase, found.message);
      if (found.hookPhase !== "Running" && live && task.hookType) await releaseHook(live, this.#context);
    });
    return { running: inOrder(tasks, running), deleting: inOrder(tasks, deleting) };
  }

  /** The last wave is not waited for. */
  #settle(tasks: readonly SyncTask[]): void {
    for (const task of tasks) {
      const result = this.#results.find(task);
      if (result?.hookPhase === "Running") this.#results.record(task, result.status, "Succeeded", result.message);
    }
  }

  async #fail(text: string): Promise<SyncProgress> {
    const message = withReasons(text, this.#results.list());
    await this.#deleteHooks("HookFailed");
    for (const step of this.#plan.onFailure) {
      const outcome = await this.#step(step, true, false);
      if (outcome === "done") continue;
      const failed = this.#results.list().filter(({ syncPhase }) => syncPhase === "SyncFail");
      await this.#deleteHooks("HookFailed");
      return this.#end("Failed", `${message}\n${withReasons("one or more SyncFail hooks failed", failed)}`);
    }
    return this.#end("Failed", message);
  }

  /** Only hooks that ran in this operation. */
  async #deleteHooks(policy: HookDeletePolicy): Promise<void> {
    const ran = this.#allTasks().filter((task) => task.hookType && this.#results.find(task)?.status === "Synced");
    await inParallel(
      ran.filter((task) => policiesOf(task).has(policy)),
      (task) => deleteHook(task, this.#context),
    );
  }

  #allTasks(): readonly SyncTask[] {
    return [...this.#plan.steps, ...this.#plan.onFailure].flatMap(({ tasks }) => tasks);
  }

  async #pause(message: string): Promise<void> {
    await this.#report(message);
    await sleepFor(this.#deps.clock, this.#options.pollMs, this.#context.signal);
  }

  async #report(message: string): Promise<void> {
    this.#message = message;
    await this.#deps.report({ phase: "Running", message, resources: this.#results.list() });
  }

  async #end(phase: OperationPhase, message: string): Promise<SyncProgress> {
    const progress = { phase, message, resources: this.#results.list() };
    await this.#deps.report(progress);
    return progress;
  }
}

function failureText(outcome: "failed to apply" | "completed unsuccessfully"): string {
  if (outcome === "failed to apply") return "one or more objects failed to apply";
  return "one or more synchronization tasks completed unsuccessfully";
}

function hasHook({ tasks }: SyncStep): boolean {
  return tasks.some(({ hookType }) => hookType !== undefined);
}

function policiesOf({ target }: SyncTask): ReadonlySet<HookDeletePolicy> {
  return hookDeletePoliciesOf(target?.metadata.annotations ?? {});
}

function statusOf(task: SyncTask): ResourceResult["status"] {
  if (task.skip !== undefined) return "PruneSkipped";
  return task.action === "prune" ? "Pruned" : "Synced";
}

/** Neighbours of one kind together. */
function byKind(tasks: readonly SyncTask[]): readonly (readonly SyncTask[])[] {
  const groups: SyncTask[][] = [];
  for (const task of tasks) {
    const last = groups.at(-1);
    if (last?.[0]?.key.kind === task.key.kind) last.push(task);
    else groups.push([task]);
  }
  return groups;
}

function inOrder(tasks: readonly SyncTask[], some: readonly SyncTask[]): SyncTask[] {
  return tasks.filter((task) => some.includes(task));
}

async function inParallel(tasks: readonly SyncTask[], run: (task: SyncTask) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < tasks.length; from += maxParallel) {
    await Promise.all(tasks.slice(from, from + maxParallel).map(run));
  }
}

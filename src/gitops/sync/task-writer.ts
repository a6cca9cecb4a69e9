import type { HookDeletePolicy } from "../../api/resource-annotations.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { type KubeObject, refOf } from "../../objects/object.ts";
import { applyTarget, type WriteContext } from "./apply.ts";
import { deleteHook, liveHook, markedHook, onExisting, policiesOf } from "./hooks.ts";
import { inPool } from "./in-pool.ts";
import { isMissingKind, missingKindText } from "./missing-kind.ts";
import { patiently } from "./patience.ts";
import { pruneLive } from "./prune.ts";
import { isFailed, type Results, waitingMessage } from "./results.ts";
import type { ExecuteOptions, ExecutorDeps, RunParts } from "./run.ts";
import type { ResourceResult, SyncTask } from "./sync.ts";

/** Writes tasks and records what came of it; failures are results, not exceptions. */
export class TaskWriter {
  readonly #options: ExecuteOptions;
  readonly #deps: ExecutorDeps;
  readonly #context: WriteContext;
  readonly #results: Results;
  readonly #report: RunParts["report"];

  constructor({ options, deps, context, results, report }: RunParts) {
    this.#options = options;
    this.#deps = deps;
    this.#context = context;
    this.#results = results;
    this.#report = report;
  }

  /**
   * What the server would say to each but those whose kind is `unknown`; results are kept of failures, and of all in an
   * operation that is a dry run.
   */
  async dryRun(tasks: readonly SyncTask[], unknown: ReadonlySet<SyncTask>): Promise<boolean> {
    const { dryRun } = this.#options;
    const made = dryRun ? tasks.find(({ makesNamespace }) => makesNamespace)?.key.name : undefined;
    const asked = dryRun ? tasks : tasks.filter(({ changesNothing }) => !changesNothing);
    await inPool(asked, async (task) => {
      const isBlind = task.skipsDryRun || task.key.namespace === made || unknown.has(task);
      const message = await this.#attempt(task, () => this.#tryOut(task, isBlind));
      if (dryRun && message !== undefined) this.#results.record(task, statusOf(task), "Succeeded", message);
    });
    return !tasks.some((task) => isFailed(this.#results.find(task)));
  }

  async #tryOut(task: SyncTask, isBlind: boolean): Promise<string> {
    const { target, live, hookType } = task;
    if (task.skip !== undefined) return task.skip;
    if (task.action === "prune") return "pruned (dry run)";
    // What is there in the hook's place goes before it is made.
    if (target === undefined || isBlind || (hookType !== undefined && live !== undefined)) return "";
    try {
      const how = { dryRun: true, isAnswerUnread: true };
      return `${(await applyTarget(target, live, how, this.#context)).message} (server dry run)`;
    } catch (error) {
      // A webhook with side effects cannot say: the original does not ask it.
      if (messageOf(error).includes("does not support dry run")) return "";
      throw error;
    }
  }

  /** Prunes, makes room for hooks, then applies kind by kind; a kind that fails does not keep the next ones back. */
  async write(tasks: readonly SyncTask[]): Promise<boolean> {
    const prunes = tasks.filter(({ action }) => action === "prune");
    await inPool(prunes, (task) => this.#prune(task));
    if (prunes.length > 0) await this.#report("");
    if (prunes.some((task) => isFailed(this.#results.find(task)))) return false;
    const applies = tasks.filter(({ action }) => action === "apply");
    await inPool(
      applies.filter(({ hookType }) => hookType !== undefined),
      (task) => this.#attempt(task, () => this.#makeRoom(task)),
    );
    for (const group of byKind(applies)) {
      await inPool(group, (task) => this.#apply(task));
      await this.#report("");
    }
    return !tasks.some((task) => isFailed(this.#results.find(task)));
  }

  async #prune(task: SyncTask): Promise<void> {
    const { live, skip } = task;
    if (skip !== undefined || live === undefined) {
      this.#results.record(task, "PruneSkipped", "Succeeded", skip ?? "");
      return;
    }
    this.#results.begin(task);
    let kept: string | undefined;
    const message = await this.#attempt(task, async () => {
      kept = await pruneLive(live, this.#context);
      return kept ?? "pruned";
    });
    if (message === undefined) return;
    this.#results.record(task, kept === undefined ? "Pruned" : "PruneSkipped", "Succeeded", message);
  }

  /** What an earlier sync left goes first; this run's own is taken up. */
  async #makeRoom(task: SyncTask): Promise<string> {
    const { target } = task;
    const { kube, signal } = this.#context;
    if (target === undefined) return "";
    this.#results.begin(task);
    for (;;) {
      const live = await kube.get(refOf(target), signal);
      if (live === undefined) return "";
      const { health } = await this.#deps.assess(live);
      const verdict = onExisting(live, policiesOf(task), this.#options.runId, health);
      if (verdict === "adopt") this.#recordHook(task, `${live.kind.toLowerCase()}/${live.metadata.name} created`, live);
      if (verdict !== "replace") return "";
      await deleteHook(live, this.#context);
      await this.#report(waitingMessage([task], "deletion"));
      await sleepFor(this.#deps.clock, this.#options.pollMs, signal);
    }
  }

  async #apply(task: SyncTask): Promise<void> {
    const { target, live, hookType } = task;
    if (target === undefined || this.#results.find(task) !== undefined) return;
    this.#results.begin(task);
    const wanted = hookType === undefined ? target : markedHook(target, this.#options.runId);
    await this.#attempt(task, async () => {
      // Hooks are known by their uid later on.
      const how = { isAnswerUnread: hookType === undefined };
      const { message, object } = await applyTarget(wanted, hookType ? undefined : live, how, this.#context);
      if (hookType !== undefined) this.#recordHook(task, message, object);
      else this.#results.record(task, "Synced", "Running", message);
      return message;
    });
  }

  #recordHook(task: SyncTask, message: string, { metadata: { uid } }: KubeObject): void {
    this.#results.record(task, "Synced", "Running", message, uid);
  }

  /** The message; undefined when it failed, which is then recorded. */
  async #attempt(task: SyncTask, write: () => Promise<string>): Promise<string | undefined> {
    const { clock, signal } = this.#context;
    try {
      return await patiently(write, clock, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineError)) throw error;
      const { kube } = this.#context;
      const message = isMissingKind(error) ? await missingKindText(task, kube, signal) : error.message;
      this.#results.record(task, "SyncFailed", "Failed", message);
      return undefined;
    }
  }

  /** Only hooks that ran in this operation. */
  async deleteHooks(tasks: readonly SyncTask[], policy: HookDeletePolicy): Promise<void> {
    const { clock, signal } = this.#context;
    const ran = tasks.filter((task) => task.hookType && this.#results.find(task)?.status === "Synced");
    await inPool(
      ran.filter((task) => policiesOf(task).has(policy)),
      (task) => patiently(() => this.#deleteHook(task), clock, signal),
    );
  }

  async #deleteHook(task: SyncTask): Promise<void> {
    const { target } = task;
    const live = target && (await liveHook(target, this.#results.find(task)?.uid, this.#context));
    if (live !== undefined) await deleteHook(live, this.#context);
  }
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

import { sleepFor } from "../../base/clock.ts";
import { formatDuration } from "../../base/duration.ts";
import { refOf } from "../../objects/object.ts";
import { liveHook, releaseHook } from "./hooks.ts";
import { inPool } from "./in-pool.ts";
import { observeTask } from "./observe.ts";
import { patiently } from "./patience.ts";
import { waitingMessage } from "./results.ts";
import type { RunParts } from "./run.ts";
import type { SyncTask } from "./sync.ts";

/** One object takes this long to be read, at most so many of a sync are read each second. */
const readMs = 5;

/** Sees tasks that were written to their end. */
export class TaskWatcher {
  readonly #with: RunParts;

  constructor(deps: RunParts) {
    this.#with = deps;
  }

  /**
   * Until none of the tasks that are waited for is running: hooks complete, objects healthy, and all that was pruned gone.
   * All of `tasks` are looked at on the way. Those that still run after `timeoutMs` have failed (0: no limit).
   */
  async wait(tasks: readonly SyncTask[], isWaitedFor: (task: SyncTask) => boolean, timeoutMs: number): Promise<void> {
    const { options, deps, context, report } = this.#with;
    const begunMs = deps.clock.monotonicMs();
    for (;;) {
      const { running, deleting } = await this.#look(tasks);
      const left = running.filter(isWaitedFor);
      if (left.length === 0 && deleting.length === 0) return;
      if (timeoutMs > 0 && deps.clock.monotonicMs() - begunMs >= timeoutMs) {
        await this.#giveUp([...left, ...deleting], timeoutMs);
        return;
      }
      await report(left.length > 0 ? waitingMessage(left, "state") : waitingMessage(deleting, "deletion"));
      await sleepFor(deps.clock, Math.max(options.pollMs, running.length * readMs), context.signal);
    }
  }

  /** What came of each is stored before a hook may vanish. */
  async #look(tasks: readonly SyncTask[]): Promise<{ running: SyncTask[]; deleting: SyncTask[] }> {
    const { context, report } = this.#with;
    const running = new Set<SyncTask>();
    const deleting = new Set<SyncTask>();
    const completed: SyncTask[] = [];
    await inPool(tasks, async (task) => {
      const state = await patiently(() => this.#observe(task), context.clock, context.signal);
      if (state === "running") running.add(task);
      if (state === "deleting") deleting.add(task);
      if (state === "completed" && task.hookType !== undefined) completed.push(task);
    });
    if (completed.length > 0) await report("");
    await inPool(completed, (task) => this.release(task));
    return { running: tasks.filter((task) => running.has(task)), deleting: tasks.filter((task) => deleting.has(task)) };
  }

  async #observe(task: SyncTask): Promise<"over" | "completed" | "running" | "deleting"> {
    const { deps, context, results } = this.#with;
    const result = results.find(task);
    if (result?.status === "Pruned") {
      const left = task.live && (await deps.kube.get(refOf(task.live), context.signal));
      return left?.metadata.deletionTimestamp && left.metadata.uid === task.live?.metadata.uid ? "deleting" : "over";
    }
    if (result?.hookPhase !== "Running" || task.target === undefined) return "over";
    const live = await deps.kube.get(refOf(task.target), context.signal);
    const assessment = live === undefined ? {} : await deps.assess(live);
    const found = observeTask(task, live, assessment, result);
    results.record(task, found.status, found.hookPhase, found.message, result.uid);
    return found.hookPhase === "Running" ? "running" : "completed";
  }

  /** A hook that is over may go; one that is gone is fine. */
  async release(task: SyncTask): Promise<void> {
    const { context, results } = this.#with;
    const { target } = task;
    if (target === undefined) return;
    await patiently(
      async () => {
        const live = await liveHook(target, results.find(task)?.uid, context);
        if (live !== undefined) await releaseHook(live, context);
      },
      context.clock,
      context.signal,
    );
  }

  async #giveUp(tasks: readonly SyncTask[], timeoutMs: number): Promise<void> {
    const { results, report } = this.#with;
    for (const task of tasks) {
      const { group, kind, name } = task.key;
      const message = `${group}/${kind}/${name} was not ready after ${formatDuration(timeoutMs)} (WaveTimeout)`;
      results.record(task, results.find(task)?.status ?? "Synced", "Failed", message, results.find(task)?.uid);
    }
    await report("");
    await inPool(
      tasks.filter(({ hookType }) => hookType !== undefined),
      (task) => this.release(task),
    );
  }

  /** The last wave is not waited for. */
  settle(tasks: readonly SyncTask[]): void {
    const { results } = this.#with;
    for (const task of tasks) {
      const result = results.find(task);
      if (result?.hookPhase === "Running") results.record(task, result.status, "Succeeded", result.message, result.uid);
    }
  }
}

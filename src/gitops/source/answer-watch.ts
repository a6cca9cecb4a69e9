import { type Clock, sleepFor } from "../../base/clock.ts";
import { isTimeout } from "./git-errors.ts";
import { sizeOf } from "./mirror-upkeep.ts";

export interface AnswerWatch {
  /** The mirror that is written to. */
  readonly path: string;
  readonly clock: Clock;
  readonly patienceMs: number;
  /** Asks the server for as little as there is. @throws EngineError TOOL_TIMEOUT */
  readonly ask: (signal: AbortSignal) => Promise<unknown>;
}

/**
 * Runs a fetch, which may take minutes where there is much to send. One that takes longer than `patienceMs` is no longer
 * waited for once its server does not answer a small question either, unless something came of it.
 * @throws the error of that question
 */
export async function whileAnswering<T>(
  { path, clock, patienceMs, ask }: AnswerWatch,
  fetch: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const hanging = new AbortController();
  const done = new AbortController();
  const bytes = await sizeOf(path);
  const watch = async (): Promise<void> => {
    await sleepFor(clock, patienceMs, done.signal);
    try {
      await ask(done.signal);
    } catch (error) {
      if (isTimeout(error) && (await sizeOf(path)) === bytes) hanging.abort(error);
    }
  };
  const watching = watch().catch(() => undefined); // done: the fetch has ended
  try {
    return await fetch(AbortSignal.any([signal, hanging.signal]));
  } finally {
    done.abort();
    await watching;
  }
}

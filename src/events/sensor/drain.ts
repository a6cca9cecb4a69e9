import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { RunningWork } from "./running-work.ts";

/** Whether all of `running`, which may grow meanwhile, ended within `ms` and before `lost` aborted. */
export async function endWithin(
  running: RunningWork,
  clock: Clock,
  ms: number,
  lost = new AbortController().signal,
): Promise<boolean> {
  const over = new AbortController();
  const either = AbortSignal.any([over.signal, lost]);
  const late = sleepFor(clock, ms, either).catch(() => undefined);
  await Promise.race([running.idle(either), late]);
  over.abort();
  return running.size === 0;
}

/** The bus may be away: `keep` is tried until it succeeds. Rejects when `signal` aborts: then nothing is known to be kept. */
export async function untilKept(
  keep: () => Promise<void>,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await keep();
    } catch (error) {
      log.warn("a dead effect could not be kept, will retry", { attempt, error });
      await sleepFor(clock, backoffMs(reconnectBackoff, attempt), signal);
    }
  }
}

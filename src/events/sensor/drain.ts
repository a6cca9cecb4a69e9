import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";

/** Whether all of `running`, which may grow meanwhile, ended within `ms` and before `lost` aborted. */
export async function endWithin(
  running: { readonly size: number; keys(): Iterable<Promise<void>> },
  clock: Clock,
  ms: number,
  lost = new AbortController().signal,
): Promise<boolean> {
  const inTime = new AbortController();
  const late = sleepFor(clock, ms, AbortSignal.any([inTime.signal, lost])).then(
    () => true,
    () => lost.aborted,
  );
  let isLate = false;
  while (running.size > 0 && !isLate) {
    isLate = await Promise.race([Promise.allSettled(running.keys()).then(() => false), late]);
  }
  inTime.abort();
  return !isLate;
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

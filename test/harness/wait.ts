import { setTimeout as sleep } from "node:timers/promises";

/** What one look counts for at most: while a machine stands still, no time passes for who is waited for either. */
const maxStepMs = 2_000;

/**
 * Waits until `probe` gives something else than undefined or false; fails after `deadlineMs` with what was waited for.
 * `what` as a function is asked then, and can say how far it came.
 */
export async function waitFor<T>(
  what: string | (() => string),
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 10_000,
): Promise<T> {
  let waitedMs = 0;
  for (let last = performance.now(); ; ) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (waitedMs > deadlineMs) {
      throw new Error(`waited ${deadlineMs} ms for ${typeof what === "string" ? what : what()}`);
    }
    await sleep(20);
    const now = performance.now();
    waitedMs += Math.min(now - last, maxStepMs);
    last = now;
  }
}

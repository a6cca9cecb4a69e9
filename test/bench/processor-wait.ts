import { readFileSync } from "node:fs";

/**
 * Milliseconds for which this process's main thread could run and did not, since others had the processors. Where that is
 * much, latencies are those of the machine. NaN where the system does not say.
 */
export function processorWaitMs(): number {
  try {
    const [, waitedNs] = readFileSync("/proc/self/schedstat", "utf8").split(" ");
    return Number(waitedNs) / 1e6;
  } catch {
    return Number.NaN;
  }
}

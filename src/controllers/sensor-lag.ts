import type { Lag } from "../base/metrics.ts";
import type { SensorRunner } from "../events/sensor/runner.ts";

export type SensorLag = Lag;

/** How many are asked at once: each asks its bus, which may be away. */
const askedAtOnce = 32;

/** Of those that can tell. */
export async function readLags(runners: readonly (SensorRunner | undefined)[]): Promise<readonly SensorLag[]> {
  const running = runners.filter((runner) => runner !== undefined);
  const lags: SensorLag[] = [];
  for (let start = 0; start < running.length; start += askedAtOnce) {
    const answers = running.slice(start, start + askedAtOnce).map((runner) => runner.lag?.());
    for (const lag of await Promise.all(answers)) if (lag) lags.push(lag);
  }
  return lags;
}

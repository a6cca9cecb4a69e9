import type { RunningEngine } from "./engine.ts";

/** The sum of a counter of `/metrics` over the series that have all of `labels`; 0 when there is none. */
export async function readMetric(
  engine: RunningEngine,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const response = await fetch(`${engine.endpoints.server}/metrics`);
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const line of (await response.text()).split("\n")) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    if (wanted.every((label) => line.includes(label))) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}

export function triggered(engine: RunningEngine, trigger: string): Promise<number> {
  return readMetric(engine, "argo_events_action_triggered_total", { trigger_name: trigger });
}

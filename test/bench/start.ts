import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { resource, webhookSource, writeManifests } from "../e2e/scenario.ts";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { type Bench, type BenchRow, median } from "./bench.ts";

/** Here the limit is the budget of the design. The idle bench reads /proc, so it needs Linux. */
export const startBenches: readonly Bench[] = [
  {
    name: "cold start",
    async run({ quick }) {
      await using folder = await tempDir();
      const port = await freePort();
      const dir = await writeManifests(join(folder.path, "manifests"), [webhookSource("in", port)]);
      const repeats = quick ? 1 : 5;
      const fresh: number[] = [];
      const existing: number[] = [];
      for (let repeat = 0; repeat < repeats; repeat++) {
        const dataDir = join(folder.path, `data-${repeat}`);
        fresh.push(await startMs(dir, dataDir));
        existing.push(await startMs(dir, dataDir));
      }
      return [
        rowOf("cold start, new data directory", median(fresh) / 1000, "s", 3),
        rowOf("cold start, existing data directory", median(existing) / 1000, "s", 1.5),
      ];
    },
  },
  {
    name: "idle",
    async run({ quick }) {
      const count = quick ? 100 : 1000;
      await using folder = await tempDir();
      const port = await freePort();
      const objects = Array.from({ length: count }, (_, n) => [sourceAt(port, n), sensorOn(n)]).flat();
      const dir = await writeManifests(join(folder.path, "manifests"), objects);
      await using engine = await startEngine({ dir });
      await sleep(3_000);
      const before = await cpuSeconds(engine.pid);
      await sleep(10_000);
      const busy = ((await cpuSeconds(engine.pid)) - before) / 10;
      const what = `${count} EventSources and ${count} Sensors idle`;
      return [
        rowOf(`${what}: resident`, await residentMiB(engine.pid), "MiB", 200),
        rowOf(`${what}: CPU`, busy * 100, "% of one", 5),
      ];
    },
  },
];

function sourceAt(port: number, n: number): object {
  return webhookSource(`in-${n}`, port, { endpoint: `/push-${n}` });
}

function sensorOn(n: number): object {
  return resource("Sensor", `say-${n}`, {
    dependencies: [{ name: "push", eventSourceName: `in-${n}`, eventName: "push" }],
    triggers: [{ template: { name: "say", log: {} } }],
  });
}

function rowOf(name: string, value: number, unit: string, limit: number): BenchRow {
  return { name, value, unit, limit, ratio: value / limit };
}

/** From exec to `/readyz` 200, which is asked every 20 ms. */
async function startMs(dir: string, dataDir: string): Promise<number> {
  const started = performance.now();
  await using _engine = await startEngine({ dir, dataDir });
  return performance.now() - started;
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

/** User and system time; the kernel counts in hundredths of a second. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

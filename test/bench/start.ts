import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { resource, webhookSource, writeManifests } from "../e2e/scenario.ts";
import { type EngineOptions, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { type Bench, type BenchRow, inRounds, median } from "./bench.ts";
import { bundle } from "./bundle.ts";

/** Here the limit is the budget of the design. The idle bench reads /proc, so it needs Linux. */
export const startBenches: readonly Bench[] = [
  {
    name: "cold start",
    async run({ quick }) {
      await using folder = await tempDir();
      const port = await freePort();
      const dir = await writeManifests(join(folder.path, "manifests"), [webhookSource("in", port)]);
      await fillCompileCache();
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
      const what = `${count} EventSources and ${count} Sensors idle`;
      const main = await bundle();
      const rows = await inRounds(quick ? 1 : 3, async () => idleRows(what, await idle(count, { main })));
      await fillCompileCache();
      const { residentMiB } = await idle(count, {});
      return [...rows, rowOf(`${what}: resident, checkout`, residentMiB, "MiB", 200)];
    },
  },
];

/** A checkout keeps its stripped sources when it first ends: the usual start is one of those after that. */
async function fillCompileCache(): Promise<void> {
  await using engine = await startEngine();
  await engine.stop();
}

interface Idle {
  readonly residentMiB: number;
  readonly busyPercent: number;
}

async function idle(count: number, options: Pick<EngineOptions, "main">): Promise<Idle> {
  await using folder = await tempDir();
  const port = await freePort();
  const objects = Array.from({ length: count }, (_, n) => [sourceAt(port, n), sensorOn(n)]).flat();
  const dir = await writeManifests(join(folder.path, "manifests"), objects);
  await using engine = await startEngine({ dir, ...options });
  await sleep(3_000);
  const before = await cpuSeconds(engine.pid);
  await sleep(10_000);
  const busyPercent = ((await cpuSeconds(engine.pid)) - before) * 10;
  return { residentMiB: await residentMiB(engine.pid), busyPercent };
}

function idleRows(what: string, { residentMiB, busyPercent }: Idle): readonly BenchRow[] {
  return [rowOf(`${what}: resident`, residentMiB, "MiB", 200), rowOf(`${what}: CPU`, busyPercent, "% of one", 5)];
}

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

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { startNatsServer } from "../harness/nats-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import type { Bench, BenchRow } from "./bench.ts";

export interface MemoryMeasured {
  readonly residentMiB: number;
  /** Of the main thread, with its buffers. */
  readonly heapMiB: number;
}

/** What is resident comes and goes with the collector by a half: the highest of so many moments counts, of each half. */
const moments = 10;

/** The limit is the memory within the first half of the events: it must not grow with their number. */
export const busMemoryBenches: readonly Bench[] = [
  {
    name: "bus memory sqlite",
    async run({ quick }) {
      await using dir = await tempDir();
      return await rowsOf("sqlite", join(dir.path, "bus.db"), quick);
    },
  },
  {
    name: "bus memory jetstream",
    async run({ quick }) {
      await using server = await startNatsServer();
      return await rowsOf("jetstream", server.url, quick);
    },
  },
];

async function rowsOf(driver: string, target: string, quick: boolean): Promise<readonly BenchRow[]> {
  const most = quick ? 100_000 : 1_000_000;
  const script = join(import.meta.dirname, "bus-memory-child.ts");
  const counts = Array.from({ length: moments }, (_, n) => String((most * (n + 1)) / moments));
  const args = [script, driver, target, ...counts];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const measured = JSON.parse(stdout) as readonly MemoryMeasured[];
  const before = highest(measured.slice(0, moments / 2));
  const after = highest(measured.slice(moments / 2));
  const row = (what: string, value: number, limit: number): BenchRow => {
    const name = `${driver}, ${most.toLocaleString("en")} events, slow readers: ${what}`;
    return { name, value, unit: "MiB", limit, ratio: value / limit };
  };
  return [row("heap", after.heapMiB, before.heapMiB), row("resident", after.residentMiB, before.residentMiB)];
}

function highest(measured: readonly MemoryMeasured[]): MemoryMeasured {
  return {
    residentMiB: Math.max(...measured.map(({ residentMiB }) => residentMiB)),
    heapMiB: Math.max(...measured.map(({ heapMiB }) => heapMiB)),
  };
}

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

/** The limit is the memory after a tenth of the events: it must not grow with their number. */
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
  const args = [script, driver, target, String(most / 10), String(most)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const [before, after] = JSON.parse(stdout) as [MemoryMeasured, MemoryMeasured];
  const row = (what: string, value: number, limit: number): BenchRow => {
    const name = `${driver}, ${most.toLocaleString("en")} events, slow readers: ${what}`;
    return { name, value, unit: "MiB", limit, ratio: value / limit };
  };
  return [row("heap", after.heapMiB, before.heapMiB), row("resident", after.residentMiB, before.residentMiB)];
}

import { readFile } from "node:fs/promises";
import { type Clock, sleepFor } from "./clock.ts";

const checkMs = 200;
const pageBytes = 4_096;
/** Processes that are looked at, at most. */
const maxProcesses = 64;

/**
 * Resolves once a process and those that it started hold more memory than allowed; rejects with the signal's reason when it
 * aborts before. Linux says how much; elsewhere it never resolves.
 */
export async function memoryExceeded(pid: number, maxBytes: number, clock: Clock, signal: AbortSignal): Promise<void> {
  do await sleepFor(clock, checkMs, signal);
  while ((await memoryOf(pid)) <= maxBytes);
}

async function memoryOf(pid: number): Promise<number> {
  let bytes = 0;
  const waiting = [pid];
  for (let count = 0; count < maxProcesses; count++) {
    const next = waiting.pop();
    if (next === undefined) break;
    const [, resident = "0"] = (await readProc(`${next}/statm`)).split(" ");
    bytes += Number(resident) * pageBytes;
    const children = await readProc(`${next}/task/${next}/children`);
    waiting.push(
      ...children
        .split(" ")
        .filter((one) => one !== "")
        .map(Number),
    );
  }
  return bytes;
}

async function readProc(name: string): Promise<string> {
  return await readFile(`/proc/${name}`, "latin1").catch(() => ""); // it ended, or this is no Linux
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import { countPacks } from "./mirror-upkeep.ts";

/** Whether a mirror leaves out what is before some of its commits. */
export function isCut(path: string): boolean {
  return existsSync(join(path, "shallow"));
}

/**
 * How much history a fetch of all refs asks for. A mirror that is whole stays so: its history was small, or a question needed
 * it (`Mirror.deepen`), and cutting it off again would save nothing.
 */
export async function depthOptions(path: string, depth: number | undefined): Promise<readonly string[]> {
  if (depth === undefined) return isCut(path) ? ["--unshallow"] : [];
  return isCut(path) || (await countPacks(path)) === 0 ? [`--depth=${depth}`] : [];
}

/** Clocks of those who commit differ. */
const slackMs = 7 * 24 * 3_600_000;

/** The same for what came after a commit of that time, in seconds since 1970. */
export function sinceOption(commitSeconds: number): string {
  return `--shallow-since=${new Date(commitSeconds * 1_000 - slackMs).toISOString()}`;
}

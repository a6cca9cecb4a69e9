import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ChildResult } from "../../base/child.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { TerminalError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { GitCommand } from "./git-command.ts";
import { formatUnknown, isDamage, localError } from "./git-errors.ts";
import type { GitLimits } from "./source.ts";

export interface UpkeepDeps {
  readonly git: GitCommand;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: GitLimits;
}

/** More packs than this are made one: every fetch adds one, and reads look into all. */
const maxPacks = 100;
const sizeCheckMs = 500;

/** What the ids of a repository are made with. */
export type ObjectFormat = "sha1" | "sha256";

/**
 * Makes the bare repository, frees one that a killed process left locked, and begins one anew that is too large: it may
 * hold files of folders that nobody uses any more. Once per process and mirror.
 */
export async function prepareMirror(
  path: string,
  { git, limits }: UpkeepDeps,
  format: ObjectFormat | undefined,
): Promise<void> {
  const empty = (): Promise<void> => rm(path, { recursive: true, force: true });
  const make = async (): Promise<ChildResult> => {
    await mkdir(path, { recursive: true, mode: 0o700 });
    removeLeftovers(path);
    // Said where it has to be: older versions of Git do not know the option.
    const own = format === "sha256" ? ["--object-format=sha256"] : [];
    const args = ["init", "--bare", "--quiet", "--template=", ...own];
    return git.local(path, { args }, AbortSignal.timeout(60_000));
  };
  if ((await sizeOf(path)) > limits.maxMirrorBytes) await empty();
  let result = await make();
  if (result.code !== 0 && isDamage(result)) {
    await empty();
    result = await make();
  }
  if (result.code !== 0 && format === "sha256" && /object.format/.test(result.stderr)) throw formatUnknown();
  if (result.code !== 0) throw localError("make a mirror", result);
}

/** Whether there is what makes a folder a repository: somebody may tidy up under a running process. */
export function isRepository(path: string): boolean {
  return ["HEAD", "config", "objects", "refs"].every((name) => existsSync(join(path, name)));
}

/** Synchronous: whoever looks next finds all of it, or nothing. */
export function moveAway(path: string, waste: string): void {
  mkdirSync(waste, { recursive: true, mode: 0o700 });
  const away = mkdtempSync(join(waste, "damaged-"));
  if (existsSync(path)) renameSync(path, join(away, "mirror"));
  rm(away, { recursive: true, force: true }).catch(() => undefined); // at the next start, then
}

/** Synchronous: nobody can begin to write meanwhile, whose files these would be. */
function removeLeftovers(path: string): void {
  if (!existsSync(path)) return;
  for (const name of readdirSync(path, { recursive: true, encoding: "utf8" })) {
    const isLeft = name.endsWith(".lock") || /(?:^|\/)tmp_(?:pack|idx|obj|rev)_[^/]*$/.test(name);
    if (isLeft) rmSync(join(path, name), { force: true });
  }
}

/** Runs what writes to a mirror, several at a time; it rejects where Git fails. */
export type Writes = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * What Git leaves when it fails or is ended (half a pack, which nobody reads and which counts as the mirror's size; locks,
 * for which every later fetch would fail) goes once nobody writes to the mirror.
 */
export function createWrites(path: string): Writes {
  let running = 0;
  let hasFailed = false;
  return async (work) => {
    running += 1;
    try {
      return await work();
    } catch (error) {
      hasFailed = true;
      throw error;
    } finally {
      running -= 1;
      if (running === 0 && hasFailed) removeLeftovers(path);
      if (running === 0) hasFailed = false;
    }
  };
}

/** Runs `work`, which writes to the mirror, and ends it once the mirror is larger than allowed. */
export async function withinSize<T>(
  path: string,
  { clock, limits }: UpkeepDeps,
  work: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const tooLarge = new AbortController();
  const done = new AbortController();
  const check = async (): Promise<void> => {
    if ((await sizeOf(path)) <= limits.maxMirrorBytes) return;
    const message = `the repository is refused: it is larger than the ${limits.maxMirrorBytes} bytes allowed`;
    throw new TerminalError("GIT_TOO_LARGE", message);
  };
  const watch = async (): Promise<void> => {
    while (!tooLarge.signal.aborted) {
      await sleepFor(clock, sizeCheckMs, done.signal);
      await check().catch((error: unknown) => tooLarge.abort(error));
    }
  };
  const watching = watch().catch(() => undefined); // done: what is watched has ended
  try {
    const result = await work(AbortSignal.any([signal, tooLarge.signal]));
    await check();
    return result;
  } finally {
    done.abort();
    await watching;
  }
}

async function packFilesOf(path: string): Promise<readonly string[]> {
  return readdir(join(path, "objects", "pack")).catch(() => []); // there is none yet
}

/** How many packs a mirror has: each answer of a server adds one. */
export async function countPacks(path: string): Promise<number> {
  return (await packFilesOf(path)).filter((name) => name.endsWith(".pack")).length;
}

/** Of a mirror on disk, in bytes. */
export async function sizeOf(path: string): Promise<number> {
  let bytes = 0;
  for (const name of await packFilesOf(path)) {
    const file = await stat(join(path, "objects", "pack", name)).catch(() => undefined); // renamed meanwhile
    bytes += file?.size ?? 0;
  }
  return bytes;
}

/** Makes many packs one. A failure costs speed only. */
export async function tidyMirror(path: string, { git, log }: UpkeepDeps, signal: AbortSignal): Promise<void> {
  if ((await countPacks(path)) <= maxPacks) return;
  const result = await git.repack(path, signal);
  if (result.code !== 0) log.warn("Git mirror could not be repacked", { error: localError("repack", result).message });
}

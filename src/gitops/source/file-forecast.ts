import type { ChildResult } from "../../base/child.ts";
import { countPacks, sizeOf } from "./mirror-upkeep.ts";
import type { GitLimits } from "./source.ts";

/** Commits and folders come alone. */
export const leaveFiles = "--filter=blob:none";
/** New files up to this size come with their commits: manifests are small, and what is large is asked for by name. */
const bringSmallFiles = "--filter=blob:limit=64k";

/**
 * Whether a fetch should bring the files that a push changed: then one request does for two. Guessed by the last push. Who
 * had to ask for files afterwards should have; and where nobody reads what is pushed (a repository of code with a folder of
 * manifests), it must not: the server then sends differences from files that the mirror lacks, and Git asks for those apart.
 * After a fetch that failed (too much, too long) the next one leaves the files.
 */
export interface FileForecast {
  /** What the next fetch of all refs leaves out. The first of a process may be after years: it leaves all files. */
  filter(isLater: boolean): Promise<string>;
  /** Whether the server knows no filter by size; then it is not asked again. */
  isRefused(result: ChildResult): boolean;
  /** The fetch that `filter` was for has ended well. */
  noteFetched(): Promise<void>;
  /** Files were asked for that the mirror lacked. */
  noteAsked(): void;
}

/** `path`: the mirror. */
export function createFileForecast(path: string, { maxMirrorBytes }: Pick<GitLimits, "maxMirrorBytes">): FileForecast {
  let areWanted = true;
  let isKnown = true;
  /** Before the fetch under way, where it brings files. */
  let packs: number | undefined;
  return {
    async filter(isLater) {
      const isWanted = isLater && areWanted && isKnown && (await sizeOf(path)) <= maxMirrorBytes / 2;
      packs = isWanted ? await countPacks(path) : undefined;
      if (isWanted) areWanted = false;
      return isWanted ? bringSmallFiles : leaveFiles;
    },
    isRefused({ stderr }) {
      if (packs === undefined || !/filter '[^']*' not supported/.test(stderr)) return false;
      packs = undefined;
      isKnown = false;
      return true;
    },
    async noteFetched() {
      if (packs !== undefined) areWanted = (await countPacks(path)) <= packs + 1;
    },
    noteAsked() {
      areWanted = true;
      packs = undefined; // the answer adds a pack, too
    },
  };
}

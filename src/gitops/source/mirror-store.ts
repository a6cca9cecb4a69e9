import { createHash } from "node:crypto";
import { renameSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { memoize } from "../../base/memo.ts";
import { type Access, Mirror, type MirrorDeps } from "./mirror.ts";
import type { Refs } from "./source.ts";

/** A mirror that nobody used for so long goes, unless its repository is in use. */
export const keepUnusedMs = 24 * 3_600_000;

/** The mirrors of a folder, each opened once. */
export interface MirrorStore {
  /** `key`: one for all spellings and all callers that may share. */
  open(key: string): Mirror;
  /**
   * Removes mirrors, those of earlier processes too, that were not used for `keepUnusedMs` and are none of `inUse`; gives
   * how many.
   */
  dropUnused(inUse: ReadonlySet<string>): Promise<number>;
}

/** Names of mirrors that are known without being worked out. */
const maxNames = 10_000;

interface Opened {
  readonly mirror: Mirror;
  usedAtMs: number;
}

/** `waste`: a folder of the same file system whose content nobody needs. */
export function createMirrorStore(directory: string, waste: string, deps: MirrorDeps): MirrorStore {
  return new Store(directory, waste, deps);
}

/** What a server has now, by a mirror of its own in `waste`, which goes again: nothing is shared with others, or kept. */
export async function tipsOnTrial(access: Access, waste: string, deps: MirrorDeps, signal: AbortSignal): Promise<Refs> {
  await mkdir(waste, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(waste, "trial-"));
  try {
    return await new Mirror(join(folder, "trial.git"), deps).tips(access, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class Store implements MirrorStore {
  readonly #directory: string;
  readonly #waste: string;
  readonly #deps: MirrorDeps;
  /** By name. */
  readonly #opened = new Map<string, Opened>();
  readonly #nameOf = memoize(nameOf, maxNames);
  #dropped = 0;

  constructor(directory: string, waste: string, deps: MirrorDeps) {
    this.#directory = directory;
    this.#waste = waste;
    this.#deps = deps;
  }

  open(key: string): Mirror {
    const name = this.#nameOf(key);
    const known = this.#opened.get(name) ?? { mirror: new Mirror(this.#pathOf(name), this.#deps), usedAtMs: 0 };
    known.usedAtMs = this.#deps.clock.monotonicMs();
    this.#opened.set(name, known);
    return known.mirror;
  }

  async dropUnused(inUse: ReadonlySet<string>): Promise<number> {
    const kept = new Set([...inUse].map(nameOf));
    const files = await readdir(this.#directory).catch(() => []); // nothing was fetched yet
    const onDisk = new Set(files.flatMap((file) => /^([0-9a-f]{40})\.git$/.exec(file)?.[1] ?? []));
    await mkdir(this.#waste, { recursive: true, mode: 0o700 });
    let count = 0;
    for (const name of new Set([...onDisk, ...this.#opened.keys()])) {
      if (kept.has(name) || !(await this.#isOld(name))) continue;
      const away = this.#moveAway(name);
      if (away === undefined) continue;
      await rm(away, { recursive: true, force: true });
      count += 1;
    }
    return count;
  }

  /** Of what this process did not use, the age of the folder counts. */
  async #isOld(name: string): Promise<boolean> {
    const { clock } = this.#deps;
    if (this.#opened.has(name)) return true;
    const found = await stat(this.#pathOf(name)).catch(() => undefined); // removed meanwhile
    return found !== undefined && clock.now() - found.mtimeMs >= keepUnusedMs;
  }

  /** Synchronous: whoever opens it next must not find half of it. Undefined: it is in use, or there is none. */
  #moveAway(name: string): string | undefined {
    const known = this.#opened.get(name);
    if (known !== undefined && this.#deps.clock.monotonicMs() - known.usedAtMs < keepUnusedMs) return undefined;
    this.#opened.delete(name);
    const away = join(this.#waste, `unused-${this.#dropped++}-${name}`);
    try {
      renameSync(this.#pathOf(name), away);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
    return away;
  }

  #pathOf(name: string): string {
    return join(this.#directory, `${name}.git`);
  }
}

function nameOf(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 40);
}

import { renameSync } from "node:fs";
import { readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { keepUnusedMs } from "../gitops/source/mirror-store.ts";

/** Folders of mirrors, one for each set of credentials: tokens that change leave one behind each time. */
export interface ArtifactFolders {
  pathOf(key: string): string;
  /** From now on the folder counts as used. Never fails. */
  touch(key: string): Promise<void>;
  /** Removes those that are not open and were not used for a day, and of the others the oldest over 200; gives how many. */
  tidy(isOpen: (key: string) => boolean): Promise<number>;
}

const maxFolders = 200;

/** `directory` is this process's own. */
export function createArtifactFolders(directory: string, clock: Clock): ArtifactFolders {
  let removed = 0;

  async function ages(isOpen: (key: string) => boolean) {
    const names = (await readdir(directory).catch(() => [])).filter((name) => /^[0-9a-f]{32}$/.test(name));
    const found = names
      .filter((name) => !isOpen(name))
      .map(async (name) => {
        const at = await stat(join(directory, name)).catch(() => undefined); // it may just go
        return { name, usedAt: at?.mtimeMs ?? 0 };
      });
    const idle = (await Promise.all(found)).sort((a, b) => a.usedAt - b.usedAt);
    return { idle, tooMany: names.length - maxFolders };
  }

  return {
    pathOf: (key) => join(directory, key),
    async touch(key) {
      const now = clock.now() / 1_000;
      await utimes(join(directory, key), now, now).catch(() => undefined); // nothing was fetched
    },
    async tidy(isOpen) {
      // What an earlier process was removing.
      for (const name of await readdir(directory).catch(() => [])) {
        if (name.startsWith("gone-")) await rm(join(directory, name), { recursive: true, force: true });
      }
      const { idle, tooMany } = await ages(isOpen);
      let count = 0;
      for (const [index, { name, usedAt }] of idle.entries()) {
        const isOld = clock.now() - usedAt >= keepUnusedMs;
        if ((!isOld && index >= tooMany) || isOpen(name)) continue;
        const away = join(directory, `gone-${removed++}-${name}`);
        // In the same turn as it was seen not to be open: who opens it next begins anew.
        renameSync(join(directory, name), away);
        await rm(away, { recursive: true, force: true });
        count += 1;
      }
      return count;
    },
  };
}

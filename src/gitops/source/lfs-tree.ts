import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseLfsPointer } from "./lfs.ts";
import type { LfsFiles } from "./lfs-files.ts";
import { ReadBudget } from "./read-budget.ts";
import { linkMark, type SourceTree } from "./source.ts";

/** Of one file, and of all of a checkout. */
const maxFileBytes = 128 * 1024 * 1024;
const maxCheckoutBytes = 512 * 1024 * 1024;
const maxPointerBytes = 1_024;

/** The tree with large files in place of the pointers that Git holds. */
export function lfsTree(tree: SourceTree, files: LfsFiles): SourceTree {
  async function resolved(content: Buffer, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    const pointer = parseLfsPointer(content);
    return pointer === undefined ? content : files.fetch(pointer, maxBytes, signal);
  }

  return {
    revision: tree.revision,
    async treeId(path, signal) {
      const id = await tree.treeId(path, signal);
      // Not what the same files are without LFS; links are never kept there.
      return id === undefined || id.startsWith(linkMark) ? id : `lfs:${id}`;
    },
    listFiles: (path, signal) => tree.listFiles(path, signal),
    read: async (path, signal) => resolved(await tree.read(path, signal), maxFileBytes, signal),
    async readFiles(entries, maxBytes, signal) {
      const contents = new Map<string, Buffer>();
      const budget = new ReadBudget(maxBytes);
      const links = new Set(entries.flatMap(({ kind, path }) => (kind === "symlink" ? [path] : [])));
      for (const [path, content] of await tree.readFiles(entries, maxBytes, signal)) {
        const pointer = links.has(path) ? undefined : parseLfsPointer(content);
        budget.take(path, pointer?.bytes ?? content.length);
        contents.set(path, pointer === undefined ? content : await files.fetch(pointer, pointer.bytes, signal));
      }
      return contents;
    },
    async checkout(path, signal) {
      const checkout = await tree.checkout(path, signal);
      try {
        let left = maxCheckoutBytes;
        for (const { kind, path: file } of checkout.entries) {
          const at = join(checkout.root, file);
          if ((kind !== "file" && kind !== "executable") || (await stat(at)).size > maxPointerBytes) continue;
          const pointer = parseLfsPointer(await readFile(at));
          if (pointer === undefined) continue;
          const content = await files.fetch(pointer, Math.min(left, maxFileBytes), signal);
          left -= content.length;
          await writeFile(at, content);
        }
        return checkout;
      } catch (error) {
        await checkout[Symbol.asyncDispose]();
        throw error;
      }
    },
  };
}

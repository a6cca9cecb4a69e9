import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { TerminalError } from "../../base/errors.ts";
import { ReadBudget } from "../source/read-budget.ts";
import { linkMark, type TreeEntry } from "../source/source.ts";
import type { InputTree } from "./render.ts";
import { normalPath } from "./tree-reader.ts";

const maxFiles = 50_000;
const maxFileBytes = 16 * 1024 * 1024;

/**
 * A folder on disk as a tree, for people who render what they have not committed. Its ids name contents, as Git's do; it is
 * read once, so that it must not outlive one rendering. Git's own folders are left out.
 */
export function diskTree(root: string): InputTree {
  const ids = new Map<string, string | undefined>();
  let listed = 0;

  async function idOf(path: string): Promise<string | undefined> {
    if (ids.has(path)) return ids.get(path);
    const id = await computeId(path);
    ids.set(path, id);
    return id;
  }

  async function computeId(path: string): Promise<string | undefined> {
    switch (await kindOf(join(root, path))) {
      case undefined:
        return undefined;
      case "folder":
        return digest(JSON.stringify(await list(path)));
      case "symlink":
        return linkMark + digest(await readlink(join(root, path)));
      case "file":
      case "executable":
        return digest(await read(path));
    }
  }

  async function list(path: string): Promise<readonly TreeEntry[]> {
    const names = (await readdir(join(root, path))).filter((name) => name !== ".git").sort();
    const entries: TreeEntry[] = [];
    for (const name of names) {
      const below = path === "" ? name : `${path}/${name}`;
      const kind = await kindOf(join(root, below));
      if (kind === "folder") entries.push(...(await list(below)));
      else if (kind !== undefined) entries.push({ path: below, kind, id: (await idOf(below)) ?? "" });
    }
    listed += names.length;
    if (listed <= maxFiles) return entries;
    throw new TerminalError("GIT_TOO_LARGE", `folder "${root}" has more than ${maxFiles} files`);
  }

  async function read(path: string, maxBytes = maxFileBytes): Promise<Buffer> {
    const { size } = await lstat(join(root, path));
    if (size <= maxBytes) return readFile(join(root, path));
    throw new TerminalError("GIT_TOO_LARGE", `file "${path}" is larger than the ${maxBytes} bytes allowed`);
  }

  return {
    revision: "local",
    treeId: (path) => idOf(normalPath(path)),
    async listFiles(path) {
      const at = normalPath(path);
      if ((await kindOf(join(root, at))) === "folder") return list(at);
      throw new TerminalError("GIT_PATH_INVALID", `${path}: app path is not a directory`);
    },
    async read(path) {
      const kind = await kindOf(join(root, normalPath(path)));
      if (kind === "file" || kind === "executable") return read(normalPath(path));
      throw new TerminalError("GIT_PATH_INVALID", `${path}: is not a file`);
    },
    async readFiles(entries, maxBytes) {
      const contents = new Map<string, Buffer>();
      const budget = new ReadBudget(maxBytes);
      for (const { path, kind } of entries) {
        budget.take(path, (await lstat(join(root, path))).size);
        const isLink = kind === "symlink";
        contents.set(path, isLink ? Buffer.from(await readlink(join(root, path))) : await readFile(join(root, path)));
      }
      return contents;
    },
  };
}

/** Undefined for what is not there, and for what is neither file nor folder nor link. */
async function kindOf(path: string): Promise<Exclude<TreeEntry["kind"], "submodule"> | "folder" | undefined> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (found.isDirectory()) return "folder";
  if (found.isSymbolicLink()) return "symlink";
  if (!found.isFile()) return undefined;
  return (found.mode & 0o111) === 0 ? "file" : "executable";
}

function digest(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { ReadBudget } from "./read-budget.ts";
import { type Checkout, linkMark, type SourceTree, type TreeEntry } from "./source.ts";
import { parseSourcePath, pathError } from "./tree.ts";

/** One file of an unpacked archive; a link's `target` stands here, and nowhere on disk. */
export interface UnpackedEntry {
  readonly path: string;
  readonly kind: "file" | "executable" | "symlink";
  /** `sha256:…` of the content. */
  readonly id: string;
  readonly bytes: number;
  readonly target?: string;
}

export interface UnpackedArchive {
  /** Where its files stand. */
  readonly directory: string;
  /** By path, in the order of paths. */
  readonly entries: readonly UnpackedEntry[];
  /** For checkouts. */
  readonly workDir: string;
  readonly maxFileBytes: number;
  /** Forgets it, so that whoever asks next reads it anew. */
  readonly discard: () => Promise<void>;
}

/** An unpacked archive as a tree of files. */
export function archiveTree(archive: UnpackedArchive, revision: string): SourceTree {
  const byPath = new Map(archive.entries.map((entry) => [entry.path, entry]));
  const ids = new Map<string, string>();

  /** Those below a folder; none: there is no such folder. */
  function below(path: string): readonly UnpackedEntry[] {
    return path === "" ? archive.entries : archive.entries.filter((entry) => entry.path.startsWith(`${path}/`));
  }

  function folder(written: string): readonly UnpackedEntry[] {
    const path = parseSourcePath(written).join("/");
    const found = below(path);
    if (found.length > 0 || path === "") return found;
    throw pathError(written, byPath.has(path) ? "app path is not a directory" : "app path does not exist");
  }

  return {
    revision,
    async treeId(written) {
      const path = parseSourcePath(written).join("/");
      const entry = byPath.get(path);
      if (entry !== undefined) return entry.kind === "symlink" ? linkMark + entry.id : entry.id;
      const found = below(path);
      if (found.length === 0) return undefined;
      const id = ids.get(path) ?? folderId(path, found);
      ids.set(path, id);
      return id;
    },
    listFiles: async (path) => folder(path).map(treeEntry),
    async read(written) {
      const entry = byPath.get(parseSourcePath(written).join("/"));
      if (entry === undefined) throw pathError(written, "file does not exist");
      if (entry.kind === "symlink") throw pathError(written, "is not a file");
      if (entry.bytes > archive.maxFileBytes) throw tooLarge(written, archive.maxFileBytes);
      return contentOf(archive, entry);
    },
    async readFiles(wanted, maxBytes) {
      const contents = new Map<string, Buffer>();
      const budget = new ReadBudget(maxBytes);
      for (const { path } of wanted) {
        const entry = byPath.get(path);
        if (entry === undefined) throw pathError(path, "file does not exist");
        budget.take(path, entry.bytes);
        contents.set(path, await contentOf(archive, entry));
      }
      return contents;
    },
    checkout: async (path) => copyOut(archive, parseSourcePath(path).join("/"), folder(path)),
  };
}

function treeEntry({ path, kind, id }: UnpackedEntry): TreeEntry {
  return { path, kind, id };
}

function folderId(path: string, entries: readonly UnpackedEntry[]): string {
  const hash = createHash("sha256");
  for (const entry of entries) hash.update(`${entry.kind} ${entry.id} ${entry.path.slice(path.length)}\n`);
  return `sha256:${hash.digest("hex")}`;
}

/** What was unpacked, or nothing: a disk that lost or changed it must not change what is rendered. */
async function contentOf({ directory, discard }: UnpackedArchive, entry: UnpackedEntry): Promise<Buffer> {
  if (entry.target !== undefined) return Buffer.from(entry.target);
  const content = await readFile(join(directory, entry.path)).catch(() => undefined); // as if it were another
  if (content !== undefined && contentId(content) === entry.id) return content;
  await discard();
  const what = `"${entry.path}" of an unpacked archive is ${content === undefined ? "gone" : "damaged"}`;
  throw new EngineError("REPOSITORY_FAILED", `${what} on this disk: it is read anew`);
}

export function contentId(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** Links come last: nothing is written through one. */
async function copyOut(archive: UnpackedArchive, path: string, entries: readonly UnpackedEntry[]): Promise<Checkout> {
  await mkdir(archive.workDir, { recursive: true, mode: 0o700 });
  const root = await mkdtemp(join(archive.workDir, "checkout-"));
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true });
  try {
    await mkdir(join(root, path), { recursive: true });
    for (const folder of new Set(entries.map((entry) => dirname(entry.path)))) {
      await mkdir(join(root, folder), { recursive: true });
    }
    for (const entry of entries) {
      if (entry.target !== undefined) continue;
      const mode = entry.kind === "executable" ? 0o755 : 0o644;
      await writeFile(join(root, entry.path), await contentOf(archive, entry), { mode });
    }
    for (const entry of entries) if (entry.target !== undefined) await symlink(entry.target, join(root, entry.path));
  } catch (error) {
    await remove();
    throw error;
  }
  const folder = join(root, path);
  return { root, folder, entries: entries.map(treeEntry), submodules: [], [Symbol.asyncDispose]: remove };
}

function tooLarge(what: string, maxBytes: number): TerminalError {
  return new TerminalError("GIT_TOO_LARGE", `"${what}" is larger than the ${maxBytes} bytes allowed`);
}

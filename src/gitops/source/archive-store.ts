import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { archiveTree, contentId, type UnpackedArchive, type UnpackedEntry } from "./archive-tree.ts";
import type { SourceTree } from "./source.ts";
import { type ArchivedFile, type ArchiveLimits, checkPlaces, parseTar, unpackGzip } from "./tar.ts";

export interface ArchiveStoreLimits extends ArchiveLimits {
  readonly maxFileBytes: number;
  /** Kept on disk; those used last stay. */
  readonly maxArchives: number;
}

export const defaultArchiveLimits: ArchiveStoreLimits = {
  maxFiles: 20_000,
  maxBytes: 256 * 1024 * 1024,
  maxFileBytes: 16 * 1024 * 1024,
  maxArchives: 500,
};

/** Which folder of an archive its tree begins at: undefined for all of it. @throws TerminalError ARCHIVE_REFUSED */
export type RootOf = (paths: readonly string[]) => string | undefined;

export interface Unpacking {
  readonly rootOf: RootOf;
  /** Of all files together. */
  readonly maxBytes: number;
}

/** Unpacked archives on disk, by what names their content. */
export interface ArchiveStore {
  /** Undefined: it is not kept. */
  find(key: string, revision: string): Promise<SourceTree | undefined>;
  /** Unpacks and keeps. @throws TerminalError ARCHIVE_REFUSED, GIT_TOO_LARGE */
  add(key: string, revision: string, archive: Buffer, unpacking: Unpacking): Promise<SourceTree>;
}

/** Names beside the files' folder. */
const indexName = "entries.json";
const filesName = "files";

/** `directory` is this process's own; `work` within it holds what is half done. */
export function createArchiveStore(directory: string, limits: ArchiveStoreLimits, clock: Clock): ArchiveStore {
  const workDir = join(directory, "work");
  const folderOf = (key: string): string => join(directory, createHash("sha256").update(key).digest("hex"));
  const unpacked = (folder: string, entries: readonly UnpackedEntry[]): UnpackedArchive => {
    const { maxFileBytes } = limits;
    return { directory: join(folder, filesName), entries, workDir, maxFileBytes, discard: () => discard(folder) };
  };
  /** Folders that are known to be whole. */
  const whole = new Set<string>();

  async function discard(folder: string): Promise<void> {
    whole.delete(folder);
    await mkdir(workDir, { recursive: true, mode: 0o700 });
    const away = await mkdtemp(join(workDir, "damaged-"));
    await rename(folder, join(away, "archive")).catch(() => undefined); // it is gone
    await rm(away, { recursive: true, force: true });
  }

  /** Of an earlier process, a loss of power may have left half. */
  async function readIndex(folder: string): Promise<readonly UnpackedEntry[] | undefined> {
    const text = await readFile(join(folder, indexName), "utf8").catch(() => undefined); // there is none
    if (text === undefined) return undefined;
    const entries = parseIndex(text);
    if (entries !== undefined && (whole.has(folder) || (await haveTheirSizes(folder, entries)))) {
      whole.add(folder);
      return entries;
    }
    await discard(folder);
    return undefined;
  }

  async function find(key: string, revision: string): Promise<SourceTree | undefined> {
    const folder = folderOf(key);
    const entries = await readIndex(folder);
    if (entries === undefined) return undefined;
    const now = clock.now() / 1000;
    await utimes(folder, now, now).catch(() => undefined); // it may just go
    return archiveTree(unpacked(folder, entries), revision);
  }

  return {
    find,
    async add(key, revision, archive, { rootOf, maxBytes }) {
      const bounds = { ...limits, maxBytes };
      const files = below(parseTar(await unpackGzip(archive, bounds), bounds), rootOf);
      await mkdir(workDir, { recursive: true, mode: 0o700 });
      const half = await mkdtemp(join(workDir, "archive-"));
      try {
        const entries = await writeAll(half, files);
        await rename(half, folderOf(key)).catch((error: unknown) => ignoreExisting(error, half));
        for (const gone of await forgetOldest(directory, limits.maxArchives)) whole.delete(gone);
        return archiveTree(unpacked(folderOf(key), entries), revision);
      } catch (error) {
        await rm(half, { recursive: true, force: true });
        throw error;
      }
    },
  };
}

/**
 * An archive as a tree for one use: nothing of it stays. `directory` is made anew where it is missing.
 * @throws TerminalError ARCHIVE_REFUSED, GIT_TOO_LARGE
 */
export async function openArchive(
  archive: Buffer,
  { directory, ...limits }: ArchiveStoreLimits & { readonly directory: string },
): Promise<SourceTree & AsyncDisposable> {
  const files = parseTar(await unpackGzip(archive, limits), limits);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(directory, "sent-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const entries = await writeAll(folder, [...files.values()]);
    const unpacked = { directory: join(folder, filesName), entries, workDir: folder, discard: remove };
    const tree = archiveTree({ ...unpacked, maxFileBytes: limits.maxFileBytes }, contentId(archive));
    return { ...tree, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Undefined: it is none of ours. */
function parseIndex(text: string): readonly UnpackedEntry[] | undefined {
  try {
    const entries: unknown = JSON.parse(text);
    return Array.isArray(entries) ? (entries as UnpackedEntry[]) : undefined;
  } catch {
    return undefined; // half of it
  }
}

async function haveTheirSizes(folder: string, entries: readonly UnpackedEntry[]): Promise<boolean> {
  for (const { path, bytes, target } of entries) {
    if (target !== undefined) continue;
    const found = await stat(join(folder, filesName, path)).catch(() => undefined); // it is gone
    if (found?.size !== bytes) return false;
  }
  return true;
}

function below(files: ReadonlyMap<string, ArchivedFile>, rootOf: RootOf): readonly ArchivedFile[] {
  const root = rootOf([...files.keys()]);
  if (root === undefined) return [...files.values()];
  const prefix = `${root}/`;
  const own = [...files.values()]
    .filter(({ path }) => path.startsWith(prefix))
    .map((file) => ({ ...file, path: file.path.slice(prefix.length) }));
  checkPlaces(new Map(own.map((file) => [file.path, file])));
  return own;
}

async function writeAll(folder: string, files: readonly ArchivedFile[]): Promise<readonly UnpackedEntry[]> {
  const entries: UnpackedEntry[] = [];
  const root = join(folder, filesName);
  await mkdir(root);
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const directory of new Set(sorted.map(({ path }) => dirname(path)))) {
    await mkdir(join(root, directory), { recursive: true });
  }
  for (const { path, kind, content } of sorted) {
    const id = contentId(content);
    const target = kind === "symlink" ? { target: content.toString("utf8") } : {};
    if (kind !== "symlink") await writeFile(join(root, path), content, { mode: kind === "executable" ? 0o755 : 0o644 });
    entries.push({ path, kind, id, bytes: content.length, ...target });
  }
  await writeFile(join(folder, indexName), JSON.stringify(entries));
  return entries;
}

/** Another call was faster: what it wrote is the same. */
async function ignoreExisting(error: unknown, half: string): Promise<void> {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  await rm(half, { recursive: true, force: true });
}

/** The folders that went. */
async function forgetOldest(directory: string, max: number): Promise<readonly string[]> {
  const names = (await readdir(directory)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  if (names.length <= max) return [];
  const aged = await Promise.all(
    names.map(async (name) => ({
      name,
      at: (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0, // it may just go
    })),
  );
  const oldest = aged.sort((a, b) => a.at - b.at).slice(0, names.length - max);
  const folders = oldest.map(({ name }) => join(directory, name));
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  return folders;
}

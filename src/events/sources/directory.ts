import { type Stats, statSync } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { TerminalError } from "../../base/errors.ts";

/** fsnotify's operations, as bits. */
export const operationBits = { CREATE: 1, WRITE: 2, REMOVE: 4, RENAME: 8, CHMOD: 16 } as const;
export type Operation = keyof typeof operationBits;

/** `inode size mtime mode` of each file, by name. */
export type Listing = ReadonlyMap<string, string>;

export interface FileChange {
  readonly name: string;
  readonly operation: Operation;
  /** The file as it is, or as it was. */
  readonly version: string;
}

/** What happened between two looks, as fsnotify tells it. A file that comes with content was created and written. */
export function changesBetween(before: Listing, after: Listing): FileChange[] {
  // A renamed file keeps all of this; an inode alone is soon another file's.
  const arrived = new Set<string>();
  for (const [name, version] of after) if (!before.has(name)) arrived.add(version);
  const changes: FileChange[] = [];
  for (const [name, version] of before) {
    if (after.has(name)) continue;
    changes.push({ name, version, operation: arrived.has(version) ? "RENAME" : "REMOVE" });
  }
  const known = new Set(before.values());
  for (const [name, version] of after) {
    for (const operation of operationsOn(before.get(name), version, known)) changes.push({ name, version, operation });
  }
  return changes;
}

function operationsOn(before: string | undefined, after: string, known: ReadonlySet<string>): readonly Operation[] {
  if (before === after) return [];
  const [inode, size, mtime] = after.split(" ");
  if (before === undefined) return size === "0" || known.has(after) ? ["CREATE"] : ["CREATE", "WRITE"];
  const [oldInode, oldSize, oldMtime] = before.split(" ");
  if (oldInode !== inode) return ["CREATE"]; // another file was moved over it
  return oldSize !== size || oldMtime !== mtime ? ["WRITE"] : ["CHMOD"];
}

const maxFiles = 100_000;

/** The files of a directory, links followed; not what is below. */
export async function listDirectory(directory: string): Promise<Map<string, string>> {
  const names = await readdir(directory);
  if (names.length > maxFiles) {
    throw new TerminalError("FILE_FAILED", `${directory}: ${names.length} files, at most ${maxFiles} can be watched`);
  }
  const found = new Map<string, string>();
  for (const name of names) {
    const stats = await stat(join(directory, name)).catch(() => undefined); // gone meanwhile
    if (stats) found.set(name, versionOf(stats));
  }
  return found;
}

function versionOf({ ino, size, mtimeMs, mode }: Stats): string {
  return `${ino} ${size} ${mtimeMs} ${mode}`;
}

/**
 * The directory as it really is: links may not lead out of the root.
 * @throws TerminalError FILE_FAILED outside of the root; the error of the system where there is no directory
 */
export async function containedDirectory(directory: string, root: string, path: string): Promise<string> {
  const real = await realpath(directory);
  const realRoot = statSync(root, { throwIfNoEntry: false }) ? await realpath(root) : root;
  if (real === realRoot || real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep)) return real;
  throw new TerminalError(
    "FILE_FAILED",
    `${path}: "${directory}" is outside of ${root}, where files may be watched; start with --file-root DIR for another`,
  );
}

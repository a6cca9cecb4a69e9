import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { type Manifest, manifestText, parseManifests } from "../api/manifest.ts";
import { isSensorTest } from "../api/sensor-test.ts";
import { EngineError, TerminalError } from "../base/errors.ts";
import { whyUnreadable } from "../base/unreadable.ts";

const maxFiles = 10_000;
const maxReadAtOnce = 64;
const extensions = [".yaml", ".yml", ".json"];

/**
 * The files of manifests under `path` (a directory with its folders, or one file) in order of their names, each with a
 * fingerprint that changes when the file does; `isLeftOut` is asked with names relative to the directory.
 * @throws TerminalError MANIFEST_UNREADABLE
 */
export async function listManifestFiles(
  path: string,
  isLeftOut: (file: string) => boolean = () => false,
): Promise<ReadonlyMap<string, string>> {
  try {
    const names = await list(path, isLeftOut);
    const found = await Promise.all(names.map(async (name) => [name, await fingerprintOf(name)] as const));
    return new Map(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    throw new TerminalError("MANIFEST_UNREADABLE", `"${path}" cannot be read: ${whyUnreadable(error, path)}`, error);
  }
}

async function list(path: string, isLeftOut: (file: string) => boolean): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && extensions.includes(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !isHidden(relative(path, file)) && !isLeftOut(relative(path, file)));
  if (files.length > maxFiles) throw new TerminalError("MANIFEST_UNREADABLE", `"${path}" holds over ${maxFiles} files`);
  return files.sort();
}

/**
 * The time of the last change of the inode too: it moves when only the rights to read change. Undefined for what is no
 * file: a link to nothing or to a directory, or a file that is gone since it was listed.
 */
async function fingerprintOf(file: string): Promise<string | undefined> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return found?.isFile() ? `${found.mtimeMs} ${found.ctimeMs} ${found.size} ${found.ino}` : undefined;
}

function isHidden(file: string): boolean {
  return file.split("/").some((part) => part.startsWith(".") || part === "node_modules");
}

/** What each file holds, in the order given; a MANIFEST_UNREADABLE for one that cannot be read. */
export async function readManifestFiles(
  files: Iterable<string>,
): Promise<ReadonlyMap<string, readonly Manifest[] | EngineError>> {
  const read = new Map<string, readonly Manifest[] | EngineError>();
  const names = [...files];
  for (let start = 0; start < names.length; start += maxReadAtOnce) {
    const some = names.slice(start, start + maxReadAtOnce);
    const contents = await Promise.all(some.map(readOne));
    for (const [index, name] of some.entries()) read.set(name, contents[index] ?? []);
  }
  return read;
}

async function readOne(file: string): Promise<readonly Manifest[] | EngineError> {
  try {
    // A test stands beside what it is about, and is no object of a cluster.
    return parseManifests(manifestText(await readFile(file), file), file).filter(({ object }) => !isSensorTest(object));
  } catch (error) {
    if (error instanceof EngineError) return error;
    return new TerminalError("MANIFEST_UNREADABLE", `"${file}" cannot be read: ${whyUnreadable(error)}`, error);
  }
}

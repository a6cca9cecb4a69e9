import { EngineError, TerminalError } from "../../base/errors.ts";
import { DamagedMirror } from "./git-errors.ts";
import { type ObjectReader, wholeContent } from "./object-reader.ts";
import type { TreeEntry } from "./source.ts";

/** Trees and commits larger than this are refused; Git's own are a few KiB. */
const maxObjectBytes = 16 * 1024 * 1024;
const maxDepth = 100;

export interface NamedObject {
  readonly name: string;
  readonly kind: TreeEntry["kind"] | "folder";
  readonly id: string;
}

/** The folder a user names, as parts from the root. @throws TerminalError GIT_PATH_INVALID */
export function parseSourcePath(path: string): readonly string[] {
  if (path.startsWith("/")) throw pathError(path, "app path is absolute");
  if (path.includes("\0")) throw pathError(path, "app path does not exist");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw pathError(path, "app path outside root");
  }
  return parts;
}

export function pathError(path: string, text: string): TerminalError {
  return new TerminalError("GIT_PATH_INVALID", `${path.slice(0, 300)}: ${text}`);
}

/**
 * The entries of a tree object, whose ids have `idBytes`. Names that would leave the folder they are in, or that Git reads itself, are refused:
 * no server that checks what is pushed has them.
 * @throws TerminalError GIT_REFUSED
 */
export function parseTree(content: Buffer, idBytes: number): readonly NamedObject[] {
  const entries: NamedObject[] = [];
  const names = new Set<string>();
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(32, at);
    const zero = content.indexOf(0, space + 1);
    if (space < 0 || zero < 0 || zero + 1 + idBytes > content.length) throw refusedTree("is damaged");
    const mode = content.toString("latin1", at, space);
    const name = content.toString("utf8", space + 1, zero);
    if (!isSafeName(name)) throw refusedTree(`has an entry ${JSON.stringify(name)}`);
    if (names.has(name)) throw refusedTree(`has two entries ${JSON.stringify(name)}`);
    names.add(name);
    entries.push({ name, kind: kindOf(mode), id: content.toString("hex", zero + 1, zero + 1 + idBytes) });
    at = zero + 1 + idBytes;
  }
  return entries;
}

/** All ids of a repository are as long as one of them. */
function idBytesOf(id: string): number {
  return id.length / 2;
}

function isSafeName(name: string): boolean {
  return !["", ".", "..", ".git"].includes(name.toLowerCase()) && !name.includes("/") && !name.includes("\ufffd");
}

function kindOf(mode: string): NamedObject["kind"] {
  if (/^0?40000$/.test(mode)) return "folder";
  if (mode === "120000") return "symlink";
  if (mode === "160000") return "submodule";
  if (/^100[0-7]{3}$/.test(mode)) return /[1357]$/.test(mode.slice(0, 4)) ? "executable" : "file";
  throw refusedTree(`has an entry of mode ${JSON.stringify(mode)}`);
}

function refusedTree(why: string): TerminalError {
  return new TerminalError("GIT_REFUSED", `the repository is refused: a folder of it ${why}`);
}

/** A commit's or tag's content, byte for byte. @throws EngineError GIT_FAILED when the mirror lacks it */
export async function readObject(reader: ObjectReader, id: string): Promise<Buffer> {
  const head = await reader.open(id);
  if (head === undefined) throw new DamagedMirror(`it lacks the object ${id}`);
  return bounded(reader, head.size);
}

/** The text of a commit object; undefined when the mirror does not hold it, or it is something else: a part of an id, too. */
export async function readCommit(reader: ObjectReader, commit: string): Promise<string | undefined> {
  const head = await reader.open(commit);
  if (head === undefined) return undefined;
  const content = await bounded(reader, head.size);
  return head.type === "commit" && head.id === commit.toLowerCase() ? content.toString("utf8") : undefined;
}

/** What folder a commit is of, by mirror and commit. */
export interface RootCache {
  find(key: string): string | undefined;
  keep(key: string, root: string): void;
}

const maxRoots = 10_000;

/** Forgets what was kept first. */
export function createRootCache(): RootCache {
  const kept = new Map<string, string>();
  return {
    find: (key) => kept.get(key),
    keep(key, root) {
      kept.set(key, root);
      const [oldest] = kept.keys();
      if (kept.size > maxRoots && oldest !== undefined) kept.delete(oldest);
    },
  };
}

/**
 * The folder that a commit is of; undefined when the mirror does not hold the commit. What the folder holds is kept: whoever
 * looks at a new commit asks for that next, and in one request it costs no way to Git of its own.
 * @throws TerminalError GIT_REFUSED
 */
export async function readRoot(reader: ObjectReader, commit: string, trees: TreeCache): Promise<string | undefined> {
  const folder = `${commit}^{tree}`;
  reader.ask([commit, folder]);
  const text = await readCommit(reader, commit);
  const head = await reader.open(folder);
  const content = head && (await bounded(reader, head.size));
  if (text === undefined) return undefined;
  const root = rootOf(commit, text);
  if (content !== undefined && trees.find(root) === undefined) {
    trees.keep(root, byName(parseTree(content, idBytesOf(root))));
  }
  return root;
}

async function readTree(reader: ObjectReader, id: string): Promise<readonly NamedObject[]> {
  const head = await reader.open(id);
  if (head === undefined) throw new DamagedMirror(`it lacks the folder ${id}`);
  return parseTree(await bounded(reader, head.size), idBytesOf(id));
}

async function bounded(reader: ObjectReader, size: number): Promise<Buffer> {
  if (size > maxObjectBytes) throw new TerminalError("GIT_TOO_LARGE", `an object of the repository has ${size} bytes`);
  return wholeContent(reader);
}

/** Folders by their id, which names their content: a commit of a repository with many folders changes few of them. */
export interface TreeCache {
  find(id: string): ReadonlyMap<string, NamedObject> | undefined;
  keep(id: string, entries: ReadonlyMap<string, NamedObject>): void;
}

/** Entries of all folders that are kept, at most: some 10 MiB. */
const maxKeptEntries = 50_000;

/** Forgets what was kept first. */
export function createTreeCache(maxEntries = maxKeptEntries): TreeCache {
  const kept = new Map<string, ReadonlyMap<string, NamedObject>>();
  let count = 0;
  return {
    find: (id) => kept.get(id),
    keep(id, entries) {
      if (kept.has(id) || entries.size > maxEntries) return;
      kept.set(id, entries);
      count += entries.size;
      for (const [oldest, { size }] of kept) {
        if (count <= maxEntries) return;
        kept.delete(oldest);
        count -= size;
      }
    },
  };
}

function byName(entries: readonly NamedObject[]): ReadonlyMap<string, NamedObject> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

async function namesIn(reader: ObjectReader, id: string, trees: TreeCache): Promise<ReadonlyMap<string, NamedObject>> {
  const known = trees.find(id);
  if (known !== undefined) return known;
  const entries = byName(await readTree(reader, id));
  trees.keep(id, entries);
  return entries;
}

/** What stands at a path below a root folder; undefined where nothing does. */
export async function findObject(
  reader: ObjectReader,
  root: string,
  parts: readonly string[],
  trees: TreeCache,
): Promise<NamedObject | undefined> {
  let found: NamedObject = { name: "", kind: "folder", id: root };
  for (const part of parts) {
    if (found.kind !== "folder") return undefined;
    const next = (await namesIn(reader, found.id, trees)).get(part);
    if (next === undefined) return undefined;
    found = next;
  }
  return found;
}

/** The id of the folder that a commit is of. @throws EngineError GIT_FAILED */
export function rootOf(commit: string, commitText: string): string {
  const [, root] = /^tree ([0-9a-f]{40,64})\n/.exec(commitText) ?? [];
  if (root === undefined) throw new EngineError("GIT_FAILED", `the commit ${commit} is damaged: it is of no folder`);
  return root;
}

/** As `findObject`, as far as it is kept; undefined when something has to be read first. */
export function findKept(
  root: string | undefined,
  parts: readonly string[],
  trees: TreeCache,
): { readonly found: NamedObject | undefined } | undefined {
  if (root === undefined) return undefined;
  let found: NamedObject = { name: "", kind: "folder", id: root };
  for (const part of parts) {
    if (found.kind !== "folder") return { found: undefined };
    const entries = trees.find(found.id);
    if (entries === undefined) return undefined;
    const next = entries.get(part);
    if (next === undefined) return { found: undefined };
    found = next;
  }
  return { found };
}

/** All files below a folder, in Git's order. @throws TerminalError GIT_TOO_LARGE over `maxFiles` files or folders */
export async function listTree(
  reader: ObjectReader,
  folder: { readonly id: string; readonly path: string },
  maxFiles: number,
  trees: Pick<TreeCache, "find">,
): Promise<readonly TreeEntry[]> {
  const known = await readFolders(reader, folder, maxFiles, trees);
  const files: TreeEntry[] = [];
  let folders = 0;
  const visit = (id: string, prefix: string, depth: number): void => {
    folders += 1;
    if (folders > maxFiles || depth > maxDepth) throw tooMany(folder.path, maxFiles);
    for (const { name, kind, id: entryId } of known.get(id) ?? []) {
      if (kind === "folder") visit(entryId, `${prefix}${name}/`, depth + 1);
      else files.push({ path: `${prefix}${name}`, kind, id: entryId });
      if (files.length > maxFiles) throw tooMany(folder.path, maxFiles);
    }
  };
  visit(folder.id, folder.path === "" ? "" : `${folder.path}/`, 0);
  return files;
}

/** Folders of one level that are asked for together. */
const askedAtOnce = 64;

/** What a folder and those below it hold, by id; a level after the other, for one by one costs a way to Git each. */
async function readFolders(
  reader: ObjectReader,
  { id: top, path }: { readonly id: string; readonly path: string },
  maxFiles: number,
  trees: Pick<TreeCache, "find">,
): Promise<ReadonlyMap<string, readonly NamedObject[]>> {
  const known = new Map<string, readonly NamedObject[]>();
  for (let level = [top]; level.length > 0; ) {
    if (known.size + level.length > maxFiles) throw tooMany(path, maxFiles);
    for (const id of level) {
      const kept = trees.find(id);
      if (kept !== undefined) known.set(id, [...kept.values()]);
    }
    const missing = level.filter((id) => !known.has(id));
    for (const [index, id] of missing.entries()) {
      if (index % askedAtOnce === 0) reader.ask(missing.slice(index, index + askedAtOnce));
      known.set(id, await readTree(reader, id));
    }
    const below = level.flatMap((id) => (known.get(id) ?? []).filter(({ kind }) => kind === "folder"));
    level = [...new Set(below.map(({ id }) => id))].filter((id) => !known.has(id));
  }
  return known;
}

function tooMany(path: string, maxFiles: number): TerminalError {
  return new TerminalError(
    "GIT_TOO_LARGE",
    `folder "${path}" has more than ${maxFiles} files or folders, or is too deep`,
  );
}

export function folderAt(path: string, found: NamedObject | undefined): NamedObject {
  if (found === undefined) throw pathError(path, "app path does not exist");
  if (found.kind !== "folder") throw pathError(path, "app path is not a directory");
  return found;
}

export function fileAt(
  path: string,
  found: NamedObject | undefined,
): { readonly kind: TreeEntry["kind"]; readonly id: string } {
  if (found === undefined) throw pathError(path, "file does not exist");
  if (found.kind !== "file" && found.kind !== "executable") throw pathError(path, "is not a file");
  return { kind: found.kind, id: found.id };
}

export function fileTooLarge(path: string, maxBytes: number): TerminalError {
  return new TerminalError("GIT_TOO_LARGE", `file "${path}" is larger than the ${maxBytes} bytes allowed`);
}

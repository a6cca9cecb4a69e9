import { mkdir, rename } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { TerminalError } from "../../base/errors.ts";
import { lfsTree } from "./lfs-tree.ts";
import type { Checkout, GitSources, SourceTree, TreeEntry } from "./source.ts";
import { defaultGitLimits } from "./source.ts";
import { parseGitmodules, type Submodule, submoduleUrl } from "./submodules.ts";
import { parseSourcePath } from "./tree.ts";

/** Submodules within submodules. */
const maxDepth = 5;
/** Of one tree, all within others among them: each names as many as it likes, also without a file of its own. */
const maxSubmodules = 1_000;
const { maxFiles } = defaultGitLimits;

/**
 * A commit of a repository as a tree of files, those of its submodules among them. Nothing is fetched until it is read, and
 * of submodules only those that lie in what is read.
 */
export function gitTree(sources: GitSources, repository: string, commit: string): SourceTree {
  return treeAt({ sources, repository, commit, depth: 0, prefix: "", opened: new Set() });
}

interface Place {
  readonly sources: GitSources;
  readonly repository: string;
  readonly commit: string;
  readonly depth: number;
  /** From the root of all, with a slash at its end. */
  readonly prefix: string;
  /** Paths of submodules that were looked into, from the root of all. */
  readonly opened: Set<string>;
}

/** A submodule on the way to a path, and what is left of the path there. */
interface Inside {
  readonly prefix: string;
  readonly rest: string;
  readonly tree: SourceTree;
}

type ModulesByPath = ReadonlyMap<string, Submodule>;

/** The one that a path is, or lies in; in time of the path alone, for there may be many of both. */
function moduleAbove(path: string, modules: ModulesByPath): Submodule | undefined {
  for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
    const found = modules.get(path.slice(0, end));
    if (found !== undefined) return found;
  }
  return modules.get(path);
}

/** What `.gitmodules` declares; of two with one path the first. */
async function readModules({ sources, repository, commit }: Place, signal: AbortSignal): Promise<ModulesByPath> {
  const id = await sources.treeId(repository, commit, ".gitmodules", signal);
  const text = id === undefined ? "" : String(await sources.read(repository, commit, ".gitmodules", signal));
  // A map keeps the last.
  return new Map(
    parseGitmodules(text)
      .map((module) => [module.path, module] as const)
      .reverse(),
  );
}

/** @throws TerminalError GIT_TOO_LARGE */
function noteOpened({ opened, prefix }: Place, path: string): void {
  opened.add(prefix + path);
  if (opened.size <= maxSubmodules) return;
  throw new TerminalError("GIT_TOO_LARGE", `the repository has more than the ${maxSubmodules} submodules allowed`);
}

function treeAt(place: Place): SourceTree {
  const { sources, repository, commit } = place;
  const files = sources.findLfs(repository);
  const plain = files === undefined ? plainTree(place) : lfsTree(plainTree(place), files);
  let declared: ModulesByPath | undefined;

  async function modules(signal: AbortSignal): Promise<ModulesByPath> {
    if (!sources.readsSubmodules()) return new Map();
    declared ??= await readModules(place, signal);
    return declared;
  }

  async function nested(path: string, id: string, signal: AbortSignal): Promise<SourceTree> {
    const module = (await modules(signal)).get(path);
    if (module === undefined) throw refused(path, "has no url in .gitmodules");
    if (place.depth >= maxDepth) throw refused(path, `is over ${maxDepth} submodules deep`);
    noteOpened(place, path);
    const own = {
      sources: sources.forSubmodulesOf(repository),
      repository: submoduleUrl(repository, module),
      commit: id,
    };
    return treeAt({ ...place, ...own, depth: place.depth + 1, prefix: `${place.prefix}${path}/` });
  }

  async function inside(written: string, signal: AbortSignal): Promise<Inside | undefined> {
    const path = parseSourcePath(written).join("/");
    const module = moduleAbove(path, await modules(signal));
    const id = module && (await sources.treeId(repository, commit, module.path, signal));
    if (module === undefined || id === undefined) return undefined;
    const tree = await nested(module.path, id, signal);
    return { prefix: module.path, rest: path.slice(module.path.length + 1), tree };
  }

  /** What a listing has of submodules, in place of them. */
  async function expanded(entries: readonly TreeEntry[], signal: AbortSignal): Promise<readonly TreeEntry[]> {
    const all: TreeEntry[] = [];
    for (const entry of entries) {
      if (entry.kind !== "submodule" || !sources.readsSubmodules()) all.push(entry);
      else {
        const files = await (await nested(entry.path, entry.id, signal)).listFiles("", signal);
        all.push(...files.map((file) => ({ ...file, path: `${entry.path}/${file.path}` })));
      }
      if (all.length > maxFiles) throw new TerminalError("GIT_TOO_LARGE", `with submodules over ${maxFiles} files`);
    }
    return all;
  }

  return {
    revision: commit,
    async treeId(path, signal) {
      const found = await inside(path, signal);
      return found === undefined ? plain.treeId(path, signal) : found.tree.treeId(found.rest, signal);
    },
    async listFiles(path, signal) {
      const found = await inside(path, signal);
      if (found === undefined) return expanded(await plain.listFiles(path, signal), signal);
      const files = await found.tree.listFiles(found.rest, signal);
      return files.map((file) => ({ ...file, path: `${found.prefix}/${file.path}` }));
    },
    async read(path, signal) {
      const found = await inside(path, signal);
      return found === undefined ? plain.read(path, signal) : found.tree.read(found.rest, signal);
    },
    async readFiles(entries, maxBytes, signal) {
      if ((await modules(signal)).size === 0) return plain.readFiles(entries, maxBytes, signal);
      return readApart(plain, entries, maxBytes, (path) => inside(path, signal), signal);
    },
    async checkout(path, signal) {
      const found = await inside(path, signal);
      if (found !== undefined) return below(found.prefix, await found.tree.checkout(found.rest, signal));
      if (!sources.readsSubmodules()) return plain.checkout(path, signal);
      return withSubmodules(await plain.checkout(path, signal), nested, signal);
    },
  };
}

/** Without submodules: `checkout` leaves their folders empty. */
function plainTree({ sources, repository, commit }: Place): SourceTree {
  return {
    revision: commit,
    treeId: (path, signal) => sources.treeId(repository, commit, path, signal),
    listFiles: (path, signal) => sources.listFiles(repository, commit, path, signal),
    read: (path, signal) => sources.read(repository, commit, path, signal),
    readFiles: (entries, maxBytes, signal) => sources.readFiles(repository, entries, maxBytes, signal),
    checkout: (path, signal) => sources.checkout(repository, commit, path, signal),
  };
}

/** Files of the repository itself in one request, and of each submodule in one. */
async function readApart(
  plain: SourceTree,
  entries: readonly TreeEntry[],
  maxBytes: number,
  inside: (path: string) => Promise<Inside | undefined>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const own: TreeEntry[] = [];
  const others = new Map<string, { readonly tree: SourceTree; readonly entries: TreeEntry[] }>();
  for (const entry of entries) {
    const found = await inside(entry.path);
    if (found === undefined) own.push(entry);
    else {
      const group = others.get(found.prefix) ?? { tree: found.tree, entries: [] };
      group.entries.push({ ...entry, path: found.rest });
      others.set(found.prefix, group);
    }
  }
  const contents = new Map(await plain.readFiles(own, maxBytes, signal));
  let left = maxBytes - bytesIn(contents.values());
  for (const [prefix, group] of others) {
    const found = await group.tree.readFiles(group.entries, left, signal);
    left -= bytesIn(found.values());
    for (const [path, content] of found) contents.set(`${prefix}/${path}`, content);
  }
  return contents;
}

function bytesIn(contents: Iterable<Buffer>): number {
  return [...contents].reduce((sum, { length }) => sum + length, 0);
}

/** A checkout of a submodule, as one of the repository that it is part of. */
async function below(prefix: string, checkout: Checkout): Promise<Checkout> {
  const half = `${checkout.root}-submodule`;
  await rename(checkout.root, half);
  await mkdir(dirname(join(checkout.root, prefix)), { recursive: true });
  await rename(half, join(checkout.root, prefix));
  return {
    root: checkout.root,
    folder: join(checkout.root, prefix, relative(checkout.root, checkout.folder)),
    entries: checkout.entries.map((entry) => ({ ...entry, path: `${prefix}/${entry.path}` })),
    submodules: [],
    [Symbol.asyncDispose]: () => checkout[Symbol.asyncDispose](),
  };
}

async function withSubmodules(
  checkout: Checkout,
  nested: (path: string, id: string, signal: AbortSignal) => Promise<SourceTree>,
  signal: AbortSignal,
): Promise<Checkout> {
  const entries: TreeEntry[] = checkout.entries.filter(({ kind }) => kind !== "submodule");
  try {
    for (const { path, id } of checkout.entries.filter(({ kind }) => kind === "submodule")) {
      await using module = await (await nested(path, id, signal)).checkout("", signal);
      await rename(module.root, join(checkout.root, path));
      entries.push(...module.entries.map((entry) => ({ ...entry, path: `${path}/${entry.path}` })));
    }
    const dispose = (): PromiseLike<void> => checkout[Symbol.asyncDispose]();
    return { ...checkout, entries, submodules: [], [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await checkout[Symbol.asyncDispose]();
    throw error;
  }
}

function refused(path: string, why: string): TerminalError {
  return new TerminalError("GIT_REFUSED", `the repository is refused: its submodule "${path}" ${why}`);
}

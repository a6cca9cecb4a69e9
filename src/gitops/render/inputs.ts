import type { TreeEntry } from "../source/source.ts";
import { type Found, normalPath, type TreeReader } from "./tree-reader.ts";

/** Files and folders of one source, and of those it refers to, that a tool is to see. */
export interface Inputs {
  readonly main: TreeReader;
  readonly refs: ReadonlyMap<string, TreeReader>;
  /** By reader, then path. */
  readonly entries: ReadonlyMap<TreeReader, ReadonlyMap<string, TreeEntry>>;
  /** Whether they are all files of the main tree. */
  isWhole(): boolean;
  /** The file or folder at a path, links followed; undefined, and recorded as missing, where there is none. */
  add(path: string, reader?: TreeReader): Promise<Found | undefined>;
  /** A file of the main tree that was listed, and is no link. */
  addListed(entry: TreeEntry): void;
}

/** Links to folders within folders that are links, and so on, at most. */
const maxDepth = 20;

export function createInputs(main: TreeReader, refs: ReadonlyMap<string, TreeReader>): Inputs {
  const entries = new Map<TreeReader, Map<string, TreeEntry>>();
  let isWhole = false;

  function put(reader: TreeReader, entry: TreeEntry): boolean {
    const own = entries.get(reader) ?? new Map<string, TreeEntry>();
    entries.set(reader, own);
    if (own.has(entry.path)) return false;
    own.set(entry.path, entry);
    return true;
  }

  async function addLinked(reader: TreeReader, links: readonly TreeEntry[], depth: number): Promise<void> {
    if (depth > maxDepth) return;
    await reader.contents(links);
    for (const { path } of links) await add(path, reader, depth + 1);
  }

  async function add(path: string, reader: TreeReader, depth: number): Promise<Found | undefined> {
    const { found, links } = await reader.follow(path);
    for (const link of links) put(reader, link);
    if (found === undefined) return undefined;
    if (found.kind !== "folder") {
      put(reader, { ...found, kind: found.kind });
      return found;
    }
    const below = await reader.list(found.path);
    if (found.path === "" && reader === main) isWhole = true;
    const fresh = below.filter((entry) => put(reader, entry));
    const linked = fresh.filter(({ kind }) => kind === "symlink");
    if (linked.length > 0) await addLinked(reader, linked, depth);
    return found;
  }

  const addListed = (entry: TreeEntry): void => void put(main, entry);
  return {
    main,
    refs,
    entries,
    isWhole: () => isWhole,
    addListed,
    add: (path, reader = main) => add(normalPath(path), reader, 0),
  };
}

/** What names the inputs in a key: each file by its path and content. */
export function inputIds({ entries }: Inputs): readonly (readonly [string, string, string, string])[] {
  return [...entries].flatMap(([{ ref }, byPath]) =>
    [...byPath.values()]
      .map(({ path, kind, id }) => [ref, path, kind, id] as const)
      .sort((a, b) => (a[1] < b[1] ? -1 : 1)),
  );
}

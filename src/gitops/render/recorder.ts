import { linkMark } from "../source/source.ts";

/** A look at a path of a tree, and what was there. */
export interface Read {
  /** The `ref` of the source whose tree it is; "" for the source's own. */
  readonly ref: string;
  readonly path: string;
  /** Names the content of the file or folder; undefined: there was none. `folderMark`: a folder, whatever is in it. */
  readonly id: string | undefined;
}

/** In place of the id of a folder on the way to what is missing: were it a link, the way would lead elsewhere. */
export const folderMark = "folder";

/** Whether what was seen is there still; `id` names what is there now. */
export function isStill(seen: Read, id: string | undefined): boolean {
  return seen.id === folderMark ? id !== undefined && !id.startsWith(linkMark) : seen.id === id;
}

/** What a rendering looked at: while all of it is the same, so is the result. */
export interface Recorded {
  readonly reads: readonly Read[];
  /** Variables, versions of the cluster and of tools, by name. */
  readonly facts: readonly (readonly [name: string, value: string])[];
}

export interface Recorder {
  read(read: Read): void;
  fact(name: string, value: string): void;
  /** What was recorded so far; a folder stands for everything below it. */
  finish(): Recorded;
}

export function createRecorder(): Recorder {
  const reads = new Map<string, Read>();
  const facts = new Map<string, string>();
  return {
    read: (read) => {
      const key = keyOf(read.ref, read.path);
      if (read.id !== folderMark || !reads.has(key)) reads.set(key, read);
    },
    fact: (name, value) => void facts.set(name, value),
    finish: () => ({
      reads: [...reads.values()].filter((read) => !hasParentIn(reads, read)),
      facts: [...facts],
    }),
  };
}

function keyOf(ref: string, path: string): string {
  return `${ref}\0${path}`;
}

/** From the root on: what is missing tells of everything below, too, and a path may name thousands of folders. */
function hasParentIn(reads: ReadonlyMap<string, Read>, { ref, path }: Read): boolean {
  if (path === "") return false;
  const covers = (above: string): boolean => {
    const read = reads.get(keyOf(ref, above));
    return read !== undefined && read.id !== folderMark;
  };
  if (covers("")) return true;
  for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
    if (covers(path.slice(0, end))) return true;
  }
  return false;
}

/** A look at a path of a tree, and what was there. */
export interface Read {
  /** The `ref` of the source whose tree it is; "" for the source's own. */
  readonly ref: string;
  readonly path: string;
  /** Names the content of the file or folder; undefined: there was none. */
  readonly id: string | undefined;
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
    read: (read) => void reads.set(keyOf(read.ref, read.path), read),
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
  if (reads.has(keyOf(ref, ""))) return true;
  for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
    if (reads.has(keyOf(ref, path.slice(0, end)))) return true;
  }
  return false;
}

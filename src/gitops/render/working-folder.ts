import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { TreeEntry } from "../source/source.ts";
import { createLinkCheck } from "../source/symlink.ts";
import type { Inputs } from "./inputs.ts";
import { linkLeaves, type TreeReader } from "./tree-reader.ts";

/** Where one tool runs: the files it may read, and a home of its own. Disposal removes all of it, soon after. */
export interface WorkingFolder extends AsyncDisposable {
  readonly root: string;
  /** The folder of the source's own tree. */
  readonly source: string;
  /** For what the tool keeps between its steps. */
  readonly home: string;
  /** Where the tree of a referred source stands. */
  refRoot(ref: string): string;
  /** A text as people may read it: without this folder's name. */
  clean(text: string): string;
}

/** Files written before others get their turn. Few files are written faster than a thread is asked to write them. */
const filesPerTurn = 100;

/** Writes the inputs, and nothing else of their trees. @throws RenderError for links out of a tree */
export async function openWorkingFolder(directory: string, inputs: Inputs): Promise<WorkingFolder> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const root = mkdtempSync(join(directory, "run-"));
  const folder: WorkingFolder = {
    root,
    source: join(root, "source"),
    home: join(root, "home"),
    refRoot: (ref) => join(root, "refs", ref),
    clean: (text) => text.replaceAll(`${root}/source/`, "").replaceAll(`${root}/`, "").replaceAll(root, "."),
    // Nobody waits for it. What cannot be removed now is at the next start, with what a killed process left.
    async [Symbol.asyncDispose]() {
      rm(root, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    },
  };
  try {
    mkdirSync(join(folder.home, "tmp"), { recursive: true });
    mkdirSync(folder.source);
    for (const [reader, entries] of inputs.entries) {
      await writeEntries(reader === inputs.main ? folder.source : folder.refRoot(reader.ref), reader, [
        ...entries.values(),
      ]);
    }
    return folder;
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** Links come last: nothing is written through one. */
async function writeEntries(root: string, reader: TreeReader, entries: readonly TreeEntry[]): Promise<void> {
  const contents = await reader.contents(entries);
  const contentOf = ({ path }: TreeEntry): Buffer => contents.get(path) ?? Buffer.alloc(0);
  const links = new Map(
    entries.filter(({ kind }) => kind === "symlink").map((entry) => [entry.path, contentOf(entry).toString("utf8")]),
  );
  const out = new Set<string>();
  const leavesTree = createLinkCheck(links);
  for (const path of links.keys()) {
    if (!leavesTree(path)) continue;
    if (reader.linksOut === "refused") throw linkLeaves(path);
    out.add(path);
  }
  const folders = new Set(entries.map(({ path, kind }) => (kind === "submodule" ? path : dirname(path))));
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
  const files = entries.filter(({ kind }) => kind === "file" || kind === "executable");
  for (const [index, entry] of files.entries()) {
    if (index % filesPerTurn === filesPerTurn - 1) await turn();
    writeFileSync(join(root, entry.path), contentOf(entry), {
      flag: "wx",
      mode: entry.kind === "executable" ? 0o755 : 0o644,
    });
  }
  for (const [path, target] of links) if (!out.has(path)) symlinkSync(target, join(root, path));
}

import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { TerminalError } from "../../base/errors.ts";
import { type ObjectReader, wholeContent } from "./object-reader.ts";
import type { Checkout, TreeEntry } from "./source.ts";
import { createLinkCheck, maxTargetLength } from "./symlink.ts";

/** Content by id, handed over in any order. Missing ones are fetched by whoever reads. */
export type ReadContents = (
  entries: readonly TreeEntry[],
  onContent: (entry: TreeEntry, size: number, reader: ObjectReader) => Promise<void>,
) => Promise<void>;

/** Makes an empty root for a checkout. */
export async function openCheckout(workDir: string, path: string, entries: readonly TreeEntry[]): Promise<Checkout> {
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  const root = await mkdtemp(join(workDir, "checkout-"));
  return {
    root,
    folder: join(root, path),
    entries,
    submodules: entries.filter(({ kind }) => kind === "submodule").map((entry) => entry.path),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/**
 * Writes the entries below `checkout.root`. Files are new ones in folders of ours, and links come last: nothing is ever
 * written through a link.
 * @throws TerminalError GIT_TOO_LARGE, GIT_REFUSED
 */
export async function writeCheckout(checkout: Checkout, read: ReadContents, maxBytes: number): Promise<void> {
  const { root, entries } = checkout;
  const folders = new Set(entries.map(({ path, kind }) => (kind === "submodule" ? path : dirname(path))));
  await mkdir(checkout.folder, { recursive: true });
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
  const links = new Map<string, string>();
  let bytes = 0;
  const contents = entries.filter(({ kind }) => kind !== "submodule");
  await read(contents, async (entry, size, reader) => {
    bytes += size;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    if (entry.kind === "symlink") links.set(entry.path, await linkTarget(entry, size, reader));
    else await writeFile(join(root, entry.path), entry.kind === "executable", reader);
  });
  const leavesTree = createLinkCheck(links);
  for (const path of links.keys()) if (leavesTree(path)) throw leaving(path);
  for (const [path, target] of links) await symlink(target, join(root, path));
}

function writeFile(path: string, isExecutable: boolean, reader: ObjectReader): Promise<void> {
  const mode = isExecutable ? 0o755 : 0o644;
  return pipeline(reader.content(), createWriteStream(path, { flags: "wx", mode }));
}

async function linkTarget({ path }: TreeEntry, size: number, reader: ObjectReader): Promise<string> {
  if (size === 0 || size > maxTargetLength) throw leaving(path);
  const target = (await wholeContent(reader)).toString("utf8");
  if (target.includes("\0")) throw leaving(path);
  return target;
}

function leaving(path: string): TerminalError {
  const message = `the repository is refused: the symbolic link ${JSON.stringify(path)} leads out of it`;
  return new TerminalError("GIT_REFUSED", message);
}

function tooLarge(maxBytes: number): TerminalError {
  return new TerminalError("GIT_TOO_LARGE", `the folder is larger than the ${maxBytes} bytes allowed`);
}

import type { RenderingSettings } from "../../api/rendering-settings.ts";
import { EngineError } from "../../base/errors.ts";
import { linkMark, type TreeEntry } from "../source/source.ts";
import { maxTargetLength } from "../source/symlink.ts";
import { parseSourcePath } from "../source/tree.ts";
import { decodeManifestText } from "./manifest-file.ts";
import { folderMark, type Recorder } from "./recorder.ts";
import { type InputTree, RenderError } from "./render.ts";

export interface Found {
  /** Normalised: no `.`, no `..`. */
  readonly path: string;
  readonly kind: TreeEntry["kind"] | "folder";
  readonly id: string;
}

/** Of all files that one rendering reads from one tree. */
const maxBytes = 256 * 1024 * 1024;
const maxLinkHops = 40;

/**
 * One tree as one rendering reads it: every look is recorded, and contents are fetched together where they can be. Paths
 * are relative to the tree's root. @throws what the tree throws; RenderError for what is too large
 */
export class TreeReader {
  readonly ref: string;
  readonly tree: InputTree;
  /** Of links out of the tree. They are never followed. */
  readonly linksOut: RenderingSettings["linksOut"];
  readonly #recorder: Recorder;
  readonly signal: AbortSignal;
  readonly #kinds = new Map<string, Found["kind"]>();
  readonly #listed = new Map<string, readonly TreeEntry[]>();
  readonly #contents = new Map<string, Buffer>();

  constructor(options: Pick<TreeReader, "ref" | "tree" | "linksOut" | "signal"> & { readonly recorder: Recorder }) {
    this.linksOut = options.linksOut;
    this.ref = options.ref;
    this.tree = options.tree;
    this.#recorder = options.recorder;
    this.signal = options.signal;
  }

  /** What stands at a path; undefined where nothing does. Links are not followed. */
  async find(path: string): Promise<Found | undefined> {
    const found = await this.look(path);
    if (found?.kind === "folder") this.#recorder.read({ ref: this.ref, path: found.path, id: found.id });
    return found;
  }

  /** The same, but of a folder nothing is recorded: what is looked at within it has to be. */
  async look(path: string): Promise<Found | undefined> {
    const at = normalPath(path);
    const id = await this.tree.treeId(at, this.signal);
    const kind = id === undefined ? undefined : await this.#kindOf(at, id);
    if (kind !== "folder") this.#recorder.read({ ref: this.ref, path: at, id });
    if (id === undefined || kind === undefined) return undefined;
    return { path: at, kind, id: kind === "symlink" ? id.slice(linkMark.length) : id };
  }

  /** All files below a folder; a change of any is a change of what was read. */
  async list(path: string): Promise<readonly TreeEntry[]> {
    const at = normalPath(path);
    this.#recorder.read({ ref: this.ref, path: at, id: await this.tree.treeId(at, this.signal) });
    return this.#list(at);
  }

  /** Makes `find` cheap for what is below the folder. Recorded is what is found only. */
  async prepare(path: string): Promise<void> {
    const at = normalPath(path);
    if (![...this.#listed.keys()].some((folder) => folder === at || isBelow(at, folder))) await this.#list(at);
  }

  /** Contents by path, of links their targets; those that are not here yet come in one request. */
  async contents(entries: readonly TreeEntry[], most = maxBytes): Promise<ReadonlyMap<string, Buffer>> {
    const missing = entries.filter(({ path, kind }) => kind !== "submodule" && !this.#contents.has(path));
    if (missing.length > 0) {
      const left = most - [...this.#contents.values()].reduce((sum, { length }) => sum + length, 0);
      const read = await this.tree.readFiles(missing, left, this.signal).catch(asRenderError);
      for (const [path, content] of read) this.#contents.set(path, content);
    }
    return new Map(entries.map(({ path }) => [path, this.#contents.get(path) ?? Buffer.alloc(0)]));
  }

  async text(entry: TreeEntry): Promise<string> {
    return ((await this.contents([entry])).get(entry.path) ?? Buffer.alloc(0)).toString("utf8");
  }

  /** The same where tools would put U+FFFD in place of what is no text. @throws RenderError that names the byte */
  async checkedText(entry: TreeEntry): Promise<string> {
    return decodeManifestText((await this.contents([entry])).get(entry.path) ?? Buffer.alloc(0), entry.path);
  }

  /**
   * The file or folder that a path leads to, with all links on the way to it, which have to stand where they stand.
   * @throws RenderError for a link out of the tree
   */
  async follow(
    path: string,
    find: "find" | "look" = "find",
  ): Promise<{ readonly found: Found | undefined; readonly links: readonly TreeEntry[] }> {
    const links: TreeEntry[] = [];
    let at = normalPath(path);
    for (let hops = 0; hops < maxLinkHops; hops++) {
      const found = (await this[find](at)) ?? (await this.#linkBefore(at));
      if (found?.kind !== "symlink") return { found: found?.path === at ? found : undefined, links };
      const link: TreeEntry = { ...found, kind: "symlink" };
      links.push(link);
      const target = (await this.contents([link])).get(link.path)?.toString("utf8") ?? "";
      const next = linkedPath(link.path, target, at.slice(link.path.length));
      if (next === undefined && this.linksOut === "nowhere") break;
      if (next === undefined) throw linkLeaves(link.path);
      at = next;
    }
    return { found: undefined, links };
  }

  /**
   * The link on the way to a missing path. From the top: a target may name thousands of folders that are not there. What
   * else they hold is not asked: it may be the whole repository.
   */
  async #linkBefore(path: string): Promise<Found | undefined> {
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      const at = path.slice(0, end);
      const id = await this.tree.treeId(at, this.signal);
      if (id?.startsWith(linkMark)) return this.look(at);
      this.#recorder.read({ ref: this.ref, path: at, id: id === undefined ? undefined : folderMark });
      if (id === undefined) return undefined;
    }
    return undefined;
  }

  async #list(at: string): Promise<readonly TreeEntry[]> {
    const known = this.#listed.get(at);
    if (known !== undefined) return known;
    const entries = await this.tree.listFiles(at, this.signal);
    this.#listed.set(at, entries);
    this.#kinds.set(at, "folder");
    for (const { path, kind } of entries) {
      this.#kinds.set(path, kind);
      const parts = path.split("/");
      for (let count = parts.length - 1; count > 0 && !this.#kinds.has(parts.slice(0, count).join("/")); count--) {
        this.#kinds.set(parts.slice(0, count).join("/"), "folder");
      }
    }
    return entries;
  }

  async #kindOf(path: string, id: string): Promise<Found["kind"]> {
    if (id.startsWith(linkMark)) return "symlink";
    const known = this.#kinds.get(path);
    if (known !== undefined) return known;
    try {
      this.#contents.set(path, await this.tree.read(path, this.signal));
      return "file";
    } catch (error) {
      if (!isInvalidPath(error)) throw error;
    }
    await this.#list(path);
    return "folder";
  }
}

/** @throws TerminalError GIT_PATH_INVALID for a path out of the tree */
export function normalPath(path: string): string {
  return parseSourcePath(path).join("/");
}

function isBelow(path: string, folder: string): boolean {
  return folder === "" || path.startsWith(`${folder}/`);
}

function isInvalidPath(error: unknown): boolean {
  return error instanceof EngineError && error.code === "GIT_PATH_INVALID";
}

/** Undefined for one out of the tree. */
function linkedPath(link: string, target: string, rest: string): string | undefined {
  if (target === "" || target.startsWith("/") || target.length > maxTargetLength) return undefined;
  try {
    return normalPath(`${link}/../${target}${rest}`);
  } catch (error) {
    if (isInvalidPath(error)) return undefined;
    throw error;
  }
}

export function linkLeaves(path: string): RenderError {
  return new RenderError("Unknown", `the link ${JSON.stringify(path)} leads out of the repository`);
}

/** Limits of ours are the source's fault. */
export function asRenderError(error: unknown): never {
  if (error instanceof EngineError && error.code === "GIT_TOO_LARGE")
    throw new RenderError("Unknown", error.message, error);
  throw error;
}

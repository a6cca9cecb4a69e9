import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { memoize } from "../../base/memo.ts";
import { createSlots } from "../../base/slots.ts";
import { openCheckout, type ReadContents, writeCheckout } from "./checkout.ts";
import { type CloudTokens, createCloudTokens } from "./cloud-tokens.ts";
import { checkCommit } from "./commit-check.ts";
import { parseCommit } from "./commit-info.ts";
import { type ContentCache, createContentCache, type OnContent, passContents } from "./file-contents.ts";
import { createGitCommand, type GitCommand, type GitTool } from "./git-command.ts";
import { DamagedMirror } from "./git-errors.ts";
import { createGitHubTokens, type GitHubTokens } from "./github-app.ts";
import { untilAborted } from "./joined.ts";
import { createLfsFiles, httpLfsEndpoint, type LfsEndpoint } from "./lfs.ts";
import type { LfsFiles } from "./lfs-files.ts";
import { sshLfsEndpoint } from "./lfs-ssh.ts";
import type { Access, Mirror, MirrorDeps } from "./mirror.ts";
import { createMirrorStore, type MirrorStore, tipsOnTrial } from "./mirror-store.ts";
import { type ObjectReader, wholeContent } from "./object-reader.ts";
import { ReadBudget } from "./read-budget.ts";
import { createReaderPool, type ReaderPool } from "./reader-pool.ts";
import { normaliseRepositoryUrl, parseRepositoryUrl, type RepositoryUrl } from "./repository-url.ts";
import { resolveIn } from "./resolve-revision.ts";
import { highestTag, tagsAt } from "./revision.ts";
import { isSemverConstraint, isSemverVersion } from "./semver-text.ts";
import { createSignatures, type Signatures } from "./signatures.ts";
import {
  anonymousAccess,
  type Checkout,
  type CommitInfo,
  defaultGitLimits,
  type FetchOutcome,
  type FindAccess,
  type GitLimits,
  type GitSources,
  linkMark,
  type Refs,
  type RepositoryAccess,
  type ResolvedRevision,
  type ToolGit,
  type TreeEntry,
  type Wanted,
} from "./source.ts";
import { openToolGit } from "./tool-git.ts";
import {
  createRootCache,
  createTreeCache,
  fileAt,
  fileTooLarge,
  findKept,
  findObject,
  folderAt,
  listTree,
  type NamedObject,
  parseSourcePath,
  type RootCache,
  readCommit,
  readRoot,
  rootOf,
  type TreeCache,
} from "./tree.ts";

export interface GitSourcesOptions {
  /** `<data-dir>/git`: mirrors, and `work` for checkouts. This process owns it. */
  readonly directory: string;
  readonly tool: GitTool;
  /** Credentials of it win over those in the URL. */
  readonly access: FindAccess;
  /** What a cloud says of this process in its environment: `AZURE_*`. */
  readonly identity?: Readonly<Record<string, string>>;
  /** Public keys of GPG, as armoured text: whose signatures can be known. */
  readonly keyring?: () => readonly string[];
  /** Whether `file://` and paths may be read. */
  readonly allowLocal: boolean;
  /** `reposerver.enable.git.submodule` as it is now; absent: they are read. */
  readonly readsSubmodules?: () => boolean;
  /** How long a list of refs may take, and how many run at once (0: any number), as it is said now. */
  readonly listing?: () => { readonly timeoutMs: number; readonly atOnce: number };
  /** A repository that this process serves itself is read where it lies: its folder, or undefined. */
  readonly localPathOf?: (repository: string) => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: Partial<GitLimits>;
  /** Told of each request to a server, by the URL without credentials. */
  readonly onRequest?: MirrorDeps["onRequest"];
}

/** Removes checkouts that a killed process left. Disposal ends the children that are kept open. */
export async function openGitSources(options: GitSourcesOptions): Promise<GitSources> {
  await rm(workDirOf(options), { recursive: true, force: true });
  return new MirroredSources(share(options), "");
}

function workDirOf({ directory }: GitSourcesOptions): string {
  return join(directory, "work");
}

/** Spellings of repositories that are known without being read. */
const maxUrls = 10_000;

/** What all projects share. */
interface Shared {
  readonly options: GitSourcesOptions;
  /** Every look at a file asks. */
  readonly urlOf: (repository: string) => RepositoryUrl;
  readonly limits: GitLimits;
  readonly git: GitCommand;
  readonly pool: ReaderPool;
  readonly trees: TreeCache;
  readonly contents: ContentCache;
  /** The folders that commits are of, by mirror and commit. */
  readonly roots: RootCache;
  /** Ends of walks under way, by the same. */
  readonly walks: Map<string, Promise<void>>;
  readonly mirrors: MirrorStore;
  readonly mirrorDeps: MirrorDeps;
  readonly gitHubTokens: GitHubTokens;
  readonly cloudTokens: CloudTokens;
  readonly signatures: Signatures;
}

function share(options: GitSourcesOptions): Shared {
  const { tool, clock, log } = options;
  const limits = { ...defaultGitLimits, ...options.limits };
  const git = createGitCommand({ tool, clock, limits, directory: workDirOf(options) });
  const pool = createReaderPool(git, clock);
  const [roots, trees] = [createRootCache(), createTreeCache()];
  const holdsCommit = async (path: string, commit: string, signal: AbortSignal): Promise<boolean> => {
    const root = await pool.use(path, (reader) => readRoot(reader, commit, trees), signal);
    if (root !== undefined) roots.keep(`${path} ${commit}`, root);
    return root !== undefined;
  };
  const listing = options.listing ?? (() => ({ timeoutMs: limits.listTimeoutMs, atOnce: 0 }));
  const lists = createSlots(() => listing().atOnce || Number.POSITIVE_INFINITY);
  const onRequest = options.onRequest ?? (() => undefined);
  const listTimeoutMs = (): number => listing().timeoutMs;
  const [closeReaders, waste] = [pool.close, workDirOf(options)];
  const mirrorDeps = { git, clock, log, limits, holdsCommit, closeReaders, waste, onRequest, lists, listTimeoutMs };
  const gitHubTokens = createGitHubTokens({ clock, env: tool.env });
  const keyring = options.keyring ?? (() => []);
  const signatures = createSignatures({ directory: workDirOf(options), env: tool.env, keyring, clock });
  return {
    options,
    urlOf: memoize(parseRepositoryUrl, maxUrls),
    limits,
    git,
    pool,
    trees,
    contents: createContentCache(),
    roots,
    walks: new Map(),
    mirrors: createMirrorStore(options.directory, workDirOf(options), mirrorDeps),
    mirrorDeps,
    gitHubTokens,
    cloudTokens: createCloudTokens({ clock, env: tool.env, identity: options.identity ?? {} }),
    signatures,
  };
}

class MirroredSources implements GitSources {
  readonly #options: GitSourcesOptions;
  readonly #limits: GitLimits;
  readonly #pool: ReaderPool;
  readonly #trees: TreeCache;
  readonly #shared: Shared;
  readonly #project: string;
  readonly #parent: { readonly url: string; readonly rights: RepositoryAccess } | undefined;

  constructor(shared: Shared, project: string, parent?: { readonly url: string; readonly rights: RepositoryAccess }) {
    this.#shared = shared;
    this.#project = project;
    this.#parent = parent;
    this.#options = shared.options;
    this.#limits = shared.limits;
    this.#pool = shared.pool;
    this.#trees = shared.trees;
  }

  ofProject(project: string): GitSources {
    return new MirroredSources(this.#shared, project);
  }

  forSubmodulesOf(url: string): GitSources {
    return new MirroredSources(this.#shared, this.#project, { url, rights: this.#rightsTo(url) });
  }

  async resolve(repository: string, written: string, signal: AbortSignal, tagPrefix = ""): Promise<ResolvedRevision> {
    const { mirror, access } = this.#open(repository);
    const revision = written.trim() === "" ? "HEAD" : written.trim();
    if (isSemverVersion(revision)) return resolveIn(mirror, access, tagPrefix + revision, signal);
    if (isSemverConstraint(revision)) {
      const tag = highestTag(await mirror.refs(access, signal), revision, tagPrefix);
      if (tag !== undefined) return tag;
    }
    return resolveIn(mirror, access, revision, signal);
  }

  async fetch(repository: string, wanted: Wanted, signal: AbortSignal): Promise<FetchOutcome> {
    const { mirror, access } = this.#open(repository);
    return mirror.fetch(access, wanted, signal);
  }

  readsSubmodules(): boolean {
    return this.#options.readsSubmodules?.() ?? true;
  }

  findLfs(repository: string): LfsFiles | undefined {
    const { access } = this.#open(repository);
    if (!access.rights.hasLfs) return undefined;
    const { url, transport } = access.repository;
    const { tool } = this.#options;
    const endpoint = async (signal: AbortSignal): Promise<LfsEndpoint> => {
      const shown = await access.show(signal);
      if (transport === "http") return httpLfsEndpoint(url, shown.basic, shown.rights.bearerToken);
      if (transport === "ssh") return sshLfsEndpoint({ ...access, ...shown }, this.#shared.git, signal);
      throw new TerminalError(
        "GIT_REFUSED",
        `repository "${url}" is a local path: LFS files are read over http or ssh`,
      );
    };
    return createLfsFiles(endpoint, { access: access.rights, env: tool.env });
  }

  async openToolGit(repositories: readonly string[], signal: AbortSignal): Promise<ToolGit> {
    const accesses = repositories.flatMap((repository) => {
      const { access } = this.#open(repository);
      return access.repository.transport === "file" ? [] : [access];
    });
    return openToolGit(accesses, workDirOf(this.#options), signal);
  }

  findRefs(repository: string): Refs | undefined {
    return this.#open(repository).mirror.fetchedRefs;
  }

  async tips(repository: string, signal: AbortSignal): Promise<Refs> {
    const { mirror, access } = this.#open(repository);
    return mirror.tips(access, signal);
  }

  async tipsBy(repository: string, rights: RepositoryAccess, signal: AbortSignal): Promise<Refs> {
    const access = this.#accessTo(this.#find(repository, rights));
    return tipsOnTrial(access, workDirOf(this.#options), this.#shared.mirrorDeps, signal);
  }

  async treeId(repository: string, commit: string, path: string, signal: AbortSignal): Promise<string | undefined> {
    const parts = parseSourcePath(path);
    signal.throwIfAborted();
    const { mirror } = this.#open(repository);
    const key = `${mirror.path} ${commit}`;
    // Many ask for folders of one new commit at once: what one of them reads is kept for the next.
    for (let walk: Promise<void> | undefined; ; await untilAborted(walk, signal)) {
      const kept = findKept(this.#shared.roots.find(key), parts, this.#trees);
      if (kept !== undefined) return markedId(kept.found);
      walk = this.#shared.walks.get(key);
      if (walk === undefined) break;
    }
    const found = this.#at(repository, commit, (reader, root) => findObject(reader, root, parts, this.#trees), signal);
    const ended = found.then(ignore, ignore).then(() => void this.#shared.walks.delete(key));
    this.#shared.walks.set(key, ended);
    return markedId(await found);
  }

  async listFiles(repository: string, commit: string, path: string, signal: AbortSignal) {
    const parts = parseSourcePath(path);
    const list = async (reader: ObjectReader, root: string): Promise<readonly TreeEntry[]> => {
      const { id } = folderAt(path, await findObject(reader, root, parts, this.#trees));
      return listTree(reader, { id, path: parts.join("/") }, this.#limits.maxFiles, this.#trees);
    };
    return this.#at(repository, commit, list, signal);
  }

  async read(repository: string, commit: string, path: string, signal: AbortSignal): Promise<Buffer> {
    const parts = parseSourcePath(path);
    const found = await this.#at(
      repository,
      commit,
      (reader, root) => findObject(reader, root, parts, this.#trees),
      signal,
    );
    const entry = { path: parts.join("/"), ...fileAt(path, found) };
    const { contents: kept } = this.#shared;
    const mirror = this.#open(repository).mirror.path;
    let content = kept.find(mirror, entry.id) ?? Buffer.alloc(0);
    if (content.length > 0) return content;
    const onContent: OnContent = async (_entry, size, reader) => {
      if (size > this.#limits.maxFileBytes) throw fileTooLarge(path, this.#limits.maxFileBytes);
      content = await wholeContent(reader);
      kept.keep(mirror, entry.id, content);
    };
    await this.#readAll(repository, [entry], onContent, signal);
    return content;
  }

  async readFiles(repository: string, entries: readonly TreeEntry[], maxBytes: number, signal: AbortSignal) {
    const contents = new Map<string, Buffer>();
    const budget = new ReadBudget(maxBytes);
    const { contents: kept } = this.#shared;
    const mirror = this.#open(repository).mirror.path;
    const onContent: OnContent = async ({ path, id }, size, reader) => {
      budget.take(path, size);
      const content = await wholeContent(reader);
      kept.keep(mirror, id, content);
      contents.set(path, content);
    };
    const unread = entries.filter(({ path, id }) => {
      const content = kept.find(mirror, id);
      if (content === undefined) return true;
      budget.take(path, content.length);
      contents.set(path, content);
      return false;
    });
    if (unread.length > 0) await this.#readAll(repository, unread, onContent, signal);
    return contents;
  }

  async checkout(repository: string, commit: string, path: string, signal: AbortSignal): Promise<Checkout> {
    const entries = await this.listFiles(repository, commit, path, signal);
    const checkout = await openCheckout(workDirOf(this.#options), parseSourcePath(path).join("/"), entries);
    try {
      const read: ReadContents = (wanted, onContent) => this.#readAll(repository, wanted, onContent, signal);
      await writeCheckout(checkout, read, this.#limits.maxCheckoutBytes);
      return checkout;
    } catch (error) {
      await checkout[Symbol.asyncDispose]();
      throw error;
    }
  }

  async isAncestor(repository: string, ancestor: string, descendant: string, signal: AbortSignal): Promise<boolean> {
    const { mirror, access } = this.#open(repository);
    await mirror.ensureCommit(access, ancestor, signal);
    await mirror.ensureCommit(access, descendant, signal);
    return mirror.isAncestor(access, ancestor, descendant, signal);
  }

  async commitInfo(repository: string, commit: string, signal: AbortSignal): Promise<CommitInfo> {
    const { mirror, access } = this.#open(repository);
    const read = async (): Promise<string> => {
      await mirror.ensureCommit(access, commit, signal);
      return this.#pool.use(mirror.path, (reader) => commitText(reader, commit), signal);
    };
    const text = await mirror.mending(access, read, signal);
    return { ...parseCommit(commit, text), tags: tagsAt(mirror.fetchedRefs ?? new Map(), commit) };
  }

  async verify(
    repository: string,
    signed: Parameters<GitSources["verify"]>[1],
    wanted: Parameters<GitSources["verify"]>[2],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const resolve = () => this.resolve(repository, signed.revision, signal, signed.tagPrefix);
    const { signatures, pool } = this.#shared;
    return checkCommit({ ...this.#open(repository), pool, signatures, resolve }, signed, wanted, signal);
  }

  async dropUnused(inUse: Iterable<{ readonly url: string; readonly project: string }>): Promise<number> {
    const keys = [...inUse].flatMap(({ url, project }) => {
      try {
        return [new MirroredSources(this.#shared, project).#find(url).key];
      } catch (error) {
        if (error instanceof TerminalError) return []; // it can have no mirror
        throw error;
      }
    });
    return this.#shared.mirrors.dropUnused(new Set(keys));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  #open(repository: string): { readonly mirror: Mirror; readonly access: Access } {
    const found = this.#find(repository);
    return { mirror: this.#shared.mirrors.open(found.key), access: this.#accessTo(found) };
  }

  #accessTo({ url, rights, isOwn }: FoundRepository): Access {
    const { gitHubTokens, cloudTokens } = this.#shared;
    const show: Access["show"] = async (signal) => {
      const { gitHubApp, cloudAccount } = rights;
      if (gitHubApp !== undefined) return { rights, basic: await gitHubTokens.basic(rights, signal) };
      if (cloudAccount !== undefined) return cloudTokens.show(cloudAccount, rights, signal);
      return { rights, basic: rights.basic ?? url.credentials };
    };
    return { repository: url, rights, show, fetchesFiles: isOwn };
  }

  #find(repository: string, given?: RepositoryAccess): FoundRepository {
    const own = this.#options.localPathOf?.(repository);
    const url = this.#shared.urlOf(own ?? repository);
    if (url.transport === "file" && !this.#options.allowLocal && own === undefined) {
      throw new TerminalError("GIT_REFUSED", `repository "${url.url}" is a local path, which is not allowed here`);
    }
    const rights = own === undefined ? (given ?? this.#rightsTo(repository)) : anonymousAccess;
    // What one project may read by its own credentials, no other reads from the mirror.
    const key = rights.scope === "" ? url.mirrorKey : `${url.mirrorKey} of ${rights.scope}`;
    return { url, rights, key, isOwn: own !== undefined };
  }

  #rightsTo(repository: string): RepositoryAccess {
    const rights = this.#options.access(repository, this.#project);
    const { url: parent = "", rights: others } = this.#parent ?? {};
    if (others === undefined || hasCredentials(rights)) return rights;
    if (!hasCredentials(others) || parseRepositoryUrl(parent).origin !== parseRepositoryUrl(repository).origin)
      return rights;
    return { ...others, scope: others.scope || `the submodules of ${normaliseRepositoryUrl(parent)}` };
  }

  /** Runs `work` with the commit there, and the folder known that it is of. */
  async #at<T>(repository: string, commit: string, work: AtCommit<T>, signal: AbortSignal): Promise<T> {
    const { mirror, access } = this.#open(repository);
    const key = `${mirror.path} ${commit}`;
    const run = async (reader: ObjectReader): Promise<T> => {
      const known = this.#shared.roots.find(key);
      const root = known ?? rootOf(commit, await commitText(reader, commit));
      if (known === undefined) this.#shared.roots.keep(key, root);
      return work(reader, root);
    };
    const read = async (): Promise<T> => {
      await mirror.ensureCommit(access, commit, signal);
      return this.#pool.use(mirror.path, run, signal);
    };
    return mirror.mending(access, read, signal);
  }

  /** Contents through a reader; what the mirror lacks is fetched in one request. */
  async #readAll(
    repository: string,
    entries: readonly TreeEntry[],
    onContent: OnContent,
    signal: AbortSignal,
  ): Promise<void> {
    const { mirror, access } = this.#open(repository);
    const passed = new Set<TreeEntry>();
    const pass = (wanted: readonly TreeEntry[]): Promise<readonly TreeEntry[]> =>
      this.#pool.use(mirror.path, (reader) => passContents(reader, wanted, onOne), signal);
    const onOne: OnContent = async (entry, size, reader) => {
      await onContent(entry, size, reader);
      passed.add(entry);
    };
    const rest = (wanted: readonly TreeEntry[]): Promise<readonly TreeEntry[]> =>
      pass(wanted.filter((entry) => !passed.has(entry)));
    const read = async (): Promise<void> => {
      const missing = await rest(entries);
      if (missing.length === 0) return;
      await mirror.fetchFiles(access, [...new Set(missing.map(({ id }) => id))], signal);
      const [lost] = await rest(missing);
      if (lost !== undefined) throw new EngineError("GIT_FAILED", `the server did not send the file "${lost.path}"`);
    };
    await mirror.mending(access, read, signal);
  }
}

interface FoundRepository {
  readonly url: RepositoryUrl;
  readonly rights: RepositoryAccess;
  /** Of its mirror. */
  readonly key: string;
  /** This process serves it. */
  readonly isOwn: boolean;
}

export function hasCredentials(access: RepositoryAccess): boolean {
  const { basic, bearerToken, gitHubApp, cloudAccount, sshPrivateKey, tls } = access;
  return [basic, bearerToken, gitHubApp, cloudAccount, sshPrivateKey, tls.certificate].some((one) => one !== undefined);
}

function ignore(): void {
  // Whoever walks sees the outcome.
}

function markedId(found: NamedObject | undefined): string | undefined {
  return found?.kind === "symlink" ? `${linkMark}${found.id}` : found?.id;
}

type AtCommit<T> = (reader: ObjectReader, root: string) => Promise<T>;
async function commitText(reader: ObjectReader, commit: string): Promise<string> {
  const text = await readCommit(reader, commit);
  if (text === undefined) throw new DamagedMirror(`it lacks the commit ${commit}`);
  return text;
}

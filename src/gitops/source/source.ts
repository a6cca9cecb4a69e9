import type { CloudAccount } from "./cloud-account.ts";
import type { LfsFiles } from "./lfs-files.ts";

/** Names of refs (`refs/heads/main`, `HEAD`) to commits; annotated tags are followed. In the remote's order. */
export type Refs = ReadonlyMap<string, string>;

export interface ResolvedRevision {
  /** 40 hexadecimal digits, lower case; 64 in a repository whose ids are of SHA-256. */
  readonly commit: string;
  /** What was asked for, `HEAD` when empty; of a range, the tag. */
  readonly revision: string;
}

/** Before the id of a link. */
export const linkMark = "link:";

export interface Wanted {
  /** A commit that somebody saw: nothing is fetched when it is the tip already, or an ancestor of it. */
  readonly commit?: string;
  /** The ref whose tip counts for `commit`, e.g. `refs/heads/main`; any by default. */
  readonly ref?: string;
  /**
   * Where `ref` stood before it went to `commit`. While the mirror stands there the move is news, also when it goes back to
   * an older commit, which the mirror holds.
   */
  readonly before?: string;
  /** Whether a failure of some seconds ago is an answer, too. */
  readonly acceptsFailure?: boolean;
}

export interface FetchOutcome {
  /** False: the mirror held what was wanted. */
  readonly fetched: boolean;
  readonly refs: Refs;
}

export interface TreeEntry {
  /** Relative to the repository's root, with `/`. */
  readonly path: string;
  readonly kind: "file" | "executable" | "symlink" | "submodule";
  /** Git's id of the content; for a submodule, its commit. */
  readonly id: string;
}

export interface CommitInfo {
  readonly commit: string;
  readonly author: string;
  readonly email: string;
  /** ISO 8601, the author's date. */
  readonly date: string;
  readonly subject: string;
  /** All of it, at most 16,000 characters. */
  readonly message: string;
  /** Names of tags at the commit, as the last fetch saw them. */
  readonly tags: readonly string[];
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** An App of GitHub that is installed where the repository is; it gets tokens of an hour. */
export interface GitHubApp {
  readonly id: string;
  readonly installationId: string;
  /** PEM. */
  readonly privateKey: string;
  /** Of GitHub Enterprise, e.g. `https://ghe.example.com/api/v3`; GitHub's own by default. */
  readonly baseUrl?: string;
}

export interface TlsAccess {
  /** Whether any certificate is taken. */
  readonly isInsecure: boolean;
  /** PEM; in place of the system's. */
  readonly authorities?: string;
  /** Ours: PEM. */
  readonly certificate?: string;
  readonly key?: string;
}

/** How a repository may be reached, from what users declared. */
export interface RepositoryAccess {
  readonly type: "git" | "helm" | "oci";
  /** Of those who may use these credentials: they share mirrors with nobody else. "": everybody. */
  readonly scope: string;
  readonly basic?: Credentials;
  /** Sent before the server asks: some only say that there is nothing. */
  readonly isBasicForced: boolean;
  readonly bearerToken?: string;
  readonly gitHubApp?: GitHubApp;
  readonly cloudAccount?: CloudAccount;
  readonly sshPrivateKey?: string;
  readonly isHostKeyIgnored: boolean;
  /** Lines of a `known_hosts` file. */
  readonly knownHosts: string;
  readonly tls: TlsAccess;
  /** In place of the engine's own; "" for none. */
  readonly proxy?: string;
  readonly noProxy?: string;
  readonly hasLfs: boolean;
  /** How many commits of each branch and tag are fetched, 1 or more; absent: all. */
  readonly depth?: number;
  /** A registry of OCI artifacts, also without `oci://`. */
  readonly isOci: boolean;
  readonly isPlainHttp: boolean;
}

/** Nothing is known: public repositories. */
export const anonymousAccess: RepositoryAccess = {
  type: "git",
  scope: "",
  isBasicForced: false,
  isHostKeyIgnored: false,
  knownHosts: "",
  tls: { isInsecure: false },
  hasLfs: false,
  isOci: false,
  isPlainHttp: false,
};

/**
 * How Applications of a project reach a repository; asked for each request. `repository` may be spelled in any way.
 * @throws EngineError while what users declared was not read yet
 */
export type FindAccess = (repository: string, project: string) => RepositoryAccess;

/** A folder of a repository at a commit, on disk, without Git's own files. Disposal removes it. */
export interface Checkout extends AsyncDisposable {
  /** Stands for the repository's root; holds `path` and nothing else of the repository. */
  readonly root: string;
  /** The folder asked for, below `root`. */
  readonly folder: string;
  readonly entries: readonly TreeEntry[];
  /** Submodules, which are not fetched: empty folders. */
  readonly submodules: readonly string[];
}

/**
 * The files of one source at one revision, read-only: of a Git commit, a chart or an OCI artifact. Paths are relative to
 * the root, with `/`; "" and "." are the root. The root of a chart is the chart itself, where `Chart.yaml` stands.
 * @throws what `GitSources` and `ChartSources` throw; TerminalError GIT_PATH_INVALID for a path that is not there
 */
export interface SourceTree {
  /** As `status.sync.revision` shows it: a full commit, a chart's version, an artifact's digest. */
  readonly revision: string;
  /**
   * Names the content of a folder or file; undefined where there is none. Git's own id, or a digest of the content; of a link
   * with `linkMark` before it.
   */
  treeId(path: string, signal: AbortSignal): Promise<string | undefined>;
  /** All files below the folder. */
  listFiles(path: string, signal: AbortSignal): Promise<readonly TreeEntry[]>;
  /** The content of one file; links are not followed. */
  read(path: string, signal: AbortSignal): Promise<Buffer>;
  /** The contents of files that were listed, by path. @throws TerminalError GIT_TOO_LARGE over `maxBytes` together */
  readFiles(entries: readonly TreeEntry[], maxBytes: number, signal: AbortSignal): Promise<ReadonlyMap<string, Buffer>>;
  /** Writes one folder, and nothing else, into a new directory. */
  checkout(path: string, signal: AbortSignal): Promise<Checkout>;
}

/** What `$name/…` in a value file or file parameter means: trees of other sources by their `ref`. */
export type TreesByRef = ReadonlyMap<string, SourceTree>;

/** What a tool that runs Git itself is told, as variables of its environment. Disposal removes files that hold keys. */
export interface ToolGit extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Git repositories by URL (`https`, `http`, `ssh`, `user@host:path`, `file`, absolute path), over shared local mirrors: spellings of one
 * repository share one mirror, and callers that ask at once share one request to the server.
 * Where a `commit` is taken, it is fetched first if it is missing.
 * @throws TerminalError GIT_REPOSITORY_NOT_FOUND, GIT_REVISION_NOT_FOUND, GIT_PATH_INVALID, GIT_AUTH_FAILED, GIT_REFUSED,
 * GIT_TOO_LARGE, TOOL_MISSING; EngineError GIT_FAILED, TOOL_TIMEOUT
 */
export interface GitSources extends AsyncDisposable {
  /** The same repositories, as Applications of a project may read them. Disposal is that of the first. */
  ofProject(project: string): GitSources;
  /** The same, where repositories on the server of this one are read with its credentials if they have none of their own. */
  forSubmodulesOf(repository: string): GitSources;
  /**
   * Branch, tag, full ref, full or short (7 digits or more) commit, HEAD or empty. Answers from what the last `fetch` saw; looks
   * at the server only the first time in this process, or when the name is not known. A branch wins over a tag. A version
   * (`v1.2`) names the tag `<tagPrefix>v1.2`; a range (`1.*`, `>=1 <2`) the highest tag in it, or else a branch of its name.
   */
  resolve(repository: string, revision: string, signal: AbortSignal, tagPrefix?: string): Promise<ResolvedRevision>;
  /**
   * Brings the mirror to what the server has now. Who asks while a fetch runs gets one that starts after it, shared with
   * all others who do, unless that fetch brought the commit wanted. `resolve` does not ask a server that failed just now. An aborted caller leaves; the last one ends the fetch.
   */
  fetch(repository: string, wanted: Wanted, signal: AbortSignal): Promise<FetchOutcome>;
  /**
   * Removes mirrors that nobody used for a day, those of earlier processes too; those of `inUse` stay. Gives how many.
   * @throws EngineError while it is not known how repositories are reached: nothing is removed
   */
  dropUnused(inUse: Iterable<{ readonly url: string; readonly project: string }>): Promise<number>;
  /** Whether the files of submodules belong to a repository's; else their folders are empty. */
  readsSubmodules(): boolean;
  /**
   * For tools that run Git themselves: how they reach these repositories, the last one's server included. Local ones are
   * left out. @throws TerminalError GIT_REFUSED, GIT_AUTH_FAILED
   */
  openToolGit(repositories: readonly string[], signal: AbortSignal): Promise<ToolGit>;
  /** The repository's large files; undefined where its Secret does not ask for them (`enableLfs`). */
  findLfs(repository: string): LfsFiles | undefined;
  /** What `resolve` answers from; undefined before the first fetch of this process. */
  findRefs(repository: string): Refs | undefined;
  /** What the server has now, by one `ls-remote`; the mirror is not touched. */
  tips(repository: string, signal: AbortSignal): Promise<Refs>;
  /** The same with `rights` in place of what was declared, for a trial: nothing of it is kept, or shared with others. */
  tipsBy(repository: string, rights: RepositoryAccess, signal: AbortSignal): Promise<Refs>;
  /**
   * Git's id of a folder or file, the same for the same content; undefined where there is none. Of a link with `linkMark`
   * before it: a file that holds the link's target has the same id.
   */
  treeId(repository: string, commit: string, path: string, signal: AbortSignal): Promise<string | undefined>;
  /** All files below the folder, in Git's order. */
  listFiles(repository: string, commit: string, path: string, signal: AbortSignal): Promise<readonly TreeEntry[]>;
  /** The content of one file; links are not followed. */
  read(repository: string, commit: string, path: string, signal: AbortSignal): Promise<Buffer>;
  /**
   * The contents of files that were listed, by path; what the mirror lacks is fetched in one request.
   * @throws TerminalError GIT_TOO_LARGE when one is over `maxFileBytes`, or all are over `maxBytes`
   */
  readFiles(
    repository: string,
    entries: readonly TreeEntry[],
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Buffer>>;
  /** Writes one folder, and nothing else, into a new directory. */
  checkout(repository: string, commit: string, path: string, signal: AbortSignal): Promise<Checkout>;
  /** Whether `ancestor` is `descendant` or reachable from it. */
  isAncestor(repository: string, ancestor: string, descendant: string, signal: AbortSignal): Promise<boolean>;
  commitInfo(repository: string, commit: string, signal: AbortSignal): Promise<CommitInfo>;
  /**
   * What is wrong with the signatures of a commit, or of the annotated tag that was asked for: at most 10 texts.
   * @throws TerminalError TOOL_MISSING: gpg or ssh-keygen
   */
  verify(
    repository: string,
    signed: { readonly commit: string; readonly revision: string; readonly tagPrefix?: string | undefined },
    wanted: { readonly mode: "head" | "strict"; readonly keys: readonly string[] },
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}

export interface WantedSource {
  /** As the Application spells it. */
  readonly repository: string;
  /** Of the Application: some credentials are one project's only. */
  readonly project: string;
  /** Version, tag, digest, or a range of versions. */
  readonly revision: string;
}

export interface WantedChart extends WantedSource {
  readonly chart: string;
  /** Whether an index that was read a moment ago does not count. */
  readonly isFresh: boolean;
  /** Whether hosts that the index names get the repository's credentials. */
  readonly passesCredentials: boolean;
}

export interface ListedChart {
  readonly name: string;
  readonly versions: readonly string[];
}

/**
 * Charts and artifacts, unpacked and kept on disk by their digest. An index is read once for all who ask at a time.
 * @throws TerminalError CHART_NOT_FOUND, ARCHIVE_REFUSED, GIT_AUTH_FAILED, GIT_REFUSED, GIT_TOO_LARGE; EngineError
 * REPOSITORY_FAILED, TOOL_TIMEOUT
 */
export interface ChartSources {
  /** Of a Helm repository (`https`, `http`), or of a registry (`oci://host/path`, `host/path`). */
  openChart(wanted: WantedChart, signal: AbortSignal): Promise<SourceTree>;
  /** An artifact of a registry: `oci://host/path`. */
  openArtifact(wanted: WantedSource, signal: AbortSignal): Promise<SourceTree>;
  /** Charts of a Helm repository, in the order of its index. */
  list(repository: string, project: string, signal: AbortSignal): Promise<readonly ListedChart[]>;
  /** Of an artifact, in the registry's order. */
  tags(repository: string, project: string, signal: AbortSignal): Promise<readonly string[]>;
  /** What an artifact's manifest says of it. */
  annotations(wanted: WantedSource, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** Whether a server answers with `rights`, in place of what was declared: by its index, its tags, or a login. */
  check(repository: string, rights: RepositoryAccess, signal: AbortSignal): Promise<void>;
}

export interface GitLimits {
  readonly listTimeoutMs: number;
  readonly fetchTimeoutMs: number;
  /** For commands that do not use the network. */
  readonly localTimeoutMs: number;
  /** Of one folder that is listed or checked out. */
  readonly maxFiles: number;
  /** Of one checkout. */
  readonly maxCheckoutBytes: number;
  /** Of one `read`. */
  readonly maxFileBytes: number;
  /** Of one mirror on disk. */
  readonly maxMirrorBytes: number;
  /** Children that talk to servers, in all and per host, in each lane (`lanes.ts`); and those that do not. */
  readonly maxRemoteChildren: number;
  readonly maxChildrenPerHost: number;
  readonly maxLocalChildren: number;
}

export const defaultGitLimits: GitLimits = {
  listTimeoutMs: 15_000,
  fetchTimeoutMs: 300_000,
  localTimeoutMs: 60_000,
  maxFiles: 50_000,
  maxCheckoutBytes: 512 * 1024 * 1024,
  maxFileBytes: 16 * 1024 * 1024,
  maxMirrorBytes: 4 * 1024 * 1024 * 1024,
  maxRemoteChildren: 16,
  maxChildrenPerHost: 4,
  maxLocalChildren: 4,
};

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ChildResult } from "../../base/child.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { type CloudTokens, createCloudTokens } from "./cloud-tokens.ts";
import { createGitCommand, type GitCall, type GitCommand, type GitTool, type RemoteCall } from "./git-command.ts";
import { localError, remoteError } from "./git-errors.ts";
import { createGitHubTokens, type GitHubTokens } from "./github-app.ts";
import { parseRepositoryUrl, type RepositoryUrl } from "./repository-url.ts";
import { defaultGitLimits, type RepositoryAccess } from "./source.ts";
import { parseSourcePath, pathError } from "./tree.ts";

/** One folder of a branch is to be again what it was at an earlier commit. */
export interface Restoring {
  /** A URL, or the path of a repository that this process serves. */
  readonly repository: string;
  /** Of those who may write: nobody else's are used. */
  readonly rights: RepositoryAccess;
  /** What the commit comes after, without `refs/heads/`; "": what HEAD names. */
  readonly branch: string;
  /** Where it is pushed; absent: to that branch. */
  readonly to?: string;
  readonly path: string;
  /** The commit whose folder comes back. */
  readonly from: string;
  readonly message: string;
  /** Names the effect: the same again makes no second commit. It is part of the message. */
  readonly key?: string;
}

export interface Restored {
  readonly commit: string;
  /** Where the branch stood; where an earlier try has made the commit: that one. */
  readonly before: string;
  /** The full name of what was pushed to. */
  readonly ref: string;
}

/** Writes to repositories; every write is a commit on top of what a branch is now, and nothing is ever forced. */
export interface GitWriter {
  /**
   * Undefined: the folder is what it was already.
   * @throws TerminalError GIT_REVISION_NOT_FOUND, GIT_PATH_INVALID, GIT_AUTH_FAILED; GIT_REFUSED where the server does not take
   * it; EngineError GIT_FAILED, TOOL_TIMEOUT
   */
  restore(restoring: Restoring, signal: AbortSignal): Promise<Restored | undefined>;
}

export interface GitWriterOptions {
  /** For repositories that last as long as one write. */
  readonly directory: string;
  readonly tool: GitTool;
  /** What a cloud says of this process in its environment. */
  readonly identity?: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/** Whom commits name: who asked stands in the message. */
const author = "Tiphys <tiphys@localhost>";
const tip = "refs/tiphys/tip";
const proposed = "refs/tiphys/proposed";
/** Commits that are looked through for one that was made before. */
const depth = "--depth=50";
/** Folders alone: what files hold is fetched as far as a push needs it. */
const fetchArgs = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none"];

export function createGitWriter({ directory, tool, identity = {}, clock }: GitWriterOptions): GitWriter {
  const git = createGitCommand({ tool, clock, limits: defaultGitLimits, directory });
  const gitHub = createGitHubTokens({ clock, env: tool.env });
  const cloud = createCloudTokens({ clock, env: tool.env, identity });
  return {
    async restore(restoring, signal) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const folder = await mkdtemp(join(directory, "write-"));
      try {
        return await new Write(folder, restoring, { git, gitHub, cloud, clock }, signal).run();
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

interface WriteDeps {
  readonly git: GitCommand;
  readonly gitHub: GitHubTokens;
  readonly cloud: CloudTokens;
  readonly clock: Clock;
}

/** One write, in a repository of its own: fetch, make the commit, push. */
class Write {
  readonly #folder: string;
  readonly #asked: Restoring;
  readonly #url: RepositoryUrl;
  readonly #deps: WriteDeps;
  readonly #signal: AbortSignal;

  constructor(folder: string, asked: Restoring, deps: WriteDeps, signal: AbortSignal) {
    this.#folder = folder;
    this.#asked = asked;
    this.#url = parseRepositoryUrl(asked.repository);
    this.#deps = deps;
    this.#signal = signal;
  }

  async run(): Promise<Restored | undefined> {
    const { path, from, message, branch, to } = this.#asked;
    await this.#local("make a repository", ["init", "--bare", "--quiet", "--template="]);
    const source = branch === "" ? await this.#defaultBranch() : `refs/heads/${branch}`;
    const ref = to === undefined ? source : `refs/heads/${to}`;
    for (const name of [source, ref]) await this.#checkRef(name);
    await this.#fetch(source);
    const made = await this.#madeBefore(source, ref);
    if (made !== undefined) return { commit: made, before: made, ref };
    const before = await this.#local("read the branch", ["rev-parse", "--verify", "--end-of-options", tip]);
    const tree = await this.#treeWith(parseSourcePath(path), before, from);
    if (tree === (await this.#local("read the branch", ["rev-parse", `${before}^{tree}`]))) return undefined;
    const { key } = this.#asked;
    const full = `${message.trimEnd()}\n${key === undefined ? "" : `${effectLine(key)}\n`}`;
    const by = `${author} ${Math.floor(this.#deps.clock.now() / 1_000)} +0000`;
    const text = `tree ${tree}\nparent ${before}\nauthor ${by}\ncommitter ${by}\n\n${full}`;
    const commit = await this.#local("make a commit", ["hash-object", "-t", "commit", "-w", "--stdin"], text);
    await this.#push(commit, ref);
    return { commit, before, ref };
  }

  /** The commit of an earlier try, which may have been killed after its push. */
  async #madeBefore(source: string, ref: string): Promise<string | undefined> {
    const { key } = this.#asked;
    if (key === undefined) return undefined;
    const isSame = ref === source;
    const fetched =
      isSame || (await this.#ask([...fetchArgs, depth, "--", "origin", `+${ref}:${proposed}`])).code === 0;
    if (!fetched) return undefined; // there is no such branch
    const grep = ["--fixed-strings", `--grep=${effectLine(key)}`];
    const found = await this.#local("look for a commit", [
      "log",
      "-1",
      "--format=%H",
      ...grep,
      isSame ? tip : proposed,
    ]);
    return found === "" ? undefined : found;
  }

  /** Of the parts of a path the trees above it, with the one of `from` in its place; gives the new root. */
  async #treeWith(parts: readonly string[], before: string, from: string): Promise<string> {
    let tree = await this.#folderAt(from, parts);
    for (let at = parts.length - 1; at >= 0; at--) {
      const name = Buffer.from(parts[at] ?? "").toString("latin1"); // names are bytes: each is a character of latin1
      const above = parts.slice(0, at).join("/");
      const listed = await this.#try(["ls-tree", "-z", `${before}:${above}`]); // it may be gone as a whole
      const all = listed.code === 0 ? listed.stdout.toString("latin1").split("\0") : [];
      const others = all.filter((entry) => entry !== "" && entry.slice(entry.indexOf("\t") + 1) !== name);
      const entries = [...others, `040000 tree ${tree}\t${name}`].map((entry) => `${entry}\0`).join("");
      tree = await this.#local("make a folder", ["mktree", "-z", "--missing"], [Buffer.from(entries, "latin1")]);
    }
    return tree;
  }

  async #folderAt(commit: string, parts: readonly string[]): Promise<string> {
    const name = parts.length === 0 ? `${commit}^{tree}` : `${commit}:${parts.join("/")}`;
    const found = await this.#try(["rev-parse", "--verify", "--quiet", "--end-of-options", name]);
    const id = found.stdout.toString("latin1").trim();
    const type = found.code === 0 ? await this.#try(["cat-file", "-t", id]) : found;
    if (type.code === 0 && type.stdout.toString("latin1").trim() === "tree") return id;
    throw pathError(parts.join("/"), `is no folder at ${commit.slice(0, 7)}`);
  }

  async #defaultBranch(): Promise<string> {
    const { stdout } = await this.#remote("list refs of", ["ls-remote", "--symref", "--", "origin", "HEAD"], true);
    const found = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(stdout.toString("utf8"))?.[1];
    if (found !== undefined) return found;
    throw new TerminalError("GIT_REVISION_NOT_FOUND", "the repository's HEAD names no branch: name one");
  }

  async #checkRef(name: string): Promise<void> {
    if ((await this.#try(["check-ref-format", name])).code === 0) return;
    throw new TerminalError("GIT_REFUSED", `"${name.replace("refs/heads/", "").slice(0, 200)}" is no name of a branch`);
  }

  /** The branch and the earlier commit without what lies between, where the server gives commits by their ids. */
  async #fetch(source: string): Promise<void> {
    const wanted = ["--", "origin", `+${source}:${tip}`];
    const shallow = await this.#ask([...fetchArgs, depth, ...wanted, this.#asked.from]);
    if (shallow.code === 0) return;
    if (/couldn't find remote ref refs/.test(shallow.stderr)) {
      const branch = source.replace("refs/heads/", "");
      throw new TerminalError(
        "GIT_REVISION_NOT_FOUND",
        `the repository has no branch "${branch}": only those are written`,
      );
    }
    if (!/not our ref|unadvertised object|couldn't find remote ref/.test(shallow.stderr)) {
      throw remoteError("fetch", this.#url.url, shallow);
    }
    await this.#remote("fetch", [...fetchArgs, ...wanted]);
  }

  async #push(commit: string, ref: string): Promise<void> {
    const result = await this.#ask(["push", "--quiet", "--", "origin", `${commit}:${ref}`]);
    if (result.code === 0) return;
    const name = ref.replace("refs/heads/", "");
    if (/\[rejected\]|fetch first|non-fast-forward/.test(result.stderr)) {
      const text = `the branch "${name}" has commits that this one does not come after: ask again, or name a new branch`;
      throw new TerminalError("GIT_REFUSED", text);
    }
    const refused = /\[remote rejected\][^(]*\(([^)]*)\)/.exec(result.stderr)?.[1];
    if (refused !== undefined) {
      const text = `the server does not take commits to "${name}" (${refused}): name a branch that it takes`;
      throw new TerminalError("GIT_REFUSED", text);
    }
    throw remoteError("push to", this.#url.url, result);
  }

  #try(args: readonly string[], input?: string | readonly Buffer[]): Promise<ChildResult> {
    const bytes = typeof input === "object" ? Readable.from(input) : input;
    const call: GitCall = { args, ...(bytes === undefined ? {} : { input: bytes }) };
    return this.#deps.git.local(this.#folder, call, this.#signal);
  }

  async #local(what: string, args: readonly string[], input?: string | readonly Buffer[]): Promise<string> {
    const result = await this.#try(args, input);
    if (result.code !== 0) throw localError(what, result);
    return result.stdout.toString("utf8").trim();
  }

  async #remote(what: string, args: readonly string[], isList = false): Promise<ChildResult> {
    const result = await this.#ask(args, isList);
    if (result.code !== 0) throw remoteError(what, this.#url.url, result);
    return result;
  }

  async #ask(args: readonly string[], isList = false): Promise<ChildResult> {
    const { rights } = this.#asked;
    const { git, gitHub, cloud } = this.#deps;
    const { gitHubApp, cloudAccount } = rights;
    const shown =
      cloudAccount === undefined
        ? { rights, basic: gitHubApp === undefined ? rights.basic : await gitHub.basic(rights, this.#signal) }
        : await cloud.show(cloudAccount, rights, this.#signal);
    const { fetchTimeoutMs: timeoutMs } = defaultGitLimits;
    const call: RemoteCall = {
      args,
      repository: this.#url,
      access: shown.rights,
      basic: shown.basic,
      timeoutMs,
      isList,
    };
    return git.remote(this.#folder, call, this.#signal).catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.code !== "TOOL_TIMEOUT") throw error;
      throw new EngineError(error.code, `${this.#url.url}: ${error.message}`, error);
    });
  }
}

function effectLine(key: string): string {
  return `Effect: ${key.replaceAll(/\s+/g, " ")}`;
}

import type { ChildResult } from "../../base/child.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { createSlots, type Slots } from "../../base/slots.ts";
import { whileAnswering } from "./answer-watch.ts";
import type { ShownCredentials } from "./cloud-tokens.ts";
import { createFileForecast, type FileForecast, leaveFiles } from "./file-forecast.ts";
import type { RemoteCall } from "./git-command.ts";
import {
  DamagedMirror,
  damaged,
  isDamage,
  isTimeout,
  localError,
  OtherFormat,
  refusedFormat,
  remoteError,
  revisionNotFound,
  timeoutError,
} from "./git-errors.ts";
import { createJoined, untilAborted } from "./joined.ts";
import { depthOptions, isCut, sinceOption } from "./mirror-depth.ts";
import {
  createWrites,
  isRepository,
  moveAway,
  type ObjectFormat,
  prepareMirror,
  tidyMirror,
  type UpkeepDeps,
  type Writes,
  withinSize,
} from "./mirror-upkeep.ts";
import type { RepositoryUrl } from "./repository-url.ts";
import {
  findRefName,
  isFullCommit,
  mirroredHead,
  mirrorRefFormat,
  parseMirrorRefs,
  parseRemoteRefs,
  parseTagObjects,
} from "./revision.ts";
import type { FetchOutcome, Refs, RepositoryAccess, Wanted } from "./source.ts";

/** How one caller spells the repository, and may read it. */
export interface Access {
  readonly repository: RepositoryUrl;
  readonly rights: RepositoryAccess;
  /** Those to show: of `rights`, the URL, or made anew. */
  readonly show: (signal: AbortSignal) => Promise<ShownCredentials>;
  /** Files come with their commits: the repository lies on this machine, where a second request costs more than they do. */
  readonly fetchesFiles: boolean;
}

export interface MirrorDeps extends UpkeepDeps {
  /** Whether the mirror holds this commit. */
  readonly holdsCommit: (path: string, commit: string, signal: AbortSignal) => Promise<boolean>;
  /** Ends those that are idle. */
  readonly closeReaders: (path: string) => void;
  /** A folder of the same file system whose content nobody needs. */
  readonly waste: string;
  /** Told of each request to a server, by the URL without credentials. */
  readonly onRequest: (repository: string, type: RequestType) => void;
  /** Places for lists of refs, of all repositories. */
  readonly lists: Slots;
  readonly listTimeoutMs: () => number;
}

export type RequestType = "fetch" | "ls-remote";

const headRefspec = `+HEAD:${mirroredHead}`;
const refspecs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
const fetchOptions = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
/** A server that did not answer is not asked at once again by each who looks: there may be thousands. */
const failureMs = 5_000;
/** Of the time that a list of refs may take: a fetch that took it is asked about. */
const patientPart = 0.2;
/** A mirror that is damaged again so soon is not begun anew again: its disk may be failing. */
const mendingMs = 60_000;
/** Branches whose new commits are looked at with the fetch that brought them. */
const maxNews = 16;
/** Commits known to be there; the oldest are forgotten, which costs one look. */
const maxKnownCommits = 10_000;

/**
 * One repository's bare mirror: all commits and folders of its branches and tags, or the last ones where its Secret says how
 * many (`depth`); files as they are needed, and so is history.
 * Nothing is on disk until it is used. What `refs` answers is replaced as a whole by each fetch; fetches, listings and
 * requests for files each run one at a time, and callers that meet share one.
 */
export class Mirror {
  readonly path: string;
  readonly #deps: MirrorDeps;
  /** Of whoever asked last: they serve the next request for all. */
  #access: Access | undefined;
  #refs: Refs | undefined;
  #tagObjects: ReadonlyMap<string, string> = new Map();
  #prepared: Promise<void> | undefined;
  /** Of the server's ids; undefined: as Git makes them by itself, until a server refuses that. */
  #format: ObjectFormat | undefined;
  #generation = 0;
  #mendedAtMs = Number.NEGATIVE_INFINITY;
  /** The last fetch, where it failed and may succeed later. */
  #failure: { readonly atMs: number; readonly error: EngineError } | undefined;
  readonly #knownCommits = new Set<string>();
  readonly #wantedFiles = new Set<string>();
  /** Of the request under way, or of the last one where it failed. */
  #comingFiles: ReadonlySet<string> = new Set();
  readonly #forecast: FileForecast;
  readonly #writes: Writes;
  readonly #fetches = createJoined((signal) => this.#fetchAndNote(signal));
  readonly #fileFetches = createJoined((signal) => this.#writes(() => this.#fetchWantedFiles(signal)));
  readonly #histories = createJoined((signal) => this.#writes(() => this.#fetchHistory(signal)));
  readonly #lists = createJoined((signal) => this.#list(signal));
  /** Requests that move where history is cut off, one at a time: Git locks that. */
  readonly #cuts = createSlots(1);

  constructor(path: string, deps: MirrorDeps) {
    this.path = path;
    this.#deps = deps;
    this.#forecast = createFileForecast(path, deps.limits);
    this.#writes = createWrites(path);
  }

  get fetchedRefs(): Refs | undefined {
    return this.#refs;
  }

  /** The object of the annotated tag that a name means, as the last fetch saw it; undefined for anything else. */
  findTagObject(revision: string): string | undefined {
    const name = this.#refs && findRefName(this.#refs, revision);
    return name === undefined ? undefined : this.#tagObjects.get(name);
  }

  /** What the last fetch saw; fetches when there was none in this process. */
  async refs(access: Access, signal: AbortSignal): Promise<Refs> {
    this.#access = access;
    if (this.#refs === undefined && this.#fetches.underWay !== undefined) {
      await untilAborted(this.#fetches.underWay, signal);
    }
    if (this.#refs !== undefined) return this.#refs;
    this.#throwRecent();
    return this.#fetches.ask(signal);
  }

  async fetch(access: Access, wanted: Wanted, signal: AbortSignal): Promise<FetchOutcome> {
    this.#access = access;
    if (await this.#isSeen(wanted, signal)) return { fetched: false, refs: await this.refs(access, signal) };
    if (wanted.commit !== undefined && this.#fetches.underWay !== undefined) {
      await untilAborted(this.#fetches.underWay, signal);
      if (await this.#isSeen(wanted, signal)) return { fetched: false, refs: await this.refs(access, signal) };
    }
    if (wanted.acceptsFailure) this.#throwRecent();
    return { fetched: true, refs: await this.#fetches.ask(signal) };
  }

  /** Runs what reads the mirror; where that finds it damaged, once more with a mirror that is begun anew. */
  async mending<T>(access: Access, read: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const generation = this.#generation;
    try {
      return await read();
    } catch (error) {
      const isGone = this.#prepared !== undefined && !isRepository(this.path);
      const isDamaged = error instanceof DamagedMirror || isGone;
      if (signal.aborted || !isDamaged || !(await this.#beginAnew(generation, error))) throw error;
      await this.fetch(access, {}, signal);
      return await read();
    }
  }

  tips(access: Access, signal: AbortSignal): Promise<Refs> {
    this.#access = access;
    return this.#lists.ask(signal);
  }

  /** Fetches the commit unless it is there. @throws TerminalError GIT_REVISION_NOT_FOUND */
  async ensureCommit(access: Access, commit: string, signal: AbortSignal): Promise<void> {
    if (!isFullCommit(commit)) throw revisionNotFound(commit);
    if (await this.#holds(commit, signal)) return;
    await this.fetch(access, { commit }, signal);
    if (await this.#holds(commit, signal)) return;
    await this.#writes(() => this.#fetchCommit(access, commit, signal));
    if (await this.#holds(commit, signal)) return;
    // One that is not given by its id may be where history is cut off.
    if ((await this.deepen(access, signal)) && (await this.#holds(commit, signal))) return;
    throw revisionNotFound(commit);
  }

  /** Fetches the history that `depth` left out, if it did: a question needs it. False: nothing was left out. */
  async deepen(access: Access, signal: AbortSignal): Promise<boolean> {
    if (!isCut(this.path)) return false;
    this.#access = access;
    await this.#histories.ask(signal);
    return true;
  }

  /** Fetches files by id; those that are asked for at once in one request. */
  async fetchFiles(access: Access, ids: readonly string[], signal: AbortSignal): Promise<void> {
    this.#access = access;
    const coming = this.#comingFiles;
    const { underWay } = this.#fileFetches;
    this.#forecast.noteAsked();
    // A file is what its id says: one that is on its way to somebody else is not asked for again.
    if (underWay !== undefined && ids.every((id) => coming.has(id))) {
      await untilAborted(underWay, signal);
      if (this.#comingFiles !== coming) return; // it came
    }
    for (const id of ids) this.#wantedFiles.add(id);
    await this.#fileFetches.ask(signal);
  }

  /** The commit that a short id names, as far as the mirror knows. */
  async expand(shortCommit: string, signal: AbortSignal): Promise<string | undefined> {
    const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${shortCommit}^{commit}`];
    const { code, stdout } = await this.#deps.git.local(this.path, { args }, signal);
    return code === 0 ? stdout.toString("latin1").trim() : undefined;
  }

  /** Both are held. Of history that was cut off, what came after the ancestor is fetched. */
  async isAncestor(access: Access, ancestor: string, descendant: string, signal: AbortSignal): Promise<boolean> {
    if (await this.#isBefore(ancestor, descendant, signal)) return true;
    if (!isCut(this.path)) return false;
    this.#access = access;
    await this.#writes(() => this.#fetchSince(access, ancestor, descendant, signal));
    return this.#isBefore(ancestor, descendant, signal);
  }

  /** As far as the mirror knows. */
  async #isBefore(ancestor: string, descendant: string, signal: AbortSignal): Promise<boolean> {
    if (ancestor === descendant) return true;
    const args = ["merge-base", "--is-ancestor", ancestor, descendant];
    const result = await this.#deps.git.local(this.path, { args }, signal);
    if (result.code > 1) throw localError("compare two commits", result);
    return result.code === 0;
  }

  /** Whether the refs seen last already contain what is wanted. */
  async #isSeen({ commit, ref, before }: Wanted, signal: AbortSignal): Promise<boolean> {
    if (commit === undefined || this.#refs === undefined || !isFullCommit(commit)) return false;
    const tips = ref === undefined ? [...this.#refs.values()] : [this.#refs.get(ref)];
    if (tips.includes(commit)) return true;
    if (/^0+$/.test(commit)) return ref !== undefined && !this.#refs.has(ref); // the ref is gone
    if (before !== undefined && tips[0] === before) return false;
    if (!(await this.#holds(commit, signal))) return false;
    if (ref !== undefined) return tips[0] !== undefined && (await this.#isBefore(commit, tips[0], signal));
    const args = ["for-each-ref", "--count=1", `--contains=${commit}`];
    const found = await this.#deps.git.local(this.path, { args }, signal);
    return found.code === 0 && found.stdout.length > 0;
  }

  async #holds(commit: string, signal: AbortSignal): Promise<boolean> {
    if (this.#knownCommits.has(commit)) return true;
    await this.#prepare();
    if (!(await this.#deps.holdsCommit(this.path, commit, signal))) return false;
    this.#knownCommits.add(commit);
    const [oldest] = this.#knownCommits;
    if (this.#knownCommits.size > maxKnownCommits && oldest !== undefined) this.#knownCommits.delete(oldest);
    return true;
  }

  /** False: it was begun anew a moment ago, and that did not help. */
  async #beginAnew(generation: number, error: unknown): Promise<boolean> {
    // What is still being made is not damaged, and must not be moved away from under Git.
    for (let making = this.#prepared; making !== undefined; ) {
      await making.catch(() => undefined);
      if (making === this.#prepared) break;
      making = this.#prepared;
    }
    if (generation !== this.#generation) return true;
    if (!(error instanceof DamagedMirror) && isRepository(this.path)) return true;
    const { clock, log, waste, closeReaders } = this.#deps;
    const now = clock.monotonicMs();
    if (error instanceof OtherFormat) this.#format = error.format;
    else {
      if (now - this.#mendedAtMs < mendingMs) return false;
      log.warn("a local copy of a repository is damaged, fetching it anew", { error });
      this.#mendedAtMs = now;
    }
    this.#generation += 1;
    this.#prepared = undefined;
    this.#refs = undefined;
    this.#knownCommits.clear();
    closeReaders(this.path);
    moveAway(this.path, waste);
    return true;
  }

  async #prepare(): Promise<void> {
    this.#prepared ??= prepareMirror(this.path, this.#deps, this.#format);
    await this.#prepared.catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
  }

  async #atServer(
    type: RequestType,
    args: readonly string[],
    more: Partial<RemoteCall>,
    signal: AbortSignal,
  ): Promise<ServerAnswer> {
    if (this.#access === undefined) throw new Error("a mirror is used through an access");
    const { repository } = this.#access;
    await this.#prepare();
    const { rights, basic } = await this.#access.show(signal);
    this.#deps.onRequest(repository.url, type);
    const { fetchTimeoutMs: timeoutMs } = this.#deps.limits;
    const call = { args, repository, access: rights, basic, timeoutMs, ...more };
    const result = await withinSize(
      this.path,
      this.#deps,
      (stop) => this.#deps.git.remote(this.path, call, stop),
      signal,
    ).catch((error: unknown) => {
      throw isTimeout(error) ? timeoutError(type, repository.url, error) : error;
    });
    return { result, url: repository.url };
  }

  #throwRecent(): void {
    const failure = this.#failure;
    if (failure !== undefined && this.#deps.clock.monotonicMs() - failure.atMs < failureMs) throw failure.error;
  }

  async #fetchAndNote(signal: AbortSignal): Promise<Refs> {
    try {
      const refs = await this.#writes(() => this.#fetchAll(signal));
      this.#failure = undefined;
      return refs;
    } catch (error) {
      const mayPass = error instanceof EngineError && !signal.aborted && isOfServer(error);
      this.#failure = mayPass ? { atMs: this.#deps.clock.monotonicMs(), error } : undefined;
      throw error;
    }
  }

  async #fetchAll(signal: AbortSignal): Promise<Refs> {
    const generation = this.#generation;
    const listed = await this.#fetchMarked(signal);
    if (listed instanceof DamagedMirror) {
      if (!(await this.#beginAnew(generation, listed))) throw listed;
      const again = await this.#fetchMarked(signal);
      if (again instanceof DamagedMirror) throw again;
      return this.#take(again, signal);
    }
    return this.#take(listed, signal);
  }

  /** All refs as the fetch left them. */
  async #fetchMarked(signal: AbortSignal): Promise<string | DamagedMirror> {
    await this.#prepare(); // what is still being made is not damaged
    if (!isRepository(this.path)) return new DamagedMirror("it is gone, or a part of it");
    const filter = this.#access?.fetchesFiles ? undefined : await this.#forecast.filter(this.#refs !== undefined);
    let { result, url } = await this.#fetchRefs(filter, signal);
    if (result.code !== 0 && this.#forecast.isRefused(result)) {
      ({ result, url } = await this.#fetchRefs(leaveFiles, signal));
    }
    const format = result.code === 0 ? undefined : refusedFormat(result);
    if (format !== undefined && format !== this.#format) return new OtherFormat(format);
    if (result.code !== 0 && isDamage(result)) return damaged(result);
    if (result.code !== 0) throw remoteError("fetch", url, result);
    await this.#forecast.noteFetched();
    return this.#listHeld(signal);
  }

  async #listHeld(signal: AbortSignal): Promise<string | DamagedMirror> {
    const args = ["for-each-ref", `--format=${mirrorRefFormat}`];
    const listed = await this.#deps.git.local(this.path, { args }, signal);
    return listed.code === 0 ? listed.stdout.toString("utf8") : damaged(listed);
  }

  async #take(listed: string, signal: AbortSignal): Promise<Refs> {
    const before = this.#refs ?? new Map<string, string>();
    this.#refs = parseMirrorRefs(listed);
    this.#tagObjects = parseTagObjects(listed);
    await Promise.all([this.#readNews(before, this.#refs, signal), tidyMirror(this.path, this.#deps, signal)]);
    return this.#refs;
  }

  /** Where a branch was read, all who read it ask next what its new commit is of. */
  async #readNews(before: Refs, now: Refs, signal: AbortSignal): Promise<void> {
    const moved = [...before].flatMap(([name, commit]) => {
      const next = now.get(name);
      return next !== undefined && next !== commit && this.#knownCommits.has(commit) ? [next] : [];
    });
    const read = [...new Set(moved)].slice(0, maxNews).map((commit) => this.#holds(commit, signal));
    await Promise.allSettled(read); // whoever asks is told what is wrong
  }

  /** All branches and tags, and HEAD where there is one. */
  async #fetchRefs(filter: string | undefined, signal: AbortSignal): Promise<ServerAnswer> {
    using _place = await this.#cuts.take(signal);
    const depth = await depthOptions(this.path, this.#access?.rights.depth);
    const options = [...fetchOptions, ...depth, ...(filter === undefined ? [] : [filter])];
    const args = ["fetch", ...options, "--prune", "--force", "--", "origin", ...refspecs];
    const answer = await this.#fetchAnswered([...args, headRefspec], signal);
    if (answer.result.code === 0 || !/couldn't find remote ref HEAD/.test(answer.result.stderr)) return answer;
    await this.#deps.git.local(this.path, { args: ["update-ref", "-d", mirroredHead] }, signal);
    return this.#atServer("fetch", args, {}, signal);
  }

  /** A server that does not answer within the time of a list of refs is not waited for as long as one that sends. */
  #fetchAnswered(args: readonly string[], signal: AbortSignal): Promise<ServerAnswer> {
    const { path } = this;
    const { clock, listTimeoutMs } = this.#deps;
    const ask = (stop: AbortSignal) => this.#lists.current ?? this.#lists.ask(stop);
    const patienceMs = listTimeoutMs() * patientPart;
    return whileAnswering({ path, clock, patienceMs, ask }, (stop) => this.#atServer("fetch", args, {}, stop), signal);
  }

  async #fetchWantedFiles(signal: AbortSignal): Promise<void> {
    const ids = [...this.#wantedFiles];
    this.#wantedFiles.clear();
    if (ids.length === 0) return;
    this.#comingFiles = new Set(ids);
    const args = ["-c", "fetch.negotiationAlgorithm=noop", "fetch", ...fetchOptions, leaveFiles, "--stdin", "origin"];
    const { result, url } = await this.#atServer("fetch", args, { input: `${ids.join("\n")}\n` }, signal);
    if (result.code !== 0) throw isDamage(result) ? damaged(result) : remoteError("fetch files of", url, result);
    this.#comingFiles = new Set();
  }

  /** One on no branch or tag: a server may give it by its id. */
  async #fetchCommit(access: Access, commit: string, signal: AbortSignal): Promise<void> {
    using _place = isCut(this.path) ? await this.#cuts.take(signal) : undefined;
    const { depth } = access.rights;
    const cut = depth !== undefined && isCut(this.path) ? [`--depth=${depth}`] : [];
    const options = [...fetchOptions, ...cut, ...(access.fetchesFiles ? [] : [leaveFiles])];
    const args = ["fetch", ...options, "--", "origin", commit];
    const { result, url } = await this.#atServer("fetch", args, {}, signal);
    const isUnknown = /not our ref|unadvertised object|couldn't find remote ref/.test(result.stderr);
    if (result.code === 0 || isUnknown) return;
    throw isDamage(result) ? damaged(result) : remoteError("fetch", url, result);
  }

  async #fetchHistory(signal: AbortSignal): Promise<void> {
    using _place = await this.#cuts.take(signal);
    if (!isCut(this.path)) return; // somebody else fetched it
    const args = ["fetch", ...fetchOptions, "--unshallow", "--force", leaveFiles, "--", "origin", ...refspecs];
    const { result, url } = await this.#atServer("fetch", args, {}, signal);
    if (result.code !== 0) throw isDamage(result) ? damaged(result) : remoteError("fetch the history of", url, result);
    const listed = await this.#listHeld(signal);
    if (listed instanceof DamagedMirror) throw listed;
    await this.#take(listed, signal);
  }

  /** All of it where the server cannot tell commits by their time. */
  async #fetchSince(access: Access, ancestor: string, descendant: string, signal: AbortSignal): Promise<void> {
    const shown = { args: ["show", "--no-patch", "--format=%ct", ancestor] };
    const { stdout } = await this.#deps.git.local(this.path, shown, signal);
    const seconds = Number(stdout.toString("latin1").trim());
    const args = ["fetch", ...fetchOptions, sinceOption(seconds), leaveFiles, "--", "origin", descendant];
    const fetched = async (): Promise<boolean> => {
      using _place = await this.#cuts.take(signal);
      return (await this.#atServer("fetch", args, {}, signal)).result.code === 0;
    };
    if (!(await fetched())) await this.deepen(access, signal);
  }

  async #list(signal: AbortSignal): Promise<Refs> {
    using _place = await this.#deps.lists.take(signal);
    const timeoutMs = this.#deps.listTimeoutMs();
    const { result, url } = await this.#atServer(
      "ls-remote",
      ["ls-remote", "--quiet", "--", "origin"],
      { timeoutMs, isList: true },
      signal,
    );
    if (result.code !== 0) throw remoteError("list refs of", url, result);
    return parseRemoteRefs(result.stdout.toString("utf8"));
  }
}

interface ServerAnswer {
  readonly result: ChildResult;
  readonly url: string;
}

/** Whether all who ask now would learn the same. Of credentials each may have others, and mended ones count at once. */
function isOfServer(error: EngineError): boolean {
  return !(error instanceof TerminalError) || error.code === "GIT_REPOSITORY_NOT_FOUND";
}

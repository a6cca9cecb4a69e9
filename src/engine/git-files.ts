import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { TerminalError } from "../base/errors.ts";
import type { GitFile, GitFiles } from "../events/triggers/trigger.ts";
import { openGitSources } from "../gitops/source/git-sources.ts";
import { isFullCommit } from "../gitops/source/revision.ts";
import {
  anonymousAccess,
  type FindAccess,
  type GitSources,
  type Refs,
  type RepositoryAccess,
} from "../gitops/source/source.ts";
import type { ServedRepositories } from "../local/served-repositories.ts";
import { type ArtifactFolders, createArtifactFolders } from "./artifact-folders.ts";
import type { Parts } from "./parts.ts";

interface OpenMirrors {
  readonly sources: Promise<GitSources>;
  /** With the credentials that were given last: tokens change. */
  file: GitFile;
}

/** Sets of credentials whose mirrors are open at once. */
const maxOpen = 32;
/** How often, at most, it is looked for what nobody used. */
const tidyMs = 3_600_000;

/**
 * Files of repositories for triggers, over mirrors of their own below `<data-dir>/git-artifacts`: one folder for each set
 * of credentials, so that nobody reads what others were allowed to fetch. What the server has now is asked for each read;
 * a commit that is there is not fetched again; mirrors that nobody used for a day go. Of what `trusted` says only host keys
 * and authorities count: credentials of Applications are theirs.
 */
export function createGitFiles(
  parts: Parts,
  served: ServedRepositories,
  trusted: FindAccess,
): GitFiles & AsyncDisposable {
  return new MirroredGitFiles(parts, served, trusted);
}

class MirroredGitFiles implements GitFiles, AsyncDisposable {
  readonly #parts: Parts;
  readonly #served: ServedRepositories;
  readonly #trusted: FindAccess;
  readonly #folders: ArtifactFolders;
  readonly #open = new Map<string, OpenMirrors>();
  /** They may still be used by what was asked before. */
  readonly #closing = new Map<string, Promise<void>>();
  #tidiedAtMs = Number.NEGATIVE_INFINITY;
  #tidying: Promise<void> | undefined;

  constructor(parts: Parts, served: ServedRepositories, trusted: FindAccess) {
    this.#parts = parts;
    this.#served = served;
    this.#trusted = trusted;
    this.#folders = createArtifactFolders(parts.dataDir.file("git-artifacts"), parts.clock);
  }

  readonly read: GitFiles["read"] = async (file, signal) => {
    const sources = await this.#sourcesFor(file);
    this.#tidyAtTimes();
    const { url, revision, path, isTag = false } = file;
    if (!isFullCommit(revision)) {
      const [ref, commit] = tipOf(await sources.tips(url, signal), revision, isTag ? tagFirst : branchFirst);
      await sources.fetch(url, { commit, ref }, signal);
      return sources.read(url, commit, path, signal);
    }
    return sources.read(url, revision.toLowerCase(), path, signal);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#tidying, ...this.#closing.values()]);
    const opened = [...this.#open.values()];
    await Promise.allSettled(opened.map(async ({ sources }) => (await sources)[Symbol.asyncDispose]()));
  }

  #sourcesFor(file: GitFile): Promise<GitSources> {
    const { credentials, identity, sshKey, ignoreHostKey } = file;
    const key = createHash("sha256")
      .update(identity ?? JSON.stringify([credentials, sshKey, ignoreHostKey]))
      .digest("hex")
      .slice(0, 32);
    const known = this.#open.get(key);
    if (known !== undefined) {
      known.file = file;
      return known.sources;
    }
    const [oldest] = this.#open;
    if (this.#open.size >= maxOpen && oldest !== undefined) this.#close(...oldest);
    const access: FindAccess = (repository) => accessOf(mirrors.file, this.#trusted(repository, ""));
    const closed = this.#closing.get(key) ?? Promise.resolve();
    const mirrors: OpenMirrors = { sources: closed.then(() => this.#openSources(key, access)), file };
    this.#open.set(key, mirrors);
    mirrors.sources.catch(() => this.#open.delete(key));
    return mirrors.sources;
  }

  #openSources(key: string, access: FindAccess): Promise<GitSources> {
    const { config, clock, log, metrics } = this.#parts;
    return openGitSources({
      directory: this.#folders.pathOf(key),
      tool: config.git,
      access,
      allowLocal: false,
      localPathOf: (url) => {
        const path = this.#served.localPathOf(url);
        return path !== undefined && existsSync(path) ? path : undefined;
      },
      clock,
      log,
      onRequest: (repo, request_type) => metrics.gitRequests.add({ repo, request_type }),
    });
  }

  #close(key: string, { sources }: OpenMirrors): void {
    this.#open.delete(key);
    const closed = sources
      .then((opened) => opened[Symbol.asyncDispose]())
      .catch(() => undefined) // it could not be opened
      .then(() => this.#folders.touch(key))
      .finally(() => this.#closing.delete(key));
    this.#closing.set(key, closed);
  }

  #tidyAtTimes(): void {
    const { clock, log } = this.#parts;
    if (this.#tidying !== undefined || clock.monotonicMs() - this.#tidiedAtMs < tidyMs) return;
    this.#tidiedAtMs = clock.monotonicMs();
    this.#tidying = this.#tidy()
      .catch((error: unknown) => log.warn("mirrors of artifacts that nobody uses could not be removed", { error }))
      .finally(() => {
        this.#tidying = undefined;
      });
  }

  async #tidy(): Promise<void> {
    const used = [...this.#open];
    await Promise.all(used.map(([key]) => this.#folders.touch(key)));
    for (const [, { sources }] of used) await (await sources).dropUnused([]);
    await this.#folders.tidy((key) => this.#open.has(key) || this.#closing.has(key));
  }
}

function accessOf(file: GitFile, { knownHosts, tls }: RepositoryAccess): RepositoryAccess {
  const { credentials, sshKey, ignoreHostKey = false } = file;
  return {
    ...anonymousAccess,
    knownHosts,
    tls,
    ...(credentials && { basic: credentials }),
    ...(sshKey === undefined ? {} : { sshPrivateKey: sshKey }),
    isHostKeyIgnored: ignoreHostKey,
  };
}

const branchFirst = ["", "refs/heads/", "refs/tags/"];
const tagFirst = ["", "refs/tags/", "refs/heads/"];

/** The first that there is; of an annotated tag the commit. */
function tipOf(refs: Refs, revision: string, prefixes: readonly string[]): readonly [string, string] {
  for (const prefix of prefixes) {
    const commit = refs.get(prefix + revision);
    if (commit !== undefined) return [prefix + revision, commit];
  }
  throw new TerminalError("GIT_REVISION_NOT_FOUND", `the repository has no branch or tag "${revision.slice(0, 200)}"`);
}

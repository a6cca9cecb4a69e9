import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TerminalError } from "../base/errors.ts";
import type { GitFile, GitFiles } from "../events/triggers/trigger.ts";
import { openGitSources } from "../gitops/source/git-sources.ts";
import {
  anonymousAccess,
  type FindAccess,
  type GitSources,
  type Refs,
  type RepositoryAccess,
} from "../gitops/source/source.ts";
import type { ServedRepositories } from "../local/served-repositories.ts";
import type { Parts } from "./parts.ts";

interface OpenMirrors {
  readonly sources: Promise<GitSources>;
  /** With the credentials that were given last: tokens change. */
  file: GitFile;
}

/** Sets of credentials whose mirrors are open at once. */
const maxOpen = 32;

/**
 * Files of repositories for triggers, over mirrors of their own below `<data-dir>/git-artifacts`: one folder for each set
 * of credentials, so that nobody reads what others were allowed to fetch. What the server has now is asked for each read;
 * a commit that is there is not fetched again. Of what `trusted` says only host keys and authorities count: credentials
 * of Applications are theirs.
 */
export function createGitFiles(
  parts: Parts,
  served: ServedRepositories,
  trusted: FindAccess,
): GitFiles & AsyncDisposable {
  const open = new Map<string, OpenMirrors>();

  function sourcesFor(file: GitFile): Promise<GitSources> {
    const { credentials, identity, sshKey, ignoreHostKey } = file;
    const key = createHash("sha256")
      .update(identity ?? JSON.stringify([credentials, sshKey, ignoreHostKey]))
      .digest("hex")
      .slice(0, 32);
    const known = open.get(key);
    if (known !== undefined) {
      known.file = file;
      return known.sources;
    }
    const [oldest] = open;
    if (open.size >= maxOpen && oldest !== undefined) {
      open.delete(oldest[0]);
      void oldest[1].sources.then((sources) => sources[Symbol.asyncDispose]()).catch(() => undefined);
    }
    const mirrors = openMirrors(key, (repository) => accessOf(mirrors.file, trusted(repository, "")), file);
    open.set(key, mirrors);
    mirrors.sources.catch(() => open.delete(key));
    return mirrors.sources;
  }

  function openMirrors(key: string, access: FindAccess, file: GitFile): OpenMirrors {
    const { config, dataDir, clock, log, metrics } = parts;
    const sources = openGitSources({
      directory: join(dataDir.file("git-artifacts"), key),
      tool: config.git,
      access,
      allowLocal: false,
      localPathOf(url) {
        const path = served.localPathOf(url);
        return path !== undefined && existsSync(path) ? path : undefined;
      },
      clock,
      log,
      onRequest: (repo, request_type) => metrics.gitRequests.add({ repo, request_type }),
    });
    return { sources, file };
  }

  return {
    async read(file, signal) {
      const sources = await sourcesFor(file);
      const { url, revision, path, isTag = false } = file;
      if (!/^[0-9a-f]{40}$/.test(revision)) {
        const [ref, commit] = tipOf(await sources.tips(url, signal), revision, isTag ? tagFirst : branchFirst);
        await sources.fetch(url, { commit, ref }, signal);
        return sources.read(url, commit, path, signal);
      }
      return sources.read(url, revision, path, signal);
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([...open.values()].map(async ({ sources }) => (await sources)[Symbol.asyncDispose]()));
    },
  };
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

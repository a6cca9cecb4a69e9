import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TerminalError } from "../base/errors.ts";
import type { GitFile, GitFiles } from "../events/triggers/trigger.ts";
import { openGitSources } from "../gitops/source/git-sources.ts";
import type { Credentials, GitSources, Refs } from "../gitops/source/source.ts";
import type { ServedRepositories } from "../local/served-repositories.ts";
import type { Parts } from "./parts.ts";

interface OpenMirrors {
  readonly sources: Promise<GitSources>;
  /** As they were given last: tokens change. */
  credentials: Credentials | undefined;
}

/** Sets of credentials whose mirrors are open at once. */
const maxOpen = 32;

/**
 * Files of repositories for triggers, over mirrors of their own below `<data-dir>/git-artifacts`: one folder for each set
 * of credentials, so that nobody reads what others were allowed to fetch. What the server has now is asked for each read;
 * a commit that is there is not fetched again.
 */
export function createGitFiles(parts: Parts, served: ServedRepositories): GitFiles & AsyncDisposable {
  const open = new Map<string, OpenMirrors>();

  function sourcesFor({ credentials, identity, sshKey }: GitFile): Promise<GitSources> {
    if (sshKey !== undefined) {
      throw new TerminalError("GIT_REFUSED", "source.git.sshKeySecret: Git over ssh is not supported yet: use https");
    }
    const key = createHash("sha256")
      .update(identity ?? JSON.stringify(credentials ?? null))
      .digest("hex")
      .slice(0, 32);
    const known = open.get(key);
    if (known !== undefined) {
      known.credentials = credentials;
      return known.sources;
    }
    const [oldest] = open;
    if (open.size >= maxOpen && oldest !== undefined) {
      open.delete(oldest[0]);
      void oldest[1].sources.then((sources) => sources[Symbol.asyncDispose]()).catch(() => undefined);
    }
    const mirrors = openMirrors(key, (): Credentials | undefined => mirrors.credentials);
    mirrors.credentials = credentials;
    open.set(key, mirrors);
    mirrors.sources.catch(() => open.delete(key));
    return mirrors.sources;
  }

  function openMirrors(key: string, credentials: () => Credentials | undefined): OpenMirrors {
    const { config, dataDir, clock, log, metrics } = parts;
    const sources = openGitSources({
      directory: join(dataDir.file("git-artifacts"), key),
      tool: config.git,
      credentials: async () => credentials(),
      allowLocal: false,
      localPathOf(url) {
        const path = served.localPathOf(url);
        return path !== undefined && existsSync(path) ? path : undefined;
      },
      clock,
      log,
      onRequest: (repo, request_type) => metrics.gitRequests.add({ repo, request_type }),
    });
    return { sources, credentials: undefined };
  }

  return {
    async read(file, signal) {
      const sources = await sourcesFor(file);
      const { url, revision, path } = file;
      if (!/^[0-9a-f]{40}$/.test(revision)) {
        const [ref, commit] = tipOf(await sources.tips(url, signal), revision);
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

/** A full ref, else a branch, else a tag. */
function tipOf(refs: Refs, revision: string): readonly [string, string] {
  for (const name of [revision, `refs/heads/${revision}`, `refs/tags/${revision}`]) {
    const commit = refs.get(name);
    if (commit !== undefined) return [name, commit];
  }
  throw new TerminalError("GIT_REVISION_NOT_FOUND", `the repository has no branch or tag "${revision.slice(0, 200)}"`);
}

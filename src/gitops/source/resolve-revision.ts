import { revisionNotFound } from "./git-errors.ts";
import type { Access, Mirror } from "./mirror.ts";
import { findRef, isFullCommit, isShortCommit } from "./revision.ts";
import type { ResolvedRevision } from "./source.ts";

/** What a branch, a tag, a ref or a commit means in a repository; see `GitSources.resolve`. */
export async function resolveIn(
  mirror: Mirror,
  access: Access,
  revision: string,
  signal: AbortSignal,
): Promise<ResolvedRevision> {
  if (isFullCommit(revision)) {
    const commit = revision.toLowerCase();
    await mirror.ensureCommit(access, commit, signal);
    return { commit, revision };
  }
  const seen = findRef(await mirror.refs(access, signal), revision);
  if (seen !== undefined) return { commit: seen, revision };
  const short = isShortCommit(revision) ? revision.toLowerCase() : undefined;
  const known = short && (await mirror.expand(short, signal));
  if (known !== undefined && known !== "") return { commit: known, revision };
  // Newer than the last fetch, or neither branch nor tag: refs/pull/7/head.
  const listed = findRef(await mirror.tips(access, signal), revision);
  if (listed !== undefined) {
    await mirror.ensureCommit(access, listed, signal);
    return { commit: listed, revision };
  }
  if (short !== undefined) {
    await mirror.fetch(access, {}, signal);
    const commit = await mirror.expand(short, signal);
    if (commit !== undefined) return { commit, revision };
    const older = (await mirror.deepen(access, signal)) ? await mirror.expand(short, signal) : undefined;
    if (older !== undefined) return { commit: older, revision };
  }
  throw revisionNotFound(revision);
}

import { DamagedMirror } from "./git-errors.ts";
import { checkHistory, problemText } from "./history-check.ts";
import type { Access, Mirror } from "./mirror.ts";
import type { ReaderPool } from "./reader-pool.ts";
import { isFullCommit } from "./revision.ts";
import type { Signatures } from "./signatures.ts";
import { type SignedObject, signedTag } from "./signed-object.ts";
import type { GitSources, ResolvedRevision } from "./source.ts";
import { readObject } from "./tree.ts";

export interface CommitCheckDeps {
  readonly mirror: Mirror;
  readonly access: Access;
  readonly pool: ReaderPool;
  readonly signatures: Signatures;
  /** What the revision means now. */
  readonly resolve: () => Promise<ResolvedRevision>;
}

/** See `GitSources.verify`. */
export async function checkCommit(
  { mirror, access, pool, signatures, resolve }: CommitCheckDeps,
  { commit, revision }: Parameters<GitSources["verify"]>[1],
  { mode, keys }: Parameters<GitSources["verify"]>[2],
  signal: AbortSignal,
): Promise<readonly string[]> {
  await mirror.ensureCommit(access, commit, signal);
  const held = (id: string): Promise<Buffer> => pool.use(mirror.path, (reader) => readObject(reader, id), signal);
  const read = async (id: string): Promise<Buffer> => {
    try {
      return await held(id);
    } catch (error) {
      // A history that is cut off lacks what its last commits name.
      if (!(error instanceof DamagedMirror) || !(await mirror.deepen(access, signal))) throw error;
      return held(id);
    }
  };
  const verify = (signed: SignedObject | undefined) => signatures.verify(signed, keys, signal);
  const resolved = isFullCommit(revision) ? undefined : await resolve();
  const tag = resolved?.commit === commit ? mirror.findTagObject(resolved.revision) : undefined;
  const problems =
    mode === "head" && tag !== undefined ? [] : await checkHistory(commit, mode === "strict", { read, verify });
  if (tag === undefined) return problems;
  const verdict = await verify(signedTag(await read(tag)));
  return verdict.isGood
    ? problems
    : [problemText(resolved?.revision ?? revision, await read(commit), verdict), ...problems];
}

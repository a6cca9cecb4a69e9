import type { Manifest } from "../api/manifest.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { applyTogether, deleteObject, inRanks, keyOf, namedBy, type Refusal } from "./manifest-apply.ts";
import { listManifestFiles, readManifestFiles } from "./manifest-files.ts";

/** How often files are looked at; a change is seen after at most this. */
const pollMs = 500;

export interface ManifestDirDeps {
  /** A directory, read with its folders, or one file. */
  readonly path: string;
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ManifestDir {
  /**
   * Applies every manifest once, in an order in which each finds what it needs (namespaces and CRDs first), and says
   * how many there were. Stops at the first rank of which something is refused.
   * @throws EngineError MANIFEST_UNREADABLE, or what the API says of a manifest with its `file:line`
   */
  applyAll(signal: AbortSignal): Promise<number>;
  /**
   * Follows the files until `signal` aborts: what changed is applied, what vanished from them is deleted. A file that
   * cannot be read or applied is logged, and what it held before stays.
   */
  watch(signal: AbortSignal): Promise<void>;
}

/** Does no I/O until it is told to. */
export function createManifestDir(deps: ManifestDirDeps): ManifestDir {
  return new FollowedDir(deps);
}

interface FollowedFile {
  readonly fingerprint: string;
  /** What must not be deleted as long as the file is there: kinds and names. */
  readonly objects: readonly KubeObject[];
  /** Why the API did not take all of it. */
  readonly problem?: { readonly message: string; readonly isTransient: boolean };
}

/**
 * A file is unknown, applied, broken (it cannot be read) or refused (the API did not take all of it). One that is new
 * or whose fingerprint changed is read and applied, all of one look together by rank. A broken file keeps the objects
 * that it held; a refused one keeps these and the new ones, and is tried again: at the next look if the API was away,
 * otherwise when any file changes, since another file may bring what it lacked.
 *
 * An object that no file holds any more is an orphan once all changes of a look were applied (so it may move from file
 * to file), and is deleted; it stays an orphan until that worked or a file holds it again.
 */
class FollowedDir implements ManifestDir {
  readonly #deps: ManifestDirDeps;
  readonly #files = new Map<string, FollowedFile>();
  readonly #orphans = new Map<string, KubeObject>();
  /** Of the last look, so that it is logged once. */
  #problem = "";

  constructor(deps: ManifestDirDeps) {
    this.#deps = deps;
  }

  async applyAll(signal: AbortSignal): Promise<number> {
    const { kube, path } = this.#deps;
    const files = new Map<string, FollowedFile>();
    const manifests: Manifest[] = [];
    const fingerprints = await listManifestFiles(path, isOfRepository);
    for (const [file, read] of await readManifestFiles(fingerprints.keys())) {
      if (read instanceof EngineError) throw read;
      for (const manifest of read) manifests.push(manifest);
      files.set(file, { fingerprint: fingerprints.get(file) ?? "", objects: read.map(namedBy) });
    }
    for (const rank of inRanks(manifests)) {
      const [refusal] = await applyTogether(kube, rank, signal);
      if (refusal !== undefined) throw refusal.error;
    }
    for (const [file, followed] of files) this.#files.set(file, followed);
    return manifests.length;
  }

  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleepFor(this.#deps.clock, pollMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#look(signal).then(
        () => this.#report(),
        (error: unknown) => signal.aborted || this.#report(error),
      );
    }
  }

  #report(error?: unknown): void {
    const message = error === undefined ? "" : messageOf(error);
    if (message !== "" && message !== this.#problem) {
      this.#deps.log.warn("manifests could not be followed, will retry", { error });
    }
    this.#problem = message;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const files = await listManifestFiles(this.#deps.path, isOfRepository);
    const gone = [...this.#files.keys()].filter((file) => !files.has(file));
    const due = this.#due(files, gone.length > 0);
    if (due.size === 0 && gone.length === 0 && this.#orphans.size === 0) return;
    const before = this.#held();
    for (const file of gone) this.#files.delete(file);
    await this.#follow(due, signal);
    const now = this.#held();
    for (const [key, object] of before) if (!now.has(key)) this.#orphans.set(key, object);
    for (const key of now.keys()) this.#orphans.delete(key);
    await this.#deleteOrphans(signal);
  }

  /** Files to read, with their fingerprints. */
  #due(files: ReadonlyMap<string, string>, isAnyGone: boolean): ReadonlyMap<string, string> {
    const isChanged = ([file, fingerprint]: readonly [string, string]): boolean =>
      this.#files.get(file)?.fingerprint !== fingerprint;
    const isMoving = isAnyGone || [...files].some(isChanged);
    const isRetried = (file: string): boolean => {
      const problem = this.#files.get(file)?.problem;
      return problem !== undefined && (problem.isTransient || isMoving);
    };
    return new Map([...files].filter((entry) => isChanged(entry) || isRetried(entry[0])));
  }

  async #follow(due: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const read = new Map<string, readonly Manifest[]>();
    for (const [file, objects] of await readManifestFiles(due.keys())) {
      if (!(objects instanceof EngineError)) read.set(file, objects);
      else {
        this.#files.set(file, { fingerprint: due.get(file) ?? "", objects: this.#objectsOf(file) });
        this.#deps.log.error("a manifest could not be read", { file, error: objects });
      }
    }
    const refusals: Refusal[] = [];
    for (const rank of inRanks([...read.values()].flat())) {
      refusals.push(...(await applyTogether(this.#deps.kube, rank, signal)));
    }
    const byFile = Map.groupBy(refusals, ({ manifest }) => manifest.file);
    for (const [file, manifests] of read) {
      const followed = { fingerprint: due.get(file) ?? "", objects: manifests.map(namedBy) };
      this.#settle(file, followed, byFile.get(file) ?? []);
    }
  }

  #settle(file: string, followed: FollowedFile, refusals: readonly Refusal[]): void {
    const { log } = this.#deps;
    const [first] = refusals;
    if (first === undefined) {
      this.#files.set(file, followed);
      log.info("manifests applied", { file, objects: followed.objects.length });
      return;
    }
    const { error } = first;
    const isTransient = refusals.some((refusal) => !(refusal.error instanceof TerminalError));
    if (this.#files.get(file)?.problem?.message !== error.message) {
      log.error("a manifest could not be applied", { file, error, refused: refusals.length });
    }
    const all = [...this.#objectsOf(file), ...followed.objects];
    const objects = new Map(all.map((object) => [keyOf(object), object]));
    this.#files.set(file, {
      ...followed,
      objects: [...objects.values()],
      problem: { message: error.message, isTransient },
    });
  }

  #objectsOf(file: string): readonly KubeObject[] {
    return this.#files.get(file)?.objects ?? [];
  }

  #held(): ReadonlyMap<string, KubeObject> {
    const objects = [...this.#files.values()].flatMap((followed) => followed.objects);
    return new Map(objects.map((object) => [keyOf(object), object]));
  }

  /** The last first: what others need goes last. One that the API refuses to delete is logged and given up. */
  async #deleteOrphans(signal: AbortSignal): Promise<void> {
    const { kube, log } = this.#deps;
    for (const [key, object] of [...this.#orphans].reverse()) {
      try {
        await deleteObject(kube, object, signal);
        log.info("deleted, since no file holds it any more", { object: key });
      } catch (error) {
        if (!(error instanceof TerminalError)) throw error;
        log.error("what no file holds any more could not be deleted", { object: key, error });
      }
      this.#orphans.delete(key);
    }
  }
}

/**
 * What lies in `repositories/` becomes the first commit of a served repository (local/served-repositories.ts): Git says
 * what is to be there from then on. Applied from here as well, it would have two owners, and a push would be undone.
 */
function isOfRepository(file: string): boolean {
  return file.startsWith("repositories/");
}

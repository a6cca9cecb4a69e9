import { type Clock, sleepFor } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { StateStore } from "../../events/bus/bus.ts";
import { normaliseRepositoryUrl } from "../../gitops/source/repository-url.ts";
import type { GitSources } from "../../gitops/source/source.ts";
import { toldKeyOf, type UsedRepository } from "./repository-poller.ts";

export interface RepositoryUpkeepDeps {
  /** Those that Applications use, of all engines. */
  readonly repositories: () => Iterable<UsedRepository>;
  readonly sources: Pick<GitSources, "dropUnused">;
  /** What was told last of each repository, by `toldKeyOf`. */
  readonly told: Pick<StateStore, "entries" | "delete">;
  readonly clock: Clock;
  readonly log: Logger;
}

const upkeepMs = 3_600_000;

/**
 * What is kept of repositories goes some time after the last Application that uses them: mirrors, and what was told of
 * their refs. Runs until `signal` aborts; what fails is tried again the next time.
 */
export async function tidyRepositories(deps: RepositoryUpkeepDeps, signal: AbortSignal): Promise<void> {
  const { repositories, sources, clock, log } = deps;
  let unused: ReadonlySet<string> = new Set();
  while (!signal.aborted) {
    await sleepFor(clock, upkeepMs, signal);
    const used = [...repositories()];
    try {
      unused = await forgetTold(used, unused, deps);
      const count = await sources.dropUnused(used);
      if (count > 0) log.info("copies of repositories that nobody uses were removed", { count });
    } catch (error) {
      log.warn("upkeep of repositories failed, will retry", { error });
    }
  }
}

/** Deletes what was unused the last time, too: who replaces an Application may be between the two writes. */
async function forgetTold(
  used: readonly UsedRepository[],
  before: ReadonlySet<string>,
  { told }: RepositoryUpkeepDeps,
): Promise<ReadonlySet<string>> {
  const places = new Set(used.map(({ url }) => toldKeyOf(normaliseRepositoryUrl(url))));
  const unused = (await told.entries("")).filter(({ key }) => !places.has(key));
  for (const { key, revision } of unused) if (before.has(key)) await told.delete(key, revision);
  return new Set(unused.map(({ key }) => key));
}

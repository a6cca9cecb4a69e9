import type { UsedRepository } from "./repository-poller.ts";

/** An Application with the Git repositories that it uses. */
export interface RepositoryUser {
  /** `namespace/name` */
  readonly key: string;
  readonly repositories: readonly UsedRepository[];
}

/**
 * The repositories that this engine polls for all: those whose first user, by name, is its own. So each is polled once,
 * all engines say by which, and the one that does has a copy of it anyway. `placeOf`: the same for all spellings of one.
 */
export function polledRepositories(
  users: Iterable<RepositoryUser>,
  isOurs: (key: string) => boolean,
  placeOf: (url: string) => string,
): readonly UsedRepository[] {
  const found = new Map<string, { first: string; readonly used: UsedRepository[] }>();
  for (const { key, repositories } of users) {
    for (const used of repositories) {
      const place = placeOf(used.url);
      const known = found.get(place);
      if (known === undefined) found.set(place, { first: key, used: [used] });
      else {
        known.used.push(used);
        if (key < known.first) known.first = key;
      }
    }
  }
  return [...found.values()].flatMap(({ first, used }) => (isOurs(first) ? used : []));
}

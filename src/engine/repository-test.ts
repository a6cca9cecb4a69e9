import type { DeclaredRepositories } from "../controllers/applications/repository-access.ts";
import type { ChartSources, GitSources } from "../gitops/source/source.ts";
import type { TestRepository } from "../server/repository-routes.ts";

export interface RepositoryTestDeps {
  readonly sources: GitSources;
  readonly charts: ChartSources;
  readonly accessBy: DeclaredRepositories["accessBy"];
}

const testTimeoutMs = 20_000;

/** One look at the server of a repository, in the way that Applications would take with these Secrets. */
export function createRepositoryTest({ sources, charts, accessBy }: RepositoryTestDeps): TestRepository {
  return async ({ values, templates }) => {
    const rights = accessBy(values, templates);
    const { url = "" } = values;
    const signal = AbortSignal.timeout(testTimeoutMs);
    if (rights.type === "git") await sources.tipsBy(url, rights, signal);
    else await charts.check(url, rights, signal);
  };
}

import { existsSync } from "node:fs";
import { TerminalError } from "../base/errors.ts";
import type { GitRevertDeps } from "../controllers/applications/git-revert.ts";
import type { DeclaredRepositories } from "../controllers/applications/repository-access.ts";
import { hasCredentials } from "../gitops/source/git-sources.ts";
import { normaliseRepositoryUrl, parseRepositoryUrl } from "../gitops/source/repository-url.ts";
import { anonymousAccess } from "../gitops/source/source.ts";
import type { KubeClient } from "../kube/kube.ts";
import { listSecrets } from "../server/stored-secret.ts";

export interface WriteRightsDeps {
  readonly kube: KubeClient;
  readonly accessBy: DeclaredRepositories["accessBy"];
  /** A repository that this process serves: its folder. */
  readonly localPathOf: (repository: string) => string | undefined;
  /** Whether other folders of this machine are repositories, too. */
  readonly allowLocal: boolean;
}

/**
 * Who may write to a repository, by the Secrets of the types `repository-write` and `repo-write-creds`; those of the
 * project go first. What this process serves needs none. Read when it is asked: that is seldom.
 */
export function createWriteRights({
  kube,
  accessBy,
  localPathOf,
  allowLocal,
}: WriteRightsDeps): GitRevertDeps["rightsTo"] {
  return async (repository, project, signal) => {
    const path = localPathOf(repository);
    if (path !== undefined && existsSync(path)) return { rights: anonymousAccess, path };
    if (!allowLocal && parseRepositoryUrl(repository).transport === "file") {
      throw new TerminalError("GIT_REFUSED", `repository "${repository}" is a local path, which is not allowed here`);
    }
    const [all, templates] = await Promise.all([
      listSecrets(kube, "repository-write", signal),
      listSecrets(kube, "repo-write-creds", signal),
    ]);
    const url = normaliseRepositoryUrl(repository);
    const fitting = all.filter(({ values }) => {
      return normaliseRepositoryUrl(values.url ?? "") === url && ["", project].includes(values.project ?? "");
    });
    const found = fitting.find(({ values }) => values.project === project) ?? fitting[0];
    const rights = accessBy(
      { ...found?.values, url: repository },
      templates.map(({ values }) => values),
    );
    return hasCredentials(rights) ? { rights } : undefined;
  };
}

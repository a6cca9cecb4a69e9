import { flag, list, object, text, texts } from "../application-fields.ts";
import { basicAuth, bearerToken, caRef, override, requeue, secretRef, values } from "./application-set-fields.ts";

const token = secretRef("The token.");
const appSecretName = text("A Secret with a GitHub App, instead of `tokenRef`.");
const allBranches = { ...flag("Whether all branches count, not only the default one."), default: false } as const;
const excludeArchivedRepos = { ...flag("Whether archived repositories are left out."), default: false } as const;
const insecure = { ...flag("Whether certificates are not checked."), default: false } as const;
const labels = texts("Labels; all must be on the pull request.");

/** Providers of scmProvider (spec argo-cd-surface 1.4). */
const scmProviders = {
  github: object(
    "GitHub.",
    {
      organization: text("The organization."),
      api: text("The API's URL. Default: that of github.com."),
      tokenRef: token,
      appSecretName,
      allBranches,
      excludeArchivedRepos,
    },
    ["organization"],
  ),
  gitlab: object(
    "GitLab.",
    {
      group: text("The group: its id or path."),
      includeSubgroups: { ...flag("Whether groups below count, too."), default: false },
      includeSharedProjects: { ...flag("Whether shared projects count, too."), default: true },
      includeArchivedRepos: { ...flag("Whether archived projects count, too."), default: false },
      topic: text("Only projects with this topic."),
      api: text("The API's URL. Default: that of gitlab.com."),
      tokenRef: token,
      allBranches,
      insecure,
      caRef,
    },
    ["group"],
  ),
  gitea: object(
    "Gitea.",
    {
      owner: text("The organization or user."),
      api: text("The server's URL."),
      tokenRef: token,
      allBranches,
      insecure,
      excludeArchivedRepos,
    },
    ["owner", "api"],
  ),
  bitbucketServer: object(
    "Bitbucket Server.",
    {
      project: text("The project."),
      api: text("The API's URL."),
      basicAuth,
      bearerToken,
      allBranches,
      insecure,
      caRef,
    },
    ["project", "api"],
  ),
  bitbucket: object(
    "Bitbucket Cloud.",
    {
      owner: text("The workspace."),
      user: text("The user."),
      appPasswordRef: secretRef("The user's app password."),
      allBranches,
    },
    ["owner", "user", "appPasswordRef"],
  ),
  azureDevOps: object(
    "Azure DevOps.",
    {
      organization: text("The organization."),
      teamProject: text("The project."),
      accessTokenRef: secretRef("The access token."),
      api: { ...text("The server's URL."), default: "https://dev.azure.com" },
      allBranches,
    },
    ["organization", "teamProject", "accessTokenRef"],
  ),
  awsCodeCommit: object("AWS CodeCommit.", {
    tagFilters: list(
      "Tags that a repository must have.",
      object("One tag.", { key: text("Its key."), value: text("Its value.") }, ["key"]),
    ),
    role: text("The role to take. Default: the process' own."),
    region: text("The region. Default: the process' own."),
    allBranches,
  }),
} as const;

export const scmProviderNames: readonly string[] = Object.keys(scmProviders);

export const scmProviderSchema = object("One set for each repository and branch of an organization.", {
  ...scmProviders,
  filters: list(
    "Which repositories and branches; one filter must fit.",
    object("One filter; all of it must fit.", {
      repositoryMatch: text("A regular expression over the repository's name."),
      branchMatch: text("A regular expression over the branch's name."),
      labelMatch: text("A regular expression that fits one of the labels."),
      pathsExist: texts("Paths that must all be there."),
      pathsDoNotExist: texts("Paths of which none may be there."),
    }),
  ),
  cloneProtocol: { ...text("ssh or https; for AWS https-fips, too."), default: "ssh" },
  requeueAfterSeconds: requeue(1800),
  values,
  template: override,
});

/** Providers of pullRequest. */
const pullRequestProviders = {
  github: object(
    "GitHub.",
    {
      owner: text("The organization or user."),
      repo: text("The repository."),
      api: text("The API's URL. Default: that of github.com."),
      tokenRef: token,
      appSecretName,
      labels,
    },
    ["owner", "repo"],
  ),
  gitlab: object(
    "GitLab.",
    {
      project: text("The project: its id or path."),
      api: text("The API's URL. Default: that of gitlab.com."),
      tokenRef: token,
      labels,
      pullRequestState: text("opened, closed, merged or locked; empty: all."),
      insecure,
      caRef,
    },
    ["project"],
  ),
  gitea: object(
    "Gitea.",
    {
      owner: text("The organization or user."),
      repo: text("The repository."),
      api: text("The server's URL."),
      tokenRef: token,
      insecure,
      labels,
    },
    ["owner", "repo", "api"],
  ),
  bitbucketServer: object(
    "Bitbucket Server.",
    {
      project: text("The project."),
      repo: text("The repository."),
      api: text("The API's URL."),
      basicAuth,
      bearerToken,
      insecure,
      caRef,
    },
    ["project", "repo", "api"],
  ),
  bitbucket: object(
    "Bitbucket Cloud.",
    {
      owner: text("The workspace."),
      repo: text("The repository."),
      api: { ...text("The API's URL."), default: "https://api.bitbucket.org/2.0" },
      basicAuth,
      bearerToken,
    },
    ["owner", "repo"],
  ),
  azuredevops: object(
    "Azure DevOps.",
    {
      organization: text("The organization."),
      project: text("The project."),
      repo: text("The repository."),
      api: { ...text("The server's URL."), default: "https://dev.azure.com" },
      tokenRef: token,
      labels,
    },
    ["organization", "project", "repo"],
  ),
} as const;

export const pullRequestProviderNames: readonly string[] = Object.keys(pullRequestProviders);

export const pullRequestSchema = object("One set for each pull request of a repository.", {
  ...pullRequestProviders,
  filters: list(
    "Which pull requests; one filter must fit.",
    object("One filter; all of it must fit.", {
      branchMatch: text("A regular expression over the branch."),
      targetBranchMatch: text("A regular expression over the target branch."),
      titleMatch: text("A regular expression over the title."),
    }),
  ),
  requeueAfterSeconds: requeue(1800),
  continueOnRepoNotFoundError: {
    ...flag("Whether a repository that is not there gives no sets, instead of an error."),
    default: false,
  },
  values,
  template: override,
});

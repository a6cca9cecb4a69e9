import { createHmac } from "node:crypto";

/** Bodies as the providers' public documentation describes them, cut to what matters here. */

export const before = "1".repeat(40);
export const after = "2".repeat(40);
export const zeros = "0".repeat(40);

const commits = [
  { id: after, added: ["apps/web/new.yaml"], modified: ["apps/web/deployment.yaml"], removed: [] },
  { id: before, added: [], modified: ["apps/web/deployment.yaml"], removed: ["docs/old.md"] },
];
export const files = ["apps/web/new.yaml", "apps/web/deployment.yaml", "docs/old.md"];

export const githubPush = {
  ref: "refs/heads/main",
  before,
  after,
  forced: false,
  commits,
  repository: { html_url: "https://github.com/Acme/shop", default_branch: "main" },
};

export const gitlabPush = {
  object_kind: "push",
  event_name: "push",
  ref: "refs/heads/main",
  before,
  after,
  project: {
    web_url: "https://gitlab.example/acme/shop",
    git_http_url: "https://gitlab.example/acme/shop.git",
    git_ssh_url: "git@gitlab.example:acme/shop.git",
    default_branch: "main",
  },
  commits,
  total_commits_count: 2,
};

export const giteaPush = {
  ref: "refs/heads/main",
  before,
  after,
  commits,
  total_commits: 2,
  repository: {
    html_url: "https://git.example/acme/shop",
    clone_url: "https://git.example/acme/shop.git",
    ssh_url: "git@git.example:acme/shop.git",
    default_branch: "main",
  },
};

const side = (name: string, hash: string, type = "branch") => ({ type, name, target: { type: "commit", hash } });

export const bitbucketPush = {
  actor: { display_name: "A. Person" },
  repository: { full_name: "acme/shop", links: { html: { href: "https://bitbucket.org/acme/shop" } } },
  push: {
    changes: [
      { new: side("main", after), old: side("main", before), created: false, closed: false },
      { new: side("v1.2.0", after, "tag"), old: null, created: true, closed: false },
      { new: null, old: side("gone", before), created: false, closed: true },
    ],
  },
};

export const bitbucketServerPush = {
  eventKey: "repo:refs_changed",
  repository: {
    slug: "shop",
    links: {
      clone: [
        { href: "https://bitbucket.example/scm/acme/shop.git", name: "http" },
        { href: "ssh://git@bitbucket.example:7999/acme/shop.git", name: "ssh" },
      ],
    },
  },
  changes: [
    {
      ref: { id: "refs/heads/main", displayId: "main", type: "BRANCH" },
      refId: "refs/heads/main",
      fromHash: before,
      toHash: after,
      type: "UPDATE",
    },
  ],
};

export const azurePush = {
  eventType: "git.push",
  publisherId: "tfs",
  resource: {
    refUpdates: [{ name: "refs/heads/main", oldObjectId: before, newObjectId: after }],
    repository: {
      defaultBranch: "refs/heads/main",
      remoteUrl: "https://acme@dev.azure.com/acme/Shop/_git/shop",
    },
  },
};

/** GitHub's registry. */
export const ghcrPush = {
  action: "published",
  package: {
    name: "Charts/shop",
    namespace: "Acme",
    owner: { login: "Acme" },
    package_type: "CONTAINER",
    package_version: { container_metadata: { tag: { name: "1.2.0", digest: "sha256:1" } } },
  },
};

export const harborPush = {
  type: "PUSH_ARTIFACT",
  operator: "ann",
  event_data: {
    resources: [{ digest: "sha256:1", tag: "1.2.0", resource_url: "Harbor.example:8443/acme/charts/shop:1.2.0" }],
    repository: { name: "charts/shop", namespace: "acme", repo_full_name: "acme/charts/shop", repo_type: "private" },
  },
};

export const hmac = (body: string, secret: string, algorithm = "sha256"): string =>
  createHmac(algorithm, secret).update(body).digest("hex");

export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

export interface Delivery {
  readonly provider: string;
  /** Of `argocd-secret`. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly body: object;
  /** Those that say what it is. */
  readonly headers: Readonly<Record<string, string>>;
  /** Those that say from whom, made with a secret. */
  readonly sign: (body: string, secret: string) => Readonly<Record<string, string>>;
}

const secret = "s3cret";

/** One push of each provider. */
export const deliveries: readonly Delivery[] = [
  {
    provider: "GitHub",
    secrets: { "webhook.github.secret": secret },
    body: githubPush,
    headers: { "x-github-event": "push", "x-github-delivery": "72d3162e" },
    sign: (body, key) => ({ "x-hub-signature-256": `sha256=${hmac(body, key)}` }),
  },
  {
    provider: "GitHub",
    secrets: { "webhook.github.secret": secret },
    body: githubPush,
    headers: { "x-github-event": "push" },
    sign: (body, key) => ({ "x-hub-signature": `sha1=${hmac(body, key, "sha1")}` }),
  },
  {
    provider: "GitLab",
    secrets: { "webhook.gitlab.secret": secret },
    body: gitlabPush,
    headers: { "x-gitlab-event": "Push Hook" },
    sign: (_, key) => ({ "x-gitlab-token": key }),
  },
  {
    provider: "GitLab",
    secrets: { "webhook.gitlab.secret": secret },
    body: gitlabPush,
    headers: { "x-gitlab-event": "System Hook" },
    sign: (_, key) => ({ "x-gitlab-token": key }),
  },
  {
    provider: "Gogs",
    secrets: { "webhook.gogs.secret": secret },
    body: giteaPush,
    // Gitea says of itself that it is all three.
    headers: { "x-gogs-event": "push", "x-gitea-event": "push", "x-github-event": "push" },
    sign: (body, key) => ({ "x-gogs-signature": hmac(body, key), "x-hub-signature-256": "sha256=other" }),
  },
  {
    provider: "Bitbucket",
    secrets: { "webhook.bitbucket.uuid": secret },
    body: bitbucketPush,
    headers: { "x-event-key": "repo:push", "x-hook-uuid": "" },
    sign: (_, key) => ({ "x-hook-uuid": key }),
  },
  {
    provider: "Bitbucket Server",
    secrets: { "webhook.bitbucketserver.secret": secret },
    body: bitbucketServerPush,
    headers: { "x-event-key": "repo:refs_changed" },
    sign: (body, key) => ({ "x-hub-signature": `sha256=${hmac(body, key)}` }),
  },
  {
    provider: "Azure DevOps",
    secrets: { "webhook.azuredevops.username": "azure", "webhook.azuredevops.password": secret },
    body: azurePush,
    headers: { "x-vss-activityid": "3f5a" },
    sign: (_, key) => ({ authorization: basic("azure", key) }),
  },
];

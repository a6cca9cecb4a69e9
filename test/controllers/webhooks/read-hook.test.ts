import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type HookVerdict, readHook } from "../../../src/controllers/webhooks/read-hook.ts";
import { projectRoot } from "../../harness/run.ts";
import * as bodies from "./bodies.ts";

const { after, before, deliveries, files, zeros } = bodies;

type Headers = Readonly<Record<string, string>>;

function read(headers: Headers, body: object | string, secrets: Headers = {}): HookVerdict {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readHook({ headers, body: Buffer.from(text) }, (key) => secrets[key]);
}

const seenOf = (verdict: HookVerdict) => ("seen" in verdict ? verdict.seen : undefined);
const refusalOf = (verdict: HookVerdict) => ("refused" in verdict ? verdict.refused : undefined);

for (const { provider, headers, secrets, body, sign } of deliveries) {
  const text = JSON.stringify(body);
  test(`${provider}, ${Object.keys(sign(text, "s")).join()}: taken rightly signed, refused otherwise`, () => {
    const signed = read({ ...headers, ...sign(text, "s3cret") }, text, secrets);
    assert.equal(seenOf(signed)?.provider, provider, refusalOf(signed));
    for (const wrong of [
      { ...headers, ...sign(text, "other") },
      headers,
      { ...headers, ...sign(text, "") },
      { ...headers, ...sign(`${text} `, "s3cret") },
    ]) {
      const verdict = read(wrong, text, secrets);
      // What is no signature of the body is the same whatever the body is.
      const isSame = JSON.stringify(wrong) === JSON.stringify({ ...headers, ...sign(text, "s3cret") });
      if (!isSame) assert.match(refusalOf(verdict) ?? "taken", new RegExp(`^Webhook processing failed: ${provider}: `));
    }
  });
  test(`${provider}, ${Object.keys(sign(text, "s")).join()}: without a secret everything is taken`, () => {
    assert.equal(seenOf(read(headers, text))?.provider, provider);
    const empty = Object.fromEntries(Object.keys(secrets).map((key) => [key, ""]));
    assert.equal(seenOf(read(headers, text, empty))?.provider, provider);
  });
}

const main = [{ name: "refs/heads/main", old: before, new: after }];

test("what is read of each provider's push", () => {
  const seen = new Map(deliveries.map(({ provider, headers, body }) => [provider, seenOf(read(headers, body))]));
  assert.deepEqual(Object.fromEntries(seen), {
    GitHub: {
      provider: "GitHub",
      urls: ["https://github.com/Acme/shop"],
      refs: main,
      headRef: "refs/heads/main",
      files,
    },
    GitLab: {
      provider: "GitLab",
      urls: [
        "https://gitlab.example/acme/shop",
        "https://gitlab.example/acme/shop.git",
        "git@gitlab.example:acme/shop.git",
      ],
      refs: main,
      headRef: "refs/heads/main",
      files,
    },
    Gogs: {
      provider: "Gogs",
      urls: ["https://git.example/acme/shop", "https://git.example/acme/shop.git", "git@git.example:acme/shop.git"],
      refs: main,
      headRef: "refs/heads/main",
      files,
    },
    Bitbucket: {
      provider: "Bitbucket",
      urls: ["https://bitbucket.org/acme/shop"],
      refs: [
        ...main,
        { name: "refs/tags/v1.2.0", old: zeros, new: after },
        { name: "refs/heads/gone", old: before, new: zeros },
      ],
    },
    "Bitbucket Server": {
      provider: "Bitbucket Server",
      urls: ["https://bitbucket.example/scm/acme/shop.git", "ssh://git@bitbucket.example:7999/acme/shop.git"],
      refs: main,
    },
    "Azure DevOps": {
      provider: "Azure DevOps",
      urls: ["https://acme@dev.azure.com/acme/Shop/_git/shop"],
      refs: main,
      headRef: "refs/heads/main",
    },
  });
});

const github = { "x-github-event": "push" };
const gitlab = { "x-gitlab-event": "Push Hook" };

const unknownFiles: readonly (readonly [what: string, headers: Headers, body: object])[] = [
  ["a forced push of GitHub", github, { ...bodies.githubPush, forced: true }],
  ["a push without commits", github, { ...bodies.githubPush, commits: [] }],
  [
    "as many commits as GitHub lists",
    github,
    { ...bodies.githubPush, commits: Array.from({ length: 2_048 }, () => ({ added: ["a"] })) },
  ],
  ["more commits than GitLab lists", gitlab, { ...bodies.gitlabPush, total_commits_count: 21 }],
  ["more commits than Gitea lists", { "x-gogs-event": "push" }, { ...bodies.giteaPush, total_commits: 6 }],
  [
    "more files than are kept",
    github,
    { ...bodies.githubPush, commits: [{ added: Array.from({ length: 3_001 }, (_, at) => `f${at}`) }] },
  ],
];

for (const [what, headers, body] of unknownFiles) {
  test(`the files are not known: ${what}`, () => {
    const seen = seenOf(read(headers, body));
    assert.ok(seen);
    assert.equal("files" in seen, false);
  });
}

const ofNpm = { ...bodies.ghcrPush, package: { ...bodies.ghcrPush.package, package_type: "npm" } };
const unnamed = { package: { ...bodies.ghcrPush.package, name: "", owner: {}, namespace: "" } };

const nothingToDo: readonly (readonly [what: string, headers: Headers, body: object])[] = [
  ["GitHub's ping", { "x-github-event": "ping" }, { zen: "Design for failure." }],
  ["GitHub's pull request", { "x-github-event": "pull_request" }, { action: "opened" }],
  ["GitLab's merge request", { "x-gitlab-event": "Merge Request Hook" }, { object_kind: "merge_request" }],
  ["another system hook", { "x-gitlab-event": "System Hook" }, { event_name: "project_create" }],
  ["Bitbucket's comment", { "x-hook-uuid": "u", "x-event-key": "pullrequest:comment_created" }, {}],
  ["Bitbucket Server's ping", { "x-event-key": "diagnostics:ping" }, { test: true }],
  ["Azure's work item", { "x-vss-activityid": "1" }, { eventType: "workitem.created" }],
  ["a package of GitHub that is deleted", { "x-github-event": "package" }, { ...bodies.ghcrPush, action: "deleted" }],
  ["a package of GitHub that is no image", { "x-github-event": "package" }, ofNpm],
  [
    "an image without a tag",
    { "x-github-event": "package" },
    { action: "published", package: { package_type: "CONTAINER" } },
  ],
];

for (const [what, headers, body] of nothingToDo) {
  test(`understood, and nothing to do: ${what}`, () => assert.deepEqual(read(headers, body), {}));
}

test("Bitbucket Server's ping is not signed, and no push", () => {
  const secrets = { "webhook.bitbucketserver.secret": "s3cret" };
  assert.deepEqual(read({ "x-event-key": "diagnostics:ping" }, { test: true }, secrets), {});
});

test("GitHub's form is read as its JSON; the signature is over the form", () => {
  const form = `payload=${encodeURIComponent(JSON.stringify(bodies.githubPush))}`;
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const signature = { "x-hub-signature-256": `sha256=${bodies.hmac(form, "s3cret")}` };
  const seen = seenOf(read({ ...github, ...type, ...signature }, form, { "webhook.github.secret": "s3cret" }));
  assert.deepEqual(seen?.refs, main);
});

test("a tag of GitLab is a push", () => {
  const body = {
    ...bodies.gitlabPush,
    object_kind: "tag_push",
    event_name: "tag_push",
    ref: "refs/tags/v1",
    commits: [],
  };
  assert.equal(seenOf(read({ "x-gitlab-event": "Tag Push Hook" }, body))?.refs[0]?.name, "refs/tags/v1");
});

const refused: readonly (readonly [what: string, headers: Headers, body: object | string, reason: RegExp])[] = [
  ["no provider's header", { "user-agent": "curl" }, bodies.githubPush, /^Unknown webhook event$/],
  [
    "credentials, though Harbor has no secret",
    { authorization: "s3cret" },
    bodies.harborPush,
    /^Unknown webhook event$/,
  ],
  ["a package without a name", { "x-github-event": "package" }, { ...bodies.ghcrPush, ...unnamed }, /no repository$/],
  ["no JSON", github, "{", /GitHub: the body is no JSON object$/],
  ["a list", github, "[]", /the body is no JSON object$/],
  ["no repository", github, { ref: "refs/heads/main" }, /the body names no repository$/],
  [
    "a repository on no host",
    github,
    { ...bodies.githubPush, repository: { html_url: "file:///etc" } },
    /no repository$/,
  ],
  ["no ref", github, { ...bodies.githubPush, ref: 1 }, /names a push without a ref$/],
  [
    "too many refs",
    { "x-vss-activityid": "1" },
    { ...bodies.azurePush, resource: { ...bodies.azurePush.resource, refUpdates: Array(501).fill({ name: "r" }) } },
    /names 501 refs, more than 500$/,
  ],
];

for (const [what, headers, body, reason] of refused) {
  test(`refused: ${what}`, () => assert.match(refusalOf(read(headers, body)) ?? "taken", reason));
}

test("a push to GitHub's registry: what is read, signed rightly, and wrongly with an answer of its own", () => {
  const text = JSON.stringify(bodies.ghcrPush);
  const secrets = { "webhook.github.secret": "s3cret" };
  const signedBy = (key: string) => ({
    "x-github-event": "package",
    "x-hub-signature-256": `sha256=${bodies.hmac(text, key)}`,
  });
  const seen = { provider: "GHCR", urls: ["oci://ghcr.io/acme/charts/shop"], refs: [], tags: ["1.2.0"] };
  assert.deepEqual(read(signedBy("s3cret"), text, secrets), { seen });
  for (const headers of [signedBy("other"), { "x-github-event": "package" }]) {
    const refused = "Webhook processing failed: GHCR: HMAC verification failed";
    assert.deepEqual(read(headers, text, secrets), { refused, status: 401 });
  }
});

test("a push to Harbor: what is read, with its secret in the header, and with another", () => {
  const secrets = { "webhook.harbor.secret": "s3cret" };
  const seen = { provider: "Harbor", urls: ["oci://harbor.example:8443/acme/charts/shop"], refs: [], tags: ["1.2.0"] };
  assert.deepEqual(read({ authorization: "s3cret" }, bodies.harborPush, secrets), { seen });
  assert.deepEqual(read({ authorization: "s3cret" }, { type: "SCANNING_COMPLETED" }, secrets), {});
  const refused = "Webhook processing failed: Harbor: authorization header mismatch";
  assert.deepEqual(read({ authorization: "other" }, bodies.harborPush, secrets), { refused });
});

const fixtures = join(projectRoot, "..", "shared", "fixtures", "webhooks");
const skip = existsSync(fixtures) ? false : "there are no fixtures beside the project";

test("real bodies", { skip }, () => {
  const body = (name: string): string => readFileSync(join(fixtures, name), "utf8");
  const push = seenOf(read(github, body("github-commit-event.json")));
  assert.deepEqual([push?.urls, push?.headRef], [["https://github.com/jessesuen/test-repo"], "refs/heads/master"]);
  assert.deepEqual(read({ "x-github-event": "ping" }, body("github-ping-event.json")), {});
  const fromGitlab = seenOf(read(gitlab, body("gitlab-event.json")));
  assert.deepEqual(fromGitlab?.files, ["file.yaml"]);
});

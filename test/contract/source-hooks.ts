import { createHmac } from "node:crypto";
import { systemClock } from "../../src/base/clock.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { bitbucketSource } from "../../src/events/sources/bitbucket.ts";
import { bitbucketserverSource } from "../../src/events/sources/bitbucketserver.ts";
import { gerritSource } from "../../src/events/sources/gerrit.ts";
import { githubSource } from "../../src/events/sources/github.ts";
import { gitlabSource } from "../../src/events/sources/gitlab.ts";
import { slackSource } from "../../src/events/sources/slack.ts";
import { snsSource } from "../../src/events/sources/sns.ts";
import type { SourceContext, SourceKind } from "../../src/events/sources/source.ts";
import { storageGridSource } from "../../src/events/sources/storage-grid.ts";
import { stripeSource } from "../../src/events/sources/stripe.ts";
import { webhookSource } from "../../src/events/sources/webhook.ts";
import { type Sent, type ServedSource, serveSource } from "../events/sources/served-source.ts";

/** Kinds that services call over HTTP, each with a secret that its requests prove: `s/k`. */
export interface HookKind {
  readonly name: string;
  /** Not undefined: a request has no id of its own, so that one that comes again is another event. */
  readonly hasNoIds?: string;
  /** Not undefined: why nobody can be refused here. */
  readonly hasNoLogin?: string;
  serve(secrets: Record<string, string>, parts: Partial<SourceContext>): Promise<ServedSource>;
  /** What the service sends; `n` is its delivery. */
  request(n: number, secret: string): Sent;
}

function hook<Spec>(
  name: string,
  kind: SourceKind<Spec>,
  spec: JsonObject,
  request: HookKind["request"],
  more: Pick<HookKind, "hasNoIds" | "hasNoLogin"> = {},
): HookKind {
  return { name, request, serve: (secrets, parts) => serveSource(kind, spec, secrets, parts), ...more };
}

const secret = { name: "s", key: "k" };
const webhook = { endpoint: "/push", port: "0", method: "POST" };
const guarded = { ...webhook, authSecret: secret };
const json = { "content-type": "application/json" };
const bodyOf = (n: number): string => JSON.stringify({ n });
const hmac = (key: string, text: string): string => createHmac("sha256", key).update(text).digest("hex");
const bearer = (key: string) => ({ ...json, Authorization: `Bearer ${key}` });
const seconds = (): number => Math.floor(systemClock.now() / 1_000);

function slackRequest(n: number, key: string): Sent {
  const body = JSON.stringify({ token: "t", type: "event_callback", event_id: `Ev${n}`, event: { type: "message" } });
  const at = String(seconds());
  const headers = { "X-Slack-Request-Timestamp": at, "X-Slack-Signature": `v0=${hmac(key, `v0:${at}:${body}`)}` };
  return { body, headers: { ...json, ...headers } };
}

function stripeRequest(n: number, key: string): Sent {
  const body = JSON.stringify({ id: `evt_${n}`, type: "charge.failed" });
  const at = seconds();
  return { body, headers: { ...json, "Stripe-Signature": `t=${at},v1=${hmac(key, `${at}.${body}`)}` } };
}

const topicArn = "arn:aws:sns:us-east-1:123456789012:orders";
const awsKeys = { accessKey: secret, secretKey: secret };

export const hookKinds: readonly HookKind[] = [
  hook("webhook", webhookSource, guarded, (n, key) => ({ body: bodyOf(n), headers: bearer(key) }), {
    hasNoIds: "a plain request has none; with verify.standardWebhooks it has",
  }),
  hook(
    "github",
    githubSource,
    { webhook, repositories: [{ owner: "o", names: ["r"] }], webhookSecret: secret },
    (n, key) => {
      const headers = { "X-GitHub-Delivery": `d${n}`, "X-Hub-Signature-256": `sha256=${hmac(key, bodyOf(n))}` };
      return { body: bodyOf(n), headers: { ...json, ...headers } };
    },
  ),
  hook(
    "gitlab",
    gitlabSource,
    {
      webhook,
      projects: ["1"],
      events: ["PushEvents"],
      gitlabBaseURL: "https://git.example",
      secretToken: secret,
      accessToken: secret,
    },
    (n, key) => ({ body: bodyOf(n), headers: { ...json, "X-Gitlab-Token": key, "Idempotency-Key": `d${n}` } }),
  ),
  hook(
    "bitbucket",
    bitbucketSource,
    { webhook: guarded, auth: {}, events: ["repo:push"], repositories: [{ owner: "o", repositorySlug: "r" }] },
    (n, key) => ({ body: bodyOf(n), headers: { ...bearer(key), "X-Request-UUID": `d${n}` } }),
  ),
  hook(
    "bitbucketserver",
    bitbucketserverSource,
    {
      webhook,
      repositories: [{ projectKey: "p", repositorySlug: "r" }],
      events: ["repo:refs_changed"],
      bitbucketserverBaseURL: "https://git.example",
      webhookSecret: secret,
    },
    (n, key) => {
      const headers = { "X-Request-Id": `d${n}`, "X-Hub-Signature": `sha256=${hmac(key, bodyOf(n))}` };
      return { body: bodyOf(n), headers: { ...json, ...headers } };
    },
  ),
  hook(
    "gerrit",
    gerritSource,
    {
      webhook: guarded,
      projects: ["p"],
      events: ["patchset-created"],
      gerritBaseURL: "https://git.example",
      auth: { username: secret, password: secret },
    },
    (n, key) => ({ body: bodyOf(n), headers: bearer(key) }),
    { hasNoIds: "Gerrit's plugin sends none" },
  ),
  hook("slack", slackSource, { webhook, signingSecret: secret, token: { name: "s", key: "token" } }, slackRequest),
  hook(
    "storageGrid",
    storageGridSource,
    {
      webhook: guarded,
      events: [],
      topicArn: "urn",
      bucket: "b",
      apiURL: "https://grid.example",
      authToken: { name: "s", key: "token" },
    },
    (n, key) => {
      const Message = JSON.stringify({ Records: [{ s3: { object: { key: `n-${n}` } } }] });
      return { body: new URLSearchParams({ Message }).toString(), headers: bearer(key) };
    },
  ),
  hook("stripe", stripeSource, { webhook, webhookSecret: secret }, stripeRequest),
  hook(
    "sns",
    snsSource,
    { webhook, topicArn, region: "us-east-1", ...awsKeys },
    (n) => ({
      body: JSON.stringify({ Type: "Notification", MessageId: `m${n}`, TopicArn: topicArn, Message: bodyOf(n) }),
    }),
    { hasNoLogin: "AWS signs by certificate: test/events/sources/sns.test.ts" },
  ),
];

import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../src/base/errors.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import type { JsonAnswer } from "../harness/answer.ts";
import { type Applications, applicationObject, openApplications, type Parts } from "./applications.ts";

const at = "/api/v1/applications";

const web = applicationObject("argocd", "web", {
  metadata: { labels: { team: "a" }, managedFields: [{ manager: "kubectl" }], resourceVersion: "12" },
});
const api = applicationObject("argocd", "api", {
  metadata: { labels: { team: "b" }, resourceVersion: "9" },
  spec: { project: "shop", source: { repoURL: "https://git.example/api", path: "deploy" } },
});
const only = applicationObject("shop", "only", { metadata: { labels: { team: "a" } } });
const two = ["dev", "prod"].map((namespace) => applicationObject(namespace, "twice"));
const everything = [web, only, ...two, api];

async function ask(server: Applications, path: string, init: RequestInit = {}): Promise<JsonAnswer> {
  const headers = { authorization: `Bearer ${server.token}`, ...init.headers };
  const response = await fetch(`${server.url}${path}`, { ...init, headers });
  return { status: response.status, body: await response.json() };
}

function post(body: unknown): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

const namesOf = ({ body }: JsonAnswer): string[] =>
  body.items.map(({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`);

const all = ["argocd/api", "shop/only", "dev/twice", "prod/twice", "argocd/web"];
const lists: readonly (readonly [query: string, names: readonly string[], version: string])[] = [
  ["", all, "12"],
  ["?projects=shop", ["argocd/api"], "9"],
  ["?projects=default", ["shop/only", "dev/twice", "prod/twice", "argocd/web"], "12"],
  ["?projects=shop&projects=default", all, "12"],
  ["?project=shop", ["argocd/api"], "9"],
  ["?projects=none", [], "0"],
  ["?selector=team%3Da", ["shop/only", "argocd/web"], "12"],
  ["?selector=!team", ["dev/twice", "prod/twice"], "1"],
  ["?name=twice", ["dev/twice", "prod/twice"], "1"],
  ["?appNamespace=argocd", ["argocd/api", "argocd/web"], "12"],
  ["?repo=https://git.example/api", ["argocd/api"], "9"],
  ["?appNamespace=argocd&selector=team%3Da", ["argocd/web"], "12"],
];

test("lists Applications by name, all or those asked for", async () => {
  await using server = await openApplications(everything);
  for (const [query, names, resourceVersion] of lists) {
    const answer = await ask(server, `${at}${query}`);
    assert.equal(answer.status, 200, query);
    assert.deepEqual(namesOf(answer), names, query);
    assert.deepEqual(answer.body.metadata, { resourceVersion }, query);
  }
});

test("leaves out managedFields, and nothing else", async () => {
  await using server = await openApplications(everything);
  const { managedFields: _, ...metadata } = web.metadata;
  const wanted = { ...web, metadata };
  assert.deepEqual((await ask(server, `${at}/web`)).body, wanted);
  assert.deepEqual((await ask(server, `${at}?name=web`)).body.items, [wanted]);
  assert.deepEqual((await ask(server, `${at}/web?refresh=normal`)).body.metadata.managedFields, undefined);
  assert.deepEqual((await ask(server, `${at}/web/sync`, post({}))).body.metadata.managedFields, undefined);
});

const names: readonly (readonly [path: string, found: string])[] = [
  ["/web", "argocd/web"],
  ["/web?appNamespace=", "argocd/web"],
  ["/only", "shop/only"],
  ["/only?appNamespace=shop", "shop/only"],
  ["/api?project=shop", "argocd/api"],
  ["/twice?appNamespace=prod", "prod/twice"],
];

test("finds a name in the controller's namespace, else where it is the only one", async () => {
  await using server = await openApplications(everything);
  for (const [path, found] of names) {
    const { status, body } = await ask(server, `${at}${path}`);
    assert.deepEqual([status, `${body.metadata.namespace}/${body.metadata.name}`], [200, found], path);
  }
});

test("the controller's namespace wins over others", async () => {
  const third = applicationObject("argocd", "twice");
  await using server = await openApplications([...two, third]);
  assert.equal((await ask(server, `${at}/twice`)).body.metadata.namespace, "argocd");
});

const refusals: readonly (readonly [path: string, init: RequestInit, status: number, reason: string, error: RegExp])[] =
  [
    ["/none", {}, 404, "NOT_FOUND", /^applications\.argoproj\.io "none" not found$/],
    ["/only?appNamespace=argocd", {}, 404, "NOT_FOUND", /"only" not found in namespace "argocd"$/],
    ["/web?project=shop", {}, 404, "NOT_FOUND", /"web" not found in project "shop"$/],
    ["/web/sync?project=shop", post({}), 404, "NOT_FOUND", /"web" not found in project "shop"$/],
    ["/twice", {}, 400, "USAGE", /^there is more than one Application "twice": name one of dev\/twice, prod\/twice$/],
    ["/web?refresh=now", {}, 400, "USAGE", /^refresh: "now" must be normal or hard$/],
    ["/web?appNamespace=a&appNamespace=b", {}, 400, "USAGE", /^appNamespace: must be given once$/],
    ["?selector=a%20b", {}, 400, "USAGE", /^selector: unable to parse requirement: "a b"$/],
    ["/none/sync", post({}), 404, "NOT_FOUND", /"none" not found/],
    ["/twice/sync", post({}), 400, "USAGE", /dev\/twice, prod\/twice/],
    ["/web/sync", post([]), 400, "USAGE", /^request: must be an object$/],
    ["/web/sync", post({ prune: "yes" }), 400, "USAGE", /^request\.prune: /],
    ["/web/sync", post({ resources: [{ kind: 1, name: "web" }] }), 400, "USAGE", /^request\.resources\[0\]\.kind: /],
    ["/web/sync", post({ strategy: { apply: { force: "x" } } }), 400, "USAGE", /^request\.strategy\.apply\.force: /],
    ["/web/sync", { ...post({}), body: "{" }, 400, "USAGE", /JSON/],
    ["/web/sync", { method: "POST", body: "prune=true" }, 415, "CONTENT_TYPE_REFUSED", /^Invalid content type/],
    ["/web/none", {}, 404, "NOT_FOUND", /there is no such path/],
  ];

test("says what is wrong, in the original's shape and with ours", async () => {
  await using server = await openApplications(everything);
  const codes: Record<number, number> = { 400: 3, 404: 5, 415: 3 };
  for (const [path, init, status, reason, error] of refusals) {
    const { body, ...answer } = await ask(server, `${at}${path}`, init);
    assert.deepEqual([answer.status, body.reason, body.code], [status, reason, codes[status]], path);
    assert.match(body.error, error, path);
    assert.equal(body.message, body.error, path);
    assert.ok(body.remedy, path);
  }
  assert.deepEqual(server.asked, []);
});

test("without the token nothing is answered; without Applications there is no such path", async () => {
  await using server = await openApplications(everything);
  const { status, body } = await ask(server, at, { headers: { authorization: "" } });
  assert.deepEqual([status, body.code, body.reason], [401, 16, "UNAUTHORIZED"]);
  await using other = await openApplications(undefined);
  for (const path of [at, `${at}/web`, "/api/v1/tiphys/applications/web/sensor"]) {
    assert.equal((await ask(other, path)).status, 404, path);
  }
});

test("a refresh answers what was compared anew", async () => {
  await using server = await openApplications(everything);
  server.onRefresh = (found) => ({ ...found, status: { sync: { status: "Synced" } } });
  for (const [path, hard, namespace] of [
    ["/web?refresh=normal", false, "argocd"],
    ["/only?refresh=hard", true, "shop"],
  ] as const) {
    const { status, body } = await ask(server, `${at}${path}`);
    assert.deepEqual([status, body.status.sync.status], [200, "Synced"], path);
    assert.deepEqual(server.asked.pop(), { refresh: { namespace, name: body.metadata.name }, hard }, path);
  }
  assert.equal((await ask(server, `${at}/web?refresh=`)).status, 200);
  assert.deepEqual(server.asked, []);
});

test("a refresh that takes too long, fails or goes away says so", async () => {
  await using server = await openApplications(everything, { refreshTimeoutMs: 20 });
  server.onRefresh = () => new Promise(() => undefined);
  const late = await ask(server, `${at}/web?refresh=hard`);
  assert.deepEqual([late.status, late.body.code, late.body.reason], [504, 4, "WAIT_TIMEOUT"]);
  assert.equal(late.body.error, 'Application "argocd/web" was not compared anew within 20 ms');
  server.onRefresh = () => Promise.reject(new EngineError("NOT_FOUND", "it was deleted"));
  assert.equal((await ask(server, `${at}/web?refresh=hard`)).status, 404);
  server.onRefresh = () => Promise.reject(new Error("a secret"));
  const failed = await ask(server, `${at}/web?refresh=hard`);
  assert.deepEqual(failed, { status: 500, body: { error: "internal error", message: "internal error", code: 13 } });
});

const by = { initiatedBy: { username: "admin" } };
const retry = { limit: 2, backoff: { duration: "1s" } };
const policy = { syncOptions: ["CreateNamespace=true"], retry };
const operations: readonly { body: unknown; policy?: object; operation: object }[] = [
  { body: {}, operation: { sync: {}, ...by } },
  { body: undefined, operation: { sync: {}, ...by } },
  {
    body: { revision: "v1", prune: true, dryRun: true, unknown: 1, revisions: null },
    operation: { sync: { revision: "v1", prune: true, dryRun: true }, ...by },
  },
  {
    body: {
      strategy: { hook: { force: true } },
      resources: [{ group: "apps", kind: "Deployment", name: "web", namespace: "shop" }],
      infos: [{ name: "why", value: "test" }],
      retryStrategy: { limit: 5 },
      syncOptions: { items: ["Replace=true"] },
      manifests: ["{}"],
    },
    policy,
    operation: {
      sync: {
        resources: [{ group: "apps", kind: "Deployment", name: "web", namespace: "shop" }],
        manifests: ["{}"],
        syncStrategy: { hook: { force: true } },
        syncOptions: ["Replace=true"],
      },
      ...by,
      info: [{ name: "why", value: "test" }],
      retry: { limit: 5 },
    },
  },
  { body: {}, policy, operation: { sync: { syncOptions: policy.syncOptions }, ...by, retry } },
];

test("a sync sets the operation and answers the Application with it", async () => {
  for (const { body, policy: syncPolicy, operation } of operations) {
    const application = applicationObject("shop", "web", syncPolicy ? { spec: { syncPolicy } } : {});
    await using server = await openApplications([application]);
    const answer = await ask(server, `${at}/web/sync`, body === undefined ? { method: "POST" } : post(body));
    assert.deepEqual([answer.status, answer.body.operation], [200, operation]);
    assert.deepEqual(server.asked, [{ sync: { namespace: "shop", name: "web" }, operation }]);
  }
});

test("a sync takes the namespace from the query or, as the original, from the body", async () => {
  await using server = await openApplications(everything);
  const inQuery = await ask(server, `${at}/twice/sync?appNamespace=prod`, post({}));
  const inBody = await ask(server, `${at}/twice/sync`, post({ appNamespace: "dev" }));
  assert.deepEqual(
    [inQuery, inBody].map(({ body }) => body.metadata.namespace),
    ["prod", "dev"],
  );
});

const automated = { syncPolicy: { automated: {} } };
const source = { repoURL: "https://git.example/web", path: "deploy", targetRevision: "main" };
const busy: readonly { name: string; application: Parts; body: object; error?: string }[] = [
  {
    name: "an operation in progress",
    application: { operation: { sync: {} } },
    body: {},
    error: "another operation is already in progress",
  },
  { name: "an operation that is null", application: { operation: null }, body: {} },
  {
    name: "deletion",
    application: { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } },
    body: {},
    error: "application is deleting",
  },
  {
    name: "another revision while automated",
    application: { spec: { ...automated, source } },
    body: { revision: "v1" },
    error: "Cannot sync to v1: auto-sync currently set to main",
  },
  {
    name: "another revision while automated, no target",
    application: { spec: automated },
    body: { revision: "v1" },
    error: "Cannot sync to v1: auto-sync currently set to HEAD",
  },
  { name: "the same revision", application: { spec: { ...automated, source } }, body: { revision: "main" } },
  { name: "a dry run", application: { spec: automated }, body: { revision: "v1", dryRun: true } },
  {
    name: "automation that is off",
    application: { spec: { syncPolicy: { automated: { enabled: false } } } },
    body: { revision: "v1" },
  },
  {
    name: "manifests while automated",
    application: { spec: automated },
    body: { manifests: ["{}"] },
    error: "Cannot use local sync when Automatic Sync Policy is enabled unless for dry run",
  },
];

test("refuses a sync that cannot be started, in the original's words", async () => {
  for (const { name, application, body, error } of busy) {
    await using server = await openApplications([applicationObject("argocd", "web", application)]);
    const answer = await ask(server, `${at}/web/sync`, post(body));
    const { status } = answer;
    if (error === undefined) assert.equal(status, 200, name);
    else assert.deepEqual([status, answer.body.message, answer.body.reason], [400, error, "SYNC_REFUSED"], name);
    assert.equal(server.asked.length, error === undefined ? 1 : 0, name);
  }
});

test("one of two syncs at once is refused", async () => {
  await using server = await openApplications([web]);
  const answers = await Promise.all([1, 2].map(() => ask(server, `${at}/web/sync`, post({}))));
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 400]);
});

test("prints the Application as a Sensor", async () => {
  await using server = await openApplications(everything);
  const path = (name: string) => `/api/v1/tiphys/applications/${name}/sensor`;
  const { status, body } = await ask(server, path("only"));
  assert.deepEqual([status, body], [200, { kind: "Sensor", metadata: { namespace: "shop", name: "only" } }]);
  assert.equal((await ask(server, path("twice"))).status, 400);
  const named = await ask(server, `${path("twice")}?appNamespace=dev`);
  assert.deepEqual(named.body.metadata, { namespace: "dev", name: "twice" });
  const missing = await ask(server, path("none"));
  assert.deepEqual([missing.status, missing.body.code, missing.body.message], [404, "NOT_FOUND", undefined]);
});

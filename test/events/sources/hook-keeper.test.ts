import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { bitbucketSource } from "../../../src/events/sources/bitbucket.ts";
import { bitbucketserverSource } from "../../../src/events/sources/bitbucketserver.ts";
import { gerritSource } from "../../../src/events/sources/gerrit.ts";
import { keepHooks } from "../../../src/events/sources/hook-keeper.ts";
import type { OutgoingFetch, SourceKind } from "../../../src/events/sources/source.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { serveSource } from "./served-source.ts";
import { memoryState, recordedContext } from "./source-context.ts";

/** Bitbucket, Bitbucket Server and Gerrit: their hooks, against a server that plays their API as documented. */

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly body: JsonObject;
}

interface Api extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
  writes(): string[];
}

async function startApi(answer: (asked: Asked) => readonly [number, unknown]): Promise<Api> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = "", url = "", headers } = request;
      const one = { method, path: url, authorization: headers.authorization ?? "", body: body ? JSON.parse(body) : {} };
      asked.push(one);
      const [status, value] = answer(one);
      response.writeHead(status).end(typeof value === "string" ? value : JSON.stringify(value));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    writes: () => asked.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const hook = { endpoint: "/push", port: "0", url: "https://hooks.example.com" };
const secrets = { "s/user": "ann", "s/pass": "sesame", "s/token": "t1", "s/hmac": "swordfish" };
const login = { username: { name: "s", key: "user" }, password: { name: "s", key: "pass" } };
const basic = `Basic ${Buffer.from("ann:sesame").toString("base64")}`;

async function runOnce<Spec>(kind: SourceKind<Spec>, spec: JsonObject, api: Api, writes: number): Promise<void> {
  await using other = await serveSource(kind, { ...spec, webhook: { endpoint: "/x", port: "0" } }, secrets);
  const fetch: OutgoingFetch = (request, signal) =>
    other.context.fetch({ ...request, url: request.url.replace("https://api.bitbucket.org", api.url) }, signal);
  const clock = createVirtualClock();
  await using source = await serveSource(kind, spec, secrets, { fetch, clock });
  await waitFor("the hooks", () => api.writes().length === writes);
  await waitFor("the keeper to sleep", () => clock.sleeping > 0);
  await clock.advance(60_000);
  await waitFor("the keeper to sleep again", () => clock.sleeping > 0);
  assert.equal(api.writes().length, writes, "nothing is written again");
  assert.deepEqual(source.context.failures, []);
  await source.stop();
}

test("Bitbucket's hooks are found on later pages, mended, and removed at the end", async () => {
  const wanted = {
    description: "webhook managed by Argo-Events",
    url: "https://hooks.example.com/push",
    active: true,
    events: ["repo:push"],
  };
  let known: JsonObject[] = [{ uuid: "{1}", ...wanted, events: ["repo:fork"] }];
  await using api = await startApi(({ method, path, body }) => {
    if (method === "DELETE") known = [];
    if (method === "PUT") known = [{ uuid: "{1}", ...body }];
    if (method !== "GET") return [200, {}];
    if (path.includes("page=2")) return [200, { values: known }];
    const next = `https://api.bitbucket.org/2.0/repositories/o/r/hooks?page=2`;
    return [200, { values: [{ uuid: "{0}", url: "https://other" }], next }];
  });
  const spec = {
    webhook: hook,
    auth: { basic: login },
    events: ["repo:push"],
    repositories: [{ owner: "o", repositorySlug: "r" }],
    deleteHookOnFinish: true,
  };
  await runOnce(bitbucketSource, spec, api, 1);
  const place = "/2.0/repositories/o/r/hooks/%7B1%7D";
  assert.deepEqual(api.writes(), [`PUT ${place}`, `DELETE ${place}`]);
  assert.ok(api.asked.every(({ authorization }) => authorization === basic));
  assert.deepEqual(api.asked.find(({ method }) => method === "PUT")?.body, wanted);
});

test("Bitbucket Server's hooks are registered for repositories and for all of a project", async () => {
  const known = new Map<string, JsonObject[]>();
  await using api = await startApi(({ method, path, body }) => {
    const [place = ""] = path.split("?");
    if (method === "POST") known.set(place, [{ id: 7, ...body }]);
    if (method !== "GET") return [200, {}];
    if (place.endsWith("/repos")) return [200, { values: [{ slug: "a" }, { slug: "b" }], isLastPage: true }];
    return [200, { values: known.get(place) ?? [], isLastPage: true }];
  });
  const spec = {
    webhook: hook,
    projects: ["P"],
    repositories: [{ projectKey: "Q", repositorySlug: "c" }],
    events: ["repo:refs_changed"],
    accessToken: { name: "s", key: "token" },
    webhookSecret: { name: "s", key: "hmac" },
    bitbucketserverBaseURL: `${api.url}/rest`,
  };
  await runOnce(bitbucketserverSource, spec, api, 3);
  assert.deepEqual(
    api.writes(),
    ["Q/repos/c", "P/repos/a", "P/repos/b"].map((place) => `POST /rest/api/1.0/projects/${place}/webhooks`),
  );
  assert.deepEqual(api.asked.find(({ method }) => method === "POST")?.body, {
    name: "Argo Events",
    url: "https://hooks.example.com/push",
    active: true,
    events: ["repo:refs_changed"],
    configuration: { secret: "swordfish" },
  });
});

test("Gerrit's remote is put where it is missing or differs", async () => {
  let known: JsonObject | undefined;
  await using api = await startApi(({ method, body }) => {
    if (method === "PUT") known = body;
    if (method !== "GET") return [201, ")]}'\n{}"];
    return known ? [200, `)]}'\n${JSON.stringify(known)}`] : [404, "not found"];
  });
  const spec = {
    webhook: hook,
    hookName: "tiphys",
    events: ["patchset-created"],
    auth: login,
    gerritBaseURL: `${api.url}/`,
    projects: ["team/app"],
    maxTries: 3,
    sslVerify: true,
  };
  await runOnce(gerritSource, spec, api, 1);
  assert.deepEqual(api.writes(), ["PUT /a/config/server/webhooks~projects/team%2Fapp/remotes/tiphys/"]);
  const url = "https://hooks.example.com/push";
  assert.deepEqual(known, { url, events: ["patchset-created"], maxTries: 3, sslVerify: true });
});

const remote = { url: "https://hooks.example.com/push", events: ["patchset-created"], sslVerify: true, maxTries: 3 };
const remotes: readonly (readonly [what: string, found: JsonObject, wish: JsonObject, put: JsonObject | undefined])[] =
  [
    ["is as it should be", remote, { sslVerify: true, maxTries: 3 }, undefined],
    ["has fields of its own", { ...remote, socketTimeout: 5 }, { sslVerify: true, maxTries: 3 }, undefined],
    ["does not check our certificate", { ...remote, sslVerify: false }, { sslVerify: true, maxTries: 3 }, remote],
    ["does not say so", { ...remote, sslVerify: undefined }, { sslVerify: true, maxTries: 3 }, remote],
    ["checks it and should not", remote, { maxTries: 3 }, { ...remote, sslVerify: false }],
    ["tries too often", { ...remote, maxTries: 9 }, { sslVerify: true, maxTries: 3 }, remote],
    ["tries as often as it likes", { ...remote, maxTries: 9 }, { sslVerify: true }, undefined],
  ] as unknown as (readonly [string, JsonObject, JsonObject, JsonObject | undefined])[];
for (const [what, found, wish, put] of remotes) {
  test(`Gerrit's remote that ${what} is ${put ? "put again" : "left"}`, async () => {
    let known: JsonObject = found;
    const puts: JsonObject[] = [];
    await using api = await startApi(({ method, body }) => {
      if (method !== "PUT") return [200, `)]}'\n${JSON.stringify(known)}`];
      puts.push(body);
      known = body;
      return [201, ")]}'\n{}"];
    });
    const { events } = remote;
    const spec = { webhook: hook, events, auth: login, gerritBaseURL: api.url, projects: ["p"], ...wish };
    await runOnce(gerritSource, spec, api, put ? 1 : 0);
    assert.deepEqual(puts, put ? [put] : []);
    // Without a hookName: one that no other event of ours has, and never an empty one.
    assert.ok(api.asked.every(({ path }) => path.endsWith("/p/remotes/default-es-e/")));
  });
}

const kinds: readonly (readonly [string, SourceKind<never>, JsonObject, Record<string, string>, string | undefined])[] =
  [
    [
      "bitbucket",
      bitbucketSource as SourceKind<never>,
      { auth: {}, owner: "o", repositorySlug: "r" },
      { "X-Request-UUID": "u1" },
      "default/es/e@u1",
    ],
    [
      "gerrit",
      gerritSource as SourceKind<never>,
      { events: [], auth: login, gerritBaseURL: "https://g", projects: ["p"] },
      {},
      undefined,
    ],
    [
      "bitbucketserver",
      bitbucketserverSource as SourceKind<never>,
      { bitbucketserverBaseURL: "https://b", projectKey: "P", repositorySlug: "r" },
      { "X-Request-Id": "r1" },
      "default/es/e@r1",
    ],
  ];
for (const [name, kind, spec, headers, id] of kinds) {
  test(`${name}: the event has headers, the body as it came, and metadata`, async () => {
    const full = { ...spec, webhook: { endpoint: "/push", port: "0" }, metadata: { a: "b" } };
    await using source = await serveSource(kind, full, secrets);
    assert.equal((await source.send({ body: '{"b":1,"a":[2]}', headers })).text, "success");
    assert.equal((await source.send({ body: "no json", headers })).status, 400);
    const [draft, ...others] = source.context.emitted;
    assert.deepEqual(others, []);
    assert.equal(draft?.id, id);
    const data = draft?.data as JsonObject;
    assert.deepEqual(Object.keys(data), ["headers", "body", "metadata"]);
    assert.equal(JSON.stringify(data.body), '{"b":1,"a":[2]}');
  });
}

const change = (id: string, type: string, toHash: string): JsonObject => ({
  ref: { id: `refs/heads/${id}`, type: "BRANCH" },
  type,
  toHash,
});
const changes = [change("open", "UPDATE", "1"), change("merged", "UPDATE", "2"), change("gone", "DELETE", "1")];
const pushed = JSON.stringify({ actor: { name: "ann" }, repository: { slug: "r", project: { key: "P" } }, changes });

const changeCases: readonly (readonly [string, JsonObject, readonly (readonly string[])[]])[] = [
  ["are one event", {}, [["open", "merged", "gone"]]],
  ["are an event each", { oneEventPerChange: true }, [["open"], ["merged"], ["gone"]]],
  ["leave out branches of open pull requests", { skipBranchRefsChangedOnOpenPR: true }, [["merged", "gone"]]],
  ["do both", { skipBranchRefsChangedOnOpenPR: true, oneEventPerChange: true }, [["merged"], ["gone"]]],
];
for (const [what, more, wanted] of changeCases) {
  test(`changes of Bitbucket Server ${what}, and must be signed`, async () => {
    await using api = await startApi(({ path }) => {
      const state = path.includes("/commits/1/") ? "OPEN" : "MERGED";
      return [200, { values: [{ state }], isLastPage: true }];
    });
    const spec = {
      webhook: { endpoint: "/push", port: "0" },
      projectKey: "P",
      repositorySlug: "r",
      bitbucketserverBaseURL: `${api.url}/rest`,
      webhookSecret: { name: "s", key: "hmac" },
      ...more,
    };
    await using source = await serveSource(bitbucketserverSource, spec, secrets);
    const signature = `sha256=${createHmac("sha256", "swordfish").update(pushed).digest("hex")}`;
    const event = { "X-Event-Key": "repo:refs_changed" };
    const answer = await source.send({ body: pushed, headers: { ...event, "X-Hub-Signature": signature } });
    assert.deepEqual([answer.status, answer.text], [200, "success"]);
    for (const [headers, problem] of [
      [event, "missing signature header"],
      [{ ...event, "X-Hub-Signature": "sha256" }, "error parsing signature"],
      [{ ...event, "X-Hub-Signature": `${signature.slice(0, -2)}00` }, "payload signature check failed"],
    ] as const) {
      const refused = await source.send({ body: pushed, headers });
      assert.deepEqual([refused.status, refused.text], [400, problem]);
    }
    const told = source.context.emitted.map(({ data }) => {
      const { changes: found } = (data as JsonObject).body as { readonly changes: readonly JsonObject[] };
      return found.map(({ ref }) => String((ref as JsonObject).id).slice("refs/heads/".length));
    });
    assert.deepEqual(told, wanted);
  });
}

test("of two engines one looks after the hooks, and the other takes over when it is gone", async () => {
  const state = memoryState();
  const clock = createVirtualClock();
  const rounds: string[] = [];
  const engine = (name: string): { stop: () => Promise<void> } => {
    const stop = new AbortController();
    const hooks = { reconcile: async () => void rounds.push(name) };
    const kept = keepHooks(hooks, recordedContext({ state, clock }), stop.signal);
    return {
      async stop() {
        stop.abort();
        await kept;
      },
    };
  };
  const first = engine("first");
  await clock.advance(0);
  const second = engine("second");
  await clock.advance(180_000);
  assert.deepEqual(new Set(rounds), new Set(["first"]));
  await first.stop();
  await clock.advance(60_000);
  assert.equal(rounds.at(-1), "second");
  await second.stop();
});

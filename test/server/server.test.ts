import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { EngineError, TerminalError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { History, HistoryEntry } from "../../src/ledger/history.ts";
import type { LedgerRecord } from "../../src/record/records.ts";
import type { EventToSend } from "../../src/server/history-routes.ts";
import { type ApiServer, openServer, type ServerOptions } from "../../src/server/server.ts";
import { adminToken, openTestPlane } from "../harness/control-plane.ts";
import { effectDraft, eventHead } from "../ledger/drafts.ts";

const token = "the-token";
const event = eventHead("e1");
const record: LedgerRecord = { id: "w-1.0", ...effectDraft(1) } as LedgerRecord;

interface Asked {
  readonly name: string;
  readonly with: unknown;
}

/** Knows one event and one record, and notes what it was asked. */
function historyOf(asked: Asked[]): History {
  const note = <T>(name: string, value: unknown, answer: T): Promise<T> => {
    asked.push({ name, with: value });
    return Promise.resolve(answer);
  };
  const known = new Map<string, HistoryEntry>([
    [event.id, { kind: "event", event }],
    [record.id, { kind: "record", record }],
    ["Pod/shop/web", { kind: "record", record }],
  ]);
  const following: readonly HistoryEntry[] = [{ kind: "record", record }];
  return {
    event: (id) => note("event", id, id === event.id ? event : undefined),
    record: (id) => note("record", id, id === record.id ? record : undefined),
    find: (reference) => note("find", reference, known.get(reference)),
    events: (query) => note("events", query, [event]),
    records: (query) => note("records", query, [record]),
    exportPage: (query) => note("exportPage", query, { records: [record], next: record.id, isEnd: true }),
    causes: (id) => note("causes", id, id === record.id ? [{ kind: "event", event }] : []),
    effects: (id) => note("effects", id, id === event.id ? following : []),
    caughtUp: () => note("caughtUp", undefined, undefined),
  };
}

interface Bench extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
  readonly sent: EventToSend[];
  /** With the token, unless `init` says otherwise. */
  ask(path: string, init?: RequestInit): Promise<{ readonly status: number; readonly body: unknown; headers: Headers }>;
}

async function bench(options: Partial<ServerOptions> = {}): Promise<Bench> {
  const asked: Asked[] = [];
  const sent: EventToSend[] = [];
  const server = await openServer({
    host: "127.0.0.1",
    port: 0,
    token,
    metrics: createMetrics(),
    notReady: () => undefined,
    log: silentLogger,
    history: historyOf(asked),
    async why(id, sensor) {
      asked.push({ name: "why", with: sensor === undefined ? id : { id, sensor } });
      if (id !== event.id) throw new EngineError("NOT_FOUND", `no event "${id}" is known`);
      return { event, sensors: [] };
    },
    async send(draft) {
      sent.push(draft);
      return draft.id ?? "made";
    },
    ...options,
  });
  return {
    url: server.url,
    asked,
    sent,
    async ask(path, init = {}) {
      const headers = { authorization: `Bearer ${token}`, ...init.headers };
      const response = await fetch(`${server.url}${path}`, { ...init, headers });
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.startsWith("application/json");
      return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function post(body: unknown): RequestInit {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { method: "POST", headers: { "content-type": "application/json" }, body: text };
}

test("health, readiness and metrics are open", async () => {
  let reason: string | undefined = "starting";
  const metrics = createMetrics();
  metrics.eventsLost.add({ namespace: "", bus: "system" }, 3);
  await using server = await bench({ notReady: () => reason, metrics });
  const open = async (path: string) => server.ask(path, { headers: { authorization: "" } });
  assert.deepEqual(pick(await open("/healthz")), [200, "ok\n"]);
  assert.deepEqual(pick(await open("/readyz")), [503, "starting\n"]);
  reason = undefined;
  assert.deepEqual(pick(await open("/readyz")), [200, "ok\n"]);
  const answer = await open("/metrics");
  assert.equal(answer.status, 200);
  assert.match(String(answer.headers.get("content-type")), /^text\/plain.*version=0\.0\.4/);
  assert.match(String(answer.body), /tiphys_events_lost_total\{namespace="",bus="system"\} 3/);
});

test("with ?full=true health says whether the clusters can be read", async () => {
  await using world = await openTestPlane();
  const clientOf = (token: string, fetch: typeof world.plane.fetch = world.plane.fetch) =>
    createKubeClient({ fetch, isInProcess: true, baseUrl: "http://kube.local", token, log: silentLogger });
  const away = () => Promise.reject(new Error("connect ECONNREFUSED"));
  for (const [kube, expected, body] of [
    [clientOf(adminToken), 200, /^ok\n$/],
    [clientOf("bob-token"), 200, /^ok\n$/], // it may not look, and is told so
    [clientOf(adminToken, away), 503, /^the clusters cannot be read\n$/],
  ] as const) {
    const testRepository = () => Promise.reject(new Error("not asked"));
    await using server = await bench({ control: { kube, clusters: () => [], testRepository } });
    const [status, text] = pick(await server.ask("/healthz?full=true", { headers: { authorization: "" } }));
    assert.equal(status, expected);
    assert.match(String(text), body);
    assert.deepEqual(pick(await server.ask("/healthz?full=no")), [200, "ok\n"]);
  }
});

function pick({ status, body }: { status: number; body: unknown }): [number, unknown] {
  return [status, body];
}

const strangers: { name: string; authorization: string }[] = [
  { name: "no token", authorization: "" },
  { name: "another token", authorization: "Bearer another" },
  { name: "the start of the token", authorization: `Bearer ${token.slice(0, -1)}` },
  { name: "the token in another scheme", authorization: `Basic ${token}` },
];

for (const { name, authorization } of strangers) {
  test(`with ${name} nothing is answered`, async () => {
    await using server = await bench();
    for (const path of ["/api/v1/tiphys/events", "/api/v1/tiphys/nothing", "/nothing"]) {
      const { status, body, headers } = await server.ask(path, { headers: { authorization } });
      assert.equal(status, 401);
      assert.equal(headers.get("www-authenticate"), "Bearer");
      const { error, code, remedy } = body as Record<string, string>;
      assert.deepEqual([error, code], ["this needs the API's token", "UNAUTHORIZED"]);
      assert.match(String(remedy), /--token/);
    }
    assert.deepEqual(server.asked, []);
  });
}

const hosts: { host: string; status: number }[] = [
  { host: "127.0.0.1", status: 200 },
  { host: "127.0.0.1:8080", status: 200 },
  { host: "LOCALHOST:1", status: 200 },
  { host: "[::1]:8080", status: 200 },
  { host: "evil.example", status: 403 },
  { host: "evil.example:8080", status: 403 },
  { host: "127.0.0.1.evil.example", status: 403 },
  { host: "localhost.evil.example", status: 403 },
];

test("only our own names are answered, on open paths too", async () => {
  await using server = await bench();
  for (const { host, status } of hosts) {
    for (const path of ["/healthz", "/readyz", "/metrics", "/api/v1/tiphys/events"]) {
      const answer = await askAs(server.url, path, host);
      assert.equal(answer.status, status, `${host} ${path}`);
      if (status === 403) assert.equal(JSON.parse(answer.text).code, "HOST_REFUSED");
    }
  }
});

async function askAs(url: string, path: string, host: string): Promise<{ status: number | undefined; text: string }> {
  const asked = request(`${url}${path}`, { headers: { host, authorization: `Bearer ${token}` } }).end();
  const [response] = await once(asked, "response");
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return { status: response.statusCode, text };
}

const api = "/api/v1/tiphys";
const answers: { path: string; body: unknown; asked?: readonly Asked[] }[] = [
  { path: "/events", body: { events: [event] }, asked: [{ name: "events", with: { limit: 50 } }] },
  { path: "/events?limit=1", body: { events: [event] }, asked: [{ name: "events", with: { limit: 1 } }] },
  { path: "/events?limit=1000", body: { events: [event] }, asked: [{ name: "events", with: { limit: 1_000 } }] },
  {
    path: "/events?namespace=shop&eventSource=hook&before=17&limit=",
    body: { events: [event] },
    asked: [{ name: "events", with: { limit: 50, namespace: "shop", eventSource: "hook", before: 17 } }],
  },
  { path: "/events/e1", body: { event } },
  { path: "/events/e1/why", body: { event, sensors: [] }, asked: [{ name: "why", with: "e1" }] },
  {
    path: "/events/e1/why?sensor=shop%2Fdeploy",
    body: { event, sensors: [] },
    asked: [{ name: "why", with: { id: "e1", sensor: { namespace: "shop", name: "deploy" } } }],
  },
  { path: "/records", body: { records: [record] }, asked: [{ name: "records", with: { limit: 50 } }] },
  {
    path: "/records?kind=effect&sensor=shop/deploy&before=5",
    body: { records: [record] },
    asked: [
      {
        name: "records",
        with: { limit: 50, kind: "effect", sensor: { namespace: "shop", name: "deploy" }, before: 5 },
      },
    ],
  },
  { path: "/records/w-1.0", body: { record } },
  { path: "/records/w-1.0/causes", body: { entries: [{ kind: "event", event }] } },
  { path: "/records/e1/effects", body: { entries: [{ kind: "record", record }] } },
  {
    path: "/trace/e1",
    body: { self: { kind: "event", event }, causes: [], effects: [{ kind: "record", record }] },
  },
  {
    path: "/trace/w-1.0",
    body: { self: { kind: "record", record }, causes: [{ kind: "event", event }], effects: [] },
  },
  {
    path: "/trace/Pod%2Fshop%2Fweb",
    body: { self: { kind: "record", record }, causes: [{ kind: "event", event }], effects: [] },
    asked: [
      { name: "find", with: "Pod/shop/web" },
      { name: "causes", with: "w-1.0" },
      { name: "effects", with: "w-1.0" },
    ],
  },
  {
    path: "/records?kind=sync",
    body: { records: [record] },
    asked: [{ name: "records", with: { limit: 50, kind: "sync" } }],
  },
  {
    path: "/records?kind=observation",
    body: { records: [record] },
    asked: [{ name: "records", with: { limit: 50, kind: "observation" } }],
  },
];

test("answers what happened, once the projection has caught up", async () => {
  for (const { path, body, asked } of answers) {
    await using server = await bench();
    assert.deepEqual(pick(await server.ask(`${api}${path}`)), [200, body], path);
    assert.equal(server.asked[0]?.name, "caughtUp", path);
    if (asked) assert.deepEqual(server.asked.slice(1), asked, path);
  }
});

const refusals: { path: string; status: number; code: string; error: RegExp }[] = [
  { path: `${api}/events?limit=0`, status: 400, code: "USAGE", error: /^limit: "0" must be 1 to 1000$/ },
  { path: `${api}/events?limit=1001`, status: 400, code: "USAGE", error: /^limit: "1001" must be 1 to 1000$/ },
  { path: `${api}/events?limit=abc`, status: 400, code: "USAGE", error: /^limit: "abc" must be a whole number$/ },
  { path: `${api}/events?limit=1.5`, status: 400, code: "USAGE", error: /"1.5"/ },
  { path: `${api}/events?limit=-1`, status: 400, code: "USAGE", error: /"-1"/ },
  { path: `${api}/events?limit=1&limit=2`, status: 400, code: "USAGE", error: /^limit: must be given once$/ },
  { path: `${api}/events?before=soon`, status: 400, code: "USAGE", error: /^before: "soon"/ },
  {
    path: `${api}/records?kind=odd`,
    status: 400,
    code: "USAGE",
    error: /^kind: "odd" must be one of decision, effect, sync, observation, lost, missed, invalid$/,
  },
  { path: `${api}/records?sensor=bad`, status: 400, code: "USAGE", error: /^sensor: "bad" must be NAMESPACE\/NAME$/ },
  { path: `${api}/events/e1/why?sensor=bad`, status: 400, code: "USAGE", error: /^sensor: "bad"/ },
  { path: `${api}/events/e1/why?sensor=a/b/c`, status: 400, code: "USAGE", error: /^sensor: "a\/b\/c"/ },
  { path: `${api}/events/e1/why?sensor=/b`, status: 400, code: "USAGE", error: /^sensor: "\/b"/ },
  { path: `${api}/events/%E0%A4%A`, status: 400, code: "USAGE", error: /decode/ },
  { path: `${api}/events/e2`, status: 404, code: "NOT_FOUND", error: /^no event "e2" is known$/ },
  { path: `${api}/events/e2/why`, status: 404, code: "NOT_FOUND", error: /^no event "e2"/ },
  { path: `${api}/records/e1`, status: 404, code: "NOT_FOUND", error: /^no record "e1"/ },
  {
    path: `${api}/trace/e2`,
    status: 404,
    code: "NOT_FOUND",
    error: /^no event, record, commit or object "e2" is known$/,
  },
  { path: `${api}/odd`, status: 404, code: "NOT_FOUND", error: /^GET \/api\/v1\/tiphys\/odd: there is no such path$/ },
  { path: `${api}/sensors`, status: 404, code: "NOT_FOUND", error: /no such path/ },
  { path: "/", status: 404, code: "NOT_FOUND", error: /^GET \/: there is no such path$/ },
];

test("says what is wrong with a question, and what to do", async () => {
  await using server = await bench();
  for (const { path, status, code, error } of refusals) {
    const answer = await server.ask(path);
    const body = answer.body as Record<string, string>;
    assert.deepEqual([answer.status, body.code], [status, code], path);
    assert.match(String(body.error), error, path);
    assert.ok(body.remedy, path);
  }
});

test("lists Sensors and EventSources, all or of one namespace", async () => {
  const conditions = [{ type: "Deployed", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }] as const;
  const sensors = ["shop", "web"].map((namespace) => ({
    namespace,
    name: "deploy",
    uid: `u-${namespace}`,
    conditions,
  }));
  const sources = [{ namespace: "shop", name: "hook", uid: "u-3", conditions: [] }];
  const sensor = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Sensor",
    metadata: { namespace: "shop", name: "deploy" },
  };
  const find = (namespace: string, name: string) => (`${namespace}/${name}` === "shop/deploy" ? sensor : undefined);
  const lag = { namespace: "shop", sensor: "deploy", events: 3, ms: 20 };
  await using server = await bench({
    sensors: { all: () => sensors, find },
    sources: { all: () => sources, find: () => undefined },
    lagOf: async () => lag,
  });
  assert.deepEqual(pick(await server.ask(`${api}/sensors`)), [200, { sensors }]);
  assert.deepEqual(pick(await server.ask(`${api}/sensors?namespace=web`)), [200, { sensors: sensors.slice(1) }]);
  assert.deepEqual(pick(await server.ask(`${api}/sources`)), [200, { sources }]);
  assert.equal((await server.ask(`${api}/sources?namespace=a&namespace=b`)).status, 400);
  const behind = { events: 3, ms: 20 };
  assert.deepEqual(pick(await server.ask(`${api}/sensors/shop/deploy`)), [200, { sensor, behind }]);
  for (const path of ["sensors/web/deploy", "sources/shop/hook"]) {
    assert.equal((await server.ask(`${api}/${path}`)).status, 404, path);
  }
  assert.deepEqual(server.asked, []); // they do not wait for the projection
});

test("puts an event on the bus", async () => {
  await using server = await bench();
  const draft = { namespace: "shop", eventSource: "hook", event: "push", data: { ref: "main" }, id: "mine" };
  assert.deepEqual(pick(await server.ask(`${api}/events`, post(draft))), [201, { id: "mine" }]);
  const least = { eventSource: "hook", event: "push" };
  assert.deepEqual(pick(await server.ask(`${api}/events`, post(least))), [201, { id: "made" }]);
  assert.deepEqual(server.sent, [draft, { ...least, namespace: "default", data: null }]);
});

const badDrafts: { name: string; init: RequestInit; status: number; code: string; error: RegExp }[] = [
  { name: "no JSON", init: post("{"), status: 400, code: "USAGE", error: /JSON/ },
  { name: "a text", init: post('"text"'), status: 400, code: "USAGE", error: /JSON/ },
  { name: "a list", init: post([]), status: 400, code: "USAGE", error: /^eventSource: must be a text/ },
  { name: "no body", init: { method: "POST" }, status: 400, code: "USAGE", error: /^eventSource: / },
  { name: "no source", init: post({ event: "push" }), status: 400, code: "USAGE", error: /^eventSource: / },
  { name: "no event", init: post({ eventSource: "hook" }), status: 400, code: "USAGE", error: /^event: / },
  {
    name: "a number as event",
    init: post({ eventSource: "hook", event: 1 }),
    status: 400,
    code: "USAGE",
    error: /^event: /,
  },
  {
    name: "an empty id",
    init: post({ eventSource: "hook", event: "push", id: "" }),
    status: 400,
    code: "USAGE",
    error: /^id: /,
  },
  {
    name: "too much",
    init: post({ eventSource: "hook", event: "push", data: "x".repeat(2 * 1024 * 1024) }),
    status: 413,
    code: "BUS_MESSAGE_TOO_LARGE",
    error: /too large/,
  },
];

test("refuses what is no event to send", async () => {
  await using server = await bench();
  for (const { name, init, status, code, error } of badDrafts) {
    const answer = await server.ask(`${api}/events`, init);
    const body = answer.body as Record<string, string>;
    assert.deepEqual([answer.status, body.code], [status, code], name);
    assert.match(String(body.error), error, name);
    assert.ok(body.remedy, name);
  }
  assert.deepEqual(server.sent, []);
});

const failures: { error: Error; status: number; body: object }[] = [
  { error: new EngineError("BUS_UNAVAILABLE", "away"), status: 503, body: { error: "away", code: "BUS_UNAVAILABLE" } },
  {
    error: new TerminalError("BUS_MESSAGE_TOO_LARGE", "1 MiB at most"),
    status: 413,
    body: { error: "1 MiB at most", code: "BUS_MESSAGE_TOO_LARGE" },
  },
  { error: new EngineError("STORE_FAILED", "disk"), status: 500, body: { error: "disk", code: "STORE_FAILED" } },
  { error: new Error("a secret"), status: 500, body: { error: "internal error" } },
];

test("says why an event was not kept, and keeps what was not expected to itself", async () => {
  for (const { error, status, body } of failures) {
    const logged: unknown[] = [];
    const log = { ...silentLogger, error: (_: string, fields?: object) => void logged.push(fields) };
    await using server = await bench({ send: () => Promise.reject(error), log });
    const answer = await server.ask(`${api}/events`, post({ eventSource: "hook", event: "push" }));
    const { remedy: _, ...rest } = answer.body as Record<string, string>;
    assert.deepEqual([answer.status, rest], [status, body]);
    const wanted = status === 500 ? [{ path: `${api}/events`, error }] : [];
    assert.deepEqual(logged, wanted);
  }
});

test("a port that is taken is named, with the flag that chooses another", async () => {
  await using first = await bench();
  const port = Number(new URL(first.url).port);
  await assert.rejects(bench({ port }), (error: TerminalError) => {
    assert.ok(error instanceof TerminalError);
    assert.equal(error.code, "PORT_IN_USE");
    assert.match(error.message, /127\.0\.0\.1:\d+ .*--port/);
    assert.ok(error.message.includes(`:${port} `));
    return true;
  });
});

test("disposal frees the port, even while a client sends for ever", async () => {
  const server = await bench();
  const { port, hostname } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write(`POST ${api}/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n`);
  socket.write("content-type: application/json\r\ncontent-length: 1000\r\n\r\n{");
  socket.on("error", () => undefined); // it is cut
  const cut = once(socket, "close");
  await server.ask("/healthz");
  const start = performance.now();
  await server[Symbol.asyncDispose]();
  assert.ok(performance.now() - start < 5_000);
  await cut;
  await using again: ApiServer = await openServerOn(Number(port));
  assert.equal(again.url, server.url);
});

async function openServerOn(port: number): Promise<ApiServer> {
  const { url, ...made } = await bench({ port });
  return { url, [Symbol.asyncDispose]: made[Symbol.asyncDispose] };
}

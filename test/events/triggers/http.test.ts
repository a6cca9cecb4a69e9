import assert from "node:assert/strict";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { createProxyRules } from "../../../src/base/http-proxy.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { createHttpTrigger, type HttpPlan } from "../../../src/events/triggers/http.ts";
import { keepsCredentials } from "../../../src/events/triggers/outgoing.ts";
import type { Firing, Outcome, TriggerContext } from "../../../src/events/triggers/trigger.ts";
import { waitFor } from "../../harness/wait.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly socket: number | undefined;
}

interface Target extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly seen: Seen[];
}

/** Answers as `answer` says and keeps what it was sent. */
async function target(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Target> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      const headers: Record<string, string> = {};
      for (let index = 0; index < request.rawHeaders.length; index += 2)
        headers[request.rawHeaders[index] ?? ""] = request.rawHeaders[index + 1] ?? "";
      seen.push({ method: request.method, url: request.url, headers, body, socket: request.socket.remotePort });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const ok = (_request: IncomingMessage, response: ServerResponse): void => void response.end("ok");

async function fire(
  spec: JsonObject,
  parts: Partial<Firing> = {},
  context: TriggerContext = triggerContext(),
): Promise<{ plan: HttpPlan; outcome: Outcome }> {
  const trigger = createHttpTrigger();
  const fired = firing(parts);
  const plan = await trigger.plan(trigger.schema.parse(spec, "http"), fired, context, never);
  return { plan, outcome: await trigger.apply(plan, fired, context, never) };
}

const value = (text: string, dest: string): JsonObject => ({
  src: { dependencyName: "dep", value: text },
  dest,
});

test("sends the payload with the firing's key, and no content type of its own", async () => {
  await using server = await target(ok);
  const { outcome } = await fire({ url: `${server.url}/hook?t=secret`, payload: [value("x", "a.b")] });
  assert.equal(outcome.message, `POST ${server.url}/hook answered 200`);
  const [request] = server.seen;
  assert.deepEqual([request?.method, request?.url, request?.body], ["POST", "/hook?t=secret", '{"a":{"b":"x"}}']);
  assert.equal(request?.headers["Idempotency-Key"], "uid/deploy/1");
  assert.equal(
    Object.keys(request?.headers ?? {}).some((name) => name.toLowerCase() === "content-type"),
    false,
  );
});

test("the target goes on in the trace that the events came with, unless the trigger says another", async () => {
  await using server = await target(ok);
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const [event] = Object.values(firing().events);
  assert.ok(event !== undefined);
  const events = { dep: { ...event, extensions: { traceparent, tracestate: "a=1" } } };
  await fire({ url: server.url }, { events });
  await fire({ url: server.url, headers: { TraceParent: "own" } }, { events });
  await fire({ url: server.url });
  const [first, own, none] = server.seen.map(({ headers }) => headers);
  assert.match(first?.traceparent ?? "", /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/);
  assert.equal(first?.tracestate, "a=1");
  assert.deepEqual([own?.TraceParent, own?.traceparent], ["own", undefined]);
  assert.equal(none?.traceparent, undefined);
});

test("later kinds of headers win: headers, then dynamic, then secure; names go as written", async () => {
  await using server = await target(ok);
  const context = triggerContext({}, { "s/k": "from-secret", "s/user": "u", "s/pass": "p", "c/k": "from-map" });
  const { plan } = await fire(
    {
      url: server.url,
      method: "PUT",
      headers: { one: "1", two: "1", three: "1" },
      dynamicHeaders: [value("2", "two"), value("2", "three")],
      secureHeaders: [
        { name: "three", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
        { name: "four", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } },
      ],
      basicAuth: { username: { name: "s", key: "user" }, password: { name: "s", key: "pass" } },
      host: "example.com",
    },
    {},
    context,
  );
  const sent = server.seen[0]?.headers ?? {};
  assert.deepEqual([sent.one, sent.two, sent.three, sent.four], ["1", "2", "from-secret", "from-map"]);
  assert.equal(sent.Authorization, "Basic dTpw");
  assert.equal(sent.Host ?? sent.host, "example.com");
  assert.equal(JSON.stringify(plan).includes("from-secret") || JSON.stringify(plan).includes("dTpw"), false);
  assert.deepEqual(
    plan.secretHeaders.map(({ name, sha256 }) => [name, sha256.length]),
    [
      ["Authorization", 16],
      ["three", 16],
      ["four", 16],
    ],
  );
});

test("a header of the user's stands in place of ours, in any case", async () => {
  await using server = await target(ok);
  await fire({ url: server.url, headers: { "idempotency-key": "mine", "user-agent": "me" } });
  const named = Object.entries(server.seen[0]?.headers ?? {}).filter(([name]) => /idempotency|agent/i.test(name));
  assert.deepEqual(named, [
    ["idempotency-key", "mine"],
    ["user-agent", "me"],
  ]);
});

for (const [what, userinfo, headers, expected] of [
  ["is sent as Basic", "me:p%40ss", {}, `Basic ${Buffer.from("me:p@ss").toString("base64")}`],
  ["does not override a header", "me:pass", { authorization: "own" }, "own"],
] as const) {
  test(`a login in the URL ${what}, and no message shows it`, async () => {
    await using server = await target(ok);
    const { outcome } = await fire({ url: server.url.replace("//", `//${userinfo}@`), headers });
    const { Authorization, authorization } = server.seen[0]?.headers ?? {};
    assert.equal(Authorization ?? authorization, expected);
    assert.equal(outcome.message, `POST ${server.url}/ answered 200`);
  });
}

test("a plan sends nothing and shows what would be sent", async () => {
  await using server = await target(ok);
  const trigger = createHttpTrigger();
  const spec = trigger.schema.parse({ url: server.url, parameters: [value("GET", "method")] }, "http");
  assert.deepEqual(await trigger.plan(spec, firing(), triggerContext(), never), {
    method: "GET",
    url: server.url,
    headers: { "Idempotency-Key": "uid/deploy/1" },
    secretHeaders: [],
    bodyPreview: "",
    body: "",
    timeoutMs: 60_000,
  });
  assert.equal(server.seen.length, 0);
});

const statuses: readonly [number, readonly number[] | undefined, boolean][] = [
  [200, undefined, true],
  [204, undefined, true],
  [304, undefined, false],
  [404, undefined, false],
  [500, undefined, false],
  [200, [200, 201], true],
  [500, [200, 201], false],
  [404, [404], true],
];

for (const [status, allow, succeeds] of statuses) {
  test(`status ${status} ${succeeds ? "succeeds" : "fails"} with ${allow ? `allow [${allow}]` : "no policy"}`, async () => {
    await using server = await target((_request, response) => response.writeHead(status).end());
    const done = fire({ url: server.url }, allow ? { policy: { status: { allow } } } : {});
    if (succeeds) assert.match((await done).outcome.message, new RegExp(`answered ${status}`));
    else
      await assert.rejects(done, {
        code: "HTTP_FAILED",
        message: allow
          ? /policy application resulted in failure. http response status 500 is not allowed/
          : new RegExp(`answered ${status}; where that is a success, policy.status.allow has to name it`),
      });
  });
}

/** Answers the first request of a connection as `first` does, and closes it at the next without a word. */
function closesAtNext(first: (response: ServerResponse) => void) {
  const used = new WeakSet<Socket>();
  return ({ socket }: IncomingMessage, response: ServerResponse): void => {
    if (used.has(socket)) socket.destroy();
    else first(response);
    used.add(socket);
  };
}

test("a request that met a kept connection when it closed is sent again on another, under its key", async () => {
  await using server = await target(closesAtNext((response) => response.end("ok")));
  const trigger = createHttpTrigger();
  const spec = trigger.schema.parse({ url: server.url, payload: [value("x", "a")] }, "http");
  const keys = ["k1", "k2", "k3", "k4", "k5"];
  for (const key of keys) {
    const fired = firing({ key });
    await trigger.apply(await trigger.plan(spec, fired, triggerContext(), never), fired, triggerContext(), never);
  }
  const sent = server.seen.map(({ headers }) => headers["Idempotency-Key"]);
  assert.deepEqual([...new Set(sent)], keys);
  assert.ok(sent.length > keys.length, "none met a closed connection: the test shows nothing");
  assert.equal(new Set(server.seen.map(({ body }) => body)).size, 1);
});

test("a server that closes a new connection without an answer is asked once", async () => {
  await using server = await target(closesAtNext((response) => response.destroy()));
  await assert.rejects(fire({ url: server.url }), { code: "HTTP_FAILED" });
  assert.equal(server.seen.length, 1);
});

for (const [connection, answered] of [
  ["kept", 1],
  ["new", 0],
] as const) {
  test(`an answer that began is not asked for again: on a ${connection} connection`, async () => {
    const requests = new Map<Socket, number>();
    await using server = await target(({ socket }, response) => {
      const before = requests.get(socket) ?? 0;
      requests.set(socket, before + 1);
      if (before < answered) response.end("ok");
      else socket.write("HTTP/1.1 2", () => socket.destroy());
    });
    const trigger = createHttpTrigger();
    const spec = trigger.schema.parse({ url: server.url }, "http");
    const plan = await trigger.plan(spec, firing(), triggerContext(), never);
    let sent = 0;
    const sendMany = async () => {
      for (; sent < 5; sent++) await trigger.apply(plan, firing(), triggerContext(), never);
    };
    await assert.rejects(sendMany(), { code: "HTTP_FAILED" });
    assert.equal(server.seen.length, sent + 1);
  });
}

test("an answer without end is a success, and its connection is closed", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await target(({ socket }, response) => {
    socket.once("close", closed.resolve);
    const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536), more));
    more();
  });
  const { outcome } = await fire({ url: server.url });
  assert.match(outcome.message, /answered 200/);
  await closed.promise;
});

for (const [what, rest] of [
  ["breaks off", ({ socket }: IncomingMessage) => void socket.destroy()],
  ["comes too slowly", () => undefined],
] as const) {
  test(`an answer that ${what} is a success: its status says what the server did`, async () => {
    await using server = await target((request, response) => {
      response.writeHead(202, { "content-length": "100" }).write("half", () => rest(request));
    });
    const { outcome } = await fire({ url: server.url, timeout: 1 });
    assert.match(outcome.message, /answered 202/);
    assert.equal(server.seen.length, 1);
  });
}

test("an answer after the timeout is a failure, and the next attempt has the same key", async () => {
  const late: ServerResponse[] = [];
  await using server = await target((_request, response) => {
    if (late.push(response) > 1) response.end();
  });
  await assert.rejects(fire({ url: server.url, timeout: 1 }), { code: "HTTP_FAILED", message: /timeout/ });
  late[0]?.end();
  await fire({ url: server.url, timeout: 1 });
  assert.deepEqual(
    server.seen.map(({ headers }) => headers["Idempotency-Key"]),
    ["uid/deploy/1", "uid/deploy/1"],
  );
});

test("a request ends with the signal of its caller", async () => {
  await using server = await target(() => undefined);
  const stop = new AbortController();
  const trigger = createHttpTrigger();
  const plan = await trigger.plan(trigger.schema.parse({ url: server.url }, "http"), firing(), triggerContext(), never);
  const sending = Promise.resolve(trigger.apply(plan, firing(), triggerContext(), stop.signal));
  await waitFor("the request", () => server.seen.length === 1);
  stop.abort(new Error("the engine stops"));
  await assert.rejects(sending, /the engine stops/);
});

test("connections are used again, since responses are read away", async () => {
  await using server = await target((_request, response) => void response.end("x".repeat(100_000)));
  const trigger = createHttpTrigger();
  const context = triggerContext();
  for (let count = 0; count < 10; count++) {
    const plan = await trigger.plan(trigger.schema.parse({ url: server.url }, "http"), firing(), context, never);
    await trigger.apply(plan, firing(), context, never);
  }
  const sockets = new Set(server.seen.map(({ socket }) => socket)).size;
  assert.ok(sockets <= 2, `10 requests took ${sockets} connections`);
});

const redirects: readonly [number, string, string][] = [
  [302, "GET", ""],
  [303, "GET", ""],
  [307, "POST", '{"a":"x"}'],
  [308, "POST", '{"a":"x"}'],
];

for (const [status, method, body] of redirects) {
  test(`a ${status} is followed with ${method}`, async () => {
    await using server = await target((request, response) => {
      if (request.url === "/to") response.end();
      else response.writeHead(status, { location: "/to" }).end();
    });
    await fire({ url: server.url, payload: [value("x", "a")] });
    assert.deepEqual([server.seen[1]?.method, server.seen[1]?.url, server.seen[1]?.body], [method, "/to", body]);
  });
}

test("redirects end after ten, and credentials stay with their host", async () => {
  await using other = await target((_request, response) => response.writeHead(302, { location: "/again" }).end());
  await using server = await target((_request, response) =>
    response.writeHead(307, { location: `${other.url}/x` }).end(),
  );
  const secureHeaders = [{ name: "X-Key", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }];
  const context = triggerContext({}, { "s/k": "v" });
  await assert.rejects(
    fire({ url: server.url, secureHeaders, headers: { Authorization: "a", other: "b" } }, {}, context),
    /stopped after 10 redirects/,
  );
  assert.equal(server.seen[0]?.headers["X-Key"], "v");
  assert.equal(other.seen.length, 10);
  const passedOn = other.seen[0]?.headers ?? {};
  assert.deepEqual([passedOn["X-Key"], passedOn.Authorization, passedOn.other], [undefined, undefined, "b"]);
});

for (const [from, to, keeps] of [
  ["https://a/x", "https://a/y", true],
  ["http://a/x", "https://a/x", true],
  ["https://a/x", "http://a/x", false],
  ["https://a/x", "https://b/x", false],
  ["http://a:1/x", "http://a:2/x", false],
] as const) {
  test(`credentials ${keeps ? "go" : "do not go"} along from ${from} to ${to}`, () => {
    assert.equal(keepsCredentials(new URL(from), new URL(to)), keeps);
  });
}

const refusedTargets: readonly [string, boolean, RegExp][] = [
  ["http://169.254.169.254/latest/meta-data", true, /169\.254\.169\.254 is a link-local or metadata address/],
  ["http://[fe80::1]/", true, /link-local/],
  ["http://[::ffff:169.254.169.254]/", true, /link-local/],
  ["http://127.0.0.1:9/", false, /127\.0\.0\.1 is a loopback address/],
  ["http://[::1]:9/", false, /loopback/],
  ["http://0x7f.1:9/", false, /loopback/],
  ["http://0.0.0.0:9/", false, /loopback/],
  ["http://localhost:9/", false, /loopback/],
];

for (const [url, allowLoopback, problem] of refusedTargets) {
  test(`does not go to ${url}${allowLoopback ? "" : " without leave"}`, async () => {
    await assert.rejects(fire({ url }, {}, triggerContext({ allowLoopback })), {
      code: "HTTP_REFUSED",
      message: problem,
    });
  });
}

test("a redirect cannot lead to where a request may not go", async () => {
  await using server = await target((_request, response) =>
    response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
  );
  await assert.rejects(fire({ url: server.url }), { code: "HTTP_REFUSED" });
});

test("a name of loopback is reached where that is allowed", async () => {
  await using server = await target(ok);
  assert.match((await fire({ url: `http://localhost:${server.port}` })).outcome.message, /answered 200/);
});

test("a server that is slow or away is a failure that may be tried again", async () => {
  await using slow = await target(() => undefined);
  const failed = { code: "HTTP_FAILED", name: "EngineError" };
  await assert.rejects(fire({ url: slow.url, timeout: 1 }), { ...failed, message: /POST http.*timeout/i });
  const { url } = slow;
  await slow[Symbol.asyncDispose]();
  await assert.rejects(fire({ url }), { ...failed, message: /ECONNREFUSED/ });
});

test("refuses other methods and other protocols", async () => {
  assert.throws(
    () => createHttpTrigger().schema.parse({ url: "http://x", method: "HEAD" }, "http"),
    /http\.method: "HEAD" must be one of/,
  );
  await assert.rejects(fire({ url: "file:///etc/passwd" }), { code: "MANIFEST_INVALID" });
});

for (const key of ["uid/t/é", "uid/t/a\r\nX: y", `uid/${"x".repeat(300)}`]) {
  test(`a key that no header can carry is sent as its hash: ${JSON.stringify(key.slice(0, 20))}`, async () => {
    await using server = await target(ok);
    await fire({ url: server.url }, { key });
    assert.match(server.seen[0]?.headers["Idempotency-Key"] ?? "", /^sha256:[0-9a-f]{64}$/);
  });
}

/** A proxy that forwards what it is asked for with a whole URL, and to each name where `target` is. */
async function forwardProxy(to: string) {
  const asked: string[] = [];
  const server = createServer((incoming, answer) => {
    asked.push(incoming.url ?? "");
    const { pathname } = new URL(incoming.url ?? "");
    const { method, headers } = incoming;
    const onward = request(to + pathname, { method: method ?? "GET", headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    asked,
    url: `http://ann:sesame@127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test("a request goes through the proxy of the environment, but for what NO_PROXY names", async () => {
  await using server = await target(ok);
  await using proxy = await forwardProxy(server.url);
  const proxies = createProxyRules({ HTTP_PROXY: proxy.url, NO_PROXY: "localhost" });
  const context = { ...triggerContext(), proxies };
  const { outcome } = await fire({ url: "http://shop.invalid/in", payload: [value("x", "a")] }, {}, context);
  assert.match(outcome.message, /POST http:\/\/shop\.invalid\/in answered 200/);
  assert.deepEqual(proxy.asked, ["http://shop.invalid/in"]);
  assert.deepEqual([server.seen[0]?.body, server.seen[0]?.url], ['{"a":"x"}', "/in"]);
  await fire({ url: `${server.url}/straight` }, {}, context);
  assert.deepEqual([proxy.asked.length, server.seen[1]?.url], [1, "/straight"]);
});

for (const [what, variables, wanted] of [
  [
    "away",
    { HTTP_PROXY: "http://ann:sesame@127.0.0.1:1" },
    /through the proxy "http:\/\/127\.0\.0\.1:1": .*ECONNREFUSED/,
  ],
  ["none", { HTTP_PROXY: "gopher://ann:sesame@p:1" }, /the proxy "gopher:\/\/p:1" is none: expected http:/],
] as const) {
  test(`a proxy that is ${what} is named, without its password`, async () => {
    const context = { ...triggerContext(), proxies: createProxyRules(variables) };
    await assert.rejects(fire({ url: "http://shop.invalid/" }, {}, context), (error: Error) => {
      assert.match(error.message, wanted);
      assert.doesNotMatch(error.message, /sesame/);
      return true;
    });
  });
}

test("a proxy leads to no metadata address", async () => {
  const context = { ...triggerContext(), proxies: createProxyRules({ HTTP_PROXY: "http://127.0.0.1:1" }) };
  await assert.rejects(fire({ url: "http://169.254.169.254/" }, {}, context), { code: "HTTP_REFUSED" });
});

import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { type Ingress, openIngress } from "../../../src/events/sources/ingress.ts";
import { webhookSource } from "../../../src/events/sources/webhook.ts";
import { type RecordedContext, recordedContext } from "./source-context.ts";

const owner = { namespace: "default", name: "es", uid: "1", createdAt: "2026-01-01T00:00:00Z" };
const json = { "content-type": "application/json" };
const form = { "content-type": "application/x-www-form-urlencoded" };
const marshal = "json: error calling MarshalJSON for type *json.RawMessage:";

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string;
}

function send(port: number, { method = "POST", path = "", headers = {}, body }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

interface Served extends AsyncDisposable {
  readonly ingress: Ingress;
  readonly context: RecordedContext;
  send(sent: Sent): Promise<Answer>;
}

async function serve(
  spec: JsonObject,
  options: { secrets?: Record<string, string>; fail?: Error } = {},
): Promise<Served> {
  const ingress = await openIngress({ host: "127.0.0.1", port: 0, log: silentLogger });
  const stop = new AbortController();
  const { fail } = options;
  const context = recordedContext(
    { http: ingress.mountFor(owner, "e", () => undefined), ...(fail && { emit: () => Promise.reject(fail) }) },
    options.secrets,
  );
  const parsed = webhookSource.schema.parse({ endpoint: "/e", port: "0", method: "POST", ...spec }, "spec.webhook.e");
  const running = webhookSource.run(parsed, context, stop.signal);
  return {
    ingress,
    context,
    send: (sent) => send(ingress.port, { ...sent, path: `/webhooks/default/es/e${sent.path ?? ""}` }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await ingress[Symbol.asyncDispose]();
    },
  };
}

const tokenSecret = { authSecret: { name: "s", key: "token" } };
const secrets = { "s/token": "let-me-in" };

const answers: readonly {
  readonly what: string;
  readonly spec?: JsonObject;
  readonly sent: Sent;
  readonly fail?: Error;
  readonly secrets?: Record<string, string>;
  readonly status: number;
  readonly text: string;
}[] = [
  { what: "a JSON body is recorded", sent: { headers: json, body: "{}" }, status: 200, text: "success" },
  { what: "any JSON value is a body", sent: { headers: json, body: "7" }, status: 200, text: "success" },
  { what: "no content type is needed", sent: { body: "[1]" }, status: 200, text: "success" },
  {
    what: "another method is refused",
    sent: { method: "PUT", body: "{}" },
    status: 400,
    text: "http method does not match",
  },
  {
    what: "a spec without method refuses all",
    spec: { method: "" },
    sent: { body: "{}" },
    status: 400,
    text: "http method does not match",
  },
  {
    what: "methods are compared with their case",
    spec: { method: "post" },
    sent: { body: "{}" },
    status: 400,
    text: "http method does not match",
  },
  {
    what: "OPTIONS can be asked for but not served",
    spec: { method: "OPTIONS" },
    sent: { method: "OPTIONS" },
    status: 400,
    text: "unsupoorted method: OPTIONS",
  },
  {
    what: "JSON that is nested without end is refused",
    sent: { headers: json, body: `${"[".repeat(20_000)}${"]".repeat(20_000)}` },
    status: 400,
    text: `${marshal} exceeded max depth`,
  },
  {
    what: "an empty body is refused",
    sent: { headers: json },
    status: 400,
    text: `${marshal} unexpected end of JSON input`,
  },
  {
    what: "text is refused",
    sent: { headers: json, body: "hello" },
    status: 400,
    text: `${marshal} invalid character 'h' looking for beginning of value`,
  },
  {
    what: "a form may name its charset",
    sent: { headers: { "content-type": `${form["content-type"]}; charset=utf-8` }, body: "a=1" },
    status: 200,
    text: "success",
  },
  { what: "a broken form", sent: { headers: form, body: "a=%zz" }, status: 500, text: 'invalid URL escape "%zz"' },
  {
    what: "a body over the limit",
    spec: { maxPayloadSize: 4 },
    sent: { body: '"12345"' },
    status: 400,
    text: "failed to parse request body, http: request body too large",
  },
  {
    what: "a chunked body over the limit",
    spec: { maxPayloadSize: 4 },
    sent: { headers: { "transfer-encoding": "chunked" }, body: '"12345"' },
    status: 400,
    text: "failed to parse request body, http: request body too large",
  },
  {
    what: "a body of exactly the limit",
    spec: { maxPayloadSize: 4 },
    sent: { body: "1234" },
    status: 200,
    text: "success",
  },
  {
    what: "no token",
    spec: tokenSecret,
    secrets,
    sent: { body: "{}" },
    status: 401,
    text: "Invalid Authorization Header",
  },
  {
    what: "another scheme",
    spec: tokenSecret,
    secrets,
    sent: { headers: { authorization: "Basic eA==" }, body: "{}" },
    status: 401,
    text: "Invalid Authorization Header",
  },
  {
    what: "a wrong token",
    spec: tokenSecret,
    secrets,
    sent: { headers: { authorization: "Bearer x" }, body: "{}" },
    status: 401,
    text: "Invalid Auth token",
  },
  {
    what: "the right token",
    spec: tokenSecret,
    secrets,
    sent: { headers: { authorization: "Bearer let-me-in" }, body: "{}" },
    status: 200,
    text: "success",
  },
  {
    what: "a Secret that is missing",
    spec: tokenSecret,
    sent: { headers: { authorization: "Bearer x" }, body: "{}" },
    status: 500,
    text: "Error loading auth token",
  },
  {
    what: "an event that is too large for the bus",
    fail: new EngineError("BUS_MESSAGE_TOO_LARGE", "big"),
    sent: { body: "{}" },
    status: 500,
    text: "failed to record event",
  },
  {
    what: "a bus that is away",
    fail: new EngineError("BUS_UNAVAILABLE", "away"),
    sent: { body: "{}" },
    status: 503,
    text: "failed to record event",
  },
];

for (const { what, spec, sent, fail, secrets: known, status, text } of answers) {
  test(`webhook answers ${status}: ${what}`, async () => {
    await using served = await serve(spec ?? {}, { ...(fail && { fail }), ...(known && { secrets: known }) });
    const answer = await served.send(sent);
    assert.deepEqual([answer.status, answer.text], [status, text]);
    assert.equal(served.context.emitted.length, status === 200 ? 1 : 0);
  });
}

test("webhook asks senders to come back while the bus is away", async () => {
  await using served = await serve({}, { fail: new EngineError("BUS_UNAVAILABLE", "away") });
  assert.equal((await served.send({ body: "{}" })).headers["retry-after"], "5");
});

test("webhook data has headers as canonical arrays without Host, the body as JSON, and the metadata", async () => {
  await using served = await serve({ metadata: { team: "a" } });
  const headers = {
    ...json,
    "x-github-event": "push",
    "X-Two": ["1", "2"],
    Authorization: "secret",
    Host: "localhost:1",
  };
  await served.send({ headers, body: '{"b":1,"a":[null]}' });
  assert.deepEqual(JSON.parse(JSON.stringify(served.context.emitted[0]?.data)), {
    header: {
      Authorization: ["*** Masked Auth Secret ***"],
      Connection: ["close"],
      "Content-Length": ["18"],
      "Content-Type": ["application/json"],
      "X-Github-Event": ["push"],
      "X-Two": ["1", "2"],
    },
    body: { b: 1, a: [null] },
    metadata: { team: "a" },
  });
});

test("webhook keeps the sender's trace, and passes over what is none", async () => {
  await using served = await serve({});
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (const headers of [{ traceparent, tracestate: ["a=1", "b=2"] }, { traceparent: "none" }, {}]) {
    assert.equal((await served.send({ headers: { ...json, ...headers }, body: "{}" })).status, 200);
  }
  const traces = served.context.emitted.map(({ trace }) => trace);
  assert.deepEqual(traces, [{ traceparent, tracestate: "a=1,b=2" }, undefined, undefined]);
});

test("webhook takes the query of a GET and the fields of a form as the body", async () => {
  await using get = await serve({ method: "GET" });
  await get.send({ method: "GET", path: "?b=1&a=x+y&b=2&bad=%zz&%41=%c3%a9" });
  await get.send({ method: "GET" });
  await using post = await serve({});
  await post.send({ headers: form, body: "payload=%7B%7D&z" });
  const bodies = [...get.context.emitted, ...post.context.emitted].map(
    ({ data }) => (JSON.parse(JSON.stringify(data)) as { body: unknown }).body,
  );
  assert.deepEqual(bodies, [{ A: ["é"], a: ["x y"], b: ["1", "2"] }, {}, { payload: ["{}"], z: [""] }]);
});

test("webhook takes PUT, PATCH and DELETE, and with rawBody any bytes", async () => {
  const sized = { ...json, "content-length": "3" }; // node:http leaves it out of a DELETE
  for (const method of ["PUT", "PATCH", "DELETE"]) {
    await using served = await serve({ method });
    assert.equal((await served.send({ method, headers: sized, body: "[1]" })).status, 200);
    assert.equal((await served.send({ method: "POST", headers: json, body: "[1]" })).status, 400);
    assert.deepEqual(bodiesOf(served), [[1]]);
  }
  await using removed = await serve({ method: "DELETE" });
  await removed.send({ method: "DELETE" });
  assert.deepEqual(bodiesOf(removed), [null]);
  await using raw = await serve({ rawBody: true });
  for (const body of ["no json", ""]) assert.equal((await raw.send({ headers: form, body })).status, 200);
  assert.deepEqual(bodiesOf(raw), [Buffer.from("no json").toString("base64"), ""]);
});

function bodiesOf({ context }: Served): unknown[] {
  return context.emitted.map(({ data }) => (data as JsonObject).body);
}

test("webhook answers only after the event is kept, and requests do not wait for each other", async () => {
  const waiting: (() => void)[] = [];
  await using ingress = await openIngress({ host: "127.0.0.1", port: 0, log: silentLogger });
  const context = recordedContext({
    http: ingress.mountFor(owner, "e", () => undefined),
    emit: () => new Promise((resolve) => waiting.push(resolve)),
  });
  const stop = new AbortController();
  const spec = webhookSource.schema.parse({ endpoint: "/e", port: "0", method: "POST" }, "spec.webhook.e");
  const running = webhookSource.run(spec, context, stop.signal);
  const order: string[] = [];
  const both = ["1", "2"].map(async (name) => {
    await send(ingress.port, { path: "/webhooks/default/es/e", body: "1" });
    order.push(name);
  });
  while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, []);
  stop.abort(); // requests under way end first
  for (const resolve of waiting) resolve();
  await Promise.all(both);
  await running;
});

test("webhook refuses a spec without endpoint or port", () => {
  assert.deepEqual(
    webhookSource.schema.check({}, "spec.webhook.e").map(({ severity, path }) => `${severity} ${path}`),
    ["error spec.webhook.e.endpoint", "error spec.webhook.e.port", "warning spec.webhook.e.method"],
  );
});

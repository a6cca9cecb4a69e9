import assert from "node:assert/strict";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { readMetric, triggered } from "../harness/metrics.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | undefined;
}

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** `fetch` cannot set `Host`. */
function send(url: string, { method = "POST", headers = {}, body = "" }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: { "content-type": "application/json", ...headers }, agent: false });
    sent.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject).on("end", () => {
        resolve({ status: response.statusCode ?? 0, text, retryAfter: response.headers["retry-after"] });
      });
    });
    sent.on("error", reject).end(body);
  });
}

const logPushes = resource("Sensor", "say", {
  dependencies: [{ name: "push", eventSourceName: "in", eventName: "push" }],
  triggers: [{ template: { name: "say", log: {} } }],
});

/** The original's codes and texts; `Host` is ours. [what, path, request, status, text] */
const refused: readonly (readonly [string, string, Sent, number, RegExp])[] = [
  ["a body that is not JSON", "/push", { body: "{ref: main" }, 400, /^json: error calling MarshalJSON/],
  ["an empty body", "/push", { body: "" }, 400, /^json: error calling MarshalJSON/],
  ["a body that is too large", "/push", { body: JSON.stringify("x".repeat(2000)) }, 400, /request body too large/],
  ["another method", "/push", { method: "PUT", body: "{}" }, 400, /^http method does not match/],
  ["another path", "/pull", { body: "{}" }, 404, /not found/],
  ["a trailing slash", "/push/", { body: "{}" }, 404, /not found/],
  ["another host", "/push", { body: "{}", headers: { host: "evil.example" } }, 403, /Host/],
];

test("a webhook refuses what it cannot take, says why, and keeps none of it", async (t) => {
  await using folder = await tempDir();
  const port = await freePort();
  const source = webhookSource("in", port, { maxPayloadSize: 1024 });
  const dir = await writeManifests(join(folder.path, "manifests"), [source, logPushes]);
  await using engine = await startEngine({ dir });
  for (const [name, path, sent, status, text] of refused) {
    await t.test(name, async () => {
      const answer = await send(`http://127.0.0.1:${port}${path}`, sent);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.text, text);
    });
  }
  await t.test("only the good one becomes an event", async () => {
    const answer = await send(`http://127.0.0.1:${port}/push`, { body: '{"ref":"main"}' });
    assert.deepEqual([answer.status, answer.text], [200, "success"]);
    await waitFor("the trigger", async () => (await triggered(engine, "say")) === 1);
    assert.equal(await readMetric(engine, "argo_events_events_sent_total"), 1);
  });
});

test("the API needs the token, and the names of this machine; health does not", async (t) => {
  await using engine = await startEngine();
  const events = `${engine.endpoints.server}/api/v1/tiphys/events`;
  await t.test("no token", async () => assert.equal((await send(events, { method: "GET" })).status, 401));
  await t.test("a wrong token", async () => {
    const headers = { authorization: "Bearer wrong" };
    assert.equal((await send(events, { method: "GET", headers })).status, 401);
  });
  await t.test("another host", async () => {
    assert.equal((await send(events, { method: "GET", headers: { host: "evil.example" } })).status, 403);
  });
  await t.test("the right token", async () => assert.equal((await engine.api("/api/v1/tiphys/events")).status, 200));
  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    await t.test(`${path} is open`, async () => {
      assert.equal((await send(engine.endpoints.server + path, { method: "GET" })).status, 200);
    });
  }
  await t.test("the command line says that its token is refused", async () => {
    const result = await engine.cli(["--token", "wrong", "event", "list"]);
    assert.equal(result.code, 3, result.stderr);
  });
});

test("a bus that is down is 503 with Retry-After, and 200 again when it is back", {
  skip: natsServerMissing(),
}, async () => {
  await using server = await startNatsServer();
  await using folder = await tempDir();
  const port = await freePort();
  const dir = await writeManifests(join(folder.path, "manifests"), [webhookSource("in", port), logPushes]);
  await using engine = await startEngine({ dir, args: ["--bus", server.url] });
  const url = `http://127.0.0.1:${port}/push`;
  assert.equal((await postJson(url, { n: 1 })).status, 200);
  await server.kill();
  const down = await send(url, { body: '{"n":2}' });
  assert.equal(down.status, 503, down.text);
  assert.match(down.retryAfter ?? "", /^\d+$/);
  await server.restart();
  await waitFor("the bus to be back", async () => (await postJson(url, { n: 3 })).status === 200, 30_000);
  await waitFor("what was answered 200", async () => (await triggered(engine, "say")) >= 2, 20_000);
});

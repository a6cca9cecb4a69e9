import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { createClientPool } from "../../../src/events/triggers/client-pool.ts";
import { createTriggerKinds } from "../../../src/events/triggers/registry.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

/** Requests of kinds whose service knows no key of ours: what it may have seen is not sent to it again. */

const payload = [{ src: { dependencyName: "dep", value: "7" }, dest: "id" }];
const secrets = { "s/t": "token", "s/a": "AK", "s/s": "SK" };
const keys = { accessKey: { name: "s", key: "a" }, secretKey: { name: "s", key: "s" } };
const slackAnswer = '{"ok":true,"channel":"C","ts":"1"}';

const kinds: readonly [string, (url: string) => object, string][] = [
  ["slack", (apiUrl) => ({ slackToken: { name: "s", key: "t" }, channel: "c", message: "m", apiUrl }), slackAnswer],
  ["awsLambda", (endpoint) => ({ functionName: "f", region: "eu-central-1", endpoint, payload, ...keys }), "{}"],
  ["openWhisk", (host) => ({ host, actionName: "a", authToken: { name: "s", key: "t" }, payload }), "{}"],
];

async function startServer(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const sockets = new Set<Socket>();
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      requests += 1;
      answer(request, response);
    });
  });
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts: () => ({ requests, connections: sockets.size }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

for (const [kind, specOf, body] of kinds) {
  /** An engine's: connections are kept between firings. */
  const createFire = (url: string, stack: AsyncDisposableStack) => {
    const adapter = createTriggerKinds()[kind];
    assert.ok(adapter);
    const clients = stack.use(createClientPool({ clock: createVirtualClock(), log: silentLogger }));
    const context = triggerContext({ clients }, secrets);
    return async (key: string) =>
      (await adapter.parse(specOf(url), kind).plan(firing({ key }), context, never)).apply(never);
  };

  test(`${kind}: each request has a connection of its own, so that none meets one that just closes`, async () => {
    const used = new WeakSet<Socket>();
    await using server = await startServer(({ socket }, response) => {
      if (used.has(socket)) socket.destroy();
      else response.end(body);
      used.add(socket);
    });
    await using stack = new AsyncDisposableStack();
    const fire = createFire(server.url, stack);
    for (const key of ["1", "2", "3", "4", "5"]) await fire(key);
    assert.deepEqual(server.counts(), { requests: 5, connections: 5 });
  });

  test(`${kind}: a connection that ends without an answer is a failure, and the request is not sent again`, async () => {
    await using server = await startServer(({ socket }) => void socket.destroy());
    await using stack = new AsyncDisposableStack();
    await assert.rejects(createFire(server.url, stack)("1"), /slack|awsLambda|openWhisk/);
    assert.deepEqual(server.counts(), { requests: 1, connections: 1 });
  });
}

for (const [kind, specOf] of kinds.filter(([name]) => name !== "slack")) {
  test(`${kind}: half an answer is one: what was done is not done again`, async () => {
    await using server = await startServer(({ socket }, response) => {
      response.writeHead(200, { "content-length": "100" }).write("half", () => socket.destroy());
    });
    const adapter = createTriggerKinds()[kind];
    const context = triggerContext({}, secrets);
    const planned = await adapter?.parse(specOf(server.url), kind).plan(firing(), context, never);
    assert.match((await planned?.apply(never))?.message ?? "", /answered 200/);
  });
}

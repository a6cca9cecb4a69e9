import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { openConnections } from "../../src/kube/connections.ts";

const bodyMs = 200;

/** A server whose answers begin and never go on by themselves. */
async function openStalling() {
  const answers: ServerResponse[] = [];
  const server = createServer((_, response) => {
    answers.push(response);
    response.write("a");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const connections = await openConnections(
    { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, skipsVerification: false },
    { headersMs: 90_000, bodyMs },
  );
  const { port } = server.address() as AddressInfo;
  return {
    answers,
    async get(path: string): Promise<Response> {
      const { signal } = new AbortController();
      const url = `http://127.0.0.1:${port}${path}`;
      const request = { method: "GET", headers: new Headers(), body: undefined, certificate: undefined };
      return connections.send({ url, ...request, signal });
    },
    async [Symbol.asyncDispose]() {
      await connections[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("an answer that begins and does not go on is given up; a watch, and logs that are followed, may be silent", async () => {
  await using stalling = await openStalling();
  const lasting = await Promise.all(
    ["/api/v1/pods?watch=1&resourceVersion=1", "/api/v1/namespaces/a/pods/b/log?follow=true"].map(stalling.get),
  );
  const list = await stalling.get("/api/v1/pods?limit=500");
  const startedMs = performance.now();
  await assert.rejects(list.text());
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < 10 * bodyMs, `${tookMs} ms`);
  await assert.rejects((await stalling.get("/api/v1/pods")).text());
  for (const answer of stalling.answers) answer.end("b");
  assert.deepEqual(await Promise.all(lasting.map((one) => one.text())), ["ab", "ab"]);
});

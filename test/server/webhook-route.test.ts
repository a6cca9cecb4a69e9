import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import express from "express";
import { EngineError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { type WebhookLimits, type WebhookReceiver, webhookRoute } from "../../src/server/webhook-route.ts";
import { waitFor } from "../harness/wait.ts";

interface Served extends AsyncDisposable {
  ask(init: RequestInit): Promise<readonly [status: number, text: string]>;
}

async function serve(take: WebhookReceiver["take"], maxBytes = 100, limits?: WebhookLimits): Promise<Served> {
  const app = express();
  app.use("/api/webhook", webhookRoute({ maxBytes: async () => maxBytes, take }, silentLogger, limits));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    async ask(init) {
      const response = await fetch(`http://127.0.0.1:${port}/api/webhook`, init);
      return [response.status, await response.text()];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("the receiver gets the very bytes and the headers, and says what is answered", async () => {
  const seen: unknown[] = [];
  await using server = await serve(async ({ headers, body }) => {
    seen.push([headers["x-github-event"], body.toString()]);
    return { status: 400, text: "Unknown webhook event" };
  });
  const body = '{ "a":  1 }';
  const answer = await server.ask({ method: "POST", body, headers: { "X-GitHub-Event": "push" } });
  assert.deepEqual([answer, seen], [[400, "Unknown webhook event\n"], [["push", body]]]);
});

test("only POST", async () => {
  await using server = await serve(() => Promise.reject(new Error("never")));
  for (const method of ["GET", "PUT", "DELETE"]) assert.equal((await server.ask({ method }))[0], 405, method);
});

test("a body that is too large is refused with the limit, also when its length is not told", async () => {
  await using server = await serve(async () => ({ status: 200, text: "" }));
  const large = "x".repeat(101);
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(large));
      controller.close();
    },
  });
  for (const init of [{ body: large }, { body: stream, duplex: "half" }] as RequestInit[]) {
    const [status, text] = await server.ask({ method: "POST", ...init });
    assert.deepEqual([status, /larger than 100 bytes/.test(text)], [400, true]);
  }
  assert.deepEqual(await server.ask({ method: "POST", body: large.slice(1) }), [200, ""]);
});

test("what fails is asked for again later, and tells nothing of the inside", async () => {
  await using server = await serve(() => Promise.reject(new Error("token abc")));
  assert.deepEqual(await server.ask({ method: "POST", body: "{}" }), [503, "the webhook could not be taken\n"]);
  await using other = await serve(() => Promise.reject(new EngineError("API_UNAVAILABLE", "the cluster is away")));
  assert.deepEqual(await other.ask({ method: "POST", body: "{}" }), [503, "the cluster is away\n"]);
});

test("so many at once; more are to come again", async () => {
  const gate = Promise.withResolvers<void>();
  await using server = await serve(async () => {
    await gate.promise;
    return { status: 200, text: "" };
  });
  const all = Array.from({ length: 257 }, () => server.ask({ method: "POST", body: "{}" }));
  const refused = await Promise.race(all);
  gate.resolve();
  assert.equal(refused[0], 503);
  const counts = (await Promise.all(all)).filter(([status]) => status === 200).length;
  assert.equal(counts, 256);
});

test("bodies of many take no more memory than is allowed; one alone may be as large as any", async () => {
  const gate = Promise.withResolvers<void>();
  let taken = 0;
  const take = async (): Promise<{ status: number; text: string }> => {
    taken += 1;
    await gate.promise;
    return { status: 200, text: "" };
  };
  await using server = await serve(take, 100, { maxAtOnce: 100, maxBytesAtOnce: 50 });
  const post = (length: number) => server.ask({ method: "POST", body: "x".repeat(length) });
  const first = post(90);
  await waitFor("it to be read", () => taken === 1);
  assert.equal((await post(1))[0], 503);
  gate.resolve();
  assert.equal((await first)[0], 200);
  const several = await Promise.all([post(20), post(20)]);
  assert.deepEqual(
    several.map(([status]) => status),
    [200, 200],
  );
});

import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import express from "express";
import { EngineError } from "../../src/base/errors.ts";
import type { ReplayReport } from "../../src/events/trial/replay.ts";
import { type Replayer, replayRoutes } from "../../src/server/replay-routes.ts";
import { waitFor } from "../harness/wait.ts";

interface Served extends AsyncDisposable {
  post(body: unknown, signal?: AbortSignal): Promise<Response>;
}

async function serve(replayer: Partial<Replayer>): Promise<Served> {
  const app = express();
  const all: Replayer = {
    dry: () => Promise.reject(new Error("dry")),
    apply: () => Promise.reject(new Error("apply")),
    ...replayer,
  };
  app.use("/replay", express.json(), replayRoutes(all));
  app.use((error: unknown, _: express.Request, response: express.Response, _next: express.NextFunction) => {
    response.status(400).json({ error: String(error), code: error instanceof EngineError ? error.code : undefined });
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    post: (body, signal) =>
      fetch(`http://127.0.0.1:${port}/replay`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        ...(signal ? { signal } : {}),
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const sensor = { kind: "Sensor" };
const ask = { sensor, sinceMs: 1, untilMs: 2 };
const report = { events: 5 } as ReplayReport;

async function linesOf(response: Response): Promise<readonly unknown[]> {
  return (await response.text())
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

test("a dry replay answers with its report; an applied one with what came of it", async () => {
  const asked: unknown[] = [];
  const applied = { id: "i", events: 1, fired: 1, succeeded: 1, dead: 0, errors: 0 };
  await using server = await serve({
    dry: async (what) => {
      asked.push(what);
      return report;
    },
    apply: async (what, id) => {
      asked.push([what, id]);
      return applied;
    },
  });
  assert.deepEqual(await linesOf(await server.post({ ...ask, eventSources: ["a"] })), [{ report }]);
  assert.deepEqual(await linesOf(await server.post({ ...ask, apply: true, id: "i" })), [{ applied }]);
  assert.deepEqual(asked, [{ ...ask, eventSources: ["a"] }, [ask, "i"]]);
});

for (const [name, body, message] of [
  ["no body", [], /sensor: must be a Sensor/],
  ["a Sensor that is a text", { ...ask, sensor: "x" }, /sensor: must be a Sensor/],
  ["a time that is a text", { ...ask, sinceMs: "1" }, /sinceMs: must be milliseconds since 1970/],
  ["an EventSource that is a number", { ...ask, eventSources: [1] }, /eventSources: must be a list of names/],
  ["an id that would be a part of other keys", { ...ask, apply: true, id: "a/b" }, /id: must be at most 40/],
] as const) {
  test(`a replay with ${name} is refused`, async () => {
    await using server = await serve({});
    const response = await server.post(body);
    assert.equal(response.status, 400);
    assert.match(((await response.json()) as { error: string }).error, message);
  });
}

test("progress is told while it runs, then a failure; another one has to wait", async () => {
  const { promise: end, reject } = Promise.withResolvers<never>();
  await using server = await serve({
    dry: (_, { onProgress }) => {
      onProgress({ events: 7, at: 9 });
      return end;
    },
  });
  const first = await server.post(ask); // answered with the first word of progress
  const second = await server.post(ask);
  assert.equal(((await second.json()) as { code: string }).code, "REPLAY_BUSY");
  reject(new EngineError("BUS_UNAVAILABLE", "gone"));
  const lines = await linesOf(first);
  assert.deepEqual(lines.at(0), { progress: { events: 7, at: 9 } });
  assert.deepEqual(lines.at(-1), { error: "gone", code: "BUS_UNAVAILABLE" });
});

test("a replay ends when whoever asked leaves, and the next one may run", async () => {
  await using server = await serve({
    dry: (_, { signal }) => new Promise((__, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    apply: async () => ({ id: "i", events: 0, fired: 0, succeeded: 0, dead: 0, errors: 0 }),
  });
  const leaving = new AbortController();
  await server.post(ask, leaving.signal);
  leaving.abort();
  await waitFor("the next one's turn", async () => (await server.post({ ...ask, apply: true })).status === 200);
});

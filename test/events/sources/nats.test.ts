import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect, headers } from "@nats-io/transport-node";
import { EngineError } from "../../../src/base/errors.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { type NatsSpec, natsSource } from "../../../src/events/sources/nats.ts";
import type { SourceContext } from "../../../src/events/sources/source.ts";
import { oddHeaders, publishRaw } from "../../harness/nats-raw.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { waitFor } from "../../harness/wait.ts";
import { type RecordedContext, recordedContext } from "./source-context.ts";

const isMissing = spawnSync("nats-server", ["--version"]).error !== undefined;
if (isMissing && process.env.CI === "true") throw new Error("nats-server must be installed in CI");
const needsServer = { skip: isMissing && "nats-server is not installed" };

interface Server extends AsyncDisposable {
  readonly url: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

async function startServer(config = ""): Promise<Server> {
  const directory = await tempDir();
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", () => resolve()));
  const address = probe.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await new Promise((resolve) => probe.close(resolve));
  const file = join(directory.path, "server.conf");
  await writeFile(file, `listen: "127.0.0.1:${port}"\n${config}\n`);
  let child: ChildProcess | undefined;
  async function start(): Promise<void> {
    const started = spawn("nats-server", ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
    child = started;
    await new Promise<void>((resolve, reject) => {
      started.once("exit", () => reject(new Error("nats-server ended")));
      started.stderr.on("data", (chunk: Buffer) => chunk.includes("Server is ready") && resolve());
    });
  }
  async function stop(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}

interface Running extends AsyncDisposable {
  readonly context: RecordedContext;
  readonly ended: Promise<unknown>;
}

const parse = (spec: JsonObject): NatsSpec => natsSource.schema.parse(spec, "spec.nats.e");

async function run(
  spec: JsonObject,
  parts: Partial<SourceContext> = {},
  secrets: Record<string, string> = {},
): Promise<Running> {
  const context = recordedContext(parts, secrets);
  const stop = new AbortController();
  const ended = natsSource.run(parse(spec), context, stop.signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  await waitFor("the subscription", () => context.isReady.value);
  return {
    context,
    ended,
    async [Symbol.asyncDispose]() {
      stop.abort();
      assert.equal(await ended, undefined);
    },
  };
}

async function publish(
  url: string,
  messages: readonly (readonly [string, string, Record<string, string>?])[],
): Promise<void> {
  const connection = await connect({ servers: url });
  for (const [subject, body, fields] of messages) {
    const sent = headers();
    for (const [name, value] of Object.entries(fields ?? {})) sent.append(name, value);
    connection.publish(subject, body, fields ? { headers: sent } : {});
  }
  await connection.drain();
}

test("a message becomes an event with subject, body and header", needsServer, async () => {
  await using server = await startServer();
  await using source = await run({ url: server.url, subject: "a.*", jsonBody: true, metadata: { x: "y" } });
  await publish(server.url, [
    ["a.b", '{"n":1}', { "X-One": "1" }],
    ["a.c", "no json"],
    ["a.d", "[2]"],
    ["a.e", "3", { "Nats-Msg-Id": "m 1" }],
    ["a.e", "3", { "Nats-Msg-Id": "m 1" }],
  ]);
  await waitFor("the events", () => source.context.emitted.length === 4);
  assert.deepEqual(
    source.context.emitted.slice(0, 2).map(({ data }) => data),
    [
      { subject: "a.b", body: { n: 1 }, header: { "X-One": ["1"] }, metadata: { x: "y" } },
      { subject: "a.d", body: [2], metadata: { x: "y" } },
    ],
  );
  assert.equal(source.context.failed.count, 1);
  const ids = source.context.emitted.map(({ id }) => id);
  assert.equal(ids[2], ids[3], "the publisher's id makes a message that is sent again one event");
  assert.equal(new Set(ids).size, 3);
});

test("messages whose headers cannot be read are taken without them", needsServer, async () => {
  await using server = await startServer();
  await using source = await run({ url: server.url, subject: "a", jsonBody: true });
  for (const [n, odd] of oddHeaders.entries()) await publishRaw(server.url, "a", odd, String(n));
  await publish(server.url, [["a", "9", { "X-One": "1" }]]);
  await waitFor("the events", () => source.context.emitted.length === oddHeaders.length + 1);
  assert.deepEqual(
    source.context.emitted.map(({ data }) => data),
    [...oddHeaders.map((_, n) => ({ subject: "a", body: n })), { subject: "a", body: 9, header: { "X-One": ["1"] } }],
  );
  assert.deepEqual(source.context.failures, []);
});

test("without jsonBody the body is base64", needsServer, async () => {
  await using server = await startServer();
  await using source = await run({ url: server.url, subject: "s" });
  await publish(server.url, [["s", "hi"]]);
  await waitFor("an event", () => source.context.emitted.length === 1);
  assert.deepEqual(source.context.emitted[0]?.data, { subject: "s", body: "aGk=" });
});

test("members of a queue group share the messages", needsServer, async () => {
  await using server = await startServer();
  const spec = { url: server.url, subject: "s", queue: "q", jsonBody: true };
  await using first = await run(spec);
  await using second = await run(spec);
  await publish(
    server.url,
    Array.from({ length: 100 }, (_, index) => ["s", String(index)] as const),
  );
  const bodies = await waitFor("all messages", () => {
    const all = [...first.context.emitted, ...second.context.emitted].map(
      ({ data }) => (data as { body: number }).body,
    );
    return all.length >= 100 && all;
  });
  assert.deepEqual(
    bodies.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, index) => index),
  );
});

test("a server that comes back is listened to again", needsServer, async () => {
  await using server = await startServer();
  await using source = await run({ url: server.url, subject: "s", jsonBody: true });
  await server.stop();
  await server.start();
  await waitFor("a message after the restart", async () => {
    await publish(server.url, [["s", "1"]]);
    return source.context.emitted.length > 0;
  });
});

const logins: readonly [string, string, (url: string) => JsonObject, Record<string, string>][] = [
  [
    "user and password of Secrets",
    'authorization { user: "u", password: "p" }',
    (url) => ({
      url,
      subject: "s",
      auth: { basic: { username: { name: "n", key: "user" }, password: { name: "n", key: "pass" } } },
    }),
    { "n/user": "u", "n/pass": "p" },
  ],
  [
    "a token",
    'authorization { token: "t" }',
    (url) => ({ url, subject: "s", auth: { token: { name: "n", key: "t" } } }),
    { "n/t": "t" },
  ],
  [
    "user and password of the URL",
    'authorization { user: "u", password: "p@" }',
    (url) => ({ url: url.replace("//", "//u:p%40@"), subject: "s" }),
    {},
  ],
];

for (const [what, config, specOf, secrets] of logins) {
  test(`logs in with ${what}`, needsServer, async () => {
    await using server = await startServer(config);
    await using source = await run(specOf(server.url), {}, secrets);
    assert.equal(source.context.isReady.value, true);
  });
}

test("a wrong login or no server rejects with the address", needsServer, async () => {
  await using server = await startServer('authorization { token: "t" }');
  const wrong = { url: server.url, subject: "s", auth: { token: { name: "n", key: "t" } } };
  const running = (spec: JsonObject): Promise<void> =>
    natsSource.run(parse(spec), recordedContext({}, { "n/t": "x" }), new AbortController().signal);
  await assert.rejects(running(wrong), { code: "SOURCE_FAILED", message: /cannot connect to NATS at nats:\/\/127/ });
  await server.stop();
  await assert.rejects(running(wrong), { code: "SOURCE_FAILED" });
});

test("a refused event is tried again with its id, others go on, and order is kept otherwise", needsServer, async () => {
  await using server = await startServer();
  const kept: unknown[] = [];
  const attempts: string[] = [];
  const emit: SourceContext["emit"] = async ({ id = "", data }) => {
    const { body } = data as { body: number };
    if (body === 1) attempts.push(id);
    if (body === 1 && attempts.length < 3) throw new EngineError("BUS_UNAVAILABLE", "away");
    kept.push(body);
  };
  await using _source = await run({ url: server.url, subject: "s", jsonBody: true }, { emit });
  await publish(
    server.url,
    [0, 1, 2, 3].map((body) => ["s", String(body)] as const),
  );
  await waitFor("all events", () => kept.length === 4);
  assert.deepEqual(kept, [0, 2, 3, 1]);
  assert.equal(new Set(attempts).size, 1);
});

test("a stop waits for what was received", needsServer, async () => {
  await using server = await startServer();
  const gate = Promise.withResolvers<void>();
  let kept = 0;
  let begun = 0;
  const emit = async (): Promise<void> => {
    begun++;
    await gate.promise;
    kept++;
  };
  {
    await using _source = await run({ url: server.url, subject: "s" }, { emit });
    await publish(
      server.url,
      Array.from({ length: 300 }, () => ["s", "x"] as const),
    );
    await waitFor("a full window", () => begun === 256);
    setTimeout(() => gate.resolve(), 20);
  }
  assert.equal(kept, 300);
});

test("a stop does not wait for a server that is away", needsServer, async () => {
  await using server = await startServer();
  await using _source = await run({ url: server.url, subject: "s" });
  await server.stop();
});

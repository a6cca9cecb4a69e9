import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { objectOf } from "../../../src/api/fields.ts";
import type { JsonValue } from "../../../src/base/json.ts";
import { exitCodeOf } from "../../../src/cli/exit.ts";
import { createProgram } from "../../../src/cli/program.ts";
import { type SourceTestFlags, trySource } from "../../../src/cli/source/test.ts";
import { freePort } from "../../harness/free-port.ts";
import { natsServerMissing, startNatsServer } from "../../harness/nats-server.ts";
import { mainFile } from "../../harness/run.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { waitFor } from "../../harness/wait.ts";

const eventSource = (spec: object, name = "es") => ({
  apiVersion: "argoproj.io/v1alpha1",
  kind: "EventSource",
  metadata: { name },
  spec,
});
const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "hook" }, stringData: { token: "sesame\n" } };
const hook = async () => ({ port: String(await freePort()), method: "POST" });
const authSecret = { name: "hook", key: "token" };
const yearly = { schedule: "0 12 1 1 *", metadata: { a: "b" } };

async function fileOf(...objects: readonly object[]) {
  const dir = await tempDir();
  const path = join(dir.path, "source.yaml");
  await writeFile(path, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  return Object.assign(dir, { file: path });
}

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [mainFile, "source", "test", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    told += chunk;
  });
  return {
    told: () => told,
    interrupt: () => child.kill("SIGINT"),
    ended: Promise.all([text(child.stdout), once(child, "exit")]).then(([out, [code]]) => ({ out, code })),
  };
}

test("calendars do not wait; a request becomes an event, with a Secret of the same file", async () => {
  const push = { ...(await hook()), endpoint: "/push", authSecret };
  const objects = [eventSource({ calendar: { yearly } }, "clock"), eventSource({ webhook: { push } }), secret];
  await using dir = await fileOf(...objects);
  const [clock] = await tried(`${dir.file}#clock`, { count: 2 });
  const { told, ended } = start(`${dir.file}#es`, "--count", "2", "-o", "json");
  const url = await waitFor("the place to send to", () => /^push: waits for requests at (\S+)$/m.exec(told())?.[1]);
  const ask = (token: string, n: number) =>
    fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ n }),
    });
  assert.equal((await ask("wrong", 0)).status, 401);
  for (const n of [1, 2]) assert.equal((await ask("sesame", n)).status, 200);
  const asked = await ended;
  assert.equal(asked.code, 0, told());
  assert.deepEqual(
    cameIn(asked.out, "push").map(({ body }) => body),
    [{ n: 1 }, { n: 2 }],
  );
  const times = clock?.came.map(({ data }) => String(objectOf(data as JsonValue).eventTime)) ?? [];
  const years = times.map((time) => Number(/^(\d{4})-01-01 12:00:00/.exec(time)?.[1]));
  assert.equal(Number(years[1]) - Number(years[0]), 1, times.join());
});

/** In this process. */
function tried(file: string, flags: Partial<SourceTestFlags> = {}) {
  const usual = {
    adapter: [],
    event: [],
    count: 1,
    for: 30_000,
    take: false,
    objects: [],
    fileRoot: ".",
    ingressPort: 0,
  };
  return trySource(file, { ...usual, ...flags }, { output: "json" });
}

/** The data of what came, of the JSON that is printed. */
function cameIn(out: string, event: string): readonly { readonly body?: object; readonly eventTime?: string }[] {
  const tried = JSON.parse(out) as { event: string; came: { data: object }[] }[];
  return tried.find((one) => one.event === event)?.came.map(({ data }) => data) ?? [];
}

test("a message is shown, and is still there for the engine; with --take it is gone", {
  skip: natsServerMissing() ?? false,
}, async () => {
  await using server = await startNatsServer();
  const connection = await connect({ servers: server.url });
  try {
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "ORDERS", subjects: ["orders.>"] });
    await jetstream(connection).publish("orders.new", '{"n":1}');
    const spec = { url: server.url, stream: "ORDERS", durable: "tiphys", startAt: "first", jsonBody: true };
    await using dir = await fileOf(eventSource({ jetstream: { order: spec } }));
    const unacknowledged = async () => (await manager.consumers.info("ORDERS", "tiphys")).num_ack_pending;
    const [shown] = await tried(dir.file);
    assert.deepEqual(
      shown?.came.map(({ id, data }) => [
        id.split("@")[1]?.split("/").slice(0, 2).join("/"),
        objectOf(data as JsonValue).body,
      ]),
      [["ORDERS/1", { n: 1 }]],
    );
    const before = await manager.consumers.info("ORDERS", "tiphys");
    assert.deepEqual([before.ack_floor.stream_seq, before.num_ack_pending + before.num_pending], [0, 1]);
    assert.equal((await tried(dir.file, { take: true }))[0]?.came.length, 1);
    await waitFor("the acknowledgement", async () => (await unacknowledged()) === 0);
    assert.equal((await manager.consumers.info("ORDERS", "tiphys")).ack_floor.stream_seq, 1);
  } finally {
    await connection.close();
  }
});

const pods = { version: "v1", resource: "pods", namespace: "default", eventTypes: ["ADD"] };
const refusals: readonly (readonly [what: string, object: object, words: string, code: number, error: RegExp])[] = [
  ["no EventSource", secret, "", 2, /source\.yaml: holds no EventSource/],
  [
    "another event",
    eventSource({ calendar: { yearly } }),
    "--event x",
    2,
    /--event: "x" is no event of it: it has yearly/,
  ],
  ["no events", eventSource({}), "", 2, /the EventSource has no events/],
  [
    "no cluster",
    eventSource({ resource: { pods } }),
    "",
    2,
    /the event "pods" is of a cluster: name one with --kubeconfig/,
  ],
  [
    "a schedule that is none",
    eventSource({ calendar: { e: { schedule: "x" } } }),
    "",
    1,
    /spec\.calendar\.e\.schedule: "x"/,
  ],
  ["a count that is none", eventSource({ calendar: { yearly } }), "--count 0", 2, /"0" must be 1 to 1000/],
  ["no such objects", eventSource({ calendar: { yearly } }), "--objects /none", 2, /"\/none" cannot be read/],
];

test("what cannot be tried is said, and where", async () => {
  for (const [what, object, words, code, error] of refusals) {
    await using dir = await fileOf(object);
    const args = words === "" ? [] : words.split(" ");
    const ended = await createProgram()
      .parseAsync(["node", "tiphys", "source", "test", dir.file, ...args])
      .then(
        () => undefined,
        (refused: unknown) => refused,
      );
    assert.equal(exitCodeOf(ended), code, `${what}: ${String(ended)}`);
    assert.match(String(ended), error, what);
  }
});

test("what does not come is 1, with the reason: a filter that refuses, a Secret that nobody has", async () => {
  const filter = { expression: "body.n > 1" };
  const port = await hook();
  const webhook = {
    push: { ...port, endpoint: "/push", authSecret },
    other: { ...port, endpoint: "/other", filter },
  };
  await using dir = await fileOf(eventSource({ webhook }));
  const { told, ended, interrupt } = start(dir.file);
  const url = await waitFor("the place to send to", () => /^other: waits for requests at (\S+)$/m.exec(told())?.[1]);
  const headers = { "content-type": "application/json", authorization: "Bearer sesame" };
  await fetch(url, { method: "POST", headers, body: '{"n":1}' });
  await fetch(url.replace(/other$/, "push"), { method: "POST", headers, body: "{}" });
  const filtered = /^other: one came, and filter\.expression is false for it$/m;
  const missing = /^push: Secret "hook" with the key "token" is in no file: name the file that has it with --objects/m;
  await waitFor("both to be told", () => filtered.test(told()) && missing.test(told()));
  interrupt();
  const { out, code } = await ended;
  assert.equal(code, 1, "nothing came by Ctrl-C");
  assert.match(out, /^push did not come.*\nother did not come/m);
});

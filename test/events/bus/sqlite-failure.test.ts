import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { EventBus, StreamSpec } from "../../../src/events/bus/bus.ts";
import { openSqliteBus } from "../../../src/events/bus/sqlite.ts";
import { failureOf } from "../../../src/events/bus/sqlite-failure.ts";
import { SqliteStore } from "../../../src/events/bus/sqlite-store.ts";
import { rawSubject } from "../../../src/record/subject.ts";
import { limitFileSize, prlimitMissing } from "../../harness/prlimit.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { waitFor } from "../../harness/wait.ts";

const subject = rawSubject("events.a");
const streams: readonly StreamSpec[] = [{ name: "events", subjects: [rawSubject("events.>")], dedupeWindowMs: 60_000 }];
const data = new Uint8Array(10_000);
const mebibyte = 1024 * 1024;

type Outcome = { readonly code?: string; readonly message: string };

function failureFrom(operation: Promise<unknown>): Promise<Outcome | undefined> {
  return operation.then(
    () => undefined,
    (error: Outcome) => error,
  );
}

async function storedIn(bus: EventBus): Promise<number[]> {
  const sequences: number[] = [];
  const query = { subjects: [subject], from: "first", follow: false } as const;
  for await (const { messages } of bus.read(query, AbortSignal.timeout(10_000))) {
    sequences.push(...messages.map(({ sequence }) => sequence));
  }
  return sequences;
}

it("says that the disk is full, keeps what it acknowledged, and goes on when there is room", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "bus.db");
  const said: string[] = [];
  const say = (message: string): void => void said.push(message);
  const log = { ...silentLogger, error: say, info: say };
  await using bus = await openSqliteBus({ path, streams, log, maxFileBytes: mebibyte });
  const state = bus.state("leases");
  const revision = await state.put("a", Buffer.from("kept"));
  let acknowledged = 0;
  let failure: Outcome | undefined;
  while (!failure && acknowledged < 1000) {
    failure = await failureFrom(bus.publish(subject, { id: `m${acknowledged}`, data }));
    if (!failure) acknowledged++;
  }
  assert.ok(acknowledged > 50 && acknowledged < 110, `${acknowledged} of 10 KB in 1 MiB`);
  assert.equal(failure?.code, "BUS_UNAVAILABLE");
  assert.match(failure.message, /the store ".*bus\.db" cannot grow, the disk is full: free some space/);
  const health = bus.health();
  assert.ok(health.state === "away" && health.reason === failure.message);
  assert.equal((await failureFrom(bus.append(rawSubject("events.b"), data, 0)))?.code, "BUS_UNAVAILABLE");
  assert.equal((await state.get("a"))?.revision, revision, "reading goes on");
  const kept = Array.from({ length: acknowledged }, (_, index) => index + 1);
  assert.deepEqual(await storedIn(bus), kept);
  assert.equal(said.filter((message) => message === "bus cannot store").length, 1, "told once");

  await waitFor("room to be made", async () => !(await failureFrom(bus.purge(subject, 20))));
  const last = { id: `m${acknowledged}`, data };
  const ack = await waitFor("the same publish to be taken", () => bus.publish(subject, last).catch(() => undefined));
  assert.deepEqual(ack, { stream: "events", sequence: acknowledged + 1, duplicate: false });
  assert.deepEqual(bus.health(), { state: "connected" });
  assert.equal(said.at(-1), "bus stores again");
});

const publisher = `
const { openSqliteBus } = await import(${JSON.stringify(new URL("../../../src/events/bus/sqlite.ts", import.meta.url).href)});
const { silentLogger } = await import(${JSON.stringify(new URL("../../../src/base/log.ts", import.meta.url).href)});
const bus = await openSqliteBus({ path: process.argv[1], streams: ${JSON.stringify(streams)}, log: silentLogger });
for (let n = 1; ; n++) {
  const line = await bus.publish("events.a", { id: String(n), data: new Uint8Array(10000) })
    .then(({ sequence }) => "ok " + sequence, (error) => "no " + error.code + " " + error.message);
  process.stdout.write(line + "\\n");
  if (line.startsWith("no")) await new Promise((resolve) => setTimeout(resolve, 20));
}`;

it("loses nothing acknowledged when the system refuses to write, and goes on when it allows it", {
  skip: prlimitMissing() ?? false,
}, async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "bus.db");
  const child = spawn("prlimit", [
    `--fsize=${mebibyte}:unlimited`,
    process.execPath,
    "--input-type=module",
    "-e",
    publisher,
    path,
  ]);
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const lines = (): string[] => output.split("\n").slice(0, -1);
  const refused = await waitFor("a refusal", () => lines().filter((line) => line.startsWith("no"))[4]);
  assert.match(refused, /^no BUS_UNAVAILABLE the store ".*" cannot (grow|be read or written)/);
  const before = lines().length;
  limitFileSize(child.pid ?? 0, "unlimited");
  await waitFor(
    "publishes to be taken again",
    () =>
      lines()
        .slice(before)
        .filter((line) => line.startsWith("ok"))[50],
  );
  child.kill("SIGKILL");
  await once(child, "close");
  const acknowledged = lines().flatMap((line) => (line.startsWith("ok ") ? [Number(line.slice(3))] : []));
  await using bus = await openSqliteBus({ path, streams, log: silentLogger });
  const kept = new Set(await storedIn(bus));
  assert.deepEqual(
    acknowledged.filter((sequence) => !kept.has(sequence)),
    [],
  );
  assert.equal(new Set(acknowledged).size, acknowledged.length, "no sequence was given twice");
});

const unusable: [string, (path: string) => Promise<string>, RegExp][] = [
  [
    "no database",
    async (path) => {
      await writeFile(path, Buffer.alloc(8192, 7));
      return path;
    },
    /bus\.db" is no database: restore a copy, or move it away/,
  ],
  [
    "cut off in the middle",
    async (path) => {
      await fill(path);
      await truncate(path, 100_000);
      return path;
    },
    /bus\.db" is damaged: restore a copy, or move it away/,
  ],
  [
    "read-only",
    async (path) => {
      await fill(path);
      return `file:${path}?mode=ro`;
    },
    /check the disk, and that the file is writable for this user/,
  ],
  [
    "in a directory that is missing",
    async (path) => `${path}/missing/bus.db`,
    /cannot be opened: check that its directory/,
  ],
];
for (const [name, prepare, message] of unusable) {
  it(`is not opened when the file is ${name}, and says what to do`, async () => {
    await using dir = await tempDir();
    const path = await prepare(join(dir.path, "bus.db"));
    await assert.rejects(openSqliteBus({ path, streams, log: silentLogger }), { code: "STORE_FAILED", message });
  });
}

/** A file of some hundred pages, all in it and nothing in its log. */
async function fill(path: string): Promise<void> {
  await using bus = await openSqliteBus({ path, streams, log: silentLogger });
  const small = new Uint8Array(500);
  const ids = Array.from({ length: 4000 }, (_, index) => `m${index}`);
  await Promise.all(ids.map((id) => bus.publish(subject, { id, data: small })));
}

it("says that the file was damaged while it was open", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "bus.db");
  await fill(path);
  await using bus = await openSqliteBus({ path, streams: [{ ...streams[0]!, dedupeWindowMs: 0 }], log: silentLogger });
  await using file = await open(path, "r+");
  await file.write(Buffer.alloc(mebibyte, 255), 0, mebibyte, 512 * 1024);
  const failure = await failureFrom(storedIn(bus));
  assert.equal(failure?.code, "STORE_FAILED");
  assert.match(failure.message, /is damaged: restore a copy, or move it away to begin without its events and records/);
});

it("drops what is beyond its limits in steps", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "bus.db");
  const limited = [{ ...streams[0]!, maxMessages: 10 }];
  const store = new SqliteStore({ path, streams: limited }, () => instant(Date.parse("2026-01-01")));
  store.begin();
  for (let n = 0; n < 50; n++) store.publish("events", subject, `m${n}`, new Uint8Array(1));
  store.commit();
  const left: number[] = [];
  for (let more = true; more; ) {
    store.begin();
    ({ more } = store.retain(15));
    store.commit();
    left.push([...store.rows("events", 0, 100)].length);
  }
  assert.deepEqual(left, [35, 20, 10]);
  assert.equal(store.hasExcess(), false);
  store.close();
});

it("tells damage, which is for good, from what may pass", () => {
  const errors = [11, 26, 13, 10 + 3 * 256, 8, 5, 1].map((errcode) => Object.assign(new Error("why"), { errcode }));
  assert.deepEqual(
    errors.map((error) => failureOf("/f", error).code),
    ["STORE_FAILED", "STORE_FAILED", ...Array<string>(5).fill("BUS_UNAVAILABLE")],
  );
  for (const error of errors) assert.match(failureOf("/f", error).message, /^the store "\/f".*why/);
});

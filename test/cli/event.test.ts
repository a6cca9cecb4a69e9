import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger as log } from "../../src/base/log.ts";
import { eventExportCommand } from "../../src/cli/event-export.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { openLedger } from "../../src/ledger/ledger.ts";
import { openDataDir } from "../../src/local/data-dir.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import { eventSubject } from "../../src/record/subject.ts";
import { mainFile } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { cloudEvent, decisionDraft } from "../ledger/drafts.ts";
import { syncDraft } from "../ledger/rollout.ts";

const colorCode = "\u001b[";

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Without NO_COLOR and FORCE_COLOR of whoever runs the tests. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { TIPHYS_SERVER: _1, TIPHYS_TOKEN: _2, NO_COLOR: _3, FORCE_COLOR: _4, ...inherited } = process.env;
  return spawn(process.execPath, [mainFile, ...args], {
    env: { ...inherited, NODE_TEST_CONTEXT: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function tiphys(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = start(args, env);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code, out, err };
}

interface Stored extends AsyncDisposable {
  readonly path: string;
}

/** A data directory that an engine has left behind, with `count` events; the first one fired a trigger. */
async function stored(count: number): Promise<Stored> {
  const dir = await tempDir();
  await using bus = await openSqliteBus({ path: join(dir.path, "bus.db"), streams: systemStreams(), log });
  await using ledger = await openLedger({ bus, writer: "w", clock: systemClock, log });
  const ids = Array.from({ length: count }, (_, index) => `e${index + 1}`);
  const publish = (id: string) =>
    bus.publish(eventSubject("default", "webhook", "example"), { id, data: encodeEvent(cloudEvent(id)) });
  for (const id of ids) await publish(id);
  await ledger.write(decisionDraft("e1")).kept;
  return dir;
}

test("lists events in each form, the form asked for before or after the command", async () => {
  await using dir = await stored(2);
  const at = ["--data-dir", dir.path];
  const list = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await tiphys([...at, ...args]);
    assert.deepEqual([code, err], [0, ""], args.join(" "));
    return out;
  };
  const rows = (await list("event", "list")).split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows[0], ["ID", "STORED", "NAMESPACE", "EVENTSOURCE", "EVENT", "TYPE"]);
  assert.deepEqual(
    rows.slice(1, -1).map(([id, , ...rest]) => [id, ...rest]),
    [
      ["e2", "default", "webhook", "example", "webhook"],
      ["e1", "default", "webhook", "example", "webhook"],
    ],
  );
  const wide = (await list("event", "list", "-o", "wide")).split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(wide[0]?.slice(6), ["TIME", "BUS", "SEQUENCE"]);
  assert.deepEqual(wide[1]?.slice(6), ["2026-01-01T00:00:00Z", "system", "2"]);
  for (const args of [
    ["-o", "name", "event", "list"],
    ["event", "-o", "name", "list"],
    ["event", "list", "-o", "name"],
  ]) {
    assert.equal(await list(...args), "e2\ne1\n", args.join(" "));
  }
  const json = JSON.parse(await list("-o", "json", "event", "list", "--limit", "1"));
  assert.deepEqual([json.length, json[0].id], [1, "e2"]);
  assert.match(await list("event", "list", "-o", "yaml"), /^- id: e2\n/);
  assert.equal(await list("event", "show", "e1", "-o", "name"), "e1\n");
});

test("exports the ledger in forms of others, from a place on, and says what it does not know", async () => {
  await using dir = await stored(1);
  {
    await using bus = await openSqliteBus({ path: join(dir.path, "bus.db"), streams: systemStreams(), log });
    await using ledger = await openLedger({ bus, writer: "x", clock: systemClock, log });
    await ledger.write(syncDraft("w-1.0", { before: ["a"] })).kept;
  }
  const lines = async (...args: string[]) => {
    const { code, out, err } = await tiphys(["--data-dir", dir.path, "event", "export", ...args]);
    assert.deepEqual([code, err], [0, ""], args.join(" "));
    return out.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
  };
  const [decision, sync] = await lines();
  assert.deepEqual([decision.kind, sync.kind, sync.causes], ["decision", "sync", [decision.id]]);
  const [upgraded] = await lines("--format", "cdevents", "--since", "1970-01-01T00:00:01Z");
  assert.deepEqual([upgraded.id, upgraded.type], [sync.id, "dev.cdevents.service.upgraded.0.2.0"]);
  const { code, out, err } = await tiphys(["--data-dir", dir.path, "event", "export", "--after", "w-9.9"]);
  assert.deepEqual([code, out], [1, ""]);
  assert.match(err, /^error: no record "w-9.9" is known/);
});

for (const [args, said] of [
  [["--since", "yesterday"], /^--since: "yesterday" must be a time such as/],
  [["--since", "1h", "--until", "2h"], /^--since 1h lies after --until 2h/],
  [["--format", "xml"], /'xml' is invalid. Allowed choices are jsonl, cloudevents, cdevents/],
  [["--kind", "thing"], /'thing' is invalid. Allowed choices are decision, effect, sync/],
  [["--format", "cdevents", "--kind", "effect"], /there are CDEvents of syncs and observations only/],
  [["--source", "a b"], /"a b" must be a URI reference/],
  [["--follow", "--data-dir", "nowhere"], /^--follow: no engine runs/],
] as const) {
  test(`an export is refused: ${args.join(" ")}`, async () => {
    const command = eventExportCommand().option("--data-dir <dir>").exitOverride();
    command.configureOutput({ outputError: () => undefined });
    await assert.rejects(command.parseAsync([...args], { from: "user" }), (error: Error) => {
      assert.match(error.message.replace(/^error: /, ""), said);
      return true;
    });
  });
}

test("an answer without names says so", async () => {
  await using dir = await stored(1);
  const { code, out, err } = await tiphys(["--data-dir", dir.path, "trace", "e1", "-o", "name"]);
  assert.deepEqual([code, out, err.split("\n").length], [2, "", 3], err);
  assert.match(err, /^error: -o name: this command's answer has no names\n/);
});

test("an empty list is said in words, and is nothing by name", async () => {
  await using dir = await stored(0);
  const at = ["--data-dir", dir.path, "event", "list"];
  assert.deepEqual(await tiphys(at), { code: 0, out: "no events\n", err: "" });
  assert.deepEqual(await tiphys([...at, "-o", "name"]), { code: 0, out: "", err: "" });
  assert.deepEqual(await tiphys([...at, "-o", "json"]), { code: 0, out: "[]\n", err: "" });
});

const colors: { name: string; args: readonly string[]; env: Readonly<Record<string, string>>; isColored: boolean }[] = [
  { name: "a pipe", args: [], env: {}, isColored: false },
  { name: "FORCE_COLOR", args: [], env: { FORCE_COLOR: "1" }, isColored: true },
  { name: "--no-color", args: ["--no-color"], env: { FORCE_COLOR: "1" }, isColored: false },
  { name: "NO_COLOR", args: [], env: { NO_COLOR: "1" }, isColored: false },
];

test("colours only where they are wanted", async () => {
  await using dir = await stored(1);
  for (const { name, args, env, isColored } of colors) {
    const { code, out } = await tiphys(["--data-dir", dir.path, "trace", "e1", ...args], env);
    assert.equal(code, 0, name);
    assert.equal(out.includes(colorCode), isColored, `${name}: ${JSON.stringify(out)}`);
  }
});

test("a reader that leaves early is no failure and leaves no stack", async () => {
  await using dir = await stored(400);
  for (const form of ["text", "json"]) {
    const child = start(["--data-dir", dir.path, "event", "list", "--limit", "1000", "-o", form]);
    child.stdout.destroy();
    const [err, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    assert.deepEqual([form, code, err], [form, 0, ""]);
  }
});

test("a directory that an engine holds without saying where it answers is refused with 3", async () => {
  await using dir = await stored(1);
  using _held = openDataDir(dir.path);
  const { code, out, err } = await tiphys(["--data-dir", dir.path, "event", "list"]);
  assert.deepEqual([code, out], [3, ""]);
  assert.equal(
    err,
    `error: another engine runs on the data directory "${dir.path}"\n` +
      "Stop the other engine, or give this one another --data-dir.\n",
  );
});

test("after an answer from the data directory it is free, and nothing is announced", async () => {
  await using dir = await stored(1);
  assert.equal((await tiphys(["--data-dir", dir.path, "event", "list"])).code, 0);
  using again = openDataDir(dir.path);
  assert.equal(again.path, dir.path);
});

test("a data directory that is a file, and a server that is no URL, are told apart from no engine", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "file");
  await writeFile(file, "");
  const up = await tiphys(["--data-dir", file, "up", "--port", "0", "--ingress-port", "0", "--kube-port", "0"]);
  assert.equal(up.code, 2, up.err);
  assert.match(up.err, /^error: data directory ".*" cannot be used: .*\nCheck its path and permissions/);
  await mkdir(join(dir.path, "empty"));
  const server = await tiphys(["--data-dir", join(dir.path, "empty"), "--server", "a b", "event", "list"]);
  assert.equal(server.code, 2);
  assert.match(server.err, /^error: --server: "a b" must be a URL such as http:\/\/127\.0\.0\.1:8080\n/);
});

for (const words of [[], ["event"]]) {
  test(`${["tiphys", ...words].join(" ")} alone shows its help on standard error and exits 2`, async () => {
    const { code, out, err } = await tiphys(words);
    const path = ["tiphys", ...words].join(" ");
    assert.deepEqual([code, out], [2, ""]);
    assert.ok(err.startsWith(`Usage: ${path} `), err);
    assert.ok(err.endsWith(`error: ${path}: a command is missing\nSee \`${path} --help\`.\n`), err);
  });
}

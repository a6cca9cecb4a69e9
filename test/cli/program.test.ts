import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger as log } from "../../src/base/log.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { openLedger } from "../../src/ledger/ledger.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import { eventSubject } from "../../src/record/subject.ts";
import { mainFile } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { cloudEvent, decisionDraft } from "../ledger/drafts.ts";
import { commit, writeRollout } from "../ledger/rollout.ts";
import { openRig, type Rig } from "../server/rig.ts";

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The real command line, as a process of its own. */
async function tiphys(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const { TIPHYS_SERVER: _server, TIPHYS_TOKEN: _token, ...inherited } = process.env;
  const child = spawn(process.execPath, [mainFile, ...args], { env: { ...inherited, NO_COLOR: "1", ...env } });
  child.stdin.end();
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: code as number, out, err };
}

/** A data directory whose `endpoints.json` and token lead to the API, as an engine writes them. */
async function announce(rig: Rig): Promise<string> {
  const dataDir = join(rig.dir, "data");
  await mkdir(dataDir);
  await writeFile(join(dataDir, "token"), `${rig.token}\n`);
  await writeFile(join(dataDir, "endpoints.json"), JSON.stringify({ server: rig.url, pid: process.pid }));
  return dataDir;
}

/** "Which push rolled out this pod?" */
const rolledOut = new RegExp(
  [
    "event e1: default/webhook example .*",
    "decision .*: Sensor default/hello fired log",
    "effect .*: gitOps succeeded in .*, attempt 2: logged",
    "decision .*: Application argocd/web fired reconcile",
    "sync .*: Application argocd/web Succeeded at 1a2b3c4 in 120 ms: synced; 1 object",
    "observation .*: v1/Pod/default/web-abc Healthy\n$",
  ].join("\n.*"),
);

test("finds the engine of the data directory and prints text, JSON and YAML", async () => {
  await using rig = await openRig();
  const at = ["--data-dir", await announce(rig)];
  const [list, json, yaml, trace, why] = await Promise.all([
    tiphys([...at, "event", "list"]),
    tiphys([...at, "event", "list", "-o", "json"]),
    tiphys([...at, "-o", "yaml", "event", "show", "e1"]),
    tiphys([...at, "trace", rig.effect]),
    tiphys([...at, "why", "e1"]),
  ]);
  assert.deepEqual(
    [list, json, yaml, trace, why].map(({ code, err }) => ({ code, err })),
    Array.from({ length: 5 }, () => ({ code: 0, err: "" })),
  );
  assert.match(
    list.out,
    /^ID +STORED +NAMESPACE +EVENTSOURCE +EVENT +TYPE\ne1 .* default +webhook +example +webhook\n$/,
  );
  assert.equal(JSON.parse(json.out)[0].id, "e1");
  assert.match(yaml.out, /^id: e1$/m);
  assert.match(
    trace.out,
    /event e1: .*\n.*decision w-1\.0: Sensor default\/hello fired log\n.*effect w-1\.1: log succeeded/,
  );
  assert.match(why.out, /^event e1: default\/webhook example/);
});

test("answers from the data directory when no engine runs, after a kill too", async () => {
  await using dir = await tempDir();
  const dataDir = dir.path;
  {
    await using bus = await openSqliteBus({ path: join(dataDir, "bus.db"), streams: systemStreams(), log });
    await using ledger = await openLedger({ bus, writer: "w", clock: systemClock, log });
    await bus.publish(eventSubject("default", "webhook", "example"), { id: "e1", data: encodeEvent(cloudEvent("e1")) });
    await ledger.write(decisionDraft("e1")).kept;
    await writeRollout(ledger);
  }
  const at = ["--data-dir", dataDir];
  assert.match((await tiphys([...at, "trace", "e1"])).out, /event e1: .*\n.*decision w-1\.0/);
  assert.match((await tiphys([...at, "trace", "default/web-abc"])).out, rolledOut);
  await writeFile(join(dataDir, "endpoints.json"), JSON.stringify({ server: "http://127.0.0.1:1", pid: 2 ** 30 }));
  assert.equal(JSON.parse((await tiphys([...at, "event", "list", "-o", "json"])).out).length, 1);
});

test("which push rolled out this pod, and this commit", async () => {
  await using rig = await openRig();
  await writeRollout(rig.ledger);
  const at = ["--server", rig.url, "--token", rig.token];
  const [pod, ofCommit] = await Promise.all([
    tiphys([...at, "trace", "Pod/default/web-abc"]),
    tiphys([...at, "trace", commit.slice(0, 10)]),
  ]);
  assert.match(pod.out, rolledOut);
  assert.match(
    ofCommit.out,
    /event e1: [\s\S]*sync .*\n.*observation .*: v1\/Pod\/default\/web-abc created, Progressing → Healthy\n.*v1\/Service/,
  );
  assert.deepEqual([pod.err, ofCommit.err], ["", ""]);
});

test("an event that is sent shows up at once", async () => {
  await using rig = await openRig();
  const at = ["--server", rig.url, "--token", rig.token];
  const event = ["--event-source", "default/webhook", "--event", "example", "--data", '{"a":1}', "--id", "mine"];
  assert.deepEqual(await tiphys([...at, "event", "send", ...event]), { code: 0, out: "mine\n", err: "" });
  const env = { TIPHYS_SERVER: rig.url, TIPHYS_TOKEN: rig.token };
  assert.match((await tiphys(["event", "show", "mine"], env)).out, /^id: +mine$/m);
});

test("exit codes: 1 the answer is no, 2 usage, 3 engine unreachable or refused; two lines of error", async () => {
  await using rig = await openRig();
  await using empty = await tempDir();
  const good = ["--server", rig.url, "--token", rig.token];
  const send = ["event", "send", "--event-source", "a/b", "--event", "c"];
  const table: readonly (readonly [readonly string[], number, RegExp])[] = [
    [[...good, "event", "show", "none"], 1, /no event "none"/],
    [[...good, "trace", "none"], 1, /"none"/],
    [[...good, "why", "none"], 1, /no event "none"/],
    [["nonsense"], 2, /nonsense/],
    [["event", "list", "--nonsense"], 2, /--nonsense/],
    [["event", "nonsense"], 2, /nonsense/],
    [["event", "list", "--limit", "0"], 2, /"0" must be 1 to 1000/],
    [["event", "list", "-o", "xml"], 2, /xml/],
    [["trace"], 2, /reference/],
    [[...good, ...send, "--data", "{"], 2, /--data/],
    [[...good, ...send, "--data", "@/does/not/exist"], 2, /--data/],
    [[...good, "why", "e1", "--sensor", "hello"], 2, /NAMESPACE\/NAME/],
    [["--data-dir", empty.path, "event", "list"], 3, /no engine runs/],
    [["--data-dir", empty.path, ...send, "--data", "{}"], 3, /no engine runs/],
    [["--server", "http://127.0.0.1:1", "--token", "t", "event", "list"], 3, /does not answer/],
    [["--server", rig.url, "--token", "wrong", "event", "list"], 3, /token/],
  ];
  const ended = await Promise.all(table.map(([args]) => tiphys(args)));
  for (const [index, [args, code, what]] of table.entries()) {
    const { err, out, code: seen } = ended[index]!;
    const words = args.join(" ");
    assert.deepEqual({ words, code: seen, out }, { words, code, out: "" }, err);
    assert.match(err, what, words);
    assert.equal(err.trimEnd().split("\n").length, 2, `${words}: ${err}`);
  }
});

test("tells its version and what it can do", async () => {
  const [version, help, sub] = await Promise.all([
    tiphys(["--version"]),
    tiphys(["--help"]),
    tiphys(["event", "--help"]),
  ]);
  assert.match(version.out, /^\d+\.\d+\.\d+\n$/);
  for (const name of ["up", "event", "trace", "why"]) assert.match(help.out, new RegExp(`^  ${name}\\b`, "m"));
  for (const name of ["list", "show", "send"]) assert.match(sub.out, new RegExp(`^  ${name}\\b`, "m"));
  assert.deepEqual(
    [version, help, sub].map(({ code }) => code),
    [0, 0, 0],
  );
});

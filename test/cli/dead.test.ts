import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger as log } from "../../src/base/log.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { createDeadLetters } from "../../src/events/sensor/dead-letters.ts";
import { received } from "../events/sensor/builders.ts";
import { tiphys } from "../harness/engine.ts";
import { tempDir } from "../harness/temp-dir.ts";

/** A data directory that an engine has left behind, with two effects and a dependency's event on `dead`. */
async function stored() {
  const dir = await tempDir();
  await using bus = await openSqliteBus({ path: join(dir.path, "bus.db"), streams: systemStreams(), log });
  const put = createDeadLetters(bus, { namespace: "ns", name: "s", uid: "uid", revision: "r" }, systemClock);
  for (const trigger of ["t", "u"]) {
    const attempts = [
      { at: 0, error: "first" },
      { at: 1_000, error: "second" },
    ];
    const effect = { key: `uid/${trigger}/e1`, trigger, events: { a: received("e1", "a", { n: 1 }) } };
    const failed = { ...effect, decision: "w-1.0", failed: 2, attempts, dueAt: 0 };
    await put({ kind: "effect", effect: failed, error: "second\nline" });
  }
  const decision = { kind: "error", dependency: "a", message: "broken", event: received("e2", "a") } as const;
  await put({ kind: "decision", key: "error/uid/a//e2", decision });
  return dir;
}

const dead = (dir: { readonly path: string }, ...args: string[]) => tiphys(["--data-dir", dir.path, "dead", ...args]);

test("dead list and show answer from the data directory when no engine runs", async () => {
  await using dir = await stored();
  const { code, stdout, stderr } = await dead(dir, "list");
  assert.deepEqual([code, stderr], [0, ""]);
  const rows = stdout.trim().split("\n");
  assert.match(rows[0] ?? "", /^ID +DEAD SINCE +SENSOR +WHAT +ATTEMPTS +EVENTS +ERROR$/);
  assert.match(rows[1] ?? "", /^3 .* ns\/s +dependency a +0 +e2 +broken$/);
  assert.match(rows[2] ?? "", /^2 .* ns\/s +u +2 +e1 +second$/);
  assert.equal((await dead(dir, "list", "--limit", "1")).stdout.split("\n").at(-2), "1 of 3");
  assert.equal((await dead(dir, "list", "--trigger", "t", "-o", "name")).stdout, "1\n");
  assert.equal((await dead(dir, "list", "--sensor", "ns/other")).stdout, "nothing is dead\n");
  const json = JSON.parse((await dead(dir, "list", "-o", "json")).stdout);
  assert.deepEqual([json.length, json[2].key, json[2].failed], [3, "uid/t/e1", 2]);
  const shown = (await dead(dir, "show", "1")).stdout;
  for (const line of [
    /^what: +t$/m,
    /^key: +uid\/t\/e1$/m,
    /^event: +a: e1 .*\{"n":1\}$/m,
    /^attempt: +2 at .*: second$/m,
  ]) {
    assert.match(shown, line);
  }
  assert.match((await dead(dir, "show", "1", "-o", "yaml")).stdout, /^id: 1\n/);
});

const refusals: [args: string[], code: number, error: RegExp][] = [
  [["show", "17"], 1, /no dead letter "17" is known/],
  [["show", "x"], 2, /"x" must be the id of a dead letter/],
  [["list", "--limit", "0"], 2, /must be 1 to 1000/],
  [["list", "--sensor", "s"], 2, /--sensor: "s" must be NAMESPACE\/NAME/],
  [["redrive", "1"], 3, /no engine runs/],
];
test("dead refuses what it cannot do, in two lines", async () => {
  await using dir = await stored();
  for (const [args, code, error] of refusals) {
    const answer = await dead(dir, ...args);
    assert.deepEqual([answer.code, answer.stdout], [code, ""], `${args}: ${answer.stderr}`);
    assert.match(answer.stderr, error);
    assert.equal(answer.stderr.trim().split("\n").length, 2, answer.stderr);
  }
  await mkdir(join(dir.path, "empty"));
  assert.equal((await dead({ path: join(dir.path, "empty") }, "list")).code, 3);
});

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type ChildCall, runChild } from "../../src/base/child.ts";
import { systemClock } from "../../src/base/clock.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";

failOnLeakedChildren();

const env = { PATH: "/usr/bin:/bin" };
const never = new AbortController().signal;

function script(text: string, more: Partial<ChildCall> = {}): ChildCall {
  return {
    command: "sh",
    args: ["-c", text],
    env,
    timeoutMs: 10_000,
    maxOutputBytes: 1_000,
    label: "the script",
    ...more,
  };
}

test("gives exit code, output and errors", async () => {
  const result = await runChild(script("cat; echo bad >&2; exit 3", { input: "in" }), systemClock, never);
  assert.deepEqual({ ...result, stdout: String(result.stdout) }, { code: 3, stdout: "in", stderr: "bad\n" });
});

test("inherits nothing of the environment", async () => {
  const result = await runChild(script("echo $HOME-$ONE", { env: { ...env, ONE: "1" } }), systemClock, never);
  assert.equal(String(result.stdout), "-1\n");
});

test("a program that does not read its input is no failure", async () => {
  const input = Buffer.alloc(4 * 1024 * 1024);
  assert.equal((await runChild(script("exit 0", { input }), systemClock, never)).code, 0);
});

const failures: readonly (readonly [
  string,
  Partial<ChildCall> & { text: string },
  { code: string; message: RegExp },
])[] = [
  [
    "too much output",
    { text: "yes" },
    { code: "TOOL_OUTPUT_TOO_LARGE", message: /the script wrote more than the 1000/ },
  ],
  [
    "too much memory, of what it starts too",
    { text: "head -c 400000000 /dev/zero | tail -c 400000000 | sleep 20", maxMemoryBytes: 50_000_000 },
    { code: "TOOL_MEMORY_EXCEEDED", message: /the script used more than the 50000000 bytes of memory allowed/ },
  ],
  ["too much time", { text: "sleep 60", timeoutMs: 50 }, { code: "TOOL_TIMEOUT", message: /within 0.05 s/ }],
  [
    "a folder that is gone",
    { text: "", cwd: "/tmp/no-such-folder" },
    { code: "TOOL_FAILED", message: /cannot be started: the folder "\/tmp\/no-such-folder" is gone/ },
  ],
  [
    "a missing program",
    { text: "", command: "no-such-tool" },
    { code: "TOOL_MISSING", message: /"no-such-tool" is not/ },
  ],
  ["an end by signal", { text: "kill -9 $$" }, { code: "TOOL_FAILED", message: /ended by SIGKILL/ }],
];

for (const [name, { text, ...more }, expected] of failures) {
  test(`${name} is an error that says so`, () =>
    assert.rejects(runChild(script(text, more), systemClock, never), expected));
}

test("an error of the reader ends the child and is the error of the call", () => {
  const consume = () => Promise.reject(new Error("enough"));
  return assert.rejects(runChild(script("yes", { consume }), systemClock, never), /enough/);
});

test("a grandchild that left the group does not hold up the end", async () => {
  const started = performance.now();
  const call = script("setsid sleep 6 & wait", { timeoutMs: 200 });
  await assert.rejects(runChild(call, systemClock, never), { code: "TOOL_TIMEOUT" });
  assert.ok(performance.now() - started < 4_000);
});

test("abort ends the grandchildren too, even those that do not listen", async () => {
  await using directory = await tempDir();
  const file = join(directory.path, "pid");
  const stop = new AbortController();
  const text = `trap "" TERM; (trap "" TERM; while :; do sleep 1; done) & echo $! > ${file}.new; mv ${file}.new ${file}; wait; wait`;
  const running = runChild(script(text), systemClock, stop.signal);
  running.catch(() => undefined);
  await waitFor("the grandchild", () => existsSync(file));
  const pid = Number(readFileSync(file, "utf8"));
  stop.abort(new Error("no longer wanted"));
  await assert.rejects(running, /no longer wanted/);
  await waitFor("the grandchild to be gone", () => isGone(pid));
});

function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return true;
  }
}

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot, run } from "../harness/run.ts";

test("a test that leaves a timer, a connection or a child process fails, and is told which", async () => {
  const file = join(projectRoot, "test/harness/leaking.ts");
  const { code, stdout } = await run(process.execPath, ["--test", file]);
  assert.equal(code, 1, stdout);
  const [, left = ""] = /left by the tests: (.*); use "await using"/.exec(stdout) ?? [];
  assert.deepEqual([...new Set(left.split(", "))].sort(), ["ProcessWrap", "TCPServerWrap", "TCPSocketWrap", "Timeout"]);
});

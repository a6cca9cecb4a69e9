import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot, run } from "../harness/run.ts";

for (const isolation of ["process", "none"]) {
  test(`a test that leaves a timer, a connection or a child process fails, and is told which; isolation ${isolation}`, async () => {
    const file = join(projectRoot, "test/harness/leaking.ts");
    const { code, stdout } = await run(process.execPath, ["--test", `--test-isolation=${isolation}`, file]);
    assert.equal(code, 1, stdout);
    const [, left = ""] = /left by the tests: (.*); use "await using"/.exec(stdout) ?? [];
    const kinds = [...new Set(left.split(", "))].sort();
    assert.deepEqual(kinds, ["ProcessWrap", "TCPServerWrap", "TCPSocketWrap", "Timeout"]);
  });
}

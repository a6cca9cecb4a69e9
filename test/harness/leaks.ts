import assert from "node:assert/strict";
import { after } from "node:test";
import { waitFor } from "./wait.ts";

/** Fails the test file when a child process outlives its tests. Call it once, at the top. */
export function failOnLeakedChildren(): void {
  after(async () => {
    const left = (): number => process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap").length;
    await waitFor("child processes to be gone", () => left() === 0, 2_000).catch(() =>
      assert.fail(`${left()} child processes are left: use "await using"`),
    );
  });
}

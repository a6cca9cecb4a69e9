import assert from "node:assert/strict";
import { after } from "node:test";
import { waitFor } from "./wait.ts";

/** Fails the test file when a child process outlives its tests. Call it once, at the top. */
export function failOnLeakedChildren(): void {
  failWhenLeft(["ProcessWrap"]);
}

/** As `failOnLeakedChildren`, and for connections, servers and timers that hold the process. */
export function failOnLeaks({ withinMs = 2_000 } = {}): void {
  failWhenLeft(["ProcessWrap", "TCPSocketWrap", "TCPServerWrap", "TLSWrap", "Timeout"], withinMs);
}

function failWhenLeft(kinds: readonly string[], withinMs = 2_000): void {
  after(async () => {
    const left = (): string[] => process.getActiveResourcesInfo().filter((name) => kinds.includes(name));
    await waitFor("all to be closed", () => left().length === 0, withinMs).catch(() => {
      process.exitCode = 1; // of files that share a process the runner takes no notice of this failure
      assert.fail(`left by the tests: ${left().join(", ")}; use "await using"`);
    });
  });
}

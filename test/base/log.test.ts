import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EngineError } from "../../src/base/errors.ts";
import { createLogger, type Logger } from "../../src/base/log.ts";
import { tempDir } from "../harness/temp-dir.ts";

async function linesOf(write: (log: Logger) => void): Promise<readonly object[]> {
  await using dir = await tempDir();
  const path = join(dir.path, "log");
  const file = openSync(path, "w");
  write(createLogger("info", file));
  closeSync(file);
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => {
    const { time: _, ...rest } = JSON.parse(line) as { readonly time: string };
    return rest;
  });
}

test("a line has the fields of the logger and of its parents; the line's own win", async () => {
  const lines = await linesOf((log) => {
    const child = log.child({ namespace: "shop", sensor: "a" }).child({ sensor: "b" });
    child.info("one", { attempt: 2 });
    child.warn("two", { sensor: "c" });
    log.error("three");
    child.debug("below the level");
  });
  assert.deepEqual(lines, [
    { level: "info", namespace: "shop", sensor: "b", attempt: 2, msg: "one" },
    { level: "warn", namespace: "shop", sensor: "c", msg: "two" },
    { level: "error", msg: "three" },
  ]);
});

test("an error is its message and code", async () => {
  const [line] = await linesOf((log) => log.warn("failed", { error: new EngineError("BUS_STALE", "too late") }));
  assert.deepEqual(line, { level: "warn", error: "too late", code: "BUS_STALE", msg: "failed" });
});

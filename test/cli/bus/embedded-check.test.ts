import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { silentLogger as log } from "../../../src/base/log.ts";
import { checkOwnBuses } from "../../../src/cli/bus/embedded-check.ts";
import { openSqliteBus } from "../../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../../src/events/bus/streams.ts";
import { openDataDir } from "../../../src/local/data-dir.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const open = (path: string) => openSqliteBus({ path: join(path, "bus.db"), streams: systemStreams(), log });
const check = (dataDir: string) => checkOwnBuses({ dataDir, output: "text", isDataDirGiven: true, config: "" });

test("a data directory that is well, and is left as it was", async () => {
  await using dir = await tempDir();
  await (await open(dir.path))[Symbol.asyncDispose]();
  const findings = await check(dir.path);
  assert.deepEqual(
    findings.map(({ step, outcome }) => `${step} ${outcome}`),
    ["data ok", "round trip ok"],
  );
  await using bus = await open(dir.path);
  assert.deepEqual(await bus.state("check").entries(""), []);
});

test("a file that is no bus", async () => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, "bus.db"), "not a database at all, but long enough to be looked at".repeat(100));
  const [finding, ...others] = await check(dir.path);
  assert.deepEqual([finding?.step, finding?.outcome, others.length], ["data", "failed", 0]);
});

test("a data directory that somebody else has locked", async () => {
  await using dir = await tempDir();
  await (await open(dir.path))[Symbol.asyncDispose]();
  using _owner = openDataDir(dir.path);
  const [finding] = await check(dir.path);
  assert.equal(finding?.outcome, "failed");
  assert.match(finding.message, /another engine runs on the data directory/);
});

test("neither an engine nor data", async () => {
  await using dir = await tempDir();
  await assert.rejects(check(dir.path), { code: "USAGE", message: /give the URL of a bus/ });
});

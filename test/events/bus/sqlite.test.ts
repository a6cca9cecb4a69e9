import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { it } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { openSqliteBus } from "../../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../../src/events/bus/streams.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const publisher = `
const { openSqliteBus } = await import(${JSON.stringify(new URL("../../../src/events/bus/sqlite.ts", import.meta.url).href)});
const { systemStreams } = await import(${JSON.stringify(new URL("../../../src/events/bus/streams.ts", import.meta.url).href)});
const { silentLogger } = await import(${JSON.stringify(new URL("../../../src/base/log.ts", import.meta.url).href)});
const bus = await openSqliteBus({ path: process.argv[1], streams: systemStreams(), log: silentLogger });
for (let n = 1; ; n++) {
  await bus.publish("events.a.b.c", { id: String(n), data: new Uint8Array(10) });
  process.stdout.write(n + "\\n");
}`;

it("keeps every acknowledged message when the process is killed", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "bus.db");
  const child = spawn(process.execPath, ["--input-type=module", "-e", publisher, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
    if (output.split("\n").length > 50) child.kill("SIGKILL");
  });
  await once(child, "close");
  const acknowledged = Number(output.trimEnd().split("\n").at(-1));
  assert.ok(acknowledged >= 50);
  await using bus = await openSqliteBus({ path, streams: systemStreams(), log: silentLogger });
  assert.ok((await bus.end("events")).after >= acknowledged);
});

it("refuses a file that another bus has open", async () => {
  await using dir = await tempDir();
  const options = { path: join(dir.path, "bus.db"), streams: systemStreams(), log: silentLogger };
  await using _bus = await openSqliteBus(options);
  await assert.rejects(openSqliteBus(options), { code: "STORE_FAILED" });
});

it("opens a file from before state could expire", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "bus.db");
  {
    using db = new DatabaseSync(path);
    db.exec(
      "CREATE TABLE state (store TEXT, key TEXT, value BLOB, revision INTEGER, PRIMARY KEY (store, key)) WITHOUT ROWID;" +
        "INSERT INTO state VALUES ('s', 'k', x'01', 1);",
    );
  }
  await using bus = await openSqliteBus({ path, streams: systemStreams(), log: silentLogger });
  assert.deepEqual([...((await bus.state("s", { ttlMs: 1000 }).get("k"))?.value ?? [])], [1]);
});

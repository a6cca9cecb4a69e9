import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sftpSource } from "../../../src/events/sources/sftp.ts";
import { type SshServer, sshdMissing, startSshd } from "../../harness/sshd.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { waitFor } from "../../harness/wait.ts";
import { runSource } from "./running-source.ts";
import { memoryState } from "./source-context.ts";

describe("sftp", { skip: sshdMissing() ?? false, timeout: 60_000 }, () => {
  const secretsOf = (server: SshServer): Record<string, string> => ({
    "s/address": `127.0.0.1:${server.port}\n`,
    "s/user": server.user,
    "s/key": `${server.privateKey}\n${server.hostKey}\n`,
  });
  const specOf = (directory: string, more: object = {}) => ({
    eventType: "CREATE",
    watchPathConfig: { directory: `${directory}/`, pathRegexp: "\\.csv$" },
    pollIntervalDuration: "100ms",
    address: { name: "s", key: "address" },
    username: { name: "s", key: "user" },
    sshKeySecret: { name: "s", key: "key" },
    ...more,
  });

  test("files that come or change are told once, also those of while nobody looked", async () => {
    await using folder = await tempDir();
    await using server = await startSshd();
    const file = (name: string) => join(folder.path, name);
    await writeFile(file("old.csv"), "1");
    await mkdir(file("folder.csv"));
    const state = memoryState();
    const secrets = secretsOf(server);
    const run = (more: object = {}) => runSource(sftpSource, specOf(folder.path, more), { state }, secrets);
    {
      await using source = await run({ metadata: { m: "1" } });
      await writeFile(file("a.csv"), "1");
      await writeFile(file("b.txt"), "1");
      await waitFor("the first", () => source.context.emitted.length === 1);
      await writeFile(file("a.csv"), "12");
      await waitFor("its change", () => source.context.emitted.length === 2);
      assert.deepEqual(source.data(), [
        { name: "a.csv", op: 1, metadata: { m: "1" } },
        { name: "a.csv", op: 1, metadata: { m: "1" } },
      ]);
      assert.equal(new Set(source.context.emitted.map(({ id }) => id)).size, 2);
    }
    await writeFile(file("c.csv"), "1");
    await using again = await run();
    await waitFor("what was missed", () => again.context.emitted.length === 1);
    assert.deepEqual(again.data(), [{ name: "c.csv", op: 1, metadata: null }]);
    await again.stop();
    await using removals = await run({ eventType: "REMOVE" });
    await rm(file("c.csv"));
    await waitFor("the removal", () => removals.context.emitted.length === 1);
    assert.deepEqual(removals.data(), [{ name: "c.csv", op: 4, metadata: null }]);
  });

  test("another server's key, another user's key and a server that is away are failures", async () => {
    await using folder = await tempDir();
    await using server = await startSshd();
    await using other = await startSshd();
    const secrets = secretsOf(server);
    const fails = async (change: Record<string, string>, code: string, message: RegExp) =>
      assert.rejects(runSource(sftpSource, specOf(folder.path), {}, { ...secrets, ...change }), { code, message });
    await fails(
      { "s/key": `${server.privateKey}\n${other.hostKey}\n` },
      "SOURCE_FAILED",
      /SFTP server 127\.0\.0\.1:\d+: /,
    );
    await fails({ "s/key": `${server.otherKey}\n${server.hostKey}\n` }, "SOURCE_FAILED", /authentication/i);
    await fails({ "s/key": server.privateKey }, "SECRET_MISSING", /holds no server's key/);
    await fails({ "s/address": "127.0.0.1:1" }, "SOURCE_FAILED", /ECONNREFUSED/);
    await using source = await runSource(sftpSource, specOf(folder.path), {}, secrets);
    await rm(folder.path, { recursive: true });
    assert.match(String(await source.ended), /SFTP server .*(No such file|ENOENT)/i);
  });
});

import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { test } from "node:test";
import { createTestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { startDoor } from "./door.ts";
import { openSources } from "./rig.ts";

failOnLeakedChildren();

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const isPack = (path: string): boolean => path.endsWith("/git-upload-pack");

/** Undefined: the connection breaks. */
type Change = (path: string, answer: Buffer) => Buffer | undefined;

const cutOff = /: the server's answer is cut off or damaged \(.+\)$/;

const changes: readonly (readonly [name: string, change: Change, hint: RegExp])[] = [
  [
    "breaks off in the middle of a pack",
    (path, answer) => (isPack(path) && hasPack(answer) ? undefined : answer),
    cutOff,
  ],
  [
    "ends a pack early, and says that it is whole",
    (path, answer) => (isPack(path) && hasPack(answer) ? answer.subarray(0, answer.length - 40) : answer),
    cutOff,
  ],
  [
    "sends a pack that is damaged",
    (path, answer) => (isPack(path) && hasPack(answer) ? damaged(answer) : answer),
    cutOff,
  ],
  ["sends nothing", (path, answer) => (isPack(path) ? Buffer.alloc(0) : answer), cutOff],
  [
    "answers with a page",
    () => Buffer.from("<html>please log in</html>"),
    /: what answers is no Git server, maybe a login page \(.+\)$/,
  ],
  ["names commits that it does not have", (_path, answer) => replaced(answer), /./],
];

function hasPack(answer: Buffer): boolean {
  return answer.includes("PACK");
}

function damaged(answer: Buffer): Buffer {
  const copy = Buffer.from(answer);
  const at = copy.indexOf("PACK") + 20;
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
}

/** Each commit that is listed becomes another one. */
function replaced(answer: Buffer): Buffer {
  const text = answer.toString("latin1");
  return Buffer.from(
    text.replaceAll(/[0-9a-f]{40}(?= (?:refs\/|HEAD))/g, (id) => (id.startsWith("f") ? "e" : "f") + id.slice(1)),
    "latin1",
  );
}

for (const [name, change, hint] of changes) {
  test(`a server that ${name}: a clear failure, nobody else is touched, and it is over when the server is right`, async () => {
    let isWrong = true;
    await using door = await startDoor(
      () => true,
      undefined,
      { a: "1" },
      (path, answer) => (isWrong ? change(path, answer) : answer),
    );
    await using other = await createTestRepository();
    await other.commit({ b: "2" });
    await using rig = await openSources();
    await assert.rejects(rig.sources.fetch(door.url, {}, soon()), (error: Error & { code?: string }) => {
      assert.match(error.code ?? "", /^GIT_/);
      assert.ok(error.message.includes("demo.git"), error.message);
      assert.match(error.message, hint);
      return true;
    });
    assert.deepEqual(globSync("git/**/{tmp_*,*.lock}", { cwd: rig.directory }), [], "nothing is left of it");
    assert.equal((await rig.sources.fetch(other.url, {}, soon())).fetched, true);
    isWrong = false;
    const { refs } = await rig.sources.fetch(door.url, {}, soon());
    const commit = refs.get("refs/heads/main") ?? "";
    assert.equal(String(await rig.sources.read(door.url, commit, "a", soon())), "1");
  });
}

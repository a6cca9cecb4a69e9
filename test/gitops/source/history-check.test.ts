import assert from "node:assert/strict";
import { test } from "node:test";
import { checkHistory, type HistoryDeps } from "../../../src/gitops/source/history-check.ts";

const idOf = (at: number): string => at.toString(16).padStart(40, "0");

/** A line of commits, of which each names the one before it; those in `seals` vouch for what is before them. */
function line(count: number, { signed = false, seals = [] as readonly number[] } = {}) {
  const read: string[] = [];
  const deps: HistoryDeps = {
    read: async (commit) => {
      read.push(commit);
      const at = Number.parseInt(commit, 16);
      const parent = at === 0 ? "" : `parent ${idOf(at - 1)}\n`;
      const trailer = seals.includes(at) ? "\n\nArgocd-gpg-seal: reviewed" : "";
      return Buffer.from(
        `tree ${idOf(0)}\n${parent}author A <a@x> 0 +0000\ncommitter A <a@x> 0 +0000\n\nM${trailer}\n`,
      );
    },
    verify: async () => ({ isGood: signed, result: signed ? "signed" : "unsigned", key: "" }),
  };
  return { read, check: (isStrict: boolean) => checkHistory(idOf(count - 1), isStrict, deps) };
}

for (const [name, count, more, isStrict, problems, looks] of [
  ["one commit, unless all have to be signed", 20, {}, false, 1, 1],
  ["ten problems at most", 20, {}, true, 10, 10],
  ["all commits, where they are good", 20, { signed: true }, true, 0, 20],
  ["no further than a good seal", 20, { signed: true, seals: [15] }, true, 0, 5],
  ["further than a seal that nobody signed", 5, { seals: [3] }, true, 5, 5],
] as const) {
  test(`a history is looked at: ${name}`, async () => {
    const { check, read } = line(count, more);
    const found = await check(isStrict);
    assert.deepEqual([found.length, read.length], [problems, looks]);
    for (const problem of found)
      assert.match(problem, /^GIT\/GPG: Failed verifying revision 0+.* by 'A <a@x>': unsigned$/);
  });
}

test("a history without end is refused, with what to do", async () => {
  await assert.rejects(line(10_000, { signed: true }).check(true), {
    code: "GIT_TOO_LARGE",
    message: "the history has more than 5000 commits without a seal: sign one with Argocd-gpg-seal",
  });
});

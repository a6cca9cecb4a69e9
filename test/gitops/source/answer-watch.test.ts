import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { whileAnswering } from "../../../src/gitops/source/answer-watch.ts";
import { sizeOf } from "../../../src/gitops/source/mirror-upkeep.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { never } from "./rig.ts";

const silent = new EngineError("TOOL_TIMEOUT", "git ls-remote did not end within 15 s");
const refused = new EngineError("GIT_FAILED", "no");

for (const [name, answer, sends, asked, outcome] of [
  ["that is quick is not asked about", undefined, false, 0, "fetched"],
  ["whose server answers goes on", () => undefined, false, 1, "fetched"],
  ["whose server answers that it does not want goes on", () => refused, false, 1, "fetched"],
  ["whose server is silent ends", () => silent, false, 1, silent.message],
  ["that something came of goes on, however silent its server is", () => silent, true, 1, "fetched"],
] as const) {
  test(`a fetch ${name}`, async () => {
    await using folder = await tempDir();
    const packs = join(folder.path, "objects", "pack");
    await mkdir(packs, { recursive: true });
    const clock = createVirtualClock();
    const fetched = Promise.withResolvers<string>();
    let questions = 0;
    const watch = {
      path: folder.path,
      clock,
      patienceMs: 3_000,
      async ask() {
        questions += 1;
        const error = answer?.();
        if (error !== undefined) throw error;
      },
    };
    const begun = Promise.withResolvers<void>();
    const fetch = async (stop: AbortSignal): Promise<string> => {
      if (sends) await writeFile(join(packs, "tmp_pack_x"), "half of it");
      begun.resolve();
      stop.addEventListener("abort", () => fetched.reject(stop.reason));
      return fetched.promise;
    };
    const result = whileAnswering(watch, fetch, never).catch((error: Error) => error.message);
    await begun.promise;
    if (answer !== undefined) await clock.advance(3_000);
    for (let turn = 0; turn < 5; turn++) await sizeOf(folder.path); // as long as the watch takes, and longer
    fetched.resolve("fetched");
    assert.equal(await result, outcome);
    assert.equal(questions, asked);
  });
}

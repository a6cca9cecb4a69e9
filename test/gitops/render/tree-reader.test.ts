import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { diskTree } from "../../../src/gitops/render/disk-tree.ts";
import { createRecorder } from "../../../src/gitops/render/recorder.ts";
import { TreeReader } from "../../../src/gitops/render/tree-reader.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const signal = new AbortController().signal;

test("what is missing costs no list of what lies beside the way to it, which may be a thousand Applications", async () => {
  await using folder = await tempDir();
  await mkdir(join(folder.path, "apps/a"), { recursive: true });
  await mkdir(join(folder.path, "apps/b"));
  await writeFile(join(folder.path, "apps/b/m.yaml"), "");
  const tree = diskTree(folder.path);
  const listed: string[] = [];
  const listFiles: typeof tree.listFiles = (path, stop) => {
    listed.push(path);
    return tree.listFiles(path, stop);
  };
  const recorder = createRecorder();
  const reader = new TreeReader({ ref: "", tree: { ...tree, listFiles }, linksOut: "refused", recorder, signal });
  const found = async (path: string) => (await reader.follow(path)).found?.path;
  assert.deepEqual(
    [await found("apps/a/.argocd-source.yaml"), await found("apps/c/d/e"), await found("apps/b/m.yaml/x")],
    [undefined, undefined, undefined],
  );
  assert.deepEqual(listed, []);
});

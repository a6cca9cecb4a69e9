import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { diskTree } from "../../../src/gitops/render/disk-tree.ts";
import { type ChartFacts, readChart } from "../../../src/gitops/render/helm-chart.ts";
import { createInputs } from "../../../src/gitops/render/inputs.ts";
import { createRecorder } from "../../../src/gitops/render/recorder.ts";
import { TreeReader } from "../../../src/gitops/render/tree-reader.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const mebibyte = 1024 * 1024;

async function factsOf(files: Readonly<Record<string, string | Buffer>>): Promise<ChartFacts> {
  await using folder = await tempDir();
  for (const [name, content] of Object.entries({ "Chart.yaml": "name: c\n", ...files })) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await writeFile(join(folder.path, name), content);
  }
  const signal = AbortSignal.timeout(60_000);
  const options = { ref: "", tree: diskTree(folder.path), linksOut: "refused", signal } as const;
  return await readChart("", createInputs(new TreeReader({ ...options, recorder: createRecorder() }), new Map()));
}

const archive = (text: string): Buffer => gzipSync(text);
const large = archive("x".repeat(12 * mebibyte));
const bomb = archive("x".repeat(20 * mebibyte));

for (const [name, files, isVolatile, usesVersions] of [
  [
    "nothing of note",
    { "templates/a.yaml": "{{ .Values.a }}", "charts/a.tgz": archive("{{ .Values.b }}") },
    false,
    false,
  ],
  ["a call in an archive", { "charts/a.tgz": archive("{{ now }}") }, true, false],
  ["an archive that is none", { "charts/a.tgz": "no gzip" }, true, true],
  ["one large archive", { "charts/a.tgz": large }, false, false],
  ["archives that are too large together", { "charts/a.tgz": large, "charts/b.tgz": large }, true, true],
  [
    "a hundred archives that unpack without end",
    Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`charts/${n}.tgz`, bomb])),
    true,
    true,
  ],
  [
    "templates that are too large together",
    { "templates/a.yaml": "x".repeat(15 * mebibyte), "templates/b.yaml": "x".repeat(2 * mebibyte) },
    true,
    true,
  ],
] as const satisfies readonly (readonly [string, Readonly<Record<string, string | Buffer>>, boolean, boolean])[]) {
  test(`what a chart calls: ${name}`, async () => {
    const facts = await factsOf(files);
    assert.deepEqual([facts.isVolatile, facts.usesVersions], [isVolatile, usesVersions]);
  });
}

test("metadata that is too large is refused", async () => {
  const message = /^Chart\.yaml: it has 1048585 bytes, 1048576 are allowed$/;
  await assert.rejects(factsOf({ "Chart.yaml": `name: c\n#${"x".repeat(mebibyte)}` }), {
    code: "RENDER_FAILED",
    message,
  });
});

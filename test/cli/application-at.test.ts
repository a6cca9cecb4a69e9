import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readApplicationFile as readForDiff } from "../../src/cli/diff/desired.ts";
import { readApplicationFile as readForPlan } from "../../src/cli/sync/application-file.ts";
import { tempDir } from "../harness/temp-dir.ts";

const head = "# Two lines\n# of comment\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\n";

for (const [name, text, message] of [
  [
    "fields that are wrong, with their file and line",
    `${head}spec: {project: p, destination: {}, source: {repoURL: "https://h/r", path: 7}}\n`,
    /app\.yaml:3: spec\.source\.path: 7 must be a string/,
  ],
  [
    "bytes that are no UTF-8",
    Buffer.from(`${head}spec: {project: "caf\xe9"}\n`, "latin1"),
    /app\.yaml:6:21: is not UTF-8 text/,
  ],
  ["nothing", "", /app\.yaml" (?:must hold one Application, not 0|holds 0 Applications)/],
] as const) {
  test(`the Application of a file with ${name} is refused`, async () => {
    await using folder = await tempDir();
    const file = join(folder.path, "app.yaml");
    await writeFile(file, text);
    for (const read of [() => readForDiff(file), () => readForPlan(file, {})]) await assert.rejects(read, { message });
  });
}

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { parseManifests } from "../../src/api/manifest.ts";
import { readFiles } from "../architecture/scan.ts";

const root = join(import.meta.dirname, "..", "..");

for (const { path, text } of readFiles(root, ["examples/**/*.yaml"])) {
  test(`${path} parses`, () => assert.ok(parseManifests(text, path).length > 0));
}

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { formatProblems } from "../../src/base/schema.ts";
import { openKinds } from "../../src/engine/kinds.ts";
import { createChecker } from "../../src/validate/admission.ts";
import { validateText } from "../../src/validate/validate.ts";
import { readFiles } from "../architecture/scan.ts";

/** Kinds of third parties, as an engine or `validate` gets them by `--adapter`. */
const { schemas } = await openKinds(
  [{ name: "page", path: join(import.meta.dirname, "../../examples/custom-source/page.js") }],
  silentLogger,
);
const check = createChecker(schemas);
const root = join(import.meta.dirname, "..", "..");

/** What is worth a word about our own examples: each shows something on purpose. */
const expected: Readonly<Record<string, readonly string[]>> = {
  "examples/event-sources/calendar.yaml": [
    "warning spec.calendar.working-day.persistence.configMap: is missing: Argo Events makes up for nothing without it, Tiphys does",
  ],
};

for (const { path, text } of readFiles(root, ["examples/**/*.yaml"])) {
  test(`${path} is accepted with exactly the warnings expected`, () => {
    const { problems, isUnreadable } = validateText(text, path, check);
    assert.equal(isUnreadable, false);
    assert.deepEqual(
      problems.map((problem) => `${problem.severity} ${formatProblems([problem])}`),
      expected[path] ?? [],
    );
  });
}

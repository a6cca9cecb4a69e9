import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { formatProblems } from "../../src/base/schema.ts";
import { validateText } from "../../src/validate/validate.ts";
import { readFiles } from "../architecture/scan.ts";

const root = join(import.meta.dirname, "..", "..");

/** What is worth a word about our own examples: each shows something on purpose. */
const expected: Readonly<Record<string, readonly string[]>> = {
  "examples/event-sources/calendar.yaml": [
    "warning spec.calendar.working-day.persistence.configMap: is missing: Argo Events makes up for nothing without it, Tiphys does",
  ],
};

for (const { path, text } of readFiles(root, ["examples/**/*.yaml"])) {
  test(`${path} is accepted with exactly the warnings expected`, () => {
    const { problems, isUnreadable } = validateText(text, path);
    assert.equal(isUnreadable, false);
    assert.deepEqual(
      problems.map((problem) => `${problem.severity} ${formatProblems([problem])}`),
      expected[path] ?? [],
    );
  });
}

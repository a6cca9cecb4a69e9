import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TerminalError } from "../../../src/base/errors.ts";
import { compileGoTemplate } from "../../../src/base/go-template/template.ts";
import type { FloatObject } from "../../../src/base/json.ts";
import { dataArbitrary, templateArbitrary } from "../../harness/go-template-arbitrary.ts";
import { assertSameOfEach, type OracleAnswer, oracleMissing, startOracle } from "../../harness/oracle.ts";

const missing = oracleMissing();
const runs = Number(process.env.TIPHYS_ORACLE_RUNS ?? 4_000);

function run(template: string, data: FloatObject, missingKey: "default" | "zero" | "error"): OracleAnswer {
  try {
    return { ok: compileGoTemplate(template, { missingKey }).execute(data) };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { error: error.message };
  }
}

/**
 * Where we fail on purpose. Go shows what stands behind the end of a list, if its memory has room there; addresses and
 * the time since another one differ each time.
 */
const onPurpose = /slice bounds out of range: \[\d+:\d+\] of \d+ items|prints an address|time since then depends/;

const limits = /stand in each other deeper than|it takes more than \d+ steps|is longer than \d+/;

test("Go's text/template with sprig says the same of templates and data", { skip: missing ?? false }, async () => {
  await using oracle = startOracle();
  let same = 0;
  const missingKeys = fc.constantFrom("default", "default", "zero", "error");
  await assertSameOfEach(
    fc.tuple(templateArbitrary, dataArbitrary, missingKeys),
    async ([template, data, missingKey]) => {
      const ours = run(template, data, missingKey);
      if ("error" in ours && limits.test(ours.error)) return;
      const theirs = await oracle.ask({ dialect: "gotemplate", template, data, missingKey });
      const place = `${template} of ${JSON.stringify(data)}`;
      if ("ok" in theirs) {
        if ("error" in ours && onPurpose.test(ours.error)) return;
        if (/deepCopy/i.test(template) && /semver/i.test(template)) return; // Go's copy of a version is 0.0.0
        assert.deepEqual(ours, theirs, place);
        same++;
      } else assert.ok("error" in ours, `Go fails with: ${theirs.error}: ${place}`);
    },
    { numRuns: runs },
  );
  assert.ok(same > runs / 4, `only ${same} templates gave a text`);
});

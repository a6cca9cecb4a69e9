import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { isClean, runScenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

/** Characters of what each engine wrote, for a run that fails. */
const shownOutput = 12_000;

/** A scenario as a test, with `seconds` of load; `npm run chaos` gives each a minute and more. */
export function shortForm(name: keyof typeof scenarios, seconds: number): void {
  const scenario = scenarios[name];
  const skip = "missing" in scenario ? (scenario.missing() ?? false) : false;
  test(`what was kept is acted on: ${scenario.name}`, { skip }, async (t) => {
    const seed = Number(process.env.TIPHYS_TEST_SEED ?? randomInt(2 ** 31));
    t.diagnostic(`TIPHYS_TEST_SEED=${seed}`);
    const report = await runScenario(scenario, seconds * 1_000, seed);
    const { kept, actedOn, lost, underTwoKeys, twoOwners = [], exits, repeated, outputs } = report;
    const faults = [...report.faults].map(([fault, count]) => `${fault} ${count}×`).join(", ");
    t.diagnostic(`${faults}; ${kept} kept, ${actedOn} acted on, ${repeated} repeated under one key`);
    if (!isClean(report)) t.diagnostic(`lost by Sensor: ${JSON.stringify(report.lostBy)}`);
    if (!isClean(report)) for (const output of outputs) t.diagnostic(output.slice(-shownOutput));
    assert.ok(kept > 20, `only ${kept} were kept: the test shows nothing`);
    assert.deepEqual(lost, [], "kept and lost");
    assert.deepEqual(underTwoKeys, [], "under two keys, or none");
    assert.deepEqual(twoOwners, [], "two owners at once");
    assert.ok(
      exits.every((code) => code === 0),
      "an engine ended by itself",
    );
  });
}

import { randomInt } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isClean, type Report, runScenario, type Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

// npm run chaos -- [--minutes N] [--seed N] [--only NAME] [--logs DIR]: kills and starves what it can, and counts what is lost.

/** Starting and settling of one scenario; what it takes less or more, those after it have more or less. */
const aroundMs = 20_000;
const leastLoadMs = 5_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(randomInt(2 ** 31)) },
    only: { type: "string" },
    logs: { type: "string" },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const all: Readonly<Record<string, Scenario>> = scenarios;
const only = values.only === undefined ? undefined : all[values.only];
if (!(minutes > 0 && minutes <= 600) || !Number.isSafeInteger(seed))
  usage("--minutes takes 0 to 600, --seed a whole number");
if (values.only !== undefined && only === undefined) {
  usage(`no scenario "${values.only}"; known: ${Object.keys(scenarios).join(", ")}`);
}

const end = performance.now() + minutes * 60_000;
const waiting = only === undefined ? Object.values(all) : [only];
let isAllClean = true;
console.log(`chaos for ${minutes} minutes, --seed ${seed}`);
for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
  const missing = scenario.missing?.();
  if (missing !== undefined) {
    console.log(`${scenario.name}: not run, ${missing}`);
    continue;
  }
  const weights = waiting.reduce((sum, { weight }) => sum + weight, scenario.weight);
  const share = ((end - performance.now()) * scenario.weight) / weights;
  const report = await runScenario(scenario, Math.max(leastLoadMs, share - aroundMs), seed);
  show(report);
  if (values.logs !== undefined) await writeLogs(values.logs, report);
  isAllClean &&= isClean(report);
}
process.exitCode = isAllClean ? 0 : 1;

function show(report: Report): void {
  const { name, seconds, kept, actedOn, lost, underTwoKeys, twoOwners, claims, repeated, sent, settledMs } = report;
  const owners = twoOwners === undefined ? "" : `, two owners ${twoOwners.length} of ${claims} claims`;
  const faults = [...report.faults].map(([fault, count]) => `${fault} ${count}×`).join(", ");
  console.log(
    `${name} (${seconds} s): ${faults}; kept ${kept}, acted on ${actedOn}, lost ${lost.length}, ` +
      `two keys ${underTwoKeys.length}${owners}; repeated under one key ${repeated}; ` +
      `${sent} webhooks sent; settled ${(settledMs / 1000).toFixed(1)} s after the last`,
  );
  if (isClean(report)) return;
  for (const [what, list] of [
    ["lost", lost],
    ["under two keys", underTwoKeys],
    ["two owners", twoOwners ?? []],
    ["an engine said", report.outputs.flatMap(complaintsIn)],
  ] as const) {
    for (const line of list.slice(-20)) console.log(`  ${what}: ${line.slice(0, 500)}`);
  }
}

function complaintsIn(output: string): string[] {
  return output.split("\n").filter((line) => /"level":"(warn|error|fatal)"/.test(line));
}

async function writeLogs(folder: string, { name, outputs }: Report): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [index, output] of outputs.entries()) {
    await writeFile(join(folder, `${name.replaceAll(/\W+/g, "-")}-engine-${index}.log`), output);
  }
}

function usage(message: string): never {
  console.error(message);
  process.exit(2);
}

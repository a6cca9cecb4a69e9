import { parseArgs } from "node:util";
import type { Bench, BenchRow } from "./bench.ts";

// npm run bench -- [name…] [--quick] [--json]: measures us and the limit in one run.

/** In the order of the table; loaded only when asked for. */
const rooms: Readonly<Record<string, () => Promise<readonly Bench[]>>> = {
  bus: async () => [...(await import("./bus.ts")).busBenches, ...(await import("./bus-memory.ts")).busMemoryBenches],
  sensor: async () => (await import("./sensor.ts")).sensorBenches,
  sensors: async () => (await import("./sensors.ts")).sensorsBenches,
  ledger: async () => (await import("./ledger.ts")).ledgerBenches,
  "ledger-large": async () => (await import("./ledger.ts")).largeLedgerBenches,
  flow: async () => (await import("./flow.ts")).flowBenches,
  adapters: async () => [
    ...(await import("./webhooks.ts")).webhookBenches,
    ...(await import("./adapters.ts")).adaptersBenches,
    ...(await import("./triggers.ts")).triggerBenches,
  ],
  start: async () => (await import("./start.ts")).startBenches,
  diff: async () => (await import("./diff.ts")).diffBenches,
  gitops: async () => (await import("./gitops.ts")).gitOpsBenches,
  sync: async () => (await import("./sync.ts")).syncBenches,
  render: async () => (await import("./render.ts")).renderBenches,
  apps: async () => [...(await import("./apps.ts")).appsBenches, ...(await import("./scale.ts")).scaleBenches],
  validate: async () => (await import("./validate.ts")).validateBenches,
  template: async () => (await import("./template.ts")).templateBenches,
  trial: async () => (await import("./trial.ts")).trialBenches,
  kube: async () => (await import("./kube.ts")).kubeBenches,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
});

const unknown = positionals.filter((name) => !Object.hasOwn(rooms, name));
if (unknown.length > 0) {
  console.error(`no bench "${unknown.join(", ")}"; known: ${Object.keys(rooms).join(", ")}`);
  process.exit(2);
}

const asked = positionals.length > 0 ? positionals : Object.keys(rooms);
if (!values.json) console.log(line(["name", "value", "unit", "limit", "ratio", "spread", "budget"]));
for (const name of asked) {
  for (const bench of (await rooms[name]?.()) ?? []) {
    for (const row of await bench.run({ quick: values.quick })) show(row);
  }
}

function show(row: BenchRow): void {
  if (values.json) {
    console.log(JSON.stringify(row));
    return;
  }
  const { name, value, unit, limit, ratio, spread } = row;
  const range = spread?.map((one) => one.toFixed(2)).join(" to ");
  console.log(line([name, number(value), unit, number(limit), ratio.toFixed(2), range, budgetOf(row)]));
}

function budgetOf({ budget, leastRatio }: BenchRow): string {
  if (leastRatio !== undefined) return `ratio ${leastRatio}`;
  return budget === undefined ? "" : number(budget);
}

/** Names to the left, numbers to the right; every row has the same widths, so that rows can be shown as they come. */
function line([name = "", value = "", unit = "", limit = "", ratio = "", spread = "", budget = ""]: readonly (
  | string
  | undefined
)[]): string {
  const before = `${name.padEnd(52)}${value.padStart(12)} ${unit.padEnd(10)}${limit.padStart(12)}${ratio.padStart(8)}`;
  return `${before}${spread.padStart(14)}${budget.padStart(11)}`;
}

function number(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}

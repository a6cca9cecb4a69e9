import { readFile, writeFile } from "node:fs/promises";
import { Command } from "commander";
import { placeManifests } from "../../api/manifest.ts";
import { systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { type CaseResult, runSensorTest } from "../../events/trial/sensor-test.ts";
import { updatedExpectation } from "../../events/trial/updated-expectation.ts";
import { type GlobalFlags, globalFlags } from "../engine-client.ts";
import { print } from "../output.ts";
import { isBroken, type LoadedTest, loadTests, type TestFiles } from "./test-files.ts";
import { junitText, type ReportedCase, reportedBroken, reportedCases, reportOf, reportText } from "./test-report.ts";
import { type Expectation, withExpectations } from "./test-update.ts";
import { nextChange, snapshotOf } from "./watch-files.ts";

interface Flags {
  readonly update: boolean;
  readonly watch: boolean;
}

/** `tiphys sensor test [FILE|DIR…]`: SensorTests on virtual time; needs no engine. */
export function testCommand(): Command {
  return new Command("test")
    .description(
      "Run SensorTests: no bus, no cluster, virtual time.\n" +
        "Exit code: 0 all passed, 1 some failed or are not valid, 2 something cannot be read.",
    )
    .argument("[file|dir...]", "SensorTests, or folders with them (default: this folder)")
    .option("--update", "write what happened into `expect`", false)
    .option("--watch", "run again when a file changes, until Ctrl-C", false)
    .action(async (names: string[], flags: Flags, self: Command) => {
      const asked = names.length > 0 ? names : ["."];
      if (flags.watch) await watch(asked, flags, self);
      else await runOnce(asked, flags, globalFlags(self));
    });
}

async function runOnce(names: readonly string[], { update }: Flags, flags: GlobalFlags): Promise<TestFiles> {
  const loaded = await loadTests(names);
  const run = await runAll(loaded);
  if (!update) {
    show(run, flags);
    return loaded;
  }
  const refused = await updateFiles(run.results);
  const again = await loadTests(names);
  show(await runAll(again), flags);
  for (const reason of refused) process.stderr.write(`${reason}\n`);
  return again;
}

interface Run {
  readonly cases: readonly ReportedCase[];
  readonly results: readonly { readonly loaded: LoadedTest; readonly results: readonly CaseResult[] }[];
  readonly isUnreadable: boolean;
}

async function runAll({ tests }: TestFiles): Promise<Run> {
  const cases: ReportedCase[] = [];
  const all: { loaded: LoadedTest; results: readonly CaseResult[] }[] = [];
  for (const test of tests) {
    if (isBroken(test)) {
      cases.push(reportedBroken(test));
      continue;
    }
    const results = await runSensorTest(test.test, test.compiled, test.read);
    all.push({ loaded: test, results });
    for (const one of reportedCases(test, results)) cases.push(one);
  }
  return { cases, results: all, isUnreadable: tests.some((test) => isBroken(test) && test.isUnreadable) };
}

function show({ cases, isUnreadable }: Run, flags: GlobalFlags): void {
  const report = reportOf(cases);
  print(flags, report, {
    text: (all) => reportText(all, false),
    wide: (all) => reportText(all, true),
    name: (all) => all.cases.map(({ name }) => name).join("\n"),
    junit: junitText,
  });
  process.exitCode = isUnreadable ? 2 : report.failed > 0 ? 1 : 0;
}

/** Why files stayed as they were. */
async function updateFiles(results: Run["results"]): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const [file, own] of Map.groupBy(results, ({ loaded }) => loaded.file)) {
    try {
      const reason = await updateFile(file, own);
      if (reason !== undefined) refused.push(reason);
    } catch (error) {
      refused.push(`${file} was not updated: ${messageOf(error)}`);
    }
  }
  return refused;
}

async function updateFile(file: string, results: Run["results"]): Promise<string | undefined> {
  const text = await readFile(file, "utf8");
  const lines = placeManifests(text, file).map(({ line }) => line);
  const updates = results.flatMap(({ loaded, results: own }) => {
    const document = lines.indexOf(loaded.manifest.line);
    return own.flatMap((result, caseIndex) => updateOf(loaded, result, { document, caseIndex }));
  });
  if (updates.length === 0) return undefined;
  const updated = withExpectations(text, updates);
  if (updated === undefined) return `${file} was not updated: its cases are not written in blocks; edit it by hand`;
  await writeFile(file, updated);
  process.stderr.write(`${file}: ${updates.length} ${updates.length === 1 ? "case" : "cases"} updated\n`);
  return undefined;
}

function updateOf(
  { compiled }: LoadedTest,
  { case: one, problems, outcome }: CaseResult,
  place: Pick<Expectation, "document" | "caseIndex">,
): Expectation[] {
  const differs = problems.some(({ path }) => path === "" || path.startsWith("expect"));
  return differs && outcome ? [{ ...place, expect: updatedExpectation(one, outcome, compiled) }] : [];
}

/** Until Ctrl-C; what cannot be read is told, and waited for. */
async function watch(names: readonly string[], flags: Flags, self: Command): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  let files: ReadonlySet<string> = new Set();
  while (!stop.signal.aborted) {
    const before = await snapshotOf(names, files);
    try {
      ({ files } = await runOnce(names, flags, globalFlags(self)));
    } catch (error) {
      process.stderr.write(`error: ${messageOf(error)}\n`);
      process.exitCode = 2;
    }
    const read = new Map([...(await snapshotOf([], files)), ...before]);
    await nextChange(names, read, { clock: systemClock, signal: stop.signal }).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
  }
}

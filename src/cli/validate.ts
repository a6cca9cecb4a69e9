import { readFile } from "node:fs/promises";
import { buffer as readAll } from "node:stream/consumers";
import { Command } from "commander";
import { EngineError, TerminalError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { whyUnreadable } from "../base/unreadable.ts";
import { listManifestFiles } from "../controllers/manifest-files.ts";
import { type Checker, check, createChecker } from "../validate/admission.ts";
import { withLoops } from "../validate/loops.ts";
import { type FileReport, type PlacedProblem, unreadable, validateContent } from "../validate/validate.ts";
import { type AdapterFlags, withAdapterFlags } from "./adapter-flags.ts";
import { globalFlags } from "./engine-client.ts";
import { colored, print } from "./output.ts";

/** `tiphys validate FILE|DIR|-…`: every problem of every file, with its place; needs no engine. */
export function validateCommand(): Command {
  const command = new Command("validate")
    .description(
      "Every problem of EventSources, Sensors, EventBuses, Applications, AppProjects, ApplicationSets and SensorTests in YAML or JSON.\n" +
        "Exit code: 0 no errors, 1 errors, 2 a file cannot be read.",
    )
    .argument("<file|dir|-...>", "files, directories with their folders, - for standard input")
    .option("--strict", "warnings are errors", false);
  return withAdapterFlags(command).action(async (names: string[], flags: ValidateFlags, self: Command) => {
    const { checker, triggers } = await kindsFor(flags.adapter);
    const reports = withLoops(await readReports(names, checker), triggers);
    const shown = flags.strict ? reports.map(asErrors) : reports;
    show(globalFlags(self).output, shown, self);
    process.exitCode = exitCodeFor(shown);
  });
}

interface ValidateFlags extends AdapterFlags {
  readonly strict: boolean;
}

interface Kinds {
  readonly checker: Checker;
  /** Absent: those that there are. */
  readonly triggers?: Parameters<typeof withLoops>[1];
}

/** @throws TerminalError ADAPTER_FAILED: what cannot be loaded cannot be checked against */
async function kindsFor(adapters: AdapterFlags["adapter"]): Promise<Kinds> {
  if (adapters.length === 0) return { checker: check };
  const { openKinds } = await import("../engine/kinds.ts");
  const { schemas, problems } = await openKinds(adapters, silentLogger);
  if (problems.length > 0) throw new TerminalError("ADAPTER_FAILED", problems.join("; "));
  return { checker: createChecker(schemas), triggers: schemas.triggers };
}

/** A file that is named twice is read once. */
async function readReports(names: readonly string[], checker: Checker): Promise<readonly FileReport[]> {
  const reports = new Map<string, FileReport>();
  for (const name of names) {
    for (const file of await filesOf(name)) if (!reports.has(file)) reports.set(file, await readReport(file, checker));
  }
  return [...reports.values()];
}

async function filesOf(name: string): Promise<readonly string[]> {
  if (name === "-") return ["-"];
  const files = [...(await listManifestFiles(name)).keys()];
  if (files.length > 0) return files;
  throw new EngineError("MANIFEST_UNREADABLE", `"${name}" holds no .yaml, .yml or .json`);
}

async function readReport(file: string, checker: Checker): Promise<FileReport> {
  if (file === "-") return validateContent(await readAll(process.stdin), "stdin", checker);
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    return unreadable(file, `cannot be read: ${whyUnreadable(error)}`);
  }
  return validateContent(content, file, checker);
}

function asErrors(report: FileReport): FileReport {
  return { ...report, problems: report.problems.map((problem) => ({ ...problem, severity: "error" })) };
}

function exitCodeFor(reports: readonly FileReport[]): number {
  if (reports.some(({ isUnreadable }) => isUnreadable)) return 2;
  return countOf(reports, "error") > 0 ? 1 : 0;
}

function show(output: string, reports: readonly FileReport[], self: Command): void {
  const problems = reports.flatMap((report) => report.problems);
  const format = output === "github" ? "text" : globalFlags(self).output;
  const line = output === "github" ? githubLine : textLine;
  const lines = (): string => [...problems.map(line), summaryOf(reports)].join("\n");
  print({ ...globalFlags(self), output: format }, problems, { text: lines });
}

/** As compilers write it, so that editors find the place. */
function textLine({ file, line, column, severity, path, message, suggestion }: PlacedProblem): string {
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  const word = colored(severity === "error" ? "red" : "yellow", severity);
  const what = path === "" ? message : `${path}: ${message}`;
  return `${place}: ${word}: ${oneLine(what)}${suggestion === undefined ? "" : `\n    ${oneLine(suggestion)}`}`;
}

/** https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
function githubLine({ file, line, column, severity, path, message, suggestion }: PlacedProblem): string {
  const place = line > 0 ? `,line=${line},col=${column}` : "";
  const what = path === "" ? message : `${path}: ${message}`;
  const more = suggestion === undefined ? "" : `; ${suggestion}`;
  return `::${severity} file=${escapeProperty(file)}${place}::${escapeMessage(what + more)}`;
}

function escapeMessage(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeMessage(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

/** Names of files' keys may hold anything. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

function summaryOf(reports: readonly FileReport[]): string {
  const sum = (count: (report: FileReport) => number): number => reports.reduce((all, one) => all + count(one), 0);
  const ignored = sum((report) => report.ignored);
  const others = ignored === 0 ? "" : ` (${counted(ignored, "object")} of other kinds ignored)`;
  const [errors, warnings] = [countOf(reports, "error"), countOf(reports, "warning")];
  const found = `${counted(errors, "error")}, ${counted(warnings, "warning")}`;
  return `${counted(reports.length, "file")}, ${counted(
    sum((report) => report.checked),
    "object",
  )}${others}: ${found}`;
}

function countOf(reports: readonly FileReport[], severity: PlacedProblem["severity"]): number {
  return reports.flatMap(({ problems }) => problems.filter((problem) => problem.severity === severity)).length;
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

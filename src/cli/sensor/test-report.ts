import type { CaseProblem } from "../../events/trial/expectation.ts";
import type { CaseOutcome } from "../../events/trial/run-case.ts";
import type { CaseResult } from "../../events/trial/sensor-test.ts";
import { colored } from "../output.ts";
import type { BrokenTest, LoadedTest } from "./test-files.ts";

export interface ReportedProblem {
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
  readonly diff?: readonly string[];
}

/** One case of a file, or a test that could not run. */
export interface ReportedCase {
  readonly file: string;
  readonly name: string;
  readonly passed: boolean;
  readonly problems: readonly ReportedProblem[];
}

export interface TestReport {
  readonly passed: number;
  readonly failed: number;
  readonly cases: readonly ReportedCase[];
}

export function reportOf(cases: readonly ReportedCase[]): TestReport {
  const passed = cases.filter((one) => one.passed).length;
  return { passed, failed: cases.length - passed, cases };
}

export function reportedCases({ file, manifest }: LoadedTest, results: readonly CaseResult[]): ReportedCase[] {
  return results.map(({ case: { name }, problems, outcome }, index) => ({
    file,
    name,
    passed: problems.length === 0,
    problems: problems.map((problem) => {
      const path = `cases[${index}]${problem.path === "" ? "" : `.${problem.path}`}`;
      return { ...manifest.placeOf(path), path, message: problem.message, ...diffOf(problem, outcome) };
    }),
  }));
}

export function reportedBroken({ file, name, problems }: BrokenTest): ReportedCase {
  return {
    file,
    name: name || "(without a name)",
    passed: false,
    problems: problems.map(({ line, column, path, message, suggestion }) => ({
      ...{ line, column, path },
      message: suggestion === undefined ? message : `${message}; ${suggestion}`,
    })),
  };
}

const maxHints = 5;

/** Of firings that differ also what nothing listens to, and what the filters said: that is usually why. */
function diffOf({ path, diff }: CaseProblem, outcome: CaseOutcome | undefined): Pick<ReportedProblem, "diff"> {
  if (diff === undefined) return {};
  if (path !== "expect" || !outcome) return { diff };
  const unheard = outcome.unheard.map(({ event, name, likely }) => {
    const hint = likely === undefined ? "" : `; did you mean ${likely}?`;
    return `  no dependency listens to ${event}: ${name}${hint}`;
  });
  const noes = outcome.decisions
    .filter(({ verdict }) => verdict !== "passed")
    .map(({ event, dependency, verdict, reason }) => `  ${dependency} ${verdict} ${event}: ${reason}`);
  const hints = [...unheard, ...noes];
  const more = hints.length > maxHints ? [`  and ${hints.length - maxHints} more`] : [];
  return { diff: [...diff, ...hints.slice(0, maxHints), ...more] };
}

/** Failures with their differences, then the summary; `isWide`: what passed, too. */
export function reportText({ passed, failed, cases }: TestReport, isWide: boolean): string {
  const lines = cases.flatMap((one) => (one.passed ? (isWide ? [passedLine(one)] : []) : failureLines(one)));
  return [...lines, `${passed} passed, ${failed} failed`].join("\n");
}

function passedLine({ file, name }: ReportedCase): string {
  return `${file}: ${colored("green", "passed")}: ${oneLine(name)}`;
}

function failureLines({ file, name, problems }: ReportedCase): string[] {
  return problems.flatMap(({ line, column, path, message, diff = [] }) => [
    `${line > 0 ? `${file}:${line}:${column}` : file}: ${colored("red", "failed")}: ${oneLine(name)}`,
    `    ${path === "" ? "" : `${path}: `}${oneLine(message)}`,
    ...diff.map((text) => `    ${coloredDiff(oneLine(text))}`),
  ]);
}

function coloredDiff(text: string): string {
  if (text.startsWith("-")) return colored("red", text);
  return text.startsWith("+") ? colored("green", text) : colored("dim", text);
}

/** Names and data may hold anything; a terminal must not act on it. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/** As CI systems read it: a suite for each file. */
export function junitText({ passed, failed, cases }: TestReport): string {
  const suites = [...Map.groupBy(cases, ({ file }) => file)].map(([file, own]) => {
    const failures = own.filter((one) => !one.passed).length;
    const inner = own.map(junitCase).join("");
    return `  <testsuite name="${escaped(file)}" tests="${own.length}" failures="${failures}">\n${inner}  </testsuite>\n`;
  });
  const totals = `tests="${passed + failed}" failures="${failed}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${totals}>\n${suites.join("")}</testsuites>\n`;
}

function junitCase({ file, name, passed, problems }: ReportedCase): string {
  const head = `    <testcase classname="${escaped(file)}" name="${escaped(name)}" file="${escaped(file)}"`;
  if (passed) return `${head}/>\n`;
  const failures = problems.map(({ line, path, message, diff = [] }) => {
    const body = [`${file}:${line} ${path}`, ...diff].map(escaped).join("\n");
    return `      <failure message="${escaped(message)}">${body}</failure>\n`;
  });
  return `${head}>\n${failures.join("")}    </testcase>\n`;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Characters that XML 1.0 has no form for are shown as `?`. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[&<>"]/g, (character) => entities[character] ?? "")
    .replaceAll(/[\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll(/[\p{Cc}\uFFFE\uFFFF]/gu, "?");
}

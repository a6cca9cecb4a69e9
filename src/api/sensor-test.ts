import { parseDuration } from "../base/duration.ts";
import { messageOf, TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { compileRegex } from "../base/regex.ts";
import { createSchema, type Problem } from "../base/schema.ts";
import type { WrittenOf } from "../base/schema-type.ts";
import { type Parsed, warningsOf } from "./envelope.ts";
import { addTo, checkItems, errorAt, objectOf, objectsOf, readFields, textOf, warningAt } from "./fields.ts";
import { ownApiVersion, sensorTestFields, sensorTestSchema } from "./sensor-test-schema.ts";

type Written = WrittenOf<typeof sensorTestSchema>;
type WrittenCase = Written["cases"][number];
export type GivenEvent = Omit<WrittenCase["given"][number], "at"> & { readonly atMs: number };
export type ExpectedFiring = NonNullable<WrittenCase["expect"]>[number];
export type ExpectedDecision = NonNullable<WrittenCase["decisions"]>[number];

export interface SensorTest {
  /** "" when it has none. */
  readonly name: string;
  /** A path from the test's folder, or a whole Sensor. */
  readonly sensor: string | JsonObject;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly cases: readonly SensorTestCase[];
}

export interface SensorTestCase {
  readonly name: string;
  /** As written; `atMs` counts from the start. */
  readonly given: readonly GivenEvent[];
  /** From the start on. */
  readonly untilMs?: number;
  readonly fails: Readonly<Record<string, number>>;
  /** Absent: firings are not compared. */
  readonly expect?: readonly ExpectedFiring[];
  readonly decisions: readonly ExpectedDecision[];
}

const schema = createSchema<JsonObject>(sensorTestSchema);

/** A century: what lies further off is a mistake. */
const maxOffsetMs = 100 * 366 * 24 * 60 * 60 * 1000;

export function isSensorTest(object: unknown): boolean {
  return isJsonObject(object) && object.kind === "SensorTest" && object.apiVersion === ownApiVersion;
}

/** @throws InvalidManifest with every problem at once; paths are those of the object, `cases[0].given` */
export function parseSensorTest(value: JsonObject): Parsed<SensorTest> {
  const problems: Problem[] = [];
  const read = objectOf(readFields(value, sensorTestSchema, "", problems));
  addTo(problems, schema.check(read, ""));
  const told = problems.map((problem) => ({ ...problem, path: problem.path.replace(/^\./, "") }));
  const known = new Set(told.map(({ path }) => path));
  addTo(
    told,
    ruleProblems(read).filter(({ path }) => !known.has(path)),
  );
  const warnings = warningsOf(told);
  return { resource: toTest(read), warnings };
}

function ruleProblems(test: JsonObject): Problem[] {
  const { sensor, start } = test;
  const problems: Problem[] = [];
  if (sensor !== undefined && !isJsonObject(sensor) && textOf(sensor) === "") {
    problems.push(errorAt("sensor", `${JSON.stringify(sensor)} must name a file, or be a whole Sensor`));
  }
  if (typeof start === "string" && !isTime(start)) {
    problems.push(errorAt("start", `${JSON.stringify(start)} must be a time such as "2026-01-01T00:00:00Z"`));
  }
  addTo(problems, checkItems(test.cases, "cases", checkCase));
  addTo(problems, sameNames(test.cases));
  return problems;
}

function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
}

function sameNames(cases: JsonValue | undefined): Problem[] {
  const seen = new Set<string>();
  return objectsOf(cases).flatMap((one, index) => {
    const name = textOf(one.name);
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [errorAt(`cases[${index}].name`, `${JSON.stringify(name)} is the name of another case, too`)];
  });
}

function checkCase(one: JsonObject, path: string): Problem[] {
  const problems = checkItems(one.given, `${path}.given`, checkGiven);
  addTo(problems, checkOffset(one.until, `${path}.until`));
  addTo(problems, checkItems(one.expect, `${path}.expect`, checkFiring));
  addTo(
    problems,
    checkItems(one.decisions, `${path}.decisions`, ({ reason }, at) => checkPattern(reason, `${at}.reason`)),
  );
  if (one.expect === undefined && one.decisions === undefined) {
    const suggestion = "write what fires ([]: nothing), or let `tiphys sensor test --update` write it";
    problems.push(warningAt(`${path}.expect`, "is missing: the case expects nothing, and fails", suggestion));
  }
  return problems;
}

const sources = ["data", "dataFile", "cloudEvent"] as const;

function checkGiven(given: JsonObject, path: string): Problem[] {
  const problems = checkOffset(given.at, `${path}.at`);
  const several = sources.filter((field) => given[field] !== undefined);
  if (several.length > 1) {
    problems.push(errorAt(`${path}.${several[1]}`, `cannot stand beside \`${several[0]}\`: one event has one content`));
  }
  if (typeof given.dataFile === "string") addTo(problems, checkFile(given.dataFile, `${path}.dataFile`));
  const { cloudEvent } = given;
  if (typeof cloudEvent === "string") addTo(problems, checkFile(cloudEvent, `${path}.cloudEvent`));
  else if (cloudEvent !== undefined && !isJsonObject(cloudEvent)) {
    problems.push(errorAt(`${path}.cloudEvent`, `${JSON.stringify(cloudEvent)} must be an event, or name a file`));
  }
  if (cloudEvent === undefined) {
    for (const field of ["eventSource", "event"]) {
      if (given[field] === undefined) problems.push(errorAt(`${path}.${field}`, "is required"));
    }
  }
  return problems;
}

/** Files of events stand beside the test: a test from elsewhere must not read what it likes. */
function checkFile(file: string, path: string): Problem[] {
  const isOutside = file.startsWith("/") || file.includes("\\") || file.split("/").includes("..");
  return isOutside ? [errorAt(path, `${JSON.stringify(file)} must name a file within the test's folder`)] : [];
}

function checkFiring(firing: JsonObject, path: string): Problem[] {
  const problems = checkOffset(firing.at, `${path}.at`);
  addTo(problems, checkPattern(firing.error, `${path}.error`));
  for (const field of ["template", "plan"]) {
    const value = firing[field];
    if (value !== undefined && !isJsonObject(value)) problems.push(errorAt(`${path}.${field}`, "must be an object"));
  }
  return problems;
}

function checkOffset(value: JsonValue | undefined, path: string): Problem[] {
  if (typeof value !== "string") return [];
  try {
    const ms = parseDuration(value);
    if (ms >= 0 && ms <= maxOffsetMs) return [];
    return [errorAt(path, `${JSON.stringify(value)} must be between 0s and a century`)];
  } catch (error) {
    return [errorAt(path, messageOf(error))];
  }
}

/** The regex in `/regex/`; undefined for a plain text. */
export function patternOf(text: string): string | undefined {
  return text.length > 2 && text.startsWith("/") && text.endsWith("/") ? text.slice(1, -1) : undefined;
}

function checkPattern(value: JsonValue | undefined, path: string): Problem[] {
  const pattern = typeof value === "string" ? patternOf(value) : undefined;
  if (pattern === undefined) return [];
  try {
    compileRegex(pattern);
    return [];
  } catch (error) {
    if (error instanceof TerminalError) return [errorAt(path, error.message)];
    throw error;
  }
}

/** What it holds was checked before. */
function toTest(value: JsonObject): SensorTest {
  const { sensor, start = sensorTestFields.start.default, cases, metadata } = value as unknown as Written;
  return {
    name: textOf(objectOf(metadata).name),
    sensor: isJsonObject(sensor) ? sensor : textOf(sensor),
    startMs: Date.parse(start),
    cases: cases.map(toCase),
  };
}

function toCase({ name, given, until, fails = {}, expect, decisions = [] }: WrittenCase): SensorTestCase {
  return {
    name,
    given: given.map(({ at = "0s", ...event }) => ({ ...event, atMs: parseDuration(at) })),
    ...(until === undefined ? {} : { untilMs: parseDuration(until) }),
    fails,
    ...(expect === undefined ? {} : { expect }),
    decisions,
  };
}

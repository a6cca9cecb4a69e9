import { parseGoBool, parseGoFloat } from "../base/go/values.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { checkExprEntry } from "./expression-traps.ts";
import { addTo, checkItems, listOf, objectOf, textOf, warningAt } from "./fields.ts";
import { checkHeaderList, checkHeaderTexts, firstOfHeader } from "./header-traps.ts";
import { checkSensorTemplate } from "./template-traps.ts";
import { secondOfDay, secondsPerDay } from "./time-of-day.ts";
import { checkEventPath, checkPlainWords, checkRegex, checkScript } from "./trap-rules.ts";

/** Filters that are accepted, but fail with each event, or take other events than they seem to (spec argo-events 5). */
export function checkFilterTraps({ filters: written, filtersLogicalOperator }: JsonObject, path: string): Problem[] {
  const filters = objectOf(written);
  const problems: Problem[] = [];
  if (filtersLogicalOperator === "or" && !kindsOf(filters).some((kind) => isGiven(filters[kind]))) {
    problems.push(warningAt(path, "names no filter: with filtersLogicalOperator or no event is ever taken"));
  }
  if (filtersLogicalOperator === "or") addTo(problems, checkOrErrors(filters, path));
  addTo(problems, checkItems(filters.exprs, `${path}.exprs`, checkExprEntry));
  addTo(problems, checkItems(filters.data, `${path}.data`, checkDataEntry));
  if (filters.context !== undefined) addTo(problems, checkContext(objectOf(filters.context), `${path}.context`));
  if (filters.time !== undefined) addTo(problems, checkWindow(objectOf(filters.time), `${path}.time`));
  addTo(problems, checkScript(filters.script, `${path}.script`, "the filter fails with each event"));
  return problems;
}

/** Kinds whose filters may fail with an event, as those whose path is not there. */
const failing = ["exprs", "data", "script"] as const;

function checkOrErrors(filters: JsonObject, path: string): Problem[] {
  const given = kindsOf(filters).filter((kind) => isGiven(filters[kind]));
  const risky = failing.filter((kind) => given.includes(kind));
  if (given.length < 2 || risky.length === 0) return [];
  const message = `an error in ${risky.join(" or ")}, as a path that is not there, discards the event though another kind passes`;
  return [warningAt(`${path}LogicalOperator`, message)];
}

function kindsOf(filters: JsonObject): string[] {
  return ["exprs", "data", "context", "time", "script", "cel"].filter((kind) => filters[kind] !== undefined);
}

function isGiven(value: JsonValue | undefined): boolean {
  return value !== "" && !(Array.isArray(value) && value.length === 0);
}

function checkDataEntry(entry: JsonObject, path: string): Problem[] {
  const values = listOf(entry.value).filter((value): value is string => typeof value === "string");
  const at = (index: number): string => `${path}.value[${index}]`;
  const problems = checkEventPath(entry.path, `${path}.path`);
  addTo(problems, checkSensorTemplate(entry.template, `${path}.template`, "value"));
  const comparator = textOf(entry.comparator) || "=";
  const header = textOf(entry.template) === "" ? firstOfHeader(entry.path) : undefined;
  if (comparator === "!=" && entry.type !== "bool" && new Set(values).size > 1) {
    problems.push(warningAt(`${path}.value`, severalNots, hintOfNots(textOf(entry.type), values)));
  }
  switch (entry.type) {
    case "string":
      addTo(problems, checkTexts(values, comparator, path, header));
      return problems;
    case "number":
      addTo(problems, checkHeaderList(header, `${path}.path`, "which counts as 0"));
      return [...problems, ...values.flatMap((value, index) => checkNumber(value, at(index)))];
    case "bool":
      addTo(problems, checkHeaderList(header, `${path}.path`, "which counts as false"));
      if (comparator !== "=") {
        problems.push(warningAt(`${path}.comparator`, `${comparator} has no effect for bools: = is compared`));
      }
      return [...problems, ...values.flatMap((value, index) => checkBool(value, at(index)))];
    default:
      return problems;
  }
}

function checkTexts(values: readonly string[], comparator: string, path: string, header?: string): Problem[] {
  const regexes = values.flatMap((value, index) => checkRegex(value, `${path}.value[${index}]`));
  if (/[<>]/.test(comparator)) {
    const message = `${comparator} never holds for strings: no event is taken`;
    return [warningAt(`${path}.comparator`, message), ...regexes];
  }
  const isToldOfSeveral = comparator === "!=" && new Set(values).size > 1;
  if (isToldOfSeveral) return regexes;
  if (header !== undefined) addTo(regexes, checkHeaderTexts(values, header, `${path}.value`));
  return [...regexes, ...checkPlainWords(values, `${path}.value`, header)];
}

const severalNots = "with != and several values nearly every event passes, since differing from one of them is enough";

function hintOfNots(type: string, values: readonly string[]): string {
  return type === "string"
    ? `write "none of them" as one value: \`^(${values.join("|")})$\``
    : 'write "none of them" as one entry for each value';
}

function checkNumber(value: string, path: string): Problem[] {
  if (value === "" || parseGoFloat(value) !== undefined) return [];
  return [warningAt(path, `${JSON.stringify(value)} is no number: the filter fails with each event`)];
}

function checkBool(value: string, path: string): Problem[] {
  if (value === "" || parseGoBool(value) !== undefined) return [];
  const message = `${JSON.stringify(value)} is no bool: the filter fails with each event`;
  return [warningAt(path, message, "one of true, false")];
}

function checkContext(context: JsonObject, path: string): Problem[] {
  return ["id", "specversion", "time"]
    .filter((field) => textOf(context[field]) !== "")
    .map((field) =>
      warningAt(`${path}.${field}`, "has no effect: only type, subject, source, datacontenttype are compared"),
    );
}

/** Windows of nearly all or nearly none of the day; equal ends are refused. */
function checkWindow(time: JsonObject, path: string): Problem[] {
  const start = secondOfDay(textOf(time.start));
  const stop = secondOfDay(textOf(time.stop));
  if (start === undefined || stop === undefined || start === stop) return [];
  const seconds = (stop - start + secondsPerDay) % secondsPerDay;
  if (seconds === 1) return [warningAt(path, `takes events of one second of the day only: ${textOf(time.start)}`)];
  if (seconds < secondsPerDay - 1) return [];
  const message = `takes events of the whole day, but for the second ${textOf(time.stop)}, since stop is excluded`;
  return [warningAt(`${path}.stop`, message)];
}

import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { findTimeZone } from "../base/time-zone.ts";
import { addTo, checkItems, errorAt, listOf, objectOf, textOf } from "./fields.ts";
import { checkFilterTraps } from "./filter-traps.ts";
import { secondOfDay } from "./time-of-day.ts";

const operators = new Set(["", "and", "or"]);
const comparators = new Set(["", "=", "!=", ">", ">=", "<", "<="]);

/** What the original refuses about a dependency's filters (spec argo-events 5.7, 6.7), and what is a trap in them. */
export function checkFilters(dependency: JsonObject, path: string): Problem[] {
  const problems = checkOperator(dependency.filtersLogicalOperator, `${path}.filtersLogicalOperator`);
  if (dependency.filters === undefined) return problems;
  addTo(problems, checkFilterTraps(dependency, `${path}.filters`));
  const filters = objectOf(dependency.filters);
  const at = `${path}.filters`;
  addTo(problems, checkOperator(filters.exprLogicalOperator, `${at}.exprLogicalOperator`));
  addTo(problems, checkOperator(filters.dataLogicalOperator, `${at}.dataLogicalOperator`));
  addTo(problems, checkItems(filters.exprs, `${at}.exprs`, checkExpr));
  addTo(problems, checkItems(filters.data, `${at}.data`, checkData));
  if (filters.context !== undefined && !Object.values(objectOf(filters.context)).some((value) => value !== "")) {
    problems.push(errorAt(`${at}.context`, "no fields specified in ctx filter (aka all events will be discarded)"));
  }
  if (filters.time !== undefined) addTo(problems, checkTime(objectOf(filters.time), `${at}.time`));
  return problems;
}

function checkOperator(value: JsonValue | undefined, path: string): Problem[] {
  const operator = textOf(value);
  if (operators.has(operator)) return [];
  const lower = operator.toLowerCase();
  const hint = operators.has(lower) ? `did you mean \`${lower}\`?` : "one of and, or";
  return [errorAt(path, `logical operator ${operator} not supported`, hint)];
}

function checkExpr(entry: JsonObject, path: string): Problem[] {
  const fields = listOf(entry.fields);
  if (textOf(entry.expr) === "" || fields.length === 0) {
    return [errorAt(path, "one of expr filters is not valid (expr and fields must be not empty)")];
  }
  return fields.flatMap((field, index) => {
    const { name, path: of } = objectOf(field);
    if (textOf(name) !== "" && textOf(of) !== "") return [];
    const message = "one of expr filters is not valid (path and name in a field must be not empty)";
    return [errorAt(`${path}.fields[${index}]`, message)];
  });
}

const likelyComparators: Readonly<Record<string, string>> = {
  "==": "did you mean `=`?",
  "===": "did you mean `=`?",
  "<>": "did you mean `!=`?",
  "!==": "did you mean `!=`?",
  "=>": "did you mean `>=`?",
  "=<": "did you mean `<=`?",
};

function checkData(entry: JsonObject, path: string): Problem[] {
  const problems: Problem[] = [];
  const comparator = textOf(entry.comparator);
  if (!comparators.has(comparator)) {
    const hint = likelyComparators[comparator] ?? "one of =, !=, >, >=, <, <=";
    problems.push(errorAt(`${path}.comparator`, `comparator ${comparator} not supported`, hint));
  }
  const values = listOf(entry.value);
  if (textOf(entry.type) === "" || textOf(entry.path) === "" || values.length === 0) {
    problems.push(errorAt(path, "one of data filters is not valid (type, path and value must be not empty)"));
  } else if (values.some((value) => value === "")) {
    problems.push(errorAt(`${path}.value`, "one of data filters is not valid (value must be not empty)"));
  }
  return problems;
}

function checkTime(time: JsonObject, path: string): Problem[] {
  const problems: Problem[] = [];
  const zone = textOf(time.timezone);
  if (zone !== "" && !isTimeZone(zone)) problems.push(errorAt(`${path}.timezone`, `invalid timezone '${zone}'`));
  const start = secondOfDay(textOf(time.start));
  const stop = secondOfDay(textOf(time.stop));
  if (start === undefined) problems.push(errorAt(`${path}.start`, `${JSON.stringify(time.start)} must be HH:MM:SS`));
  if (stop === undefined) problems.push(errorAt(`${path}.stop`, `${JSON.stringify(time.stop)} must be HH:MM:SS`));
  if (start !== undefined && start === stop) {
    const message = `invalid event time filter: stop '${textOf(time.stop)}' is equal to start '${textOf(time.start)}'`;
    problems.push(errorAt(path, message));
  }
  return problems;
}

/** Whether Go knows a time zone of that name. */
export function isTimeZone(name: string): boolean {
  try {
    findTimeZone(name, "");
    return true;
  } catch {
    return false; // that is the question
  }
}

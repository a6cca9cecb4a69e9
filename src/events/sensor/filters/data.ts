import type { DataFilter, LogicalOperator } from "../../../api/resources.ts";
import { messageOf } from "../../../base/errors.ts";
import { compileGjson } from "../../../base/gjson.ts";
import { parseGoBool, parseGoFloat } from "../../../base/go/values.ts";
import type { JsonValue } from "../../../base/json.ts";
import { compileRegex } from "../../../base/regex.ts";
import { shownValue } from "../../../record/records.ts";
import { renderTemplate } from "../template.ts";
import { everyEntry, type Filter, type FilterOutcome, failed, passed, rejected, someEntry } from "./outcome.ts";

/** One of the values wanted: yes, no, or why it cannot be compared. */
type ValueTest = (seen: JsonValue) => boolean | string;
type Comparator = NonNullable<DataFilter["comparator"]>;

/**
 * `data[]` (spec argo-events 5.2).
 * @throws TerminalError MANIFEST_INVALID for paths that are not supported. What the original finds out with an event
 * only (a bad regex, an unknown type) is an error of each event, since such a Sensor is accepted.
 */
export function compileDataFilter(entries: readonly DataFilter[], operator: LogicalOperator, field: string): Filter {
  const filters = entries.map((entry, index) => compileEntry(entry, `${field}[${index}]`));
  const combined = operator === "or" ? someEntry(filters, field) : everyEntry(filters);
  return (event) => (event.data === null ? passed : combined(event)); // no data passes
}

function compileEntry(entry: DataFilter, field: string): Filter {
  const read = compileGjson(entry.path);
  const tests = entry.value.map((value) => compileValue(entry, value));
  const wanted = `${wantedPrefix(entry)}${entry.value.map((value) => JSON.stringify(value)).join(" or ")}`;
  const compare = (seen: JsonValue): FilterOutcome => {
    for (const test of tests) {
      const verdict = test(seen);
      if (verdict === true) return passed;
      if (verdict !== false) return failed(field, () => `${field}: ${verdict}`);
    }
    if (tests.length === 0) return failed(field, () => `${field}: no values specified`);
    return rejected(field, () => `${field}: ${entry.path} is ${shownValue(seen)}, wanted ${wanted}`);
  };
  return (event) => {
    const found = read(event.data);
    if (found === undefined) return failed(field, () => `${field}: path '${entry.path}' does not exist`);
    if (!entry.template) return compare(found);
    const rendered = renderTemplate(entry.template, toText(found));
    return "text" in rendered ? compare(rendered.text) : failed(field, () => `${field}: ${rendered.error}`);
  };
}

function wantedPrefix({ type, comparator = "" }: DataFilter): string {
  return type === "bool" || comparator === "" || comparator === "=" ? "" : `${comparator} `;
}

function compileValue({ type, comparator = "" }: DataFilter, value: string): ValueTest {
  switch (type) {
    case "bool":
      return compileBool(value);
    case "number":
      return compileNumber(value, comparator);
    case "string":
      return compileString(value, comparator);
    default:
      return () => `unsupported JSON type ${JSON.stringify(type)}; known: bool, number, string`;
  }
}

function compileBool(value: string): ValueTest {
  const wanted = parseGoBool(value);
  if (wanted === undefined) return () => `value ${JSON.stringify(value)} is not a bool`;
  return (seen) => toBool(seen) === wanted;
}

function toBool(seen: JsonValue): boolean {
  if (typeof seen === "boolean") return seen;
  if (typeof seen === "string") return parseGoBool(seen.toLowerCase()) ?? false;
  return (typeof seen === "number" || typeof seen === "bigint") && seen !== 0;
}

const compareNumbers: Readonly<Record<Comparator, (seen: number, wanted: number) => boolean>> = {
  "": (seen, wanted) => seen === wanted,
  "=": (seen, wanted) => seen === wanted,
  "!=": (seen, wanted) => seen !== wanted,
  ">": (seen, wanted) => seen > wanted,
  ">=": (seen, wanted) => seen >= wanted,
  "<": (seen, wanted) => seen < wanted,
  "<=": (seen, wanted) => seen <= wanted,
};

function compileNumber(value: string, comparator: Comparator): ValueTest {
  const wanted = parseGoFloat(value);
  if (wanted === undefined) return () => `value ${JSON.stringify(value)} is not a number`;
  const compare = compareNumbers[comparator];
  return (seen) => compare(toNumber(seen), wanted);
}

function toNumber(seen: JsonValue): number {
  if (typeof seen === "number" || typeof seen === "bigint") return Number(seen);
  if (typeof seen === "string") return parseGoFloat(seen) ?? 0;
  return seen === true ? 1 : 0;
}

/** Always an unanchored regular expression; an order is never true. */
function compileString(value: string, comparator: Comparator): ValueTest {
  let matches: (text: string) => boolean;
  try {
    matches = compileRegex(value).matches;
  } catch (error) {
    const message = messageOf(error);
    return () => message;
  }
  if (comparator === "" || comparator === "=") return (seen) => matches(toText(seen));
  if (comparator === "!=") return (seen) => !matches(toText(seen));
  return () => false;
}

function toText(seen: JsonValue): string {
  if (typeof seen === "string") return seen;
  return seen === null ? "" : JSON.stringify(seen);
}

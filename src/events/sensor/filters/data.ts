import type { DataFilter, LogicalOperator } from "../../../api/resources.ts";
import { messageOf } from "../../../base/errors.ts";
import type { ReadPath } from "../../../base/gjson/gjson.ts";
import { boolOf, textOf } from "../../../base/gjson/text.ts";
import { looseGoFloat, parseGoBool, parseGoFloat } from "../../../base/go/values.ts";
import type { JsonValue } from "../../../base/json.ts";
import { compileReadPath } from "../../../base/read-path.ts";
import { compileRegex } from "../../../base/regex.ts";
import type { CloudEvent } from "../../../record/cloud-event.ts";
import { shownValue } from "../../../record/records.ts";
import { whatIsThere } from "../missing-path.ts";
import { momentOf, renderTemplate } from "../template.ts";
import { everyEntry, type Filter, type FilterOutcome, failed, passed, rejected, someEntry } from "./outcome.ts";

/** One of the values wanted: yes, no, or why it cannot be compared. */
type ValueTest = (seen: JsonValue, data: JsonValue) => boolean | string;
/** What is seen at the path of the data, as text. */
type AsText = (seen: JsonValue, data: JsonValue) => string;
type Comparator = NonNullable<DataFilter["comparator"]>;

/**
 * `data[]` (spec argo-events 5.2).
 * @throws TerminalError MANIFEST_INVALID for paths that are not supported. What the original finds out with an event
 * only (a bad regex, an unknown type) is an error of each event, since such a Sensor is accepted.
 */
export function compileDataFilter(entries: readonly DataFilter[], operator: LogicalOperator, field: string): Filter {
  const filters = entries.map((entry, index) => compileEntry(entry, `${field}[${index}]`));
  const combined = operator === "or" ? someEntry(filters, field) : everyEntry(filters);
  return (event) => {
    const { data } = event;
    if (data === null) return passed; // no data passes
    if (typeof data !== "string" || event.datacontenttype === "application/json") return combined(event);
    const contentType = JSON.stringify(event.datacontenttype);
    return failed(field, () => `${field}: the event's data is not JSON, but ${contentType}`);
  };
}

function compileEntry(entry: DataFilter, field: string): Filter {
  const path = compileReadPath(entry.path);
  const evaluate = entry.template
    ? compileTemplated(entry, entry.template, path, field)
    : compileCompare(entry, path.text, field);
  const { read } = path;
  return (event) => {
    try {
      const found = read(event.data);
      if (found === undefined)
        return failed(
          field,
          () => `${field}: path '${entry.path}' does not exist${whatIsThere(entry.path, event.data)}`,
        );
      return evaluate(found, event);
    } catch (error) {
      return failed(field, () => `${field}: ${messageOf(error)}`);
    }
  };
}

type Compare = (seen: JsonValue, event: CloudEvent) => FilterOutcome;

/** What the template makes of the text takes the place of the value. */
function compileTemplated(entry: DataFilter, template: string, path: ReadPath, field: string): Compare {
  const compare = compileCompare(entry, textOf, field);
  return (found, event) => {
    const rendered = renderTemplate(template, path.text(found, event.data), momentOf(event, field));
    return "text" in rendered
      ? compare(quotedByGo(rendered.text), event)
      : failed(field, () => `${field}: ${rendered.error}`);
  };
}

/** What Go's `strconv.Quote` escapes as JSON does not: some controls, and characters beyond U+FFFF that do not show. */
const notJsonEscaped = /(?![\b\f\n\r\t\u0080-\u009f])\p{Cc}|(?=[\u{10000}-\u{10ffff}])[^\p{L}\p{M}\p{N}\p{P}\p{S}]/u;

/** A template's result goes through Go's quotes into GJSON, which stops reading at an escape that JSON has not. */
function quotedByGo(text: string): string {
  return text.split(notJsonEscaped, 1)[0] ?? "";
}

function compileCompare(entry: DataFilter, asText: AsText, field: string): Compare {
  const tests = entry.value.map((value) => compileValue(entry, value, asText));
  const wanted = `${wantedPrefix(entry)}${entry.value.map((value) => JSON.stringify(value)).join(" or ")}`;
  return (seen, { data }) => {
    for (const test of tests) {
      const verdict = test(seen, data);
      if (verdict === true) return passed;
      if (verdict !== false) return failed(field, () => `${field}: ${verdict}`);
    }
    if (tests.length === 0) return failed(field, () => `${field}: no values specified`);
    return rejected(
      field,
      () => `${field}: ${entry.path} is ${shownValue(seen)}, wanted ${wanted}${ofList(entry, seen)}`,
    );
  };
}

/** A header of HTTP is a list, where people expect its value. */
function ofList({ path, template }: DataFilter, seen: JsonValue): string {
  const isWhole = Array.isArray(seen) && seen.length > 0 && !template && /^[^$][\w.-]*$/.test(path);
  return isWhole ? ` (a list: its first item is at ${path}.0)` : "";
}

function wantedPrefix({ type, comparator = "" }: DataFilter): string {
  return type === "bool" || comparator === "" || comparator === "=" ? "" : `${comparator} `;
}

function compileValue({ type, comparator = "" }: DataFilter, value: string, asText: AsText): ValueTest {
  switch (type) {
    case "bool":
      return compileBool(value);
    case "number":
      return compileNumber(value, comparator);
    case "string":
      return compileString(value, comparator, asText);
    default:
      return () => `unsupported JSON type ${JSON.stringify(type)}; known: bool, number, string`;
  }
}

function compileBool(value: string): ValueTest {
  const wanted = parseGoBool(value);
  if (wanted === undefined) return () => `value ${JSON.stringify(value)} is not a bool`;
  return (seen) => boolOf(seen) === wanted;
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
  if (typeof seen === "string") return looseGoFloat(seen);
  return seen === true ? 1 : 0;
}

/** Always an unanchored regular expression; an order is never true. */
function compileString(value: string, comparator: Comparator, asText: AsText): ValueTest {
  let matches: (text: string) => boolean;
  try {
    matches = compileRegex(value).matches;
  } catch (error) {
    const message = messageOf(error);
    return () => message;
  }
  if (comparator === "" || comparator === "=") return (seen, data) => matches(asText(seen, data));
  if (comparator === "!=") return (seen, data) => !matches(asText(seen, data));
  return () => false;
}

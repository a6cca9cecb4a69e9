import type { Filters, LogicalOperator } from "../../../api/resources.ts";
import { messageOf, TerminalError } from "../../../base/errors.ts";
import type { ReadPath } from "../../../base/gjson/gjson.ts";
import { compileGovaluate, type Govaluate } from "../../../base/govaluate/govaluate.ts";
import { type FloatJson, type FloatObject, setOwn, withFloats } from "../../../base/json.ts";
import { compileReadPath } from "../../../base/read-path.ts";
import { shownValue } from "../../../record/records.ts";
import { whatIsThere } from "../missing-path.ts";
import { everyEntry, type Filter, failed, passed, rejected, someEntry } from "./outcome.ts";

type Entry = NonNullable<Filters["exprs"]>[number];

interface Field {
  readonly name: string;
  readonly path: string;
  readonly read: ReadPath["read"];
}

/**
 * `exprs[]` (spec argo-events 5.3): an entry without fields is skipped; anything but `true` is a no. An expression that
 * does not parse is an error of each event, as in the original, which accepts such a Sensor.
 * @throws TerminalError MANIFEST_INVALID for paths that are not supported
 */
export function compileExprFilter(entries: readonly Entry[], operator: LogicalOperator, field: string): Filter {
  const filters = entries.flatMap((entry, index) =>
    (entry.fields ?? []).length > 0 ? [compileEntry(entry, `${field}[${index}]`)] : [],
  );
  const combined = operator === "or" ? someEntry(filters, field) : everyEntry(filters);
  return (event) => (event.data === null ? passed : combined(event)); // no data passes
}

function compileEntry({ expr = "", fields = [] }: Entry, field: string): Filter {
  const reads = fields.map(({ name = "", path = "" }): Field => ({ name, path, read: compileReadPath(path).read }));
  const expression = tryCompile(expr);
  return ({ data }) => {
    try {
      const values: Record<string, FloatJson> = {};
      for (const { name, path, read } of reads) {
        const value = read(data);
        if (value === undefined)
          return failed(field, () => `${field}: path '${path}' does not exist${whatIsThere(path, data)}`);
        setOwn(values, name, withFloats(value));
      }
      return evaluate(expression, values, { expr, field });
    } catch (error) {
      return failed(field, () => `${field}: ${messageOf(error)}`);
    }
  };
}

/** The reason, when it does not parse. */
function tryCompile(expr: string): Govaluate | string {
  try {
    return compileGovaluate(expr);
  } catch (error) {
    if (error instanceof TerminalError) return error.message;
    throw error;
  }
}

/** @throws TerminalError what the expression throws */
function evaluate(
  expression: Govaluate | string,
  values: FloatObject,
  { expr, field }: { readonly expr: string; readonly field: string },
): ReturnType<Filter> {
  if (typeof expression === "string") return failed(field, () => `${field}: ${expression}`);
  const result = expression.evaluate(values);
  if (result === true) return passed;
  return rejected(field, () => `${field}: ${expr} is ${shownValue(result)} with ${shownValue(values)}`);
}

import type { FloatJson } from "../json.ts";
import { compareText } from "./bytes.ts";
import { printFloat } from "./float.ts";

/** Deeper values are not printed: what prints them recurses. */
export const maxPrintDepth = 1_000;

/** `%v` of Go for what came as JSON: `[1 a]`, `map[k:v]`, `<nil>`. @throws RangeError for more than 1000 levels */
export function printJson(value: FloatJson, depth = 0): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return printFloat(value);
  if (value === null) return "<nil>";
  if (typeof value === "boolean") return String(value);
  if (depth >= maxPrintDepth) throw new RangeError(`the value is nested deeper than ${maxPrintDepth}`);
  if (Array.isArray(value)) return `[${value.map((item) => printJson(item, depth + 1)).join(" ")}]`;
  const names = Object.keys(value).sort(compareText);
  const fields = value as Readonly<Record<string, FloatJson>>;
  return `map[${names.map((name) => `${name}:${printJson(fields[name] ?? null, depth + 1)}`).join(" ")}]`;
}

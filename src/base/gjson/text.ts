import { TerminalError } from "../errors.ts";
import { printFixed } from "../go/float.ts";
import { parseGoBool } from "../go/values.ts";
import type { JsonValue } from "../json.ts";

/** GJSON's `String()`: strings as they are, null is empty, numbers without an exponent, all else JSON. */
export function textOf(value: JsonValue): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return Number.isSafeInteger(value) ? (Object.is(value, -0) ? "-0" : String(value)) : printFixed(value);
    case "object":
      return value === null ? "" : jsonOf(value);
    default:
      return String(value);
  }
}

/** @throws TerminalError PATH_FAILED when it is nested too deeply */
export function jsonOf(value: JsonValue): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new TerminalError("PATH_FAILED", "the value is nested too deeply to be written", error);
  }
}

/** GJSON's `Bool()`. */
export function boolOf(value: JsonValue | undefined): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return parseGoBool(value.toLowerCase()) ?? false;
  return typeof value === "bigint" || (typeof value === "number" && value !== 0);
}

import { exactInteger } from "./json.ts";

const trueWords = new Set(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]);
const falseWords = new Set(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]);

/** YAML 1.1, as Go's YAML reads booleans. */
export function yamlBoolean(source: string): boolean | undefined {
  if (source.length > 5) return undefined;
  return trueWords.has(source) ? true : falseWords.has(source) ? false : undefined;
}

/** `.inf` and `.nan`, of which JSON has no form. */
export function isOutsideJson(source: string): boolean {
  return /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/.test(source);
}

/** The parts of an integer of Go's `strconv.ParseInt(…, 0, 64)`, after dropping `_`. */
const integer = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/**
 * Go's integers, then YAML's floats; a `bigint` where a number would not keep the digits (see `parseJson`). Undefined: not
 * a number, or one too large for a float, which stays text.
 */
export function yamlNumber(source: string): number | bigint | undefined {
  const text = source.includes("_") ? source.replaceAll("_", "") : source;
  const match = integer.exec(text);
  if (!match) return float.test(text) ? finite(Number(text)) : undefined;
  const [, sign, hex, binary, octal, decimal] = match;
  const digits = decimal ?? (hex ? `0x${hex}` : binary ? `0b${binary}` : `0o${octal}`);
  const size = exactInteger(digits);
  if (sign !== "-") return finite(size);
  return typeof size === "bigint" ? negative(size) : finite(-size || 0);
}

/** Below 64 bits with a sign there are floats only. */
function negative(size: bigint): number | bigint {
  return size <= 2n ** 63n ? -size : -Number(size);
}

function finite(value: number | bigint): number | bigint | undefined {
  return typeof value === "bigint" || Number.isFinite(value) ? value : undefined;
}

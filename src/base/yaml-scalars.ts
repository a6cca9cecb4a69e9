const trueWords = new Set(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]);
const falseWords = new Set(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]);

/** YAML 1.1, as Go's YAML reads booleans. */
export function yamlBoolean(source: string): boolean | undefined {
  return trueWords.has(source) ? true : falseWords.has(source) ? false : undefined;
}

/** `.inf` and `.nan`, of which JSON has no form. */
export function isOutsideJson(source: string): boolean {
  return /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/.test(source);
}

/** The parts of an integer of Go's `strconv.ParseInt(…, 0, 64)`, after dropping `_`. */
const integer = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/** Go's integers, then YAML's floats. Undefined: not a number, or one too large for a float, which stays text. */
export function yamlNumber(source: string): number | undefined {
  const text = source.includes("_") ? source.replaceAll("_", "") : source;
  const match = integer.exec(text);
  if (match) {
    const [, sign, hex, binary, octal, decimal] = match;
    const size = hex
      ? Number.parseInt(hex, 16)
      : binary
        ? Number.parseInt(binary, 2)
        : octal
          ? Number.parseInt(octal, 8)
          : Number(decimal);
    return finite(sign === "-" ? -size || 0 : size);
  }
  return float.test(text) ? finite(Number(text)) : undefined;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

/** More digits are no integer of Go: it reads them as a float, as we do. */
const maxDigits = 64;

/** Whether Go reads an integer of 64 bits here that a number of ours does not hold. */
export function isInexactInteger(source: string): boolean {
  const text = source.replaceAll("_", "");
  const match = integer.exec(text);
  if (!match || text.length > maxDigits) return false;
  const [, sign, hex, binary, octal, decimal] = match;
  const digits = hex ? `0x${hex}` : binary ? `0b${binary}` : octal ? `0o${octal}` : (decimal ?? "0");
  const exact = BigInt(digits) * (sign === "-" ? -1n : 1n);
  const isGoInteger = exact >= -(2n ** 63n) && exact < 2n ** 64n;
  return isGoInteger && BigInt(Number(exact)) !== exact;
}

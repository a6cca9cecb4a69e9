const trueTexts = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const falseTexts = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** Go's `strconv.ParseBool`; undefined when it would be an error. */
export function parseGoBool(text: string): boolean | undefined {
  if (trueTexts.has(text)) return true;
  return falseTexts.has(text) ? false : undefined;
}

/** Go's `strconv.ParseFloat(text, 64)`; undefined when it would be an error. */
export function parseGoFloat(given: string): number | undefined {
  const text = withoutUnderscores(given);
  if (/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  return parseHexFloat(text);
}

/** `_` may stand between two digits, and behind `0x`; elsewhere it stays, and no number has one. */
function withoutUnderscores(text: string): string {
  if (!text.includes("_")) return text;
  return /^[+-]?0x/i.test(text)
    ? text.replaceAll(/(?<=[0-9a-fx])_(?=[0-9a-f])/gi, "")
    : text.replaceAll(/(?<=[0-9])_(?=[0-9])/g, "");
}

/** The number that Go's `ParseFloat` gives beside an error: infinite where the text is too large, else 0. */
export function looseGoFloat(given: string): number {
  const text = withoutUnderscores(given);
  const value = parseGoFloat(text);
  if (value !== undefined) return value;
  return /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE]?[+-]?[0-9]*$/.test(text) && !Number.isNaN(Number(text))
    ? Number(text)
    : 0;
}

function parseHexFloat(text: string): number | undefined {
  const match = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)p([+-]?[0-9]+)$/i.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", exponent] = match;
  const digits = whole + fraction;
  if (digits === "") return undefined;
  const value = Number.parseInt(digits, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
  if (!Number.isFinite(value)) return undefined;
  return sign === "-" ? -value : value;
}

import { bytesOf } from "../../go/bytes.ts";

const names: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};

/** Letters, marks, numbers, punctuation, symbols and the ASCII space: what Go prints as it stands. */
export function isPrintable(character: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character);
}

/** Go's `strconv.Quote`; with `asciiOnly` every other character is escaped. */
export function quoteText(text: string, asciiOnly: boolean): string {
  let result = '"';
  for (const character of text) result += quoteOne(character, '"', asciiOnly);
  return `${result}"`;
}

/** Go's `strconv.QuoteRune`. */
export function quoteCharacter(code: number, asciiOnly: boolean): string {
  const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return `'${quoteOne(String.fromCodePoint(isCharacter ? code : 0xfffd), "'", asciiOnly)}'`;
}

function quoteOne(character: string, quote: string, asciiOnly: boolean): string {
  if (character === quote) return `\\${quote}`;
  const name = names[character];
  if (name !== undefined) return name;
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code <= 0xdfff) {
    const [byte = 0, ...rest] = bytesOf(character);
    return rest.length > 0 ? quoteOne("\ufffd", quote, asciiOnly) : `\\x${hex(byte, 2)}`;
  }
  if (code < 0x7f ? code >= 0x20 : !asciiOnly && isPrintable(character)) return character;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
}

function hex(code: number, length: number): string {
  return code.toString(16).padStart(length, "0");
}

/** Whether the text can stand in back quotes. */
export function canBackquote(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const isControl = (code < 0x20 && code !== 9) || code === 0x7f;
    if (isControl || character === "`" || code === 0xfeff || (code >= 0xd800 && code <= 0xdfff)) return false;
  }
  return true;
}

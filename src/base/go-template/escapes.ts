import { bytesOf } from "../go/bytes.ts";
import { isPrintable } from "./format/quote.ts";

const html: Readonly<Record<string, string>> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

export function escapeHtml(text: string): string {
  return replaceCharacters(text, (character) => html[character]);
}

/** For a string of JavaScript. */
export function escapeJs(text: string): string {
  return replaceCharacters(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if ("\\'\"".includes(character)) return `\\${character}`;
    if (code < 0x20 || "<>&=".includes(character)) return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
    const isByte = code >= 0xd800 && code <= 0xdfff;
    if (code < 0x80 || isByte || isPrintable(character)) return undefined;
    return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

function replaceCharacters(text: string, replace: (character: string) => string | undefined): string {
  let result = "";
  for (const character of text) result += replace(character) ?? character;
  return result;
}

/** Go's `url.QueryEscape`. */
export function escapeQuery(text: string): string {
  let result = "";
  for (const byte of bytesOf(text)) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9_.~-]/.test(character)) result += character;
    else result += character === " " ? "+" : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return result;
}

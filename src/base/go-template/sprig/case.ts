import { fromLatin, isAscii, toLatin } from "../../go/bytes.ts";
import { count, type FunctionTable, fn, reads, text } from "../function.ts";
import type { Work } from "../work.ts";
import { isSpace, lowered, uppered } from "./characters.ts";
import { delimited, pascalCase } from "./words.ts";

function changed(whole: string, change: (character: string) => string): string {
  let result = "";
  for (const character of whole) result += change(character);
  return result;
}

/** Dž and the like have a form for the first letter of a word. */
const titles: Readonly<Record<string, string>> = {
  Ǆ: "ǅ",
  ǆ: "ǅ",
  ǅ: "ǅ",
  Ǉ: "ǈ",
  ǉ: "ǈ",
  ǈ: "ǈ",
  Ǌ: "ǋ",
  ǌ: "ǋ",
  ǋ: "ǋ",
  Ǳ: "ǲ",
  ǳ: "ǲ",
  ǲ: "ǲ",
};

function toTitle(character: string): string {
  return titles[character] ?? uppered(character);
}

/** What stands between words for `title`. */
function isSeparator(character: string): boolean {
  if (/^[A-Za-z0-9_]$/.test(character)) return false;
  return character < "\x80" || (!/^[\p{L}\p{Nd}]$/u.test(character) && isSpace(character));
}

function title(whole: string): string {
  let before = " ";
  let result = "";
  for (const character of whole) {
    result += isSeparator(before) ? toTitle(character) : character;
    before = character;
  }
  return result;
}

function untitle(whole: string): string {
  let isFirst = true;
  return changed(whole, (character) => {
    if (isSpace(character)) {
      isFirst = true;
      return character;
    }
    const result = isFirst ? lowered(character) : character;
    isFirst = false;
    return result;
  });
}

/** A lower-case letter that begins a word becomes a title, one within it upper case. */
function swapCase(whole: string): string {
  let isFirst = true;
  return changed(whole, (character) => {
    const wasFirst = isFirst;
    isFirst = false;
    if (/^[\p{Lu}\p{Lt}]$/u.test(character)) return lowered(character);
    if (/^\p{Ll}$/u.test(character)) return wasFirst ? toTitle(character) : uppered(character);
    isFirst = isSpace(character);
    return character;
  });
}

/** The original takes each byte for a character. */
function initials(whole: string): string {
  let isFirst = true;
  let result = "";
  for (const character of toLatin(whole)) {
    const isGap = isSpace(character);
    if (isFirst && !isGap) result += character;
    isFirst = isGap;
  }
  return result;
}

/** So does this one, once there is a space among them. */
function withoutSpace(whole: string): string {
  const latin = toLatin(whole);
  const kept = [...latin].filter((character) => !isSpace(character)).join("");
  return kept.length === latin.length ? whole : kept;
}

/** Lines of at most `width` bytes, broken at spaces. */
function wrap(whole: string, width: number, newLine: string, breaksWords: boolean, work: Work): string {
  const latin = toLatin(whole);
  const separator = toLatin(newLine || "\n");
  const columns = Math.max(width, 1);
  let result = "";
  let from = 0;
  while (latin.length - from > columns) {
    work.text(result.length + separator.length);
    if (latin[from] === " ") {
      from++;
      continue;
    }
    const line = latin.slice(from, from + columns + 1);
    const inner = line.lastIndexOf(" ");
    const end = inner >= 0 ? from + inner : breaksWords ? from + columns : latin.indexOf(" ", from + columns);
    if (end < 0) break;
    result += latin.slice(from, end) + separator;
    from = inner < 0 && breaksWords ? end : end + 1;
  }
  return fromLatin(result + latin.slice(from));
}

function ofText(make: (whole: string) => string) {
  return fn([text], (whole, work) => {
    reads(work, whole);
    return make(whole);
  });
}

/** Upper and lower case, and what sprig makes of words. */
export const caseFunctions: FunctionTable = {
  upper: ofText((whole) => (isAscii(whole) ? whole.toUpperCase() : changed(whole, uppered))),
  lower: ofText((whole) => (isAscii(whole) ? whole.toLowerCase() : changed(whole, lowered))),
  title: ofText(title),
  untitle: ofText(untitle),
  swapcase: ofText(swapCase),
  initials: ofText(initials),
  nospace: ofText(withoutSpace),
  snakecase: ofText((whole) => delimited(whole, "_")),
  kebabcase: ofText((whole) => delimited(whole, "-")),
  camelcase: ofText(pascalCase),
  wrap: fn([count, text], (width, whole, work) => wrap(whole, width, "", false, work)),
  wrapWith: fn([count, text, text], (width, newLine, whole, work) => wrap(whole, width, newLine, true, work)),
};

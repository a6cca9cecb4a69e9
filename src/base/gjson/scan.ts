/**
 * Where things end in the text of a path, as the original finds it: its readers differ in small things, so that each
 * keeps its own here.
 */

/** After the closing quote of the string that opens at `from`, or the end of the text. */
export function endOfQuotes(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

/** After the bracket that closes the one at `from`, or the end of the text; brackets of all kinds count alike. */
export function endOfBrackets(text: string, from: number): number {
  if (text[from] === '"') return endOfQuotes(text, from);
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '"') at = endOfQuotes(text, at) - 1;
    else if (at === from || "{[(".includes(char)) depth++;
    else if ("}])".includes(char) && --depth === 0) return at + 1;
  }
  return text.length;
}

/** The characters from `from` on that are neither escaped nor in quotes, with where they stand; of quotes the first. */
export function* bareChars(text: string, from: number): Generator<readonly [at: number, char: string]> {
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "\\") at++;
    else yield [at, char];
    if (char === '"') at = endOfQuotes(text, at) - 1;
  }
}

/** By how many brackets of any kind the text behind the character is deeper. */
export function deeper(char: string): number {
  if ("[({".includes(char)) return 1;
  return "])}".includes(char) ? -1 : 0;
}

/** The path before and behind the first `|` that is in no query. */
export interface PipeSplit {
  readonly left: string;
  readonly right?: string;
}

/** For what stands behind `#.` and `#(…).`: there a pipe applies to the whole list. */
export function splitPipe(path: string): PipeSplit {
  if (path.startsWith("{")) return splitBehindMultipath(path);
  for (let at = 0; at < path.length; at++) {
    const char = path[at];
    if (char === "\\") at++;
    else if (char === "|") return { left: path.slice(0, at), right: path.slice(at + 1) };
    else if (char === "." && path[at + 1] === "#") {
      at += 2;
      if (path[at] === "(" || path[at] === "[") at = endOfQuery(path, at);
    }
  }
  return { left: path };
}

/** The original looks from the first name on: one in quotes or brackets hides the pipe. */
function splitBehindMultipath(path: string): PipeSplit {
  const end = path.length > 1 ? endOfBrackets(path, 1) : path.length;
  return path[end] === "|" ? { left: path.slice(0, end), right: path.slice(end + 1) } : { left: path };
}

/** At the bracket that closes the one at `from`; only brackets of its kind count. */
function endOfQuery(path: string, from: number): number {
  const open = path[from];
  const close = open === "[" ? "]" : ")";
  let depth = 1;
  for (let at = from + 1; at < path.length; at++) {
    const char = path[at];
    if (char === "\\") at++;
    else if (char === '"') at = endOfQuotes(path, at) - 1;
    else if (char === open) depth++;
    else if (char === close && --depth === 0) return at;
  }
  return path.length;
}

/** Go's bytes up to the space, which the original trims. */
export function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && text.charCodeAt(from) <= 32) from++;
  while (to > from && text.charCodeAt(to - 1) <= 32) to--;
  return text.slice(from, to);
}

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  "/": "/",
  '"': '"',
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** JSON's escapes; the text ends at one that is none, as in the original. */
export function unescaped(text: string): string {
  let result = "";
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) < 32) return result;
    if (text[at] !== "\\") {
      result += text.charAt(at);
      continue;
    }
    const code = /^u([0-9a-fA-F]{4})/.exec(text.slice(at + 1, at + 6))?.[1];
    const char = code === undefined ? escapes[text.charAt(at + 1)] : String.fromCharCode(Number.parseInt(code, 16));
    if (char === undefined) return result;
    result += char;
    at += code === undefined ? 1 : 5;
  }
  return result.toWellFormed();
}

import { bareChars, deeper } from "./scan.ts";

/** One of the paths in `[…]` and `{…}`. */
export interface Selector {
  /** As written before the colon. */
  readonly name: string;
  readonly path: string;
}

/** Those of a multipath and the text behind it; undefined when it does not end. */
export function parseSelectors(
  text: string,
): { readonly selectors: readonly Selector[]; readonly rest: string } | undefined {
  const selectors: Selector[] = [];
  let depth = 1;
  let start = 1;
  for (const [at, char] of bareChars(text, 1)) {
    depth += deeper(char);
    if (depth > 1 || (depth === 1 && char !== ",")) continue;
    selectors.push(parseSelector(text.slice(start, at), text.charAt(start - 1)));
    start = at + 1;
    if (depth === 0) return { selectors, rest: text.slice(start) };
  }
  return undefined;
}

/** The colon of a modifier behind a dot or a pipe belongs to it; that of one at the start does not, as in the original. */
function parseSelector(text: string, before: string): Selector {
  let depth = 0;
  let last = before;
  for (const [at, char] of bareChars(text, 0)) {
    if (at > 0) last = text.charAt(at - 1);
    depth += deeper(char);
    if (char === "@" && (last === "." || last === "|")) break;
    else if (char === ":" && depth === 0) return { name: text.slice(0, at), path: text.slice(at + 1) };
  }
  return { name: "", path: text };
}

/** The key of a selector in the object that `{…}` makes. */
export function selectorKey({ name, path }: Selector): string {
  if (name !== "") return nameOf(name);
  const last = lastPart(path);
  return /[[\]{}()#|!]/.test(last) || [...last].some((char) => char < " ") ? "_" : last;
}

function nameOf(written: string): string {
  if (!written.startsWith('"')) return written;
  try {
    return String(JSON.parse(written));
  } catch {
    return written; // not quoted to its end: the original takes it as it stands
  }
}

/** Escapes stay in it. */
function lastPart(path: string): string {
  for (let at = path.length - 1; at >= 0; at--) {
    const isBetween = path[at] === "|" || path[at] === ".";
    if (isBetween && !(at > 0 && path[at - 1] === "\\")) return path.slice(at + 1);
  }
  return path;
}

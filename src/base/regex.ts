import { RE2JS } from "re2js";
import { messageOf, TerminalError } from "./errors.ts";
import { memoize } from "./memo.ts";

/** A regular expression of a user: Go's RE2 syntax, linear time. */
export interface Regex {
  readonly source: string;
  /** Whether it is found anywhere in `text`. */
  matches(text: string): boolean;
  /** Instructions of its program: what one character of a text may cost. */
  size(): number;
  /** A search from an offset on, for one text; each call takes time linear in what is left of the text. */
  searchIn(text: string): (from: number) => Found | undefined;
  /** The number of a group by its name. */
  groupNamed(name: string): number | undefined;
}

/** Start and end of a match, then of each group; -1 for a group that took no part. */
export type Found = readonly number[];

/** `^`, text in which every special character is escaped, `$`. */
const exactText = /^\^((?:[^\\.+*?()|[\]{}^$]|\\[\\.+*?()|[\]{}^$])*)\$$/;

/** @throws TerminalError MANIFEST_INVALID */
export const compileRegex: (source: string) => Regex = memoize(compile, 200); // of 27 kB each

function compile(source: string): Regex {
  // Compared as text: a program takes 27 kB and 0.1 ms, and thousands of Applications have several such expressions.
  const exact = exactText.exec(source)?.[1]?.replace(/\\(.)/g, "$1");
  let compiled: RE2JS | undefined = exact === undefined ? programOf(source) : undefined;
  const program = (): RE2JS => {
    compiled ??= programOf(source);
    return compiled;
  };
  return {
    source,
    matches: (text) => (exact === undefined ? program().test(text) : text === exact),
    size: () => program().programSize(),
    searchIn: (text) => searchIn(program(), text),
    groupNamed: (name) => program().namedGroups()[name],
  };
}

function programOf(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    throw new TerminalError("MANIFEST_INVALID", `${JSON.stringify(source)}: ${messageOf(error)}`, error);
  }
}

function searchIn(program: RE2JS, text: string): (from: number) => Found | undefined {
  const matcher = program.matcher(text);
  return (from) => {
    if (!matcher.find(from)) return undefined;
    const found: number[] = [];
    for (let group = 0; group <= matcher.groupCount(); group++) found.push(matcher.start(group), matcher.end(group));
    return found;
  };
}

/** An expression that finds exactly `text`, whatever is in it. */
export function exactRegex(text: string): string {
  return `^${text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&")}$`;
}

import { RE2JS } from "re2js";
import { messageOf, TerminalError } from "./errors.ts";
import { memoize } from "./memo.ts";

/** A regular expression of a user: Go's RE2 syntax, linear time. */
export interface Regex {
  readonly source: string;
  /** Whether it is found anywhere in `text`. */
  matches(text: string): boolean;
}

/** `^`, text in which every special character is escaped, `$`. */
const exactText = /^\^((?:[^\\.+*?()|[\]{}^$]|\\[\\.+*?()|[\]{}^$])*)\$$/;

/** @throws TerminalError MANIFEST_INVALID */
export const compileRegex: (source: string) => Regex = memoize(compile, 200); // of 27 kB each

function compile(source: string): Regex {
  // Compared as text: a program takes 27 kB and 0.1 ms, and thousands of Applications have several such expressions.
  const exact = exactText.exec(source)?.[1]?.replace(/\\(.)/g, "$1");
  if (exact !== undefined) return { source, matches: (text) => text === exact };
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    throw new TerminalError("MANIFEST_INVALID", `${JSON.stringify(source)}: ${messageOf(error)}`, error);
  }
  return { source, matches: (text) => compiled.test(text) };
}

/** An expression that finds exactly `text`, whatever is in it. */
export function exactRegex(text: string): string {
  return `^${text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&")}$`;
}

import { RE2JS } from "re2js";
import { messageOf, TerminalError } from "./errors.ts";

/** A regular expression of a user: Go's RE2 syntax, linear time. */
export interface Regex {
  readonly source: string;
  /** Whether it is found anywhere in `text`. */
  matches(text: string): boolean;
}

/** @throws TerminalError MANIFEST_INVALID */
export function compileRegex(source: string): Regex {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    throw new TerminalError("MANIFEST_INVALID", `${JSON.stringify(source)}: ${messageOf(error)}`, error);
  }
  return { source, matches: (text) => compiled.test(text) };
}

import { compileRegex, type Regex } from "../regex.ts";

/** A string on the right of `=~` in the expression itself: a value that only `=~` and `!~` know. */
export class Pattern {
  readonly source: string;
  readonly regex: Regex;

  /** @throws TerminalError MANIFEST_INVALID */
  constructor(source: string) {
    this.source = source;
    this.regex = compileRegex(source);
  }
}

import { TerminalError } from "../errors.ts";

const shownLength = 60;

/** `at` is an offset in `source`. */
export function invalid(source: string, what: string, at?: number): TerminalError {
  const shown = source.length > shownLength ? `${source.slice(0, shownLength)}…` : source;
  const place = at === undefined ? "" : ` at ${at}`;
  return new TerminalError("EXPRESSION_INVALID", `govaluate expression ${JSON.stringify(shown)}${place}: ${what}`);
}

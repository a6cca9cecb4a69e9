import { EngineError, TerminalError } from "../errors.ts";

const shownLength = 60;

/** `at` is an offset in `source`. */
export function invalid(source: string, at: number, what: string): TerminalError {
  const shown = source.length > shownLength ? `${source.slice(0, shownLength)}…` : source;
  return new TerminalError(
    "EXPRESSION_INVALID",
    `expression ${JSON.stringify(shown)} at ${placeOf(source, at)}: ${what}`,
  );
}

export function failed(message: string): EngineError {
  return new EngineError("EXPRESSION_FAILED", message);
}

/** The offset from 0; line:column from 1 where there are several lines. */
function placeOf(source: string, at: number): string {
  if (!source.includes("\n")) return String(at);
  const before = source.slice(0, at);
  const line = before.split("\n").length;
  return `${line}:${at - (before.lastIndexOf("\n") + 1) + 1}`;
}

import { TerminalError } from "../errors.ts";

/** Where an offset is: itself in a template of one line, line:column (from 1) in others. */
export function placeOf(source: string, at: number): string {
  if (!source.includes("\n")) return String(at);
  const before = source.slice(0, at);
  const line = before.split("\n").length;
  return `${line}:${at - before.lastIndexOf("\n")}`;
}

export function invalid(message: string): TerminalError {
  return new TerminalError("TEMPLATE_INVALID", message);
}

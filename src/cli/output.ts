import { styleText } from "node:util";
import { formatYaml } from "../base/yaml.ts";
import type { GlobalFlags } from "./engine-client.ts";

/** Prints `value` as asked: `text` makes it readable, the others show it whole. */
export function print<T>({ output }: GlobalFlags, value: T, text: (value: T) => string): void {
  const shown =
    output === "json"
      ? `${JSON.stringify(value, null, 2)}\n`
      : output === "yaml"
        ? formatYaml(value)
        : `${text(value)}\n`;
  process.stdout.write(shown);
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [header, ...rows]
    .map((row) => row.map((cell, column) => cell.padEnd(column === header.length - 1 ? 0 : (widths[column] ?? 0) + 2)))
    .map((cells) => cells.join("").trimEnd())
    .join("\n");
}

/** Whether to colour is Node's own decision: NO_COLOR, a pipe, and `--no-color` (which the program maps to NO_COLOR). */
export function colored(style: "green" | "red" | "yellow" | "dim" | "bold", text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** `2026-01-01T10:20:30.123Z`, from milliseconds since 1970. */
export function shownTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds between two hops. */
export function shownDelta(ms: number): string {
  return ms < 10_000 ? `+${Math.max(0, Math.round(ms))} ms` : `+${(ms / 1000).toFixed(1)} s`;
}

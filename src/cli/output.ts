import { styleText } from "node:util";
import { EngineError } from "../base/errors.ts";
import { formatYaml } from "../base/yaml.ts";
import type { GlobalFlags, OutputFormat } from "./engine-client.ts";

/** How a command shows its answer to people; `json` and `yaml` show the whole answer. */
export interface Shown<T> {
  readonly text: (value: T) => string;
  /** Default: as `text`. */
  readonly wide?: (value: T) => string;
  /** Names or ids alone, one per line; absent: the answer has none. */
  readonly name?: (value: T) => string;
  /** JUnit's XML; absent: the answer has none. */
  readonly junit?: (value: T) => string;
  /** Forms that this command alone has. */
  readonly own?: Partial<Record<OutputFormat, (value: T) => string>>;
}

/** Prints `value` in the form asked for. @throws EngineError USAGE for `-o name` where there is none. */
export function print<T>({ output }: GlobalFlags, value: T, shown: Shown<T>): void {
  const text = textAs(output, value, shown);
  if (text !== "") process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

function textAs<T>(output: OutputFormat, value: T, { text, wide = text, name, junit, own = {} }: Shown<T>): string {
  const special = own[output];
  if (special) return special(value);
  switch (output) {
    case "json":
      return JSON.stringify(value, null, 2);
    case "yaml":
      return formatYaml(value);
    case "wide":
      return wide(value);
    case "name":
      if (name) return name(value);
      throw new EngineError("USAGE", "-o name: this command's answer has no names");
    case "junit":
      if (junit) return junit(value);
      throw new EngineError("USAGE", "-o junit: only `tiphys sensor test` prints it");
    case "github":
      throw new EngineError("USAGE", "-o github: only `tiphys validate` prints annotations");
    case "tree":
    case "tree=detailed":
    case "id":
    case "url":
    case "server":
    case "otlp":
      throw new EngineError("USAGE", `-o ${output}: this command's answer has no such form`);
    case "text":
      return text(value);
  }
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

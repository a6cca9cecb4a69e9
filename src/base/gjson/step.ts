import type { JsonValue } from "../json.ts";
import { type Layout, prettyJson } from "./pretty.ts";
import { textOf } from "./text.ts";
import type { Work } from "./work.ts";

/** A value on its way through a path. Undefined is nothing there, which some modifiers make something of. */
export interface Step {
  readonly value: JsonValue | undefined;
  /** Set between `@pretty` and the next step that changes the value: its white space shows where it becomes text. */
  readonly layout?: Layout;
}

/** For the text of what a path found. */
export function stepText(
  { value, layout }: { readonly value: JsonValue; readonly layout?: Layout },
  work: Work,
): string {
  const isContainer = typeof value === "object" && value !== null;
  // White space before a value goes when the original reads it again; behind plain values, too.
  return layout && isContainer ? prettyJson(value, layout, work).trimStart() : textOf(value);
}

import { messageOf, TerminalError } from "../../base/errors.ts";
import { compileGoTemplate, type GoTemplate } from "../../base/go-template/template.ts";
import { type JsonValue, withFloats } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";

export type Rendered = { readonly text: string } | { readonly error: string };

/** Parsed once; one that does not parse fails with each event, as in the original, which finds it out then. */
const compiled = memoize((source: string): GoTemplate | TerminalError => {
  try {
    return compileGoTemplate(source);
  } catch (error) {
    if (error instanceof TerminalError) return error;
    throw error;
  }
}, 1_000);

/**
 * A Go template of a Sensor over `.Input`, whose numbers are float64 (spec argo-events 1.7, 5.2 and 6.3.1). A result that
 * is empty or `<no value>` is none. Does not throw.
 */
export function renderTemplate(source: string, input: JsonValue): Rendered {
  const template = compiled(source);
  if (template instanceof TerminalError) return { error: template.message };
  try {
    const text = template.execute({ Input: withFloats(input) });
    if (text !== "" && text !== "<no value>") return { text };
    return { error: `the template gives ${text === "" ? "an empty text" : text}` };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

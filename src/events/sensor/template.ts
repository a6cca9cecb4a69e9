import { messageOf, TerminalError } from "../../base/errors.ts";
import { compileGoTemplate, type GoTemplate } from "../../base/go-template/template.ts";
import type { TemplateMoment } from "../../base/go-template/work.ts";
import { type JsonValue, withFloats } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";

export type Rendered = { readonly text: string } | { readonly error: string };

/** What templates of Sensors may use: `now` is the event's time, chance comes from its id, as in scripts. */
export const sensorTemplates = { hasMoment: true } as const;

/** Of a template over one event; `place` tells its templates apart, so that each has a chance of its own. */
export function momentOf({ id, time }: Pick<CloudEvent, "id" | "time">, place: string): TemplateMoment {
  return { nowMs: Date.parse(time) || 0, seed: `${id} ${place}` };
}

/** Parsed once; one that does not parse fails with each event, as in the original, which finds it out then. */
const compiled = memoize((source: string): GoTemplate | TerminalError => {
  try {
    return compileGoTemplate(source, sensorTemplates);
  } catch (error) {
    if (error instanceof TerminalError) return error;
    throw error;
  }
}, 10_000);

/**
 * A Go template of a Sensor over `.Input`, whose numbers are float64 (spec argo-events 1.7, 5.2 and 6.3.1). A result that
 * is empty or `<no value>` is none. Does not throw.
 */
export function renderTemplate(source: string, input: JsonValue, moment: TemplateMoment): Rendered {
  const template = compiled(source);
  if (template instanceof TerminalError) return { error: template.message };
  try {
    const text = template.execute({ Input: withFloats(input) }, moment);
    if (text !== "" && text !== "<no value>") return { text };
    return { error: `the template gives ${text === "" ? "an empty text" : text}` };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

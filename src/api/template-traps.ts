import { dotFieldsOf } from "../base/go-template/template.ts";
import type { JsonValue } from "../base/json.ts";
import { nearest } from "../base/nearest.ts";
import type { Problem } from "../base/schema.ts";
import { textOf, warningAt } from "./fields.ts";
import { checkTemplate } from "./trap-rules.ts";

/** What `.Input` is: the value at a filter's path as text, or the event's data or context. */
export type TemplateInput = "value" | "data" | "context";

const contextNames = ["id", "source", "specversion", "type", "datacontenttype", "subject", "time"];

/** A template of a Sensor (spec argo-events 5.2, 6.3.1): it has to parse, and to read what is there. */
export function checkSensorTemplate(value: JsonValue | undefined, path: string, input: TemplateInput): Problem[] {
  const problems = checkTemplate(value, path);
  const text = textOf(value);
  if (text === "" || problems.length > 0) return problems;
  const traps = dotFieldsOf(text, { hasMoment: true }).flatMap((names) => checkField(names, path, input));
  return traps.slice(0, 1);
}

function checkField(names: readonly string[], path: string, input: TemplateInput): Problem[] {
  const [first, second] = names;
  const written = `.${names.join(".")}`;
  if (first !== "Input") {
    const meant = input === "value" ? ".Input" : `.Input${written}`;
    return [warningAt(path, `${written} is not there: what a template reads is .Input`, `did you mean \`${meant}\`?`)];
  }
  if (second === undefined || input === "data") return [];
  if (input === "value") {
    const message = `${written} fails with each event: .Input is the value as text, which has no fields`;
    return [warningAt(path, message, `of JSON: \`(fromJson .Input).${names.slice(1).join(".")}\``)];
  }
  return contextNames.includes(second) ? [] : [noContext(written, second, path, ".Input.")];
}

/** `contextKey`: its first part is an attribute. */
export function checkContextKey(value: JsonValue | undefined, path: string): Problem[] {
  const [, name] = /^(\w+)(?:\.|$)/.exec(textOf(value)) ?? [];
  return name === undefined || contextNames.includes(name) ? [] : [noContext(textOf(value), name, path, "")];
}

function noContext(written: string, name: string, path: string, before: string): Problem {
  const near = name === "context" ? undefined : nearest(name, contextNames);
  const message = `${written} is not there: the context has ${contextNames.join(", ")}`;
  return warningAt(path, message, near === undefined ? undefined : `did you mean \`${before}${near}\`?`);
}

import { createHash } from "node:crypto";
import { messageOf } from "../../base/errors.ts";
import { checkGoTemplate } from "../../base/go-template/template.ts";
import type { JsonValue } from "../../base/json.ts";
import { compileReadPath } from "../../base/read-path.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { momentOf, renderTemplate, sensorTemplates } from "./template.ts";

/** What events have in common that belong together, read from one of them. Does not throw. */
export type KeyOf = (event: CloudEvent) => { readonly key: string } | { readonly error: string };

/** Longer keys are cut and told apart by a hash: they become parts of names. */
const maxLength = 200;

/**
 * `text` is a path into the data (GJSON, or JSONPath behind `$`), or a Go template over it as `.Input` when it has `{{`. The key is a string, a
 * number or a boolean; 1 and "1" are the same key, since two systems often write one number differently.
 * @throws TerminalError for a path or template that does not parse
 */
export function compileKey(text: string, field: string): KeyOf {
  if (text.includes("{{")) {
    checkGoTemplate(text, sensorTemplates);
    return (event) => keyOrError(field, () => render(text, event));
  }
  const { read } = compileReadPath(text);
  return ({ data }) => keyOrError(field, () => keyText(read(data), text));
}

function keyOrError(field: string, read: () => string): ReturnType<KeyOf> {
  try {
    return { key: shortKey(read().toWellFormed()) };
  } catch (error) {
    return { error: `${field}: ${messageOf(error)}` };
  }
}

function render(template: string, event: CloudEvent): string {
  const rendered = renderTemplate(template, event.data, momentOf(event, ""));
  if ("error" in rendered) throw new Error(rendered.error);
  return rendered.text;
}

function keyText(value: JsonValue | undefined, path: string): string {
  const shown = JSON.stringify(path);
  if (value === undefined || value === null) throw new Error(`path ${shown} does not exist in the event's data`);
  if (typeof value === "object") {
    const what = Array.isArray(value) ? "a list" : "an object";
    throw new Error(`path ${shown} is ${what}, a key must be a string, a number or a boolean`);
  }
  if (value === "") throw new Error(`path ${shown} is an empty text`);
  return String(value);
}

function shortKey(key: string): string {
  if (key.length <= maxLength) return key;
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 32);
  return `${key.slice(0, maxLength - 33)}~${hash}`.toWellFormed();
}

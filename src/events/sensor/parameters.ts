import { messageOf, TerminalError } from "../../base/errors.ts";
import { compileGjson } from "../../base/gjson/gjson.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { compileReadPath } from "../../base/read-path.ts";
import { setJson } from "../../base/sjson.ts";
import { parseYaml } from "../../base/yaml.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { ParameterResolver, TriggerParameter } from "../triggers/trigger.ts";
import { whatIsThere } from "./missing-path.ts";
import { momentOf, renderTemplate } from "./template.ts";

type Source = TriggerParameter["src"];
type Events = Readonly<Record<string, CloudEvent>>;

/** A value with GJSON's type: only what is not a String may go in raw. */
interface Resolved {
  readonly value: JsonValue;
  /** The original's text of it: strings as they are, everything else as JSON. */
  readonly text: string;
}

/**
 * Parameters over the events of one firing (spec argo-events 6.3), by dependency name. What chance gives in templates
 * differs between firings with another `key`.
 */
export function createParameterResolver(events: Events, key = ""): ParameterResolver {
  return new EventParameters(events, key);
}

/** What parameters are read from. */
interface Given {
  readonly events: Events;
  readonly key: string;
}

/** A class: there is one for each firing, and most are asked for nothing. */
class EventParameters implements ParameterResolver {
  readonly #given: Given;

  constructor(events: Events, key: string) {
    this.#given = { events, key };
  }

  apply(document: JsonValue, parameters: readonly TriggerParameter[], path: string): JsonValue {
    let result = document;
    for (const [index, parameter] of parameters.entries()) {
      result = applyOne(result, parameter, this.#given, `${path}[${index}]`);
    }
    return result;
  }

  payload(parameters: readonly TriggerParameter[], path: string): string {
    return payloadText(parameters, this.#given, path);
  }

  text(parameter: TriggerParameter, path: string): string | undefined {
    return resolve(parameter.src, this.#given, path)?.text;
  }
}

/** 6.3.2: set as a string unless `useRawData` and the value is none; a missing value changes nothing. */
function applyOne(document: JsonValue, parameter: TriggerParameter, given: Given, path: string): JsonValue {
  const resolved = resolve(parameter.src, given, path);
  if (!resolved) return document;
  const dest = parameter.dest ?? "";
  return named(path, () => {
    const raw = parameter.src.useRawData ? resolved.value : resolved.text;
    switch (parameter.operation ?? "") {
      case "":
      case "overwrite":
        return setJson(document, dest, raw);
      case "append":
      case "prepend": {
        const destination = compileGjson(dest);
        const current = destination.read(document);
        if (current === undefined) return setJson(document, dest, raw);
        const pair = [destination.text(current, document), resolved.text];
        return setJson(document, dest, (parameter.operation === "append" ? pair : pair.reverse()).join(""));
      }
      default:
        throw fault(`operation ${JSON.stringify(parameter.operation)} must be append, overwrite or prepend`);
    }
  });
}

/** 6.3.3. An entry without a value is skipped: the original's process ends there (decision C9). */
function payloadText(parameters: readonly TriggerParameter[], given: Given, path: string): string {
  let payload: JsonValue | undefined;
  for (const [index, parameter] of parameters.entries()) {
    const at = `${path}[${index}]`;
    const resolved = resolve(parameter.src, given, at);
    if (!resolved) continue;
    if (!parameter.dest) return resolved.text;
    const dest = parameter.dest;
    const value = parameter.src.useRawData ? resolved.value : resolved.text;
    payload = named(at, () => setJson(payload, dest, value));
  }
  return payload === undefined ? "" : JSON.stringify(payload);
}

/** 6.3.1. Undefined: the dependency has no event and there is no `value`. */
function resolve(src: Source, { events, key }: Given, path: string): Resolved | undefined {
  const event = Object.hasOwn(events, src.dependencyName) ? events[src.dependencyName] : undefined;
  if (!event) return src.value === undefined ? undefined : textual(src.value);
  const isSelecting = src.contextKey || src.dataKey || src.contextTemplate || src.dataTemplate;
  if (!isSelecting) return textual(src.value ?? wholeEvent(event));
  const found = select(src, event, `${key} ${path}`);
  if (typeof found !== "string") return found;
  if (src.value !== undefined) return textual(src.value);
  throw fault(`${path}.src: unable to resolve '${src.dependencyName}' parameter value. err: ${found}`);
}

/** The value, or why there is none. With a selector of the data those of the context do not count. */
function select(src: Source, event: CloudEvent, place: string): Resolved | string {
  const isData = Boolean(src.dataKey || src.dataTemplate);
  const input = isData ? dataOf(event) : contextOf(event);
  if (input === undefined) return `data of content type ${JSON.stringify(event.datacontenttype)} is not JSON or YAML`;
  const template = isData ? src.dataTemplate : src.contextTemplate;
  const key = isData ? src.dataKey : src.contextKey;
  const rendered = template ? renderTemplate(template, input, momentOf(event, place)) : undefined;
  if (rendered && "text" in rendered) return textual(rendered.text);
  if (!key) return rendered?.error ?? "";
  const found = selectKey(key, input, isData ? "data" : "context");
  return rendered && typeof found === "string" ? `${rendered.error}; ${found}` : found;
}

function selectKey(key: string, input: JsonValue, where: string): Resolved | string {
  try {
    const path = compileReadPath(key);
    const value = path.read(input);
    if (value === undefined)
      return `key ${JSON.stringify(key)} does not exist in the event's ${where}${whatIsThere(key, input)}`;
    return { value, text: value === null ? "null" : path.text(value, input) };
  } catch (error) {
    return messageOf(error);
  }
}

function dataOf(event: CloudEvent): JsonValue | undefined {
  if (event.datacontenttype === "application/json") return event.data;
  if (event.datacontenttype !== "application/yaml") return undefined;
  if (typeof event.data !== "string") return event.data; // YAML that is JSON, too, was read as such
  try {
    return parseYaml(event.data)[0] as JsonValue;
  } catch {
    return undefined; // the caller says what the content type was
  }
}

/** Keys in the original's order, the time to the second and in UTC, whatever its offset was. */
function contextOf(event: CloudEvent): JsonObject {
  const { id, source, type, datacontenttype, subject } = event;
  const at = event.time.endsWith("Z") ? Number.NaN : Date.parse(event.time);
  const time = (Number.isNaN(at) ? event.time : new Date(at).toISOString()).replace(/\.\d+(?=Z|[+-])/, "");
  return { id, source, specversion: "1.0", type, datacontenttype, subject, time };
}

function wholeEvent(event: CloudEvent): string {
  const text = event.datacontenttype === "application/json" ? JSON.stringify(event.data) : textOf(event.data);
  const data = Buffer.from(text, "utf8").toString("base64");
  return JSON.stringify({ context: contextOf(event), data });
}

function textual(text: string): Resolved {
  return { value: text, text };
}

function textOf(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function named<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new TerminalError("PARAMETER_ERROR", `${path}: ${messageOf(error)}`, error);
  }
}

function fault(message: string): TerminalError {
  return new TerminalError("PARAMETER_ERROR", message);
}

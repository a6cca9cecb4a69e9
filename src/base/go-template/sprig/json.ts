import { messageOf } from "../../errors.ts";
import { readable, sortTexts } from "../../go/bytes.ts";
import type { FloatJson } from "../../json.ts";
import { setOwn } from "../../json.ts";
import { any, type FunctionTable, fn, reads, text } from "../function.ts";
import { fieldsOf, GoInt, GoList, GoStruct, itemsOf, nilFields, type Value } from "../values.ts";
import { Failure, LimitReached, type Work } from "../work.ts";

interface Style {
  readonly escapesHtml: boolean;
  /** Spaces for each level; none for one line. */
  readonly indent?: string;
}

/** Go's encoding/json. */
class Encoder {
  readonly #style: Style;
  readonly #work: Work;
  #length = 0;

  constructor(style: Style, work: Work) {
    this.#style = style;
    this.#work = work;
  }

  encode(value: Value, depth = 0): string {
    this.#work.nest(depth);
    const items = itemsOf(value);
    if (items !== undefined) {
      if (value instanceof GoList && value.isNil) return "null";
      return this.#enclose(
        "[",
        items.map((item) => this.encode(item, depth + 1)),
        "]",
        depth,
      );
    }
    const fields = fieldsOf(value);
    if (fields === undefined) return this.#count(this.#scalar(value));
    if (fields === nilFields) return "null";
    const colon = this.#style.indent === undefined ? ":" : ": ";
    const texts = sortTexts(Object.keys(fields)).map(
      (name) => this.#count(this.#string(name)) + colon + this.encode(fields[name] ?? null, depth + 1),
    );
    return this.#enclose("{", texts, "}", depth);
  }

  #enclose(open: string, texts: readonly string[], close: string, depth: number): string {
    const { indent } = this.#style;
    if (indent === undefined || texts.length === 0) return open + texts.join(",") + close;
    const line = `\n${indent.repeat(depth)}`;
    this.#count(line.repeat(texts.length + 1));
    return `${open}${line}${indent}${texts.join(`,${line}${indent}`)}${line}${close}`;
  }

  #count(part: string): string {
    this.#length += part.length;
    this.#work.text(this.#length);
    return part;
  }

  #scalar(value: Value): string {
    if (typeof value === "string") return this.#string(value);
    if (value instanceof GoInt) return String(value.value);
    if (value instanceof GoStruct) return this.#string(value.json());
    if (typeof value !== "number") return String(value);
    if (!Number.isFinite(value)) throw new Failure(`json: unsupported value: ${value}`);
    return Object.is(value, -0) ? "-0" : String(value);
  }

  #string(value: string): string {
    const quoted = value.isWellFormed() ? JSON.stringify(value) : quotedBytes(value);
    return quoted.replace(this.#style.escapesHtml ? /[<>&\u2028\u2029]/g : /[\u2028\u2029]/g, escaped);
  }
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Go writes the escape of U+FFFD for each byte that is no text. */
function quotedBytes(value: string): string {
  const parts = [...value].map((character) =>
    character.isWellFormed() ? JSON.stringify(character).slice(1, -1) : "\\ufffd",
  );
  return `"${parts.join("")}"`;
}

/** @throws Failure on numbers that JSON does not have */
export function toJson(value: Value, style: Style, work: Work): string {
  return new Encoder(style, work).encode(value);
}

/** Text of JSON as Go reads it. @throws Failure */
export function fromJson(source: string, work: Work): Value {
  reads(work, source);
  work.spend(source.length / 16);
  let value: FloatJson;
  try {
    value = JSON.parse(readable(source)) as FloatJson;
  } catch (error) {
    throw new Failure(messageOf(error));
  }
  return /\\u[dD]|[eE][+]?[0-9]{3}|[0-9]{309}/.test(source) ? asGo(value, work) : value;
}

/** Half a pair of surrogates becomes U+FFFD; a number beyond float64 is an error. */
function asGo(value: FloatJson, work: Work, depth = 0): Value {
  work.nest(depth);
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number" && !Number.isFinite(value)) throw new Failure("a number is too large for a float64");
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: FloatJson) => asGo(item, work, depth + 1));
  const result: Record<string, Value> = {};
  for (const [name, field] of Object.entries(value)) setOwn(result, name.toWellFormed(), asGo(field, work, depth + 1));
  return result;
}

/** What the original leaves empty when it fails, we leave empty. */
function lenient<T>(make: () => T, otherwise: T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof LimitReached || !(error instanceof Failure)) throw error;
    return otherwise;
  }
}

const compact: Style = { escapesHtml: true };
const pretty: Style = { escapesHtml: true, indent: "  " };
const raw: Style = { escapesHtml: false };

export const jsonFunctions: FunctionTable = {
  toJson: fn([any], (value, work) => lenient(() => toJson(value, compact, work), "")),
  mustToJson: fn([any], (value, work) => toJson(value, compact, work)),
  toPrettyJson: fn([any], (value, work) => lenient(() => toJson(value, pretty, work), "")),
  mustToPrettyJson: fn([any], (value, work) => toJson(value, pretty, work)),
  toRawJson: fn([any], (value, work) => toJson(value, raw, work)),
  mustToRawJson: fn([any], (value, work) => toJson(value, raw, work)),
  fromJson: fn([text], (source, work) => lenient(() => fromJson(source, work), null)),
  mustFromJson: fn([text], fromJson),
};

import { isList, isObject, sortedKeys, type Value } from "./values.ts";

/** The part of `Work` that counts what is written. */
interface Budget {
  nest(depth: number): void;
  text(length: number): void;
}

/** Where nothing has to be escaped. */
const plain = /^[ !#-[\]-~]*$/;

/** jq's JSON of a text: U+007F is escaped, too, and so is each byte that is no text. */
export function textToJson(text: string): string {
  if (plain.test(text)) return `"${text}"`;
  const parts = text.split(/\p{Surrogate}/u).map((part) => JSON.stringify(part).slice(1, -1));
  return `"${parts.join("\\ufffd").replaceAll("\u007f", "\\u007f")}"`;
}

/** NaN is null, infinities are the largest floats. */
export function numberToJson(value: number | bigint): string {
  if (typeof value === "bigint") return String(value);
  if (Number.isNaN(value)) return "null";
  if (Object.is(value, -0)) return "-0";
  return String(Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE));
}

/** Stops where it is long enough. */
class Writer {
  text = "";
  #isCut = false;
  readonly #work: Budget | undefined;
  readonly #maxLength: number;

  constructor(work: Budget | undefined, maxLength: number) {
    this.#work = work;
    this.#maxLength = maxLength;
  }

  get isFull(): boolean {
    return this.#isCut || this.text.length >= this.#maxLength;
  }

  write(value: Value | undefined, depth: number): void {
    if (this.isFull) return;
    // A place that is going to be deleted, in a message: the original writes no further.
    this.#isCut = value === undefined;
    if (value === undefined) return;
    this.#work?.nest(depth);
    if (typeof value === "string") this.#writeText(value);
    else if (typeof value === "number" || typeof value === "bigint") this.text += numberToJson(value);
    else if (isList(value)) this.#writeList(value, depth);
    else if (isObject(value)) this.#writeObject(value, depth);
    else this.text += String(value);
  }

  #writeText(value: string): void {
    this.#work?.text(value.length);
    this.text += textToJson(value.slice(0, this.#maxLength));
  }

  #writeList(list: readonly Value[], depth: number): void {
    let before = "[";
    for (const item of list) {
      if (this.isFull) return;
      this.text += before;
      this.write(item, depth + 1);
      before = ",";
    }
    if (!this.isFull) this.text += before === "[" ? "[]" : "]";
  }

  #writeObject(object: { readonly [key: string]: Value }, depth: number): void {
    let before = "{";
    for (const key of sortedKeys(object)) {
      if (this.isFull) return;
      this.text += before;
      this.#writeText(key);
      this.text += ":";
      this.write(object[key], depth + 1);
      before = ",";
    }
    if (!this.isFull) this.text += before === "{" ? "{}" : "}";
  }
}

/** jq's JSON, with keys in order. Without `work` it is cut: for messages. */
export function toJson(value: Value, work?: Budget): string {
  const writer = new Writer(work, work === undefined ? 10_000 : Infinity);
  writer.write(value, 0);
  return writer.text;
}

const maxPreview = 30;

/** The first 30 bytes of the JSON of a value, as messages show it. */
export function preview(value: Value): string {
  const writer = new Writer(undefined, maxPreview + 2);
  writer.write(value, 0);
  const { text } = writer;
  if (Buffer.byteLength(text) <= maxPreview) return text;
  const end = typeof value === "string" ? ` ..."` : isList(value) ? " ...]" : isObject(value) ? " ...}" : " ...";
  return upToBytes(text, maxPreview - end.length) + end;
}

function upToBytes(text: string, max: number): string {
  let result = "";
  let size = 0;
  for (const character of text) {
    size += Buffer.byteLength(character);
    if (size > max) break;
    result += character;
  }
  return result;
}

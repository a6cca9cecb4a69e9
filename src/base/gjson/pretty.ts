import { sortTexts } from "../go/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { boolOf, jsonOf, textOf } from "./text.ts";
import type { Work } from "./work.ts";

/** How `@pretty` writes. */
export interface Layout {
  /** A list of plain values that fits goes on one line. */
  readonly width: number;
  readonly prefix: string;
  readonly indent: string;
  readonly sortKeys: boolean;
}

const defaultLayout: Layout = { width: 80, prefix: "", indent: "  ", sortKeys: false };

const maxIndent = 100;

/** From the argument of `@pretty`; of indent and prefix the original takes white space only. */
export function layoutOf(options: JsonObject): Layout {
  const blank = (value: JsonValue): string =>
    textOf(value)
      .replaceAll(/[^ \t\r\n]/g, "")
      .slice(0, maxIndent);
  const { width, prefix, indent, sortKeys } = options;
  return {
    width: typeof width === "number" ? Math.trunc(width) : width === undefined ? defaultLayout.width : 0,
    prefix: prefix === undefined ? defaultLayout.prefix : blank(prefix),
    indent: indent === undefined ? defaultLayout.indent : blank(indent),
    sortKeys: boolOf(sortKeys),
  };
}

/** As `tidwall/pretty`, with a line feed at the end. */
export function prettyJson(value: JsonValue, layout: Layout, work: Work): string {
  const printer = new Printer(layout, work);
  printer.write(layout.prefix);
  printer.value(value, 0);
  printer.write("\n");
  return printer.pieces.join("");
}

class Printer {
  readonly pieces: string[] = [];
  readonly #layout: Layout;
  readonly #work: Work;
  /** Bytes so far, and where the line began. */
  #length = 0;
  #lineStart = 0;

  constructor(layout: Layout, work: Work) {
    this.#layout = layout;
    this.#work = work;
  }

  write(text: string): void {
    this.#work.spend(1 + text.length / 16);
    this.pieces.push(text);
    this.#length += Buffer.byteLength(text);
  }

  value(value: JsonValue, depth: number): void {
    this.#work.nest(depth);
    if (isJsonObject(value)) this.#object(value, depth);
    else if (Array.isArray(value)) this.#list(value, depth);
    else this.write(jsonOf(value));
  }

  #object(object: JsonObject, depth: number): void {
    const keys = Object.keys(object);
    if (this.#layout.sortKeys) sortTexts(keys);
    this.write("{");
    for (const [index, key] of keys.entries()) {
      if (index > 0) this.write(",");
      // The line feed counts as its first column, as the original has it.
      this.#lineStart = this.#length;
      this.#newLine(depth + 1);
      this.write(`${jsonOf(key)}: `);
      this.value(object[key] ?? null, depth + 1);
    }
    this.#close("}", keys.length, depth);
  }

  #list(list: readonly JsonValue[], depth: number): void {
    const line = this.#singleLine(list);
    if (line !== undefined) {
      this.write(line);
      return;
    }
    this.write("[");
    for (const [index, item] of list.entries()) {
      if (index > 0) this.write(",");
      this.#lineStart = this.#length + (index > 0 && this.#layout.width !== -1 ? 1 : 0);
      this.#newLine(depth + 1);
      this.value(item, depth + 1);
    }
    this.#close("]", list.length, depth);
  }

  #close(bracket: string, count: number, depth: number): void {
    if (count > 0) {
      this.#lineStart = this.#length;
      this.#newLine(depth);
    }
    this.write(bracket);
  }

  #newLine(depth: number): void {
    const { prefix, indent } = this.#layout;
    this.write(`\n${prefix}${indent.repeat(depth)}`);
  }

  /** Undefined when there is an object in it or it does not fit. */
  #singleLine(list: readonly JsonValue[]): string | undefined {
    const { width } = this.#layout;
    const room = width - (this.#length - this.#lineStart);
    if (width <= 0 || room <= 3) return undefined;
    const text = this.#inline(list, room, 0);
    return text !== undefined && Buffer.byteLength(text) <= room ? text : undefined;
  }

  #inline(list: readonly JsonValue[], room: number, depth: number): string | undefined {
    const parts: string[] = [];
    let left = room;
    for (const item of list) {
      this.#work.nest(depth);
      if (isJsonObject(item)) return undefined;
      const text = Array.isArray(item) ? this.#inline(item, left, depth + 1) : jsonOf(item);
      if (text === undefined) return undefined;
      left -= text.length;
      if (left < 0) return undefined;
      parts.push(text);
    }
    return `[${parts.join(", ")}]`;
  }
}

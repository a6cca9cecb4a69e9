import { bytesOf, textOf } from "../../go/bytes.ts";
import { Fault, failedFor, notFor, shown } from "../fault.ts";
import { toJson } from "../values/encode.ts";
import { isList, type Value } from "../values/values.ts";
import type { Work } from "../work.ts";
import { type FunctionTable, of0, of1, type ValueFunction } from "./function.ts";
import { toText } from "./texts.ts";

/** Formats and the functions behind them. */
export const formatNames: Readonly<Record<string, string>> = {
  "@text": "tostring",
  "@json": "tojson",
  ...Object.fromEntries(
    "@html @uri @urid @csv @tsv @sh @base64 @base64d".split(" ").map((name) => [name, name] as const),
  ),
};

/** Takes the text of any value. */
function onAnyText(change: (text: string, value: Value) => string): ValueFunction {
  return of0((value, work) => {
    const text = toText(value, work);
    work.text(text.length);
    work.spend(text.length / 16);
    return change(text, value);
  });
}

function replacer(texts: Readonly<Record<string, string>>): (text: string) => string {
  const pattern = new RegExp(`[${Object.keys(texts).join("").replace("\\", "\\\\")}]`, "g");
  return (text) => text.replace(pattern, (character) => texts[character] ?? character);
}

const toHtml = replacer({ "<": "&lt;", ">": "&gt;", "&": "&amp;", "'": "&apos;", '"': "&quot;" });
const toCsv = replacer({ '"': '""', "\0": "\\0" });
const toTsv = replacer({ "\t": "\\t", "\r": "\\r", "\n": "\\n", "\\": "\\\\", "\0": "\\0" });
const toShell = replacer({ "'": "'\\''", "\0": "\\0" });

function toUri(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text;
  const latin = bytesOf(text).toString("latin1");
  return latin.replace(/[^\w.~-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

function fromUri(text: string, value: Value): string {
  const latin = bytesOf(text).toString("latin1");
  const read = latin.replace(/%(?:([0-9a-fA-F]{2})|.{0,2})/gs, (found, code: string | undefined) => {
    if (code === undefined) throw failedFor(`invalid URL escape ${JSON.stringify(found)}`, "@urid", value);
    return String.fromCharCode(Number.parseInt(code, 16));
  });
  return textOf(Buffer.from(read, "latin1"));
}

function fromBase64(text: string, value: Value): string {
  const end = text.indexOf("=");
  const given = end < 0 ? text : text.slice(0, end);
  const wrong = given.search(/[^A-Za-z0-9+/\r\n]/);
  const digits = given.replace(/[\r\n]/g, "");
  const at = wrong >= 0 ? Buffer.byteLength(given.slice(0, wrong)) : digits.length % 4 === 1 ? given.length - 1 : -1;
  if (at >= 0) throw failedFor(`illegal base64 data at input byte ${at}`, "@base64d", value);
  return textOf(Buffer.from(digits, "base64"));
}

function row(name: string, value: Value, separator: string, quote: (text: string) => string, work: Work): string {
  if (!isList(value)) throw notFor(`@${name}`, value);
  const cells = value.map((item) => {
    if (typeof item === "string") return quote(item);
    if (item !== null && typeof item === "object") {
      throw new Fault(() => `@${name} cannot format an array including: ${shown(item)}`);
    }
    const text = toJson(item, work);
    return text === "null" && name !== "sh" ? "" : text;
  });
  work.text(cells.reduce((sum, { length }) => sum + length + 1, 0));
  return cells.join(separator);
}

const formatted: FunctionTable = {
  "@html/0": onAnyText(toHtml),
  "@uri/0": onAnyText(toUri),
  "@urid/0": onAnyText(fromUri),
  "@csv/0": of0((value, work) => row("csv", value, ",", (text) => `"${toCsv(text)}"`, work)),
  "@tsv/0": of0((value, work) => row("tsv", value, "\t", toTsv, work)),
  "@sh/0": of0((value, work) => row("sh", isList(value) ? value : [value], " ", (text) => `'${toShell(text)}'`, work)),
  "@base64/0": onAnyText((text) => bytesOf(text).toString("base64")),
  "@base64d/0": onAnyText(fromBase64),
};

function format(value: Value, name: Value, work: Work): Value {
  if (typeof name !== "string") throw notFor("format", name);
  if (name === "text") return toText(value, work);
  if (name === "json") return toJson(value, work);
  const key = `@${name}/0`;
  if (!Object.hasOwn(formatted, key)) throw new Fault(() => `format not defined: @${name}`);
  return formatted[key]?.call(value, [], work) ?? null;
}

export const formats: FunctionTable = { ...formatted, "format/1": of1(format) };

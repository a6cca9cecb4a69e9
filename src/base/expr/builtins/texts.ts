import { bytesOf, joinTexts, readable, searchable, textOf, toLatin } from "../../go/bytes.ts";
import { failed } from "../fault.ts";
import type { Builtin } from "../frame.ts";
import { toInt, toText } from "../values/numbers.ts";
import { isList, itemsOf, strings, TypedList, typeOf, type Value } from "../values/values.ts";
import type { Work } from "../work.ts";

/** Characters one by one; bytes that are none become U+FFFD. */
const mapCharacters = (text: string, change: (character: string) => string): string => {
  let result = "";
  for (const character of readable(text)) {
    const changed = change(character);
    // Go has one character for one: what would become several stays.
    result += [...changed].length === 1 ? changed : character;
  }
  return result;
};

function lowered(character: string): string {
  return character === "\u0130" ? "i" : character.toLowerCase();
}

const space = /^\p{White_Space}+|\p{White_Space}+$/gu;

function trim(args: readonly Value[], work: Work): string {
  const text = read(args[0], work);
  if (args.length === 1) return text.replace(space, "");
  const cut = new Set(toText(args[1]));
  const characters = [...text];
  const from = characters.findIndex((character) => !cut.has(character));
  const to = characters.findLastIndex((character) => !cut.has(character));
  return from < 0 ? "" : characters.slice(from, to + 1).join("");
}

function read(value: Value | undefined, work: Work): string {
  const text = toText(value);
  work.text(text.length);
  return text;
}

/** `limit` pieces at most, the last with the rest; all where it is less than 0. */
function split(text: string, separator: string, limit: number): readonly string[] {
  const pieces = separator === "" ? [...text] : text.split(separator);
  if (limit < 0 || pieces.length <= limit) return pieces;
  return [...pieces.slice(0, limit - 1), pieces.slice(limit - 1).join(separator)];
}

function splitBuiltin(isAfter: boolean): Builtin {
  return (args, { work }) => {
    const { texts, back } = searchable(read(args[0], work), toText(args[1]));
    const [text = "", separator = ""] = texts;
    const limit = args.length > 2 ? clamped(toInt(args[2] ?? null)) : -1;
    if (limit === 0) return new TypedList("[]string", 0, () => null, true);
    const pieces = split(text, separator, limit);
    work.spend(pieces.length);
    const last = pieces.length - 1;
    return strings(pieces.map((piece, index) => back(isAfter && index < last ? piece + separator : piece)));
  };
}

function clamped(count: bigint): number {
  return count > 0x7fff_ffffn ? 0x7fff_ffff : Number(count < -1n ? -1n : count);
}

const replace: Builtin = (args, { work }) => {
  const { texts, back } = searchable(read(args[0], work), toText(args[1]), toText(args[2]));
  const [text = "", old = "", by = ""] = texts;
  const limit = args.length > 3 ? clamped(toInt(args[3] ?? null)) : -1;
  if (old === by || limit === 0) return back(text);
  // Nothing is found before each character, and at the end.
  const pieces = old === "" ? ["", ...text, ""] : text.split(old);
  const count = limit < 0 ? pieces.length - 1 : Math.min(limit, pieces.length - 1);
  work.text(text.length + count * by.length);
  const rest = pieces.slice(count + 1).map((piece) => old + piece);
  return joinTexts([back(pieces.slice(0, count + 1).join(by)), back(rest.join(""))]);
};

const maxRepeats = 1_000_000n;

const repeat: Builtin = ([text, count], { work }) => {
  const [piece, times] = [toText(text), toInt(count ?? null)];
  if (times < 0n) throw failed("a text cannot be repeated less than 0 times");
  if (times > maxRepeats) throw failed(`a text cannot be repeated more than ${maxRepeats} times`);
  work.text(piece.length * Number(times));
  return joinTexts([piece.repeat(Number(times))]);
};

const join: Builtin = ([list, glue], { work }) => {
  if (list === undefined || !isList(list) || (list instanceof TypedList && !isOfStrings(list))) {
    throw failed(`join takes a list, not a value of type ${typeOf(list ?? null)}`);
  }
  const between = glue === undefined ? "" : toText(glue);
  const items = itemsOf(list).map((item) => toText(item));
  work.text(items.reduce((length, item) => length + item.length + between.length, 0));
  return joinTexts(items, between);
};

function isOfStrings(list: TypedList): boolean {
  return list.type === "[]string" || list.type === "[]interface {}";
}

/** Where a part is found, in bytes. */
function offset(find: (text: string, part: string) => number): Builtin {
  return ([given, part], { work }) => BigInt(find(toLatin(read(given, work)), toLatin(toText(part))));
}

function test(holds: (text: string, part: string) => boolean): Builtin {
  return ([given, sought], { work }) => {
    const [text = "", part = ""] = searchable(read(given, work), toText(sought)).texts;
    return holds(text, part);
  };
}

function cut(change: (text: string, part: string) => string): Builtin {
  return ([given, sought = " "], { work }) => {
    const { texts, back } = searchable(read(given, work), toText(sought));
    const [text = "", part = ""] = texts;
    return back(change(text, part));
  };
}

const fromBase64: Builtin = ([given], { work }) => {
  const text = read(given, work).replace(/[\r\n]/g, "");
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw failed("it is no base64");
  return textOf(Buffer.from(text, "base64"));
};

const changed =
  (change: (text: string) => string): Builtin =>
  ([text], { work }) =>
    change(read(text, work));

export const textBuiltins: readonly (readonly [string, Builtin])[] = [
  ["trim", (args, { work }) => trim(args, work)],
  ["trimPrefix", cut(withoutPrefix)],
  ["trimSuffix", cut(withoutSuffix)],
  ["upper", changed((text) => mapCharacters(text, (character) => character.toUpperCase()))],
  ["lower", changed((text) => mapCharacters(text, lowered))],
  ["split", splitBuiltin(false)],
  ["splitAfter", splitBuiltin(true)],
  ["replace", replace],
  ["repeat", repeat],
  ["join", join],
  ["indexOf", offset((text, part) => text.indexOf(part))],
  ["lastIndexOf", offset((text, part) => text.lastIndexOf(part))],
  ["hasPrefix", test((text, part) => text.startsWith(part))],
  ["hasSuffix", test((text, part) => text.endsWith(part))],
  ["toBase64", changed((text) => bytesOf(text).toString("base64"))],
  ["fromBase64", fromBase64],
];

function withoutPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

function withoutSuffix(text: string, suffix: string): string {
  return text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text;
}

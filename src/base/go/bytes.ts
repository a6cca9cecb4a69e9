/**
 * Go's strings are bytes. Here they are strings of JavaScript in which a byte that is part of no valid UTF-8 stands as a
 * lone surrogate, U+DC00 plus the byte: so that half a character that `trunc` left, or what `b64dec` gave, goes through
 * other functions unharmed.
 */
const escapeBase = 0xdc00;

export function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

export function bytesOf(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const bytes = Buffer.allocUnsafe(text.length * 3);
  let length = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < escapeBase + 0x80 || unit > escapeBase + 0xff || isLow(text, at)) continue;
    if (from < at) length += bytes.write(text.slice(from, at), length);
    bytes[length++] = unit - escapeBase;
    from = at + 1;
  }
  length += bytes.write(text.slice(from), length);
  return bytes.subarray(0, length);
}

/** Whether the unit at `at` is the second half of a pair. */
function isLow(text: string, at: number): boolean {
  const before = at === 0 ? 0 : text.charCodeAt(at - 1);
  return before >= 0xd800 && before < 0xdc00;
}

export function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString();
  if (!text.includes("\ufffd")) return text;
  let result = "";
  let from = 0;
  for (let at = 0; at < buffer.length; ) {
    const size = characterSize(buffer, at);
    if (size > 0) {
      at += size;
      continue;
    }
    if (from < at) result += buffer.toString("utf8", from, at);
    result += String.fromCharCode(escapeBase + (buffer[at] ?? 0));
    from = ++at;
  }
  return result + buffer.toString("utf8", from);
}

/** First bytes after which not every second one makes a character. */
const secondBytes: Readonly<Record<number, readonly [number, number]>> = {
  224: [0xa0, 0xbf],
  237: [0x80, 0x9f],
  240: [0x90, 0xbf],
  244: [0x80, 0x8f],
};

/** Bytes of the valid character at `at`; 0 where none begins. */
function characterSize(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + size > bytes.length) return 0;
  const second = bytes[at + 1] ?? 0;
  const [low, high] = secondBytes[first] ?? [0x80, 0xbf];
  if (second < low || second > high) return 0;
  for (let next = at + 2; next < at + size; next++) if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0;
  return size;
}

/** Go's `len`. */
export function byteLength(text: string): number {
  return text.isWellFormed() ? Buffer.byteLength(text) : bytesOf(text).length;
}

/** Go's `text[from:to]`, both within the text. */
export function sliceBytes(text: string, from: number, to: number): string {
  return isAscii(text) ? text.slice(from, to) : textOf(bytesOf(text).subarray(from, to));
}

/** Go's `text[at]`; undefined outside of the text. */
export function byteAt(text: string, at: number): number | undefined {
  if (at < 0) return undefined;
  return isAscii(text) ? text.codePointAt(at) : bytesOf(text)[at];
}

/** One character for each byte; `fromLatin` is the way back. */
export function toLatin(text: string): string {
  return isAscii(text) ? text : bytesOf(text).toString("latin1");
}

export function fromLatin(latin: string): string {
  return isAscii(latin) ? latin : textOf(Buffer.from(latin, "latin1"));
}

/** One after the other: bytes that were none of a character may become one. */
export function joinTexts(texts: readonly string[], between = ""): string {
  const joined = texts.join(between);
  return joined.isWellFormed() ? joined : textOf(bytesOf(joined));
}

/**
 * Texts in which to search for each other, and the way back for what comes of it: as they are where all are valid, byte
 * by byte otherwise.
 */
export function searchable(...texts: readonly string[]): {
  readonly texts: readonly string[];
  readonly back: (text: string) => string;
} {
  const isPlain = texts.includes("") || texts.every((text) => text.isWellFormed());
  return isPlain ? { texts, back: (text) => text } : { texts: texts.map(toLatin), back: fromLatin };
}

/** What a reader gets: U+FFFD for each byte that is no text. */
export function readable(text: string): string {
  return text.isWellFormed() ? text : textOf(bytesOf(text)).toWellFormed();
}

/** Go's order of strings, that of their bytes: surrogates stand for what comes after U+FFFF. */
export function compareText(a: string, b: string): number {
  if (!a.isWellFormed() || !b.isWellFormed()) return Buffer.compare(bytesOf(a), bytesOf(b));
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = rank(a.charCodeAt(at)) - rank(b.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Sorts the list itself, in Go's order. JavaScript's differs only where there are surrogates. */
export function sortTexts(texts: string[]): string[] {
  const hasSurrogates = texts.some((text) => /[\ud800-\udfff]/.test(text));
  return hasSurrogates ? texts.sort(compareText) : texts.sort();
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

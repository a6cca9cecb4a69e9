import { isUtf8 } from "node:buffer";

export type DecodedText =
  | { readonly text: string }
  /** `offset`: of the first byte that is no text, from 0; `before`: the text up to it. */
  | { readonly text?: undefined; readonly before: string; readonly offset: number };

/** UTF-8, or UTF-16 that says so with a byte order mark. A mark of UTF-8 stays in the text. */
export function decodeText(content: Buffer): DecodedText {
  if (isUtf8(content)) return { text: content.toString("utf8") };
  const mark = content.toString("latin1", 0, 2);
  if (mark === "\xff\xfe") return decodeUtf16(content);
  if (mark === "\xfe\xff") return decodeUtf16(Buffer.from(content.subarray(0, content.length & ~1)).swap16(), content);
  const offset = readableBytes(content);
  return { before: content.toString("utf8", 0, offset), offset };
}

const halfPair = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/** `swapped`: little end first. */
function decodeUtf16(swapped: Buffer, content = swapped): DecodedText {
  const marked = swapped.toString("utf16le", 0, content.length & ~1);
  const at = halfPair.exec(marked)?.index;
  if (at !== undefined) return { before: marked.slice(1, at), offset: 2 * at };
  if (content.length % 2 === 0) return { text: marked.slice(1) };
  return { before: marked.slice(1), offset: content.length - 1 };
}

/** How many bytes there are before the first that is no UTF-8. */
function readableBytes(content: Buffer): number {
  let [low, high] = [0, content.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    // The cut may be within a character: up to three more bytes belong to it.
    const isReadable = [0, 1, 2, 3].some((more) =>
      isUtf8(content.subarray(0, Math.min(middle + more, content.length))),
    );
    if (isReadable) low = middle;
    else high = middle - 1;
  }
  return low;
}

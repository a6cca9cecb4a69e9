import { isSpace, isUpper, lowered, uppered } from "./characters.ts";

function isConnector(character: string): boolean {
  return character === "-" || character === "_" || isSpace(character);
}

/**
 * `some-words` becomes `SomeWords`, `HTTP_SERVER` `HttpServer`. Connectors at the start stay, and all but the last one of
 * several; the original doubles the last one of a text that has nothing else.
 */
export function pascalCase(text: string): string {
  const characters = [...text];
  const start = characters.findIndex((character) => !isConnector(character));
  if (start < 0) return text + (characters.at(-1) ?? "");
  let result = characters.slice(0, start).join("");
  const first = characters[start] ?? "";
  let before = uppered(first);
  /** Whether the word so far is in upper case: then the rest of it becomes lower case. */
  let isShouting = isUpper(first);
  for (const character of characters.slice(start + 1)) {
    const [next, shouts] = nextOf(before, character, isShouting);
    if (!isConnector(before) || isConnector(character)) result += before;
    before = next;
    isShouting = shouts;
  }
  return result + before;
}

/** The character as it is to be written, and whether its word still is in upper case. */
function nextOf(before: string, character: string, isShouting: boolean): [string, boolean] {
  if (isConnector(before)) {
    return isConnector(character) ? [character, isShouting] : [uppered(character), isUpper(character)];
  }
  if (!isShouting) return [character, false];
  return isUpper(character) ? [lowered(character), true] : [character, false];
}

type WordKind = "number" | "upper" | "letters" | "connector" | "punctuation" | "other";

interface Word {
  readonly kind: WordKind;
  readonly text: string;
}

/** Small letters of alphabets; what Chinese characters are made of counts as neither. */
const shapes: readonly (readonly [WordKind, RegExp])[] = [
  ["connector", /[\-_\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/vy],
  // The last capital of several belongs to the word that begins with it.
  ["upper", /\p{Lu}+(?=\p{Lu}[\p{L}--[\p{Lu}\u4e00-\u9fcc\u3400-\u4d85\u{20000}-\u{2b81d}]])/vy],
  ["upper", /\p{Lu}{2,}|\p{Lu}[\p{L}--[\p{Lu}\u4e00-\u9fcc\u3400-\u4d85\u{20000}-\u{2b81d}]]*/vy],
  ["letters", /[\p{L}--[\p{Lu}\u4e00-\u9fcc\u3400-\u4d85\u{20000}-\u{2b81d}]]+/vy],
  ["number", /\p{N}+/vy],
  ["punctuation", /[\p{P}--[_\-]]\p{P}*/vy],
  ["other", /(?:[^\p{L}\p{N}\p{P}\s]|[\u4e00-\u9fcc\u3400-\u4d85\u{20000}-\u{2b81d}])+/vy],
];

/** `HTTPServer` is HTTP and Server, `Bld4Floor` Bld, 4 and Floor. */
function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (let at = 0; at < text.length; ) {
    const word = wordAt(text, at);
    words.push(word);
    at += word.text.length;
  }
  return words;
}

function wordAt(text: string, at: number): Word {
  for (const [kind, shape] of shapes) {
    shape.lastIndex = at;
    const found = shape.exec(text)?.[0];
    if (found !== undefined) return { kind, text: found };
  }
  return { kind: "other", text: text.charAt(at) };
}

/** `FirstName` becomes `first_name`, with `_` or `-` between the words. */
export function delimited(text: string, connector: string): string {
  return new Delimiter(wordsOf(text), connector).run();
}

class Delimiter {
  readonly #words: readonly Word[];
  readonly #connector: string;
  #at = 0;
  #result = "";

  constructor(words: readonly Word[], connector: string) {
    this.#words = words;
    this.#connector = connector;
  }

  run(): string {
    if (this.#words.length === 0) return "";
    while (this.#at < this.#words.length - 1) this.#step();
    const last = this.#words[this.#at];
    if (last !== undefined) this.#write(last);
    return this.#result;
  }

  /** Writes the word that stands here, and decides what comes between it and the next. */
  #step(): void {
    const word = this.#words[this.#at];
    if (word === undefined) return;
    this.#write(word);
    this.#at++;
    if (word.kind === "number") this.#afterNumber();
    else if (word.kind !== "connector" && word.kind !== "punctuation") this.#afterWord();
  }

  #kind(ahead = 0): WordKind | undefined {
    return this.#words[this.#at + ahead]?.kind;
  }

  /** Letters right after digits belong to them: `20x`. */
  #afterNumber(): void {
    while (this.#kind() === "letters" || this.#kind() === "number") this.#takeOne();
    this.#connect();
  }

  #takeOne(): void {
    const word = this.#words[this.#at];
    if (word === undefined) return;
    this.#write(word);
    this.#at++;
  }

  #connect(): void {
    const kind = this.#kind();
    if (kind !== undefined && kind !== "connector" && kind !== "punctuation") this.#result += this.#connector;
  }

  /** Digits belong to the word before them (`bld4_floor`), unless small letters follow (`http_2xx`). */
  #afterWord(): void {
    if (this.#kind() === "number" && this.#kind(1) === "letters") {
      this.#result += this.#connector;
      this.#takeOne();
      this.#afterNumber();
    } else if (this.#kind() !== "number") {
      this.#connect();
    } else if (this.#kind(1) !== undefined) {
      this.#takeOne();
      this.#connect();
    }
  }

  #write({ kind, text }: Word): void {
    if (kind === "connector") this.#result += this.#connector.repeat(text.length);
    else if (kind !== "upper") this.#result += text;
    else for (const character of text) this.#result += isUpper(character) ? lowered(character) : character;
  }
}

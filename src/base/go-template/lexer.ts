import { invalid, placeOf } from "./place.ts";

export type TokenKind =
  | "text"
  | "open"
  | "close"
  | "assign"
  | "declare"
  | "pipe"
  | "(" // and the next: themselves
  | ")"
  | "string"
  | "character"
  | "number"
  | "variable"
  | "field"
  | "word"
  | "other"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly at: number;
  /** Whether white space stands before it, which separates operands: `.a .b` are two, `.a.b` is one. */
  readonly spaced: boolean;
}

export interface Delimiters {
  readonly left: string;
  readonly right: string;
}

const spaces = " \t\r\n";

/** Characters that are tokens by themselves. */
const singles: Readonly<Record<string, TokenKind>> = { "=": "assign", "|": "pipe", "(": "(", ")": ")" };

/** @throws TerminalError TEMPLATE_INVALID */
export function tokensOf(source: string, delimiters: Delimiters): Token[] {
  return new Lexer(source, delimiters).run();
}

/** Text and actions by turns; comments leave nothing behind. */
class Lexer {
  readonly #source: string;
  readonly #left: string;
  readonly #right: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #spaced = false;

  constructor(source: string, { left, right }: Delimiters) {
    this.#source = source;
    this.#left = left;
    this.#right = right;
  }

  run(): Token[] {
    let start = this.#source.indexOf(this.#left);
    while (start >= 0) {
      this.#text(start);
      this.#open(start);
      start = this.#source.indexOf(this.#left, this.#at);
    }
    this.#text(this.#source.length);
    this.#at = this.#source.length;
    this.#add("end", "");
    return this.#tokens;
  }

  /** The text from here to an action, which may ask that its end be trimmed. */
  #text(end: number): void {
    const text = this.#source.slice(this.#at, end);
    const trims = this.#source[end + this.#left.length] === "-" && this.#isSpace(end + this.#left.length + 1);
    const kept = trims ? text.slice(0, trimmedLength(text)) : text;
    if (kept !== "") this.#tokens.push({ kind: "text", text: kept, at: this.#at, spaced: false });
  }

  #open(start: number): void {
    const inside = start + this.#left.length;
    const trims = this.#source[inside] === "-" && this.#isSpace(inside + 1);
    const first = trims ? inside + 2 : inside;
    if (this.#source.startsWith("/*", first)) {
      this.#comment(first);
      return;
    }
    this.#tokens.push({ kind: "open", text: this.#left, at: start, spaced: false });
    this.#at = first;
    this.#action(start);
  }

  #comment(start: number): void {
    const end = this.#source.indexOf("*/", start + 2);
    if (end < 0) throw invalid("a comment does not end");
    this.#at = end + 2;
    const closed = this.#closes();
    if (closed === 0) throw this.#fault("a comment must end right before the end of its action, this does not", start);
    this.#close(closed);
  }

  /** Length of the end of an action that stands here, 0 if none does. */
  #closes(): number {
    if (this.#isSpace(this.#at) && this.#source[this.#at + 1] === "-") {
      if (this.#source.startsWith(this.#right, this.#at + 2)) return this.#right.length + 2;
    }
    return this.#source.startsWith(this.#right, this.#at) ? this.#right.length : 0;
  }

  #close(length: number): void {
    this.#at += length;
    if (length === this.#right.length) return;
    while (this.#isSpace(this.#at)) this.#at++;
  }

  #action(start: number): void {
    const open: number[] = [];
    this.#spaced = false;
    for (let closed = this.#closes(); closed === 0; closed = this.#closes()) {
      if (this.#at >= this.#source.length) {
        throw invalid(`the "${this.#left}" at ${placeOf(this.#source, start)} is not closed`);
      }
      if (this.#isSpace(this.#at)) {
        this.#at++;
        this.#spaced = true;
        continue;
      }
      this.#parenthesis(open);
      this.#token();
    }
    if (open.length > 0) throw this.#fault("the parenthesis is not closed", open.at(-1) ?? start);
    this.#tokens.push({ kind: "close", text: this.#right, at: this.#at, spaced: this.#spaced });
    this.#close(this.#closes());
  }

  /** `open`: where the parentheses stand that are still to be closed. */
  #parenthesis(open: number[]): void {
    const char = this.#source[this.#at];
    if (char === "(") open.push(this.#at);
    if (char === ")" && open.pop() === undefined) {
      throw this.#fault("there is no parenthesis that the one closes", this.#at);
    }
  }

  #token(): void {
    const char = this.#source.charAt(this.#at);
    const single = singles[char];
    if (single !== undefined) this.#add(single, char);
    else if ("\"'`".includes(char)) this.#quoted(char);
    else if (char === ":") this.#declaration();
    else if (char === "$") this.#name("variable", 1);
    else if (char === "." && !isDigit(this.#source[this.#at + 1])) this.#name("field", 1);
    else if (isDigit(char) || "+-.".includes(char)) this.#number();
    else this.#wordOrOther(char);
  }

  #declaration(): void {
    if (this.#source[this.#at + 1] !== "=") throw this.#fault('":" must be followed by "="', this.#at);
    this.#add("declare", ":=");
  }

  #wordOrOther(char: string): void {
    if (this.#wordLength(this.#at) > 0) {
      this.#name("word", 0);
      return;
    }
    if (this.#source.startsWith(this.#left, this.#at)) {
      throw invalid(`there is "${this.#left}" within an action at ${placeOf(this.#source, this.#at)}`);
    }
    if (char > "~" || char < " ") throw this.#fault(`${JSON.stringify(char)} has no meaning here`, this.#at);
    this.#add("other", char);
  }

  #name(kind: "variable" | "field" | "word", from: number): void {
    const length = from + this.#wordLength(this.#at + from);
    const text = this.#source.slice(this.#at, this.#at + length);
    if (!this.#terminates(this.#at + length)) {
      const next = String.fromCodePoint(this.#source.codePointAt(this.#at + length) ?? 0);
      throw this.#fault(`${JSON.stringify(next)} follows ${text || "it"} without a space`, this.#at + length);
    }
    this.#add(kind, text);
  }

  #wordLength(at: number): number {
    const word = /[\p{L}\p{Nd}_]*/uy;
    word.lastIndex = at;
    return word.exec(this.#source)?.[0].length ?? 0;
  }

  /** What may follow a name. */
  #terminates(at: number): boolean {
    const next = this.#source[at];
    return next === undefined || `${spaces}.,|:)(`.includes(next) || this.#source.startsWith(this.#right, at);
  }

  #quoted(quote: string): void {
    for (let at = this.#at + 1; at < this.#source.length; at++) {
      const char = this.#source.charAt(at);
      if (char === quote) {
        this.#add(quote === "'" ? "character" : "string", this.#source.slice(this.#at, at + 1));
        return;
      }
      if (quote !== "`" && char === "\\") at++;
      if (quote !== "`" && this.#source[at] === "\n") break;
    }
    throw invalid(`the quote at ${placeOf(this.#source, this.#at)} does not end`);
  }

  /** Any digits of the kind that its prefix announces; what they are worth is told later. */
  #number(): void {
    const shape =
      /[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?/y;
    shape.lastIndex = this.#at;
    const text = shape.exec(this.#source)?.[0] ?? "";
    const next = this.#source[this.#at + text.length];
    if (text.endsWith("i") || (text !== "" && (next === "+" || next === "-"))) {
      throw this.#fault("complex numbers are not supported", this.#at);
    }
    if (text === "" || this.#wordLength(this.#at + text.length) > 0) throw this.#fault("this is no number", this.#at);
    this.#add("number", text);
  }

  #add(kind: TokenKind, text: string): void {
    this.#tokens.push({ kind, text, at: this.#at, spaced: this.#spaced });
    this.#at += text.length;
    this.#spaced = false;
  }

  #isSpace(at: number): boolean {
    const char = this.#source[at];
    return char !== undefined && spaces.includes(char);
  }

  #fault(message: string, at: number): Error {
    return invalid(`at ${placeOf(this.#source, at)}: ${message}`);
  }
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= "0" && char <= "9";
}

/** Length without the white space at the end. */
function trimmedLength(text: string): number {
  let length = text.length;
  while (length > 0 && spaces.includes(text.charAt(length - 1))) length--;
  return length;
}

import { invalid } from "../fault.ts";
import { numberPattern } from "../values/numbers.ts";

export type Token = {
  readonly kind: "end" | "symbol" | "keyword" | "name" | "variable" | "field" | "format" | "number" | "quote";
  /** Without the `.` of a field and the `$` of a variable. */
  readonly text: string;
  readonly at: number;
};

/** A piece of a string, and what it ends with. */
export interface StringPart {
  readonly text: string;
  readonly end: "quote" | "query";
}

export const keywords: ReadonlySet<string> = new Set(
  "or and module import include def as label break null true false if then elif else end try catch reduce foreach".split(
    " ",
  ),
);

const blank = /(?:[\t\n\r ]|#(?:\\(?:\r\n|[\\\n\r]?)|[^\\\n\r])*)*/y;
const name = /[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)?/y;
const field = /\.[A-Za-z_][A-Za-z0-9_]*/y;
const variable = /\$[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)?/y;
const format = /@[A-Za-z0-9_]+/y;
const number = /\.?[0-9](?:[0-9.]|[eE][+-]?|[A-Za-z_])*/y;
const symbol = /\?\/\/|\/\/=|\/\/|\.\.|[|+\-*/%=!<>]=|./suy;

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "/": "/",
  "\\": "\\",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Reads on demand: only the parser knows where the `)` of `\(…)` is, after which a string goes on. */
export class Lexer {
  readonly source: string;
  #at = 0;
  #ahead: Token | undefined;

  constructor(source: string) {
    this.source = source;
  }

  peek(): Token {
    this.#ahead ??= this.#read();
    return this.#ahead;
  }

  next(): Token {
    const token = this.peek();
    this.#ahead = undefined;
    return token;
  }

  /** What follows a quote or the `)` of a query, which were the last tokens that were taken. */
  stringPart(): StringPart {
    let text = "";
    for (;;) {
      const character = this.source.charAt(this.#at++);
      if (character === "") throw invalid(this.source, this.#at - 1, 'unterminated string literal, expected "\\""');
      if (character === '"') return { text: text.toWellFormed(), end: "quote" };
      if (character !== "\\") text += character;
      else if (this.source.charAt(this.#at) === "(") {
        this.#at++;
        return { text: text.toWellFormed(), end: "query" };
      } else text += this.#escape();
    }
  }

  #escape(): string {
    const from = this.#at - 1;
    const letter = this.source.charAt(this.#at++);
    const known = escapes[letter];
    if (known !== undefined) return known;
    const [code] = letter === "u" ? (/^[0-9a-fA-F]{4}/.exec(this.source.slice(this.#at, this.#at + 4)) ?? []) : [];
    if (code === undefined) throw invalid(this.source, from, "invalid escape sequence in string literal");
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(code, 16));
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.source) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #read(): Token {
    this.#take(blank);
    const at = this.#at;
    if (at >= this.source.length) return { kind: "end", text: "", at };
    const word = this.#take(name);
    if (word !== undefined) return { kind: keywords.has(word) ? "keyword" : "name", text: word, at };
    return this.#readMarked(at) ?? this.#readSymbol(at);
  }

  #readMarked(at: number): Token | undefined {
    const property = this.#take(field);
    if (property !== undefined) return { kind: "field", text: property.slice(1), at };
    const digits = this.#take(number);
    if (digits !== undefined) {
      if (!numberPattern.test(digits)) throw invalid(this.source, at, `invalid number ${JSON.stringify(digits)}`);
      return { kind: "number", text: digits, at };
    }
    const variableName = this.#take(variable);
    if (variableName !== undefined) return { kind: "variable", text: variableName.slice(1), at };
    const formatName = this.#take(format);
    return formatName === undefined ? undefined : { kind: "format", text: formatName, at };
  }

  #readSymbol(at: number): Token {
    const text = this.#take(symbol) ?? "";
    return { kind: text === '"' ? "quote" : "symbol", text, at };
  }
}

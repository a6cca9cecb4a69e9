import { invalid } from "../fault.ts";

export interface Token {
  readonly kind: "identifier" | "number" | "string" | "operator" | "bracket" | "end";
  /** The value of a string, the text of all others; empty at the end. */
  readonly text: string;
  readonly at: number;
}

const wordOperators: ReadonlySet<string> = new Set("not in or and matches contains startsWith endsWith let".split(" "));

const patterns = {
  space: /(?:\p{White_Space}|\/\/[^\n]*\n?|\/\*[\s\S]*?\*\/)+/uy,
  word: /[\p{L}\p{Nd}_$]+/uy,
  operator: /\?[.?]?|\|\|?|[&!=*<>][&=*]?|\.\.?|[,:;%+\-^/]|##?/y,
  bracket: /[()[\]{}]/y,
  number: /(?:0[xX][0-9a-fA-F_]*|0[oO][0-7_]*|0[bB][01_]*|[0-9_]*)/y,
} as const;

/** @throws TerminalError EXPRESSION_INVALID */
export function tokenize(source: string): readonly Token[] {
  return new Lexer(source).tokens();
}

class Lexer {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  tokens(): readonly Token[] {
    const tokens: Token[] = [];
    for (;;) {
      this.#take(patterns.space);
      if (this.#at >= this.#source.length) return [...tokens, { kind: "end", text: "", at: this.#source.length }];
      const token = this.#token();
      tokens.push(token);
      // Right behind # stands a name, be it a word that is an operator elsewhere.
      const name = /^##?$/.test(token.text) && token.kind === "operator" ? this.#take(patterns.word) : "";
      if (name !== "") tokens.push({ kind: "identifier", text: name, at: this.#at - name.length });
    }
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #fault(at: number, what: string): Error {
    return invalid(this.#source, at, what);
  }

  #token(): Token {
    const at = this.#at;
    const next = this.#source.charAt(at);
    if (next === '"' || next === "'") return { kind: "string", text: this.#string(next), at };
    if (/^(?:[0-9]|\.[0-9])/.test(this.#source.slice(at, at + 2))) return { kind: "number", text: this.#number(), at };
    if (this.#source.startsWith("/*", at)) throw this.#fault(at, "a comment does not end");
    const word = this.#take(patterns.word);
    if (word !== "") return { kind: wordOperators.has(word) ? "operator" : "identifier", text: word, at };
    const bracket = this.#take(patterns.bracket);
    if (bracket !== "") return { kind: "bracket", text: bracket, at };
    const operator = this.#take(patterns.operator);
    if (operator !== "") return { kind: "operator", text: operator, at };
    throw this.#fault(
      at,
      `the character ${JSON.stringify(String.fromCodePoint(this.#source.codePointAt(at) ?? 0))} is not known`,
    );
  }

  /** Digits of the base go on in the fraction and the exponent; what is no number is found when it is read. */
  #number(): string {
    const at = this.#at;
    const whole = this.#source.startsWith(".", at) ? this.#afterDot(at) : this.#take(patterns.number);
    const digits = digitsOf(whole.replace(/^\./, ""));
    if (this.#source.startsWith(".", this.#at) && !this.#source.startsWith("..", this.#at)) {
      this.#at++;
      this.#take(digits);
    }
    this.#take(/[eE][+-]?/y) !== "" && this.#take(digits);
    if (this.#take(patterns.word) !== "") {
      throw this.#fault(at, `${JSON.stringify(this.#source.slice(at, this.#at))} is no number`);
    }
    return this.#source.slice(at, this.#at);
  }

  #afterDot(at: number): string {
    this.#at = at + 1;
    return this.#take(patterns.number);
  }

  #string(quote: string): string {
    const start = this.#at;
    let text = "";
    this.#at++;
    for (;;) {
      const from = this.#at;
      const plain = this.#take(quote === '"' ? /[^"\\\n]*/y : /[^'\\\n]*/y);
      // Lines end with \n, however the source has them.
      text += plain.replaceAll("\r", "\n");
      const next = this.#source.charAt(this.#at);
      if (next === quote) break;
      if (next !== "\\") throw this.#fault(start, "a string does not end");
      text += this.#escape(quote, from + plain.length);
    }
    this.#at++;
    return text;
  }

  #escape(quote: string, at: number): string {
    const found = this.#take(/\\(?:[abfnrtv\\'"]|[0-3][0-7]{2}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/y);
    const plain = plainEscapes.get(found.charAt(1));
    const isOtherQuote = found.length === 2 && `'"`.includes(found.charAt(1)) && found.charAt(1) !== quote;
    if (found === "" || isOtherQuote) throw this.#fault(at, "the escape in a string is not known");
    if (plain !== undefined) return plain;
    const isOctal = /^[0-3]/.test(found.slice(1));
    const code = Number.parseInt(found.slice(isOctal ? 1 : 2), isOctal ? 8 : 16);
    if (code > 0x10_ffff) throw this.#fault(at, "there is no such character");
    return code >= 0xd800 && code < 0xe000 ? "\ufffd" : String.fromCodePoint(code);
  }
}

const plainEscapes: ReadonlyMap<string, string> = new Map(
  Object.entries({ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "\\": "\\", "'": "'", '"': '"' }),
);

function digitsOf(whole: string): RegExp {
  switch (/^0[xXoObB]/.exec(whole)?.[0].toLowerCase()) {
    case "0x":
      return /[0-9a-fA-F_]*/y;
    case "0o":
      return /[0-7_]*/y;
    case "0b":
      return /[01_]*/y;
    default:
      return /[0-9_]*/y;
  }
}

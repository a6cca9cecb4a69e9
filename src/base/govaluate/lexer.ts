import { messageOf } from "../errors.ts";
import { parseGoFloat } from "../go/values.ts";
import { dateLiteral } from "./dates.ts";
import { invalid } from "./fault.ts";
import { Pattern } from "./pattern.ts";
import { mayEnd, mayFollow, prefixes, symbolKinds, type Token, type TokenKind } from "./token.ts";

const isSpace = (character: string): boolean => /^\p{White_Space}$/u.test(character);
const isLetter = (character: string): boolean => /^\p{L}$/u.test(character);
const isNumeric = (character: string): boolean => /^[\p{Nd}.]$/u.test(character);
const isHexDigit = (character: string): boolean => /^[\p{Nd}a-fA-F]$/u.test(character);
const isOfName = (character: string): boolean => /^[\p{L}\p{Nd}_.]$/u.test(character);
const isOfSymbol = (character: string): boolean => !/^[\p{L}\p{Nd}()[\]'"]$/u.test(character);

/**
 * The tokens of an expression, each in a place where it may stand.
 * @throws TerminalError EXPRESSION_INVALID
 */
export function tokenize(source: string): readonly Token[] {
  const tokens = new Lexer(source).tokens();
  const depth = tokens.reduce((open, { kind }) => open + depthOf(kind), 0);
  if (depth !== 0) throw invalid(source, `${depth > 0 ? "a parenthesis is not closed" : "a ) has no ("}`);
  checkOrder(source, tokens);
  return withPatterns(source, tokens);
}

function depthOf(kind: TokenKind): number {
  return kind === "opening parenthesis" ? 1 : kind === "closing parenthesis" ? -1 : 0;
}

function checkOrder(source: string, tokens: readonly Token[]): void {
  let before: Token | undefined;
  for (const token of tokens) {
    if (!mayFollow(before?.kind ?? "start", token.kind)) throw invalid(source, misplaced(before, token), token.at);
    before = token;
  }
  if (!mayEnd(before?.kind ?? "start")) throw invalid(source, "it ends where a value is expected", source.length);
}

function misplaced(before: Token | undefined, token: Token): string {
  if (before?.kind === "variable" && token.kind === "opening parenthesis") {
    return `there are no functions, such as ${before.text}`;
  }
  const shown = `the ${token.kind} ${JSON.stringify(token.text)} cannot`;
  return before ? `${shown} follow the ${before.kind} ${JSON.stringify(before.text)}` : `${shown} be the first`;
}

function withPatterns(source: string, tokens: readonly Token[]): readonly Token[] {
  return tokens.map((token, index): Token => {
    if (token.kind !== "string" || !["=~", "!~"].includes(tokens[index - 1]?.text ?? "")) return token;
    if (tokens[index - 1]?.kind !== "comparator") return token;
    try {
      return { ...token, kind: "pattern", value: new Pattern(token.text) };
    } catch (error) {
      throw invalid(source, messageOf(error), token.at);
    }
  });
}

/** How far a run of characters goes. */
interface Run {
  readonly accepts: (character: string) => boolean;
  /** Whether white space is part of it; otherwise it ends it, once something was read. */
  readonly keepsSpace?: boolean;
}

class Lexer {
  readonly #source: string;
  readonly #characters: readonly string[];
  /** Where each character begins in the source. */
  readonly #offsets: readonly number[];
  #at = 0;
  #kind: TokenKind | "start" = "start";

  constructor(source: string) {
    this.#source = source;
    this.#characters = [...source];
    let offset = 0;
    this.#offsets = this.#characters.map((character) => {
      offset += character.length;
      return offset - character.length;
    });
  }

  tokens(): readonly Token[] {
    const tokens: Token[] = [];
    for (;;) {
      while (isSpace(this.#peek())) this.#at++;
      if (this.#peek() === "") return tokens;
      const token = this.#token(this.#offset());
      this.#kind = token.kind;
      tokens.push(token);
    }
  }

  #peek(ahead = 0): string {
    return this.#characters[this.#at + ahead] ?? "";
  }

  #offset(): number {
    return this.#offsets[this.#at] ?? this.#source.length;
  }

  #fault(what: string, at = this.#offset()): Error {
    return invalid(this.#source, what, at);
  }

  #token(at: number): Token {
    const character = this.#peek();
    if (isNumeric(character)) return this.#number(at);
    if (isLetter(character)) return this.#word(at);
    switch (character) {
      case ",":
        this.#at++;
        return { kind: "separator", at, text: "," };
      case "(":
        this.#at++;
        return { kind: "opening parenthesis", at, text: "(" };
      case ")":
        this.#at++;
        return { kind: "closing parenthesis", at, text: ")" };
      case "[":
        return { kind: "variable", at, text: this.#delimited(at, "]", "the bracket of a name") };
      case "'":
      case '"':
        return this.#string(at);
      default:
        return this.#symbol(at);
    }
  }

  /** A backslash takes the next character as it is, in every kind of token. */
  #read(run: Run): string {
    let text = "";
    for (;;) {
      const character = this.#peek();
      if (character === "\\") text += this.#escaped();
      else if (run.keepsSpace !== true && isSpace(character)) {
        this.#at++;
        if (text !== "") return text;
      } else if (character !== "" && run.accepts(character)) {
        text += character;
        this.#at++;
      } else return text;
    }
  }

  #escaped(): string {
    const character = this.#peek(1);
    if (character === "") throw this.#fault("it ends with a backslash");
    this.#at += 2;
    return character;
  }

  #number(at: number): Token {
    if (this.#peek() === "0" && this.#peek(1) === "x" && this.#peek(2) !== "") return this.#hex(at);
    const text = this.#read({ accepts: isNumeric });
    const value = parseGoFloat(text);
    if (value === undefined) throw this.#fault(`${JSON.stringify(text)} is no number`, at);
    return { kind: "number", at, text, value };
  }

  #hex(at: number): Token {
    this.#at += 2;
    const text = this.#read({ accepts: isHexDigit });
    if (!/^[0-9a-fA-F]+$/.test(text) || BigInt(`0x${text}`) > 0xffff_ffff_ffff_ffffn) {
      throw this.#fault(`"0x${text}" is no hexadecimal number of 64 bits`, at);
    }
    return { kind: "number", at, text: `0x${text}`, value: Number(BigInt(`0x${text}`)) };
  }

  #delimited(at: number, end: string, what: string): string {
    this.#at++;
    const text = this.#read({ accepts: (character) => !end.includes(character), keepsSpace: true });
    if (this.#peek() === "") throw this.#fault(`${what} does not end`, at);
    this.#at++;
    return text;
  }

  /** Either quote ends it, whichever began it. */
  #string(at: number): Token {
    const text = this.#delimited(at, "'\"", "a string");
    const value = dateLiteral(text);
    return value === undefined ? { kind: "string", at, text } : { kind: "time", at, text, value };
  }

  #word(at: number): Token {
    const text = this.#read({ accepts: isOfName });
    if (text === "true" || text === "false") return { kind: "boolean", at, text, value: text === "true" };
    if (text === "in" || text === "IN") return { kind: "comparator", at, text: "in" };
    const dot = text.indexOf(".");
    return dot > 0 ? this.#accessor(at, text) : { kind: "variable", at, text };
  }

  #accessor(at: number, text: string): Token {
    const names = text.split(".");
    const hint = `write [${text}] for a field of that name`;
    if (names.at(-1) === "") throw this.#fault(`${JSON.stringify(text)} ends with a dot`, at);
    const lower = names.slice(1).find((name) => isLower([...name][0] ?? ""));
    if (lower !== undefined) throw this.#fault(`${JSON.stringify(text)} cannot be looked into: ${hint}`, at);
    return { kind: "accessor", at, text, names };
  }

  #symbol(at: number): Token {
    const text = this.#read({ accepts: isOfSymbol });
    if (prefixes.has(text) && mayFollow(this.#kind, "prefix")) return { kind: "prefix", at, text };
    const kind = symbolKinds.get(text);
    if (kind === undefined) throw this.#fault(`there is no operator ${JSON.stringify(text)}`, at);
    return plainToken(kind, at, text);
  }
}

/** Of letters that become several when capitalised, Go leaves each as it is. */
function isLower(character: string): boolean {
  const upper = character.toUpperCase();
  return upper !== character && [...upper].length === 1;
}

function plainToken(kind: TokenKind, at: number, text: string): Token {
  switch (kind) {
    case "modifier":
    case "comparator":
    case "logical operator":
    case "ternary operator":
      return { kind, at, text };
    default:
      throw new Error(`no symbol is a ${kind}`);
  }
}

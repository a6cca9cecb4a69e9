import type { Token, TokenKind } from "./lexer.ts";
import { invalid, placeOf } from "./place.ts";

/** Tables within each other, and parentheses: more is no template that somebody wrote. */
const maxNesting = 200;

/** The tokens that are still to be read, with what both halves of the parser share. */
export class Cursor {
  readonly source: string;
  /** Variables that may be used, the innermost last. */
  variables: string[] = ["$"];
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string, tokens: readonly Token[]) {
    this.source = source;
    this.#tokens = tokens;
  }

  peek(ahead = 0): Token {
    const token = this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)];
    if (token === undefined) throw invalid("there are no tokens");
    return token;
  }

  take(): Token {
    const token = this.peek();
    this.#next++;
    return token;
  }

  takeIf(kind: TokenKind): Token | undefined {
    return this.peek().kind === kind ? this.take() : undefined;
  }

  /** The next token, which has to be of this kind. */
  expect(kind: TokenKind, where: string): Token {
    const token = this.take();
    if (token.kind !== kind) throw this.unexpected(token, where);
    return token;
  }

  /** What `text` of a node is: the source from `at` to the last token taken. */
  textSince(at: number): string {
    const last = this.#tokens[this.#next - 1];
    return last === undefined ? "" : this.source.slice(at, last.at + last.text.length);
  }

  nested<T>(at: number, parse: () => T): T {
    if (++this.#depth > maxNesting) throw this.fault(`more than ${maxNesting} blocks or parentheses are open`, at);
    const result = parse();
    this.#depth--;
    return result;
  }

  fault(message: string, at: number): Error {
    return invalid(`at ${placeOf(this.source, at)}: ${message}`);
  }

  unexpected(token: Token, where: string): Error {
    return this.fault(`unexpected ${JSON.stringify(token.text)} in ${where}`, token.at);
  }
}

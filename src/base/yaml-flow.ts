import type { Place } from "./yaml-places.ts";

/**
 * YAML 1.2 demands that every line within brackets, braces and quotes is indented deeper than the key before it. Go's
 * parser, and so Kubernetes, does not, and people write the closing bracket below its key. White space at the start of
 * such lines has no meaning, so that it can be added for a parser that needs it.
 */
export interface IndentedText {
  readonly text: string;
  /** How many spaces each line got, by its number from 1. */
  readonly added: ReadonlyMap<number, number>;
}

/** So much more than the text itself may be added. */
const maxExtra = 1_000_000;

/** `text` with such lines indented; undefined when there are none, or they need too much. Linear. */
export function indentFlow(text: string): IndentedText | undefined {
  const lines = new FlowScanner(text).read();
  if (!lines) return undefined;
  const added = new Map<number, number>();
  const parts: string[] = [];
  let [copied, left] = [0, text.length + maxExtra];
  for (const { line, start, missing } of lines) {
    left -= missing;
    if (left < 0) return undefined;
    added.set(line, missing);
    parts.push(text.slice(copied, start), " ".repeat(missing));
    copied = start;
  }
  return lines.length === 0 ? undefined : { text: parts.join("") + text.slice(copied), added };
}

/** Where a place of the indented text was before. */
export function placeBefore({ line, column }: Place, { added }: IndentedText): Place {
  return { line, column: Math.max(column - (added.get(line) ?? 0), 1) };
}

interface ShallowLine {
  /** Counts from 1. */
  readonly line: number;
  readonly start: number;
  readonly missing: number;
}

/** Within brackets: what stands before the next character. Only at the start of a text quotes are quotes. */
type FlowToken = "start" | "plain" | "quoted";

/**
 * Finds the lines that begin within brackets, braces or quotes. It knows of YAML only what it takes to tell those from
 * comments, plain text and block scalars.
 */
class FlowScanner {
  readonly #text: string;
  readonly #found: ShallowLine[] = [];
  #at = 0;
  #line = 1;
  #lineStart = 0;
  /** The column of the key or dash that holds what comes next; -1 at the top. */
  #holder = -1;
  /** Within brackets: how many are open, and what came last. */
  #depth = 0;
  #last: FlowToken = "start";

  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined when a document ends within quotes or brackets: what comes then is an error anyway. */
  read(): readonly ShallowLine[] | undefined {
    while (this.#at < this.#text.length) if (!this.#readLine()) return undefined;
    return this.#found;
  }

  #readLine(): boolean {
    this.#holder = -1;
    this.#skipBlanks();
    if (this.#is("%") && this.#column() === 0) return this.#endLine();
    if (this.#isMarker()) this.#at += 3;
    this.#skipIndicators();
    while (!this.#isLineEnd()) {
      if (this.#is("|", ">") && this.#readBlockScalar()) return true;
      const start = this.#column();
      const isPlain = !this.#is("'", '"', "[", "{");
      if (!isPlain && !this.#readInside()) return false;
      if (!this.#readToColon()) return this.#endLine(isPlain ? start : undefined);
      this.#holder = start;
      this.#skipIndicators();
    }
    return this.#endLine();
  }

  /** Plain text that begins at a column goes on in lines that are indented deeper than what holds it. */
  #endLine(plainStart?: number): true {
    this.#skipLine();
    if (plainStart !== undefined) this.#skipDeeperLines(this.#holder < 0 ? plainStart - 1 : this.#holder);
    return true;
  }

  /** `- `, `? `, `: `, anchors and tags. */
  #skipIndicators(): void {
    for (;;) {
      this.#skipBlanks();
      const indicator = /[-?:](?=[ \t\r\n]|$)|[&!][^ \t\r\n]*/y;
      indicator.lastIndex = this.#at;
      const match = indicator.exec(this.#text)?.[0];
      if (match === undefined) return;
      if (match === "-" || match === "?") this.#holder = this.#column();
      this.#at += match.length;
    }
  }

  #readInside(): boolean {
    const needed = this.#holder < 0 ? this.#column() : this.#holder + 1;
    return this.#is("'", '"') ? this.#readQuoted(needed) : this.#readBrackets(needed);
  }

  /** Over what is left of a text, to the colon that makes it a key or, false, to the line's end or a comment. */
  #readToColon(): boolean {
    while (!this.#isLineEnd() && !this.#isColon()) this.#at++;
    return this.#skipColon();
  }

  #readQuoted(needed: number): boolean {
    const quote = this.#text[this.#at++] ?? "";
    while (this.#at < this.#text.length) {
      if (this.#isBreak(this.#at)) {
        if (!this.#nextLine(needed)) return false;
        continue;
      }
      const character = this.#text[this.#at++];
      if (character === "\\" && quote === '"' && !this.#isBreak(this.#at)) this.#at++;
      if (character !== quote) continue;
      if (quote === '"' || !this.#is(quote)) return true;
      this.#at++; // '' is a quote within single ones
    }
    return true;
  }

  #readBrackets(needed: number): boolean {
    this.#depth = 0;
    this.#last = "start";
    do {
      if (!this.#readInBrackets(needed)) return false;
    } while (this.#depth > 0 && this.#at < this.#text.length);
    return true;
  }

  #readInBrackets(needed: number): boolean {
    if (this.#is("#") && this.#isAfterBlank()) return this.#skipToBreak();
    if (this.#isBreak(this.#at)) return this.#nextLine(needed);
    if (this.#last === "start" && this.#is("'", '"')) {
      this.#last = "quoted";
      return this.#readQuoted(needed);
    }
    const character = this.#text[this.#at++] ?? "";
    if ("[{".includes(character)) this.#depth++;
    if ("]}".includes(character)) this.#depth--;
    this.#last = this.#tokenAfter(character);
    return true;
  }

  #tokenAfter(character: string): FlowToken {
    if (/\s/.test(character)) return this.#last;
    if ("[{,".includes(character)) return "start";
    const isColon =
      character === ":" && (this.#last === "quoted" || /^(?:[\s,[\]{}]|$)/.test(this.#text[this.#at] ?? ""));
    return isColon ? "start" : "plain";
  }

  /** Header and lines; the position is then at the start of a line. False: it is no header. */
  #readBlockScalar(): boolean {
    const header = /[|>][-+0-9]*(?=[ \t]*(?:[ \t]#[^\r\n]*)?(?:[\r\n]|$))/y;
    header.lastIndex = this.#at;
    const match = header.exec(this.#text)?.[0];
    if (match === undefined) return false;
    const width = Number(/[0-9]/.exec(match)?.[0] ?? 0);
    this.#skipLine();
    this.#skipDeeperLines(width > 0 ? Math.max(this.#holder, 0) + width - 1 : this.#holder);
    return true;
  }

  /** Lines that are blank or indented beyond a column: of a block scalar, or of plain text that goes on. */
  #skipDeeperLines(column: number): void {
    while (this.#at < this.#text.length) {
      let end = this.#at;
      while (this.#text[end] === " ") end++;
      const isBlank = end >= this.#text.length || this.#isBreak(end);
      if (!isBlank && (end - this.#at <= column || (column < 0 && this.#isMarker()))) return;
      this.#at = end;
      this.#skipLine();
    }
  }

  /** From a line break within brackets or quotes to the next line. */
  #nextLine(needed: number): boolean {
    if (this.#text.startsWith("\r\n", this.#at)) this.#at++;
    this.#startLine(this.#at + 1);
    if (this.#isMarker()) return false;
    let end = this.#lineStart;
    while (this.#text[end] === " ") end++;
    const missing = needed - (end - this.#lineStart);
    const isBlank = end >= this.#text.length || this.#isBreak(end);
    if (missing > 0 && !isBlank) this.#found.push({ line: this.#line, start: this.#lineStart, missing });
    return true;
  }

  #skipToBreak(): true {
    while (this.#at < this.#text.length && !this.#isBreak(this.#at)) this.#at++;
    return true;
  }

  #skipLine(): void {
    this.#skipToBreak();
    if (this.#at >= this.#text.length) return;
    this.#startLine(this.#at + (this.#text.startsWith("\r\n", this.#at) ? 2 : 1));
  }

  #startLine(at: number): void {
    this.#at = at;
    this.#lineStart = at;
    this.#line++;
  }

  #skipBlanks(): void {
    while (this.#is(" ", "\t", "\uFEFF")) this.#at++;
  }

  #skipColon(): boolean {
    let end = this.#at;
    while (this.#text[end] === " " || this.#text[end] === "\t") end++;
    if (this.#text[end] !== ":") return false;
    this.#at = end + 1;
    return true;
  }

  #isColon(): boolean {
    return this.#is(":") && /^(?:[ \t\r\n]|$)/.test(this.#text.slice(this.#at + 1, this.#at + 2));
  }

  /** The end of the line's content: a break, or a comment. */
  #isLineEnd(): boolean {
    return this.#at >= this.#text.length || this.#isBreak(this.#at) || (this.#is("#") && this.#isAfterBlank());
  }

  #isAfterBlank(): boolean {
    return this.#at === 0 || /\s/.test(this.#text[this.#at - 1] ?? "");
  }

  #isMarker(): boolean {
    return (
      this.#at === this.#lineStart && /^(?:---|\.\.\.)(?:[ \t\r\n]|$)/.test(this.#text.slice(this.#at, this.#at + 4))
    );
  }

  #isBreak(at: number): boolean {
    return this.#text[at] === "\n" || this.#text[at] === "\r";
  }

  #is(...characters: readonly string[]): boolean {
    return characters.includes(this.#text[this.#at] ?? "");
  }

  #column(): number {
    return this.#at - this.#lineStart;
  }
}

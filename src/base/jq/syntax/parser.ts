import type { TerminalError } from "../../errors.ts";
import { invalid } from "../fault.ts";
import { negative, numberOf } from "../values/numbers.ts";
import { Lexer, type Token } from "./lexer.ts";
import type { Definition, Entry, Node, NodeShape, Pattern, PatternField } from "./nodes.ts";

/** Brackets, operators and definitions within each other: what reads the tree later may recurse. */
const maxNesting = 200;
/** Terms behind each other, `a | b | c` and `.a.b.c` among them: they nest on one side. */
const maxLength = 16_384;

type Associativity = "left" | "right" | "none";

const levels: Readonly<Record<string, readonly [level: number, associativity: Associativity]>> = {
  "//": [1, "right"],
  ...Object.fromEntries("= |= += -= *= /= %= //=".split(" ").map((operator) => [operator, [2, "none"]])),
  or: [3, "left"],
  and: [4, "left"],
  ...Object.fromEntries("== != < <= > >=".split(" ").map((operator) => [operator, [5, "none"]])),
  "+": [6, "left"],
  "-": [6, "left"],
  "*": [7, "left"],
  "/": [7, "left"],
  "%": [7, "left"],
};

/** @throws TerminalError EXPRESSION_INVALID */
export function parseJq(source: string): Node {
  if (source.length > maxLength) throw invalid(source, maxLength, `it is longer than ${maxLength} characters`);
  return new Parser(source).program();
}

class Parser {
  readonly #lexer: Lexer;
  readonly #source: string;
  #nesting = 0;

  constructor(source: string) {
    this.#source = source;
    this.#lexer = new Lexer(source);
  }

  program(): Node {
    const { kind, text, at } = this.#lexer.peek();
    if (kind === "keyword" && ["module", "import", "include"].includes(text))
      throw this.#fault(at, "modules cannot be loaded");
    const node = this.#query();
    const end = this.#lexer.peek();
    if (end.kind !== "end") throw this.#unexpected(end, "an operator or the end");
    return node;
  }

  #fault(at: number, what: string): TerminalError {
    return invalid(this.#source, at, what);
  }

  #unexpected({ kind, text, at }: Token, expected: string): TerminalError {
    const mark = { field: ".", variable: "$" }[String(kind)] ?? "";
    const found = kind === "end" ? "the program ends" : `unexpected token ${JSON.stringify(mark + text)}`;
    return this.#fault(at, `${found}, expected ${expected}`);
  }

  #nested<Result>(read: () => Result): Result {
    this.#nesting++;
    if (this.#nesting > maxNesting) {
      throw this.#fault(this.#lexer.peek().at, `it is nested deeper than ${maxNesting}`);
    }
    const result = read();
    this.#nesting--;
    return result;
  }

  #isSymbol(text: string): boolean {
    const token = this.#lexer.peek();
    return token.text === text && (token.kind === "symbol" || token.kind === "keyword");
  }

  #accept(text: string): boolean {
    if (!this.#isSymbol(text)) return false;
    this.#lexer.next();
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw this.#unexpected(this.#lexer.peek(), JSON.stringify(text));
  }

  #expectKind(kind: Token["kind"], what: string): string {
    const token = this.#lexer.next();
    if (token.kind !== kind) throw this.#unexpected(token, what);
    return token.text;
  }

  /** Everything up to a closing token. */
  #query(): Node {
    return this.#nested(() => {
      const { at } = this.#lexer.peek();
      let left = this.#operand();
      while (this.#accept(",")) left = { kind: "comma", at, left, right: this.#operand() };
      return this.#accept("|") ? { kind: "pipe", at, left, right: this.#query() } : left;
    });
  }

  /** What stands between commas. Definitions, labels and bindings take all that follows. */
  #operand(): Node {
    const { at } = this.#lexer.peek();
    if (this.#accept("def")) return { kind: "def", at, definition: this.#definition(), rest: this.#query() };
    if (this.#accept("label")) {
      const name = this.#expectKind("variable", "the name of a label, such as $out");
      this.#expect("|");
      return { kind: "label", at, name, body: this.#query() };
    }
    const source = this.#expression(0);
    if (!this.#accept("as")) return source;
    const patterns = [this.#pattern()];
    while (this.#accept("?//")) patterns.push(this.#pattern());
    this.#expect("|");
    return { kind: "bind", at, source, patterns, body: this.#query() };
  }

  #definition(): Definition {
    const name = this.#expectKind("name", "the name of a function");
    const params: string[] = [];
    if (this.#accept("(")) {
      do params.push(this.#param());
      while (this.#accept(";"));
      this.#expect(")");
    }
    this.#expect(":");
    const body = this.#query();
    this.#expect(";");
    return { name, params, body };
  }

  #param(): string {
    const token = this.#lexer.next();
    if (token.kind === "variable") return `$${token.text}`;
    if (token.kind !== "name") throw this.#unexpected(token, "a parameter");
    return token.text;
  }

  /** Operators above that level. */
  #expression(min: number): Node {
    return this.#nested(() => {
      const { at } = this.#lexer.peek();
      let left = this.#term();
      for (let last = 0; ; ) {
        const token = this.#lexer.peek();
        const [level, associativity] = levelOf(token);
        if (level <= min) return left;
        if (associativity === "none" && last === level) throw this.#unexpected(token, "no second operator of its kind");
        this.#lexer.next();
        left = operation(token.text, at, left, this.#expression(associativity === "right" ? level - 1 : level));
        last = level;
      }
    });
  }

  /** A term with all that is fixed behind it. */
  #term(): Node {
    let term = this.#nested(() => this.#primary());
    let isSuffixed = false;
    for (;;) {
      const { at } = this.#lexer.peek();
      if (this.#accept("?")) {
        term = isSuffixed ? lastOptional(term) : { kind: "try", at, body: term, handler: undefined };
        isSuffixed = false;
        continue;
      }
      const found = this.#suffix(term);
      if (found === undefined) return term;
      term = found;
      isSuffixed = true;
    }
  }

  #suffix(base: Node): Node | undefined {
    const token = this.#lexer.peek();
    const { at } = token;
    if (token.kind === "field") {
      this.#lexer.next();
      return { kind: "index", at, base, key: literal(at, token.text) };
    }
    if (this.#accept("[")) return this.#bracket(base, at);
    if (!this.#accept(".")) return undefined;
    if (this.#accept("[")) return this.#bracket(base, at);
    const key = this.#string(undefined);
    if (key === undefined) throw this.#unexpected(this.#lexer.peek(), "a field");
    return { kind: "index", at, base, key };
  }

  /** What follows `[` behind a term. */
  #bracket(base: Node, at: number): Node {
    if (this.#accept("]")) return { kind: "iterate", at, base };
    if (this.#accept(":")) {
      const to = this.#query();
      this.#expect("]");
      return { kind: "slice", at, base, from: undefined, to };
    }
    const key = this.#query();
    if (!this.#accept(":")) {
      this.#expect("]");
      return { kind: "index", at, base, key };
    }
    const to = this.#isSymbol("]") ? undefined : this.#query();
    this.#expect("]");
    return { kind: "slice", at, base, from: key, to };
  }

  #primary(): Node {
    const token = this.#lexer.next();
    const { kind, text, at } = token;
    switch (kind) {
      case "field":
        return { kind: "index", at, base: { kind: "identity", at }, key: literal(at, text) };
      case "number":
        return literal(at, numberOf(text));
      case "variable":
        return { kind: "variable", at, name: text };
      case "name":
        return { kind: "call", at, name: text, args: this.#arguments() };
      case "format":
        return this.#string(text) ?? { kind: "format", at, format: text };
      case "quote":
        return this.#stringBody(at, undefined);
      case "keyword":
        return this.#keyword(token);
      default:
        return this.#symbol(token);
    }
  }

  #arguments(): Node[] {
    const args: Node[] = [];
    if (!this.#accept("(")) return args;
    do args.push(this.#query());
    while (this.#accept(";"));
    this.#expect(")");
    return args;
  }

  #symbol(token: Token): Node {
    const { text, at } = token;
    switch (text) {
      case ".":
        return this.#dot(at);
      case "..":
        return { kind: "recurse", at };
      case "+":
      case "-":
        return this.#signed(at, text);
      case "(": {
        const inner = this.#query();
        this.#expect(")");
        return inner;
      }
      case "[": {
        const items = this.#isSymbol("]") ? undefined : this.#query();
        this.#expect("]");
        return { kind: "array", at, items };
      }
      case "{":
        return { kind: "object", at, entries: this.#entries() };
      default:
        throw this.#unexpected(token, "a term");
    }
  }

  /** A number is a literal with its sign. The original forgets what is behind it, so that `-1[0]` is -1. */
  #signed(at: number, operator: "+" | "-"): Node {
    const { kind, text } = this.#lexer.peek();
    const operand = this.#term();
    if (kind !== "number") return { kind: "sign", at, operator, operand };
    const value = numberOf(text);
    if (operator === "+") return literal(at, value);
    return literal(at, value === 0 && /[.eE]/.test(text) ? -0 : negative(value));
  }

  #dot(at: number): Node {
    const identity: Node = { kind: "identity", at };
    const key = this.#string(undefined);
    return key === undefined ? identity : { kind: "index", at, base: identity, key };
  }

  #keyword(token: Token): Node {
    const { text, at } = token;
    switch (text) {
      case "null":
        return literal(at, null);
      case "true":
      case "false":
        return literal(at, text === "true");
      case "if":
        return this.#if(at);
      case "try": {
        const body = this.#term();
        return { kind: "try", at, body, handler: this.#accept("catch") ? this.#term() : undefined };
      }
      case "reduce":
      case "foreach":
        return this.#loop(at, text);
      case "break":
        return { kind: "break", at, name: this.#expectKind("variable", "the name of a label, such as $out") };
      default:
        throw this.#unexpected(token, "a term");
    }
  }

  #if(at: number): Node {
    return this.#nested(() => {
      const condition = this.#query();
      this.#expect("then");
      const whenTrue = this.#query();
      const next = this.#lexer.peek();
      if (this.#accept("elif")) return { kind: "if", at, condition, whenTrue, whenFalse: this.#if(next.at) };
      const whenFalse = this.#accept("else") ? this.#query() : undefined;
      this.#expect("end");
      return { kind: "if", at, condition, whenTrue, whenFalse };
    });
  }

  #loop(at: number, kind: "reduce" | "foreach"): Node {
    const source = this.#expression(0);
    this.#expect("as");
    const pattern = this.#pattern();
    this.#expect("(");
    const start = this.#query();
    this.#expect(";");
    const update = this.#query();
    const extract = kind === "foreach" && this.#accept(";") ? this.#query() : undefined;
    this.#expect(")");
    return { kind, at, source, pattern, start, update, extract };
  }

  /** A string, if one comes next. */
  #string(format: string | undefined): Node | undefined {
    const { kind, at } = this.#lexer.peek();
    if (kind !== "quote") return undefined;
    this.#lexer.next();
    return this.#stringBody(at, format);
  }

  #stringBody(at: number, format: string | undefined): Node {
    const parts: (string | Node)[] = [];
    for (;;) {
      const { text, end } = this.#lexer.stringPart();
      if (text !== "") parts.push(text);
      if (end === "quote") break;
      parts.push(this.#query());
      this.#expect(")");
    }
    const [only = ""] = parts;
    return parts.length < 2 && typeof only === "string" ? literal(at, only) : { kind: "text", at, parts, format };
  }

  #entries(): Entry[] {
    const entries: Entry[] = [];
    while (!this.#accept("}")) {
      entries.push(this.#entry());
      if (this.#isSymbol("}")) continue;
      this.#expect(",");
    }
    return entries;
  }

  #entry(): Entry {
    const token = this.#lexer.next();
    const { at } = token;
    if (token.kind === "symbol" && token.text === "(") {
      const key = this.#query();
      this.#expect(")");
      this.#expect(":");
      return { key, value: this.#entryValue() };
    }
    const key = this.#key(token);
    if (this.#accept(":")) {
      const isVariable = token.kind === "variable";
      return { key: isVariable ? { kind: "variable", at, name: token.text } : key, value: this.#entryValue() };
    }
    if (token.kind === "variable") return { key, value: { kind: "variable", at, name: token.text } };
    return { key, value: { kind: "index", at, base: { kind: "identity", at }, key } };
  }

  /** A name, also of a variable or a keyword, or a string. */
  #key(token: Token): Node {
    if (token.kind === "quote") return this.#stringBody(token.at, undefined);
    if (token.kind !== "name" && token.kind !== "variable" && token.kind !== "keyword") {
      throw this.#unexpected(token, "a key");
    }
    return literal(token.at, token.text);
  }

  #entryValue(): Node {
    return this.#nested(() => {
      const { at } = this.#lexer.peek();
      const left = this.#expression(0);
      return this.#accept("|") ? { kind: "pipe", at, left, right: this.#entryValue() } : left;
    });
  }

  #pattern(): Pattern {
    return this.#nested(() => {
      const token = this.#lexer.next();
      if (token.kind === "variable") return { kind: "name", name: token.text };
      if (token.kind === "symbol" && token.text === "[") return { kind: "array", items: this.#patterns("]") };
      if (token.kind !== "symbol" || token.text !== "{") throw this.#unexpected(token, "a variable, [ or {");
      const fields: PatternField[] = [];
      do fields.push(this.#patternField());
      while (this.#accept(","));
      this.#expect("}");
      return { kind: "object", fields };
    });
  }

  #patterns(end: string): Pattern[] {
    const items: Pattern[] = [];
    do items.push(this.#pattern());
    while (this.#accept(","));
    this.#expect(end);
    return items;
  }

  #patternField(): PatternField {
    const token = this.#lexer.next();
    if (token.kind === "symbol" && token.text === "(") {
      const key = this.#query();
      this.#expect(")");
      this.#expect(":");
      return { key, name: undefined, pattern: this.#pattern() };
    }
    const key = this.#key(token);
    const name = token.kind === "variable" ? token.text : undefined;
    if (name !== undefined && !this.#isSymbol(":")) return { key, name, pattern: undefined };
    this.#expect(":");
    return { key, name, pattern: this.#pattern() };
  }
}

/** Only the last step of `.a.b?` may fail; what is in its brackets is about what stands before it, too. */
function lastOptional(term: Node): Node {
  const { at } = term;
  if (term.kind !== "index" && term.kind !== "slice" && term.kind !== "iterate") throw new Error("a suffix");
  const body: Node = { ...term, base: { kind: "identity", at } };
  return { kind: "pipe", at, left: term.base, right: { kind: "try", at, body, handler: undefined } };
}

function levelOf({ kind, text }: Token): readonly [level: number, associativity: Associativity] {
  const isOperator = (kind === "symbol" || kind === "keyword") && Object.hasOwn(levels, text);
  return (isOperator ? levels[text] : undefined) ?? [0, "none"];
}

function literal(at: number, value: string | number | bigint | boolean | null): Node {
  return { kind: "literal", at, value };
}

function operation(operator: string, at: number, left: Node, right: Node): Node {
  return { at, ...shapeOf(operator, left, right) };
}

function shapeOf(operator: string, left: Node, right: Node): NodeShape {
  if (operator === "//") return { kind: "alternative", left, right };
  if (operator === "and" || operator === "or") return { kind: "logic", operator, left, right };
  if (levels[operator]?.[0] === 2) return { kind: "update", operator, left, right };
  return { kind: "binary", operator, left, right };
}

import { parseGoFloat } from "../../go/values.ts";
import { invalid } from "../fault.ts";
import { builtinNames } from "../types/builtin-types.ts";
import { type Token, tokenize } from "./lexer.ts";
import { isLoopName, type LoopName, type Node, type NodeShape, nodeAt, type Pair } from "./nodes.ts";

const unary: ReadonlyMap<string, number> = new Map([...names("not !", 50), ...names("- +", 90)]);

/** How strongly operators bind; the pipe binds least. */
const binary: ReadonlyMap<string, number> = new Map([
  ...names("|", 0),
  ...names("or ||", 10),
  ...names("and &&", 15),
  ...names("== != < > >= <= in matches contains startsWith endsWith", 20),
  ...names("..", 25),
  ...names("+ -", 30),
  ...names("* / %", 60),
  ...names("** ^", 100),
  ...names("??", 500),
]);

function names(operators: string, strength: number): [string, number][] {
  return operators.split(" ").map((operator) => [operator, strength]);
}

/** Trees that are deeper, and brackets within each other that are more, are refused: all that follows recurses. */
const maxDepth = 1_000;
const maxNesting = 250;

/** @throws TerminalError EXPRESSION_INVALID */
export function parse(source: string): Node {
  return new Parser(source).whole();
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #nesting = 0;
  /** Closures around what is read. */
  #closures = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  whole(): Node {
    const node = this.#expression(0);
    if (this.#token.kind !== "end") throw this.#unexpected();
    return node;
  }

  get #token(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "", at: this.#source.length };
  }

  #is(kind: Token["kind"], text: string): boolean {
    return this.#token.kind === kind && this.#token.text === text;
  }

  #isOperator(text: string): boolean {
    return this.#is("operator", text);
  }

  #isBracket(text: string): boolean {
    return this.#is("bracket", text);
  }

  #next(): Token {
    const token = this.#token;
    this.#at++;
    return token;
  }

  #expect(kind: "operator" | "bracket", text: string): void {
    if (!this.#is(kind, text)) throw this.#unexpected(JSON.stringify(text));
    this.#at++;
  }

  #identifier(): Token {
    if (this.#token.kind !== "identifier") throw this.#unexpected("a name");
    return this.#next();
  }

  #unexpected(wanted?: string): Error {
    const { kind, text, at } = this.#token;
    const shown = kind === "end" ? "its end" : `${kind} ${JSON.stringify(text)}`;
    return invalid(this.#source, at, `unexpected ${shown}${wanted === undefined ? "" : `, ${wanted} is expected`}`);
  }

  #node(at: number, shape: NodeShape): Node {
    const node = nodeAt(at, shape);
    if (node.depth > maxDepth) throw invalid(this.#source, at, `it is nested deeper than ${maxDepth}`);
    return node;
  }

  #expression(weakest: number): Node {
    if (++this.#nesting > maxNesting)
      throw invalid(this.#source, this.#token.at, `it is nested deeper than ${maxNesting}`);
    const node = weakest === 0 && this.#isOperator("let") ? this.#let() : this.#operators(weakest);
    this.#nesting--;
    return node;
  }

  #operators(weakest: number): Node {
    let left = this.#primary();
    let before = "";
    while (this.#token.kind === "operator") {
      // The original takes a `not` even where no operator follows that may stand here: it is lost, as in `a + b not in c`.
      const not = this.#isOperator("not") ? this.#next() : undefined;
      const operator = this.#token;
      const strength = operator.kind === "end" ? undefined : binary.get(operator.text);
      if (strength === undefined || strength < weakest) break;
      this.#at++;
      if (operator.text === "|") left = this.#pipe(left);
      else left = this.#binary({ left, operator, strength, before, not });
      before = operator.text;
    }
    return weakest === 0 ? this.#conditional(left) : left;
  }

  #binary(given: {
    readonly left: Node;
    readonly operator: Token;
    readonly strength: number;
    readonly before: string;
    readonly not: Token | undefined;
  }): Node {
    const { left, operator, strength, before, not } = given;
    if (before === "??" && operator.text !== "??") {
      throw invalid(
        this.#source,
        operator.at,
        `${operator.text} and ?? cannot be mixed: put one of them into parentheses`,
      );
    }
    const isRight = operator.text === "**" || operator.text === "^";
    const right = this.#expression(isRight ? strength : strength + 1);
    const node = this.#node(operator.at, { kind: "binary", operator: operator.text, left, right });
    return not === undefined ? node : this.#node(not.at, { kind: "unary", operator: "not", operand: node });
  }

  #let(): Node {
    this.#at++;
    const name = this.#identifier();
    this.#expect("operator", "=");
    const value = this.#expression(0);
    this.#expect("operator", ";");
    const body = this.#expression(0);
    return this.#node(name.at, { kind: "let", name: name.text, value, body });
  }

  #conditional(given: Node): Node {
    let condition = given;
    while (this.#isOperator("?")) {
      this.#at++;
      let whenTrue = condition;
      if (!this.#isOperator(":")) whenTrue = this.#expression(0);
      this.#expect("operator", ":");
      const whenFalse = this.#expression(0);
      condition = this.#node(condition.at, { kind: "conditional", condition, whenTrue, whenFalse });
    }
    return condition;
  }

  #primary(): Node {
    const token = this.#token;
    const strength = token.kind === "operator" ? unary.get(token.text) : undefined;
    if (strength !== undefined) {
      this.#at++;
      const operand = this.#expression(strength);
      return this.#postfix(this.#node(token.at, { kind: "unary", operator: token.text, operand }));
    }
    if (this.#isBracket("(")) {
      this.#at++;
      const inner = this.#expression(0);
      this.#expect("bracket", ")");
      return this.#postfix(inner);
    }
    if (this.#isOperator("#") || this.#isOperator(".")) return this.#postfix(this.#pointer());
    return this.#secondary();
  }

  /** `#`, `#index`; before `.name` it may be left out. */
  #pointer(): Node {
    const token = this.#token;
    if (this.#closures === 0)
      throw invalid(this.#source, token.at, `${token.text} stands for an item in closures only`);
    let name = "";
    if (token.text === "#") {
      this.#at++;
      if (this.#token.kind === "identifier") name = this.#next().text;
    }
    return this.#node(token.at, { kind: "pointer", name });
  }

  #secondary(): Node {
    const token = this.#token;
    switch (token.kind) {
      case "identifier":
        this.#at++;
        return this.#constant(token) ?? this.#postfix(this.#call(token));
      case "number":
        this.#at++;
        return this.#number(token);
      case "string":
        this.#at++;
        return this.#node(token.at, { kind: "string", value: token.text });
      default:
        if (this.#isBracket("[")) return this.#postfix(this.#list(token));
        if (this.#isBracket("{")) return this.#postfix(this.#map(token));
        throw this.#unexpected();
    }
  }

  #constant({ text, at }: Token): Node | undefined {
    if (text === "true" || text === "false") return this.#node(at, { kind: "bool", value: text === "true" });
    return text === "nil" ? this.#node(at, { kind: "nil" }) : undefined;
  }

  /** As the original: hexadecimal with a small x only, and neither octal nor binary. */
  #number({ text, at }: Token): Node {
    const digits = text.replaceAll("_", "");
    const isWhole = /^(?:0x[0-9a-fA-F]+|[0-9]+)$/.test(digits);
    if (isWhole) {
      const value = BigInt(digits);
      if (value < 2n ** 63n) return this.#node(at, { kind: "int", value });
    } else if (/^[0-9.eE+-]+$/.test(digits)) {
      const value = parseGoFloat(digits);
      if (value !== undefined) return this.#node(at, { kind: "float", value });
    }
    throw invalid(this.#source, at, `${JSON.stringify(text)} is no number of 64 bits`);
  }

  #call(name: Token): Node {
    if (!this.#isBracket("(")) return this.#node(name.at, { kind: "identifier", name: name.text });
    if (!isLoopName(name.text)) return this.#called(name, []);
    this.#expect("bracket", "(");
    const list = this.#expression(0);
    this.#expect("operator", ",");
    return this.#loop(name, name.text, list);
  }

  #called(name: Token, first: readonly Node[]): Node {
    const args = [...first, ...this.#arguments()];
    if (builtinNames.has(name.text)) return this.#node(name.at, { kind: "builtin", name: name.text, args });
    const callee = this.#node(name.at, { kind: "identifier", name: name.text });
    return this.#node(name.at, { kind: "call", callee, args });
  }

  #loop(token: Token, name: LoopName, list: Node): Node {
    const closure = this.#closure();
    let initial: Node | undefined;
    if (name === "reduce" && this.#isOperator(",")) {
      this.#at++;
      initial = this.#expression(0);
    }
    this.#expect("bracket", ")");
    return this.#node(token.at, { kind: "loop", name, list, closures: [closure], ...(initial && { initial }) });
  }

  #closure(): Node {
    const isBraced = this.#isBracket("{");
    if (isBraced) this.#at++;
    this.#closures++;
    const node = this.#expression(0);
    this.#closures--;
    if (isBraced) this.#expect("bracket", "}");
    return node;
  }

  #pipe(left: Node): Node {
    const name = this.#identifier();
    if (!isLoopName(name.text)) return this.#called(name, [left]);
    this.#expect("bracket", "(");
    return this.#loop(name, name.text, left);
  }

  #arguments(): readonly Node[] {
    this.#expect("bracket", "(");
    const nodes: Node[] = [];
    while (!this.#isBracket(")")) {
      if (nodes.length > 0) this.#expect("operator", ",");
      nodes.push(this.#expression(0));
    }
    this.#at++;
    return nodes;
  }

  #list({ at }: Token): Node {
    this.#at++;
    const items: Node[] = [];
    while (!this.#isBracket("]")) {
      if (items.length > 0) this.#expect("operator", ",");
      if (items.length > 0 && this.#isBracket("]")) break;
      items.push(this.#expression(0));
    }
    this.#at++;
    return this.#node(at, { kind: "list", items });
  }

  #map({ at }: Token): Node {
    this.#at++;
    const pairs: Pair[] = [];
    while (!this.#isBracket("}")) {
      if (pairs.length > 0) this.#expect("operator", ",");
      if (pairs.length > 0 && this.#isBracket("}")) break;
      const key = this.#key(at);
      this.#expect("operator", ":");
      pairs.push({ key, value: this.#expression(0) });
    }
    this.#at++;
    return this.#node(at, { kind: "map", pairs });
  }

  #key(at: number): Node {
    const { kind, text } = this.#token;
    if (kind === "number" || kind === "string" || kind === "identifier") {
      this.#at++;
      return this.#node(at, { kind: "string", value: text });
    }
    if (this.#isBracket("(")) return this.#expression(0);
    throw this.#unexpected("a key: a name, a string, a number or an expression in parentheses");
  }

  #postfix(given: Node): Node {
    let node = given;
    for (;;) {
      if (this.#isOperator(".") || this.#isOperator("?.")) node = this.#member(node);
      else if (this.#isBracket("[")) node = this.#index(node);
      else return node;
    }
  }

  #member(given: Node): Node {
    const isOptional = this.#next().text === "?.";
    const name = this.#token;
    const isName = name.kind === "identifier" || (name.kind === "operator" && /^[\p{L}_$]/u.test(name.text));
    if (!isName) throw this.#unexpected("a name");
    this.#at++;
    const base = given.kind === "chain" ? given.inner : given;
    const property = this.#node(name.at, { kind: "string", value: name.text });
    const member = this.#node(name.at, { kind: "member", base, property, isOptional });
    const node = this.#isBracket("(")
      ? this.#node(name.at, { kind: "call", callee: member, args: this.#arguments() })
      : member;
    return given.kind === "chain" || isOptional ? this.#node(name.at, { kind: "chain", inner: node }) : node;
  }

  #index(base: Node): Node {
    const { at } = this.#next();
    const from = this.#isOperator(":") ? undefined : this.#expression(0);
    if (from !== undefined && !this.#isOperator(":")) {
      this.#expect("bracket", "]");
      return this.#node(at, { kind: "member", base, property: from, isOptional: false });
    }
    this.#expect("operator", ":");
    const to = this.#isBracket("]") ? undefined : this.#expression(0);
    this.#expect("bracket", "]");
    return this.#node(at, { kind: "slice", base, from, to });
  }
}

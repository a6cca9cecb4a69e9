import { Cursor } from "./cursor.ts";
import { type Delimiters, type Token, tokensOf } from "./lexer.ts";
import type { Branch, Node } from "./nodes.ts";
import { type KnowsFunction, PipelineParser } from "./pipeline-parser.ts";
import { invalid, placeOf } from "./place.ts";

export interface ParsedTemplate {
  readonly root: readonly Node[];
  /** What `define` and `block` made. */
  readonly named: ReadonlyMap<string, readonly Node[]>;
}

/** @throws TerminalError TEMPLATE_INVALID, with the place */
export function parseTemplate(source: string, delimiters: Delimiters, knows: KnowsFunction): ParsedTemplate {
  return new Parser(source, delimiters, knows).parse();
}

/** What ends a list of nodes. */
interface Ending {
  readonly kind: "end" | "else";
  readonly at: number;
}

class Parser {
  readonly #source: string;
  readonly #cursor: Cursor;
  readonly #pipelines: PipelineParser;
  readonly #named = new Map<string, readonly Node[]>();
  /** Loops around what is parsed, within the same template. */
  #loops = 0;
  /** Where the action begins that is parsed. */
  #opened = 0;

  constructor(source: string, delimiters: Delimiters, knows: KnowsFunction) {
    this.#source = source;
    this.#cursor = new Cursor(source, tokensOf(source, delimiters));
    this.#pipelines = new PipelineParser(this.#cursor, knows);
  }

  parse(): ParsedTemplate {
    const root: Node[] = [];
    while (this.#cursor.peek().kind !== "end") {
      if (this.#isWord("define", 1) && this.#cursor.peek().kind === "open") {
        this.#define();
        continue;
      }
      const node = this.#node();
      if (isEnding(node)) {
        throw invalid(`there is an {{${node.kind}}} too many at ${placeOf(this.#source, node.at)}`);
      }
      root.push(node);
    }
    return { root, named: this.#named };
  }

  #isWord(word: string, ahead: number): boolean {
    const token = this.#cursor.peek(ahead);
    return token.kind === "word" && token.text === word;
  }

  #node(): Node | Ending {
    const token = this.#cursor.take();
    if (token.kind === "text") return { kind: "text", at: token.at, text: "", value: token.text };
    if (token.kind !== "open") throw this.#cursor.unexpected(token, "the text between actions");
    this.#opened = token.at;
    return this.#cursor.nested(token.at, () => this.#action());
  }

  /** The left delimiter is taken. */
  #action(): Node | Ending {
    const token = this.#cursor.peek();
    if (token.kind === "close") throw invalid(`the action at ${placeOf(this.#source, this.#opened)} is empty`);
    const parse = token.kind === "word" ? this.#keywords[token.text] : undefined;
    if (parse !== undefined) return parse(this.#cursor.take());
    const pipe = this.#pipelines.pipeline("a command", "close");
    return { kind: "action", at: pipe.at, text: pipe.text, pipe };
  }

  readonly #keywords: Readonly<Record<string, (token: Token) => Node | Ending>> = Object.assign(Object.create(null), {
    if: (token: Token) => this.#branch("if", token),
    with: (token: Token) => this.#branch("with", token),
    range: (token: Token) => this.#branch("range", token),
    break: (token: Token) => this.#jump("break", token),
    continue: (token: Token) => this.#jump("continue", token),
    template: (token: Token) => this.#template(token),
    block: (token: Token) => this.#block(token),
    end: () => this.#end(),
    else: () => this.#else(),
  });

  #end(): Ending {
    this.#cursor.expect("close", "end");
    return { kind: "end", at: this.#opened };
  }

  /** After `else`, an `if` or `with` is left for the branch that it belongs to. */
  #else(): Ending {
    if (!this.#isWord("if", 0) && !this.#isWord("with", 0)) this.#cursor.expect("close", "else");
    return { kind: "else", at: this.#opened };
  }

  #branch(kind: Branch["kind"], { at, text }: Token): Branch {
    const { length } = this.#cursor.variables;
    const pipe = this.#pipelines.pipeline(kind, "close");
    if (kind === "range") this.#loops++;
    const { nodes: body, ending } = this.#list();
    if (kind === "range") this.#loops--;
    const otherwise = ending.kind === "else" ? this.#otherwise(kind, ending.at) : [];
    this.#cursor.variables.length = length;
    return { kind, at, text: `${text} ${pipe.text}`, pipe, body, otherwise };
  }

  #otherwise(kind: Branch["kind"], at: number): readonly Node[] {
    if (this.#isWord(kind, 0) && kind !== "range") {
      const token = this.#cursor.take();
      return [this.#cursor.nested(at, () => this.#branch(kind, token))];
    }
    const { nodes, ending } = this.#list();
    if (ending.kind !== "end") throw this.#cursor.fault("an {{else}} follows the {{else}}", ending.at);
    return nodes;
  }

  /** Up to and with the `end` or `else` that closes it. */
  #list(): { nodes: readonly Node[]; ending: Ending } {
    const nodes: Node[] = [];
    while (this.#cursor.peek().kind !== "end") {
      if (this.#isWord("define", 1)) throw this.#cursor.unexpected(this.#cursor.peek(1), "a command");
      const node = this.#node();
      if (isEnding(node)) return { nodes, ending: node };
      nodes.push(node);
    }
    throw invalid("an {{end}} is missing");
  }

  #jump(kind: "break" | "continue", { at, text }: Token): Node {
    this.#cursor.expect("close", kind);
    if (this.#loops === 0) throw this.#cursor.fault(`{{${kind}}} stands outside of {{range}}`, at);
    return { kind, at, text };
  }

  #template({ at }: Token): Node {
    const name = this.#name("template");
    const text = this.#cursor.textSince(at);
    if (this.#cursor.takeIf("close")) return { kind: "template", at, text, name };
    const pipe = this.#pipelines.pipeline("template", "close");
    return { kind: "template", at, text: `${text} ${pipe.text}`, name, pipe };
  }

  #name(where: string): string {
    return this.#pipelines.string(this.#cursor.expect("string", where));
  }

  /** A template of its own, called where it stands. */
  #block({ at }: Token): Node {
    const name = this.#name("block");
    const text = this.#cursor.textSince(at);
    const pipe = this.#pipelines.pipeline("block", "close");
    this.#add(name, this.#separate(), at);
    return { kind: "template", at, text: `${text} ${pipe.text}`, name, pipe };
  }

  #define(): void {
    this.#cursor.take();
    const { at } = this.#cursor.take();
    const name = this.#name("define");
    this.#cursor.expect("close", "define");
    this.#add(name, this.#separate(), at);
  }

  /** The nodes of a template of its own, which sees no variables and no loops of the one around it. */
  #separate(): readonly Node[] {
    const { variables } = this.#cursor;
    const loops = this.#loops;
    this.#cursor.variables = ["$"];
    this.#loops = 0;
    const { nodes, ending } = this.#list();
    if (ending.kind !== "end") throw this.#cursor.fault("there is an {{else}} without {{if}}", ending.at);
    this.#cursor.variables = variables;
    this.#loops = loops;
    return nodes;
  }

  /** The first one that is not blank stays. */
  #add(name: string, nodes: readonly Node[], at: number): void {
    const known = this.#named.get(name);
    if (known === undefined || isBlank(known)) this.#named.set(name, nodes);
    else if (!isBlank(nodes)) throw this.#cursor.fault(`template ${JSON.stringify(name)} is defined twice`, at);
  }
}

function isEnding(node: Node | Ending): node is Ending {
  return node.kind === "end" || node.kind === "else";
}

/** Whether a template is white space only. */
function isBlank(nodes: readonly Node[]): boolean {
  return nodes.every((node) => node.kind === "text" && node.value.trim() === "");
}

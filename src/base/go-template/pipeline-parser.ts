import { parseCharacter, parseNumber, unquote } from "./constants.ts";
import type { Cursor } from "./cursor.ts";
import type { Token } from "./lexer.ts";
import type { Command, NumberLiteral, Operand, Pipe } from "./nodes.ts";

/** Whether a function may be called; throws where it is known and refused. */
export type KnowsFunction = (name: string, at: number) => boolean;

/** Pipelines, their commands and operands. */
export class PipelineParser {
  readonly #cursor: Cursor;
  readonly #knows: KnowsFunction;

  constructor(cursor: Cursor, knows: KnowsFunction) {
    this.#cursor = cursor;
    this.#knows = knows;
  }

  /** Up to and with the end of the action, or the parenthesis. */
  pipeline(where: string, end: "close" | ")"): Pipe {
    const { at } = this.#cursor.peek();
    const { variables, assigns } = this.#declarations(where);
    const commands: Command[] = [];
    while (this.#cursor.peek().kind !== end) {
      if (!isOperand(this.#cursor.peek())) throw this.#cursor.unexpected(this.#cursor.peek(), where);
      commands.push(this.#command());
    }
    const text = this.#cursor.textSince(at);
    const { at: endsAt } = this.#cursor.take();
    if (commands.length === 0) throw this.#cursor.fault(`a value is missing in ${where}`, endsAt);
    for (const { operands, at: start } of commands.slice(1)) {
      if (isPlain(operands[0])) throw this.#cursor.fault(`${operands[0].text} takes no value from a pipe`, start);
    }
    return { at, text, variables, assigns, commands };
  }

  /** `$x :=`, `$x =`, and in a range `$i, $x :=`. */
  #declarations(where: string): { variables: string[]; assigns: boolean } {
    const variables: string[] = [];
    for (;;) {
      const variable = this.#cursor.peek();
      const next = this.#cursor.peek(1);
      if (variable.kind !== "variable") return { variables, assigns: false };
      const isComma = next.kind === "other" && next.text === ",";
      if (next.kind !== "assign" && next.kind !== "declare" && !isComma) return { variables, assigns: false };
      this.#cursor.take();
      this.#cursor.take();
      variables.push(variable.text);
      this.#cursor.variables.push(variable.text);
      if (!isComma) return { variables, assigns: next.kind === "assign" };
      const after = this.#cursor.peek();
      if (where !== "range" || variables.length > 1) throw this.#cursor.fault("too many variables are set", after.at);
      if (!["variable", "close", ")"].includes(after.kind)) {
        throw this.#cursor.fault("range can only set variables", after.at);
      }
    }
  }

  /** Operands with spaces between them; the pipe after them is taken, the end is not. */
  #command(): Command {
    const { at } = this.#cursor.peek();
    const operands: Operand[] = [];
    for (;;) {
      const operand = isOperand(this.#cursor.peek()) ? this.#operand() : undefined;
      if (operand !== undefined) operands.push(operand);
      const next = this.#cursor.peek();
      if (next.kind === "close" || next.kind === ")" || next.kind === "pipe") break;
      if (!next.spaced || !isOperand(next)) throw this.#cursor.unexpected(next, "operand");
    }
    const [first, ...rest] = operands;
    const text = this.#cursor.textSince(at);
    if (first === undefined) throw this.#cursor.fault("a command is empty", at);
    this.#cursor.takeIf("pipe");
    return { at, text, operands: [first, ...rest] };
  }

  #operand(): Operand {
    const { at } = this.#cursor.peek();
    const term = this.#term();
    const names: string[] = [];
    for (let next = this.#cursor.peek(); next.kind === "field" && !next.spaced; next = this.#cursor.peek()) {
      if (next.text === ".") break;
      names.push(this.#cursor.take().text.slice(1));
    }
    if (names.length === 0) return term;
    const text = this.#cursor.textSince(at);
    if (term.kind === "field" || term.kind === "variable") return { ...term, text, names: [...term.names, ...names] };
    if (isPlain(term)) throw this.#cursor.fault(`unexpected . after ${term.text}`, at);
    return { kind: "chain", at, text, of: term, names };
  }

  #term(): Operand {
    const token = this.#cursor.take();
    const { at, text } = token;
    switch (token.kind) {
      case "field":
        return text === "." ? { kind: "dot", at, text } : { kind: "field", at, text, names: [text.slice(1)] };
      case "variable":
        if (!this.#cursor.variables.includes(text)) throw this.#cursor.fault(`the variable ${text} is not set`, at);
        return { kind: "variable", at, text, name: text, names: [] };
      case "number":
        return this.#number(token, parseNumber(text));
      case "character":
        return this.#number(token, parseCharacter(text));
      case "string":
        return { kind: "string", at, text, value: this.string(token) };
      case "word":
        return this.#word(token);
      default:
        return this.#parenthesized(token);
    }
  }

  #number({ at, text }: Token, number: NumberLiteral | string): Operand {
    if (typeof number === "string") throw this.#cursor.fault(`${text}: ${number}`, at);
    return { ...number, at, text };
  }

  string({ at, text }: Token): string {
    const value = unquote(text);
    if (value === undefined) throw this.#cursor.fault(`${text} has an escape that Go does not know`, at);
    return value;
  }

  #word({ at, text }: Token): Operand {
    if (text === "nil") return { kind: "nil", at, text };
    if (text === "true" || text === "false") return { kind: "bool", at, text, value: text === "true" };
    if (!this.#knows(text, at)) throw this.#cursor.fault(`function ${JSON.stringify(text)} is not defined`, at);
    return { kind: "function", at, text, name: text };
  }

  #parenthesized({ at }: Token): Operand {
    const pipe = this.#cursor.nested(at, () => this.pipeline("a parenthesis", ")"));
    return { kind: "pipe", at, text: this.#cursor.textSince(at), pipe };
  }
}

/** Words that begin or end something and cannot be operands. */
const keywords = new Set(["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"]);

function isOperand({ kind, text }: Token): boolean {
  if (kind === "word") return !keywords.has(text);
  return ["field", "variable", "number", "character", "string", "("].includes(kind);
}

/** Literals, nil and the dot: they are no functions and have no fields. */
function isPlain({ kind }: Operand): boolean {
  return ["bool", "dot", "nil", "number", "string"].includes(kind);
}

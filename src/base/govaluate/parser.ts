import type { FloatJson } from "../json.ts";
import { invalid } from "./fault.ts";
import { tokenize } from "./lexer.ts";
import type { Pattern } from "./pattern.ts";
import type { Token } from "./token.ts";

export type Node =
  | { readonly kind: "literal"; readonly value: FloatJson | Pattern; readonly depth: number }
  | { readonly kind: "variable"; readonly name: string; readonly depth: number }
  | { readonly kind: "accessor"; readonly names: readonly string[]; readonly depth: number }
  | { readonly kind: "prefix"; readonly operator: string; readonly operand: Node; readonly depth: number }
  | {
      readonly kind: "binary";
      readonly operator: string;
      readonly left: Node;
      readonly right: Node;
      readonly depth: number;
    };

/** Deeper trees are refused, be it by parentheses or by long chains: evaluation recurses into them. */
const maxDepth = 1_000;

/** From the weakest; operators of one line are of equal strength, and each takes what is on its left first. */
const levels = [
  [","],
  ["?", ":", "??"],
  ["||"],
  ["&&"],
  [..."== != > >= < <= =~ !~ in".split(" ")],
  ["^", "&", "|"],
].concat([[">>", "<<"], ["+", "-"], ["*", "/", "%"], ["**"]]);

const strengths: ReadonlyMap<string, number> = new Map(
  levels.flatMap((operators, strength) => operators.map((operator) => [operator, strength] as const)),
);

const operatorKinds: ReadonlySet<string> = new Set([
  ...["separator", "ternary operator", "logical operator", "comparator", "modifier"],
]);

/**
 * Like the original, it leaves what stands after the end of the expression: `(a) b` is `a`, and so is `a) + (b`.
 * @throws TerminalError EXPRESSION_INVALID
 */
export function parse(source: string): Node {
  return new Parser(source, tokenize(source)).expression(0, 0);
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(source: string, tokens: readonly Token[]) {
    this.#source = source;
    this.#tokens = tokens;
  }

  /** `nesting` counts parentheses, whose inside is not yet a tree. */
  expression(weakest: number, nesting: number): Node {
    let left = this.#value(nesting);
    for (;;) {
      const token = this.#tokens[this.#at];
      const strength = token && operatorKinds.has(token.kind) ? (strengths.get(token.text) ?? -1) : -1;
      if (token === undefined || strength < weakest) return left;
      this.#at++;
      const right = this.expression(strength + 1, nesting);
      const depth = this.#checked(Math.max(left.depth, right.depth) + 1, token);
      left = { kind: "binary", operator: token.text, left, right, depth };
    }
  }

  #checked(depth: number, token: Token): number {
    if (depth > maxDepth) throw invalid(this.#source, `it is nested deeper than ${maxDepth}`, token.at);
    return depth;
  }

  #value(nesting: number): Node {
    const token = this.#tokens[this.#at];
    // Nothing stands before a closing parenthesis: that is nil.
    if (token === undefined || token.kind === "closing parenthesis") return literal(null);
    this.#at++;
    switch (token.kind) {
      case "opening parenthesis":
        return this.#group(token, nesting);
      case "prefix": {
        const operand = this.#value(nesting);
        return { kind: "prefix", operator: token.text, operand, depth: this.#checked(operand.depth + 1, token) };
      }
      case "accessor":
        // Its arguments take all that follows; it fails whatever they are.
        if (this.#tokens[this.#at]?.kind === "opening parenthesis") this.expression(0, nesting);
        return { kind: "accessor", names: token.names, depth: 1 };
      default:
        return this.#leaf(token);
    }
  }

  #leaf(token: Token): Node {
    switch (token.kind) {
      case "number":
      case "time":
      case "boolean":
      case "pattern":
        return literal(token.value);
      case "string":
        return literal(token.text);
      case "variable":
        return { kind: "variable", name: token.text, depth: 1 };
      default:
        throw invalid(
          this.#source,
          `the ${token.kind} ${JSON.stringify(token.text)} stands where a value is expected`,
          token.at,
        );
    }
  }

  #group(token: Token, nesting: number): Node {
    const inner = this.expression(0, this.#checked(nesting + 1, token));
    this.#at++; // most often the closing parenthesis
    return inner;
  }
}

function literal(value: FloatJson | Pattern): Node {
  return { kind: "literal", value, depth: 1 };
}

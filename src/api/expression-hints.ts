import { tokenize } from "../base/govaluate/lexer.ts";
import { type Node, parse } from "../base/govaluate/parser.ts";
import type { Problem } from "../base/schema.ts";
import { warningAt } from "./fields.ts";

/** Words of other languages that people write into `exprs`, and what govaluate has. */
const foreign: readonly (readonly [RegExp, string])[] = [
  [/(?<![=!<>~])=(?![=~])/, "equality is `==`"],
  [/===|!==/, "equality is `==`, its opposite `!=`"],
  [/\band\b/i, "`and` is `&&`"],
  [/\bor\b/i, "`or` is `||`"],
  [/\bnot\b/i, "`not` is `!`"],
  [/\b(?:contains|matches|startsWith|endsWith|like)\b/i, "texts are searched with `=~ 'regular expression'`"],
  [/\w\(/, "the value may be prepared by the path, such as `list.#` for a length"],
];

/** What to write instead of what does not parse, when it comes from another language. */
export function foreignWords(expression: string): string | undefined {
  const bare = expression.replaceAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\[[^\]]*\]/g, "''");
  return foreign.find(([word]) => word.test(bare))?.[1];
}

/** Of an expression that parses: parts that are never what they seem to be. One warning. */
export function checkMeaning(expression: string, path: string): Problem[] {
  const date = tokenize(expression).find(({ kind }) => kind === "time");
  if (date?.kind === "time") {
    const message = `${JSON.stringify(date.text)} is read as a date, which is the number ${date.value}: no text equals it`;
    return [warningAt(path, message, "write `=~ '^…$'` for a text")];
  }
  const root = parse(expression);
  const operand = wrongOperand(root);
  if (operand !== undefined) {
    const message = `beside ${operand} stands what is neither true nor false: the filter fails with each event that it is read for`;
    return [warningAt(path, message, "each side is a comparison of its own: `a == 'x' || a == 'y'`")];
  }
  return isNoBool(root) ? [warningAt(path, "gives neither true nor false: no event passes")] : [];
}

const arithmetic = new Set(["+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"]);

/** For sure: of a variable nothing is known. */
function isNoBool(node: Node): boolean {
  if (node.kind === "literal") return typeof node.value !== "boolean";
  if (node.kind === "prefix") return node.operator !== "!";
  return node.kind === "binary" && arithmetic.has(node.operator);
}

/** The logical operator that has an operand which is no bool. */
function wrongOperand(node: Node): string | undefined {
  if (node.kind === "prefix") {
    return node.operator === "!" && isNoBool(node.operand) ? "!" : wrongOperand(node.operand);
  }
  if (node.kind !== "binary") return undefined;
  const { operator, left, right } = node;
  if ((operator === "&&" || operator === "||") && (isNoBool(left) || isNoBool(right))) return operator;
  return wrongOperand(left) ?? wrongOperand(right);
}

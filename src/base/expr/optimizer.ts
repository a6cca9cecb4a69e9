import { goPow } from "../go/float.ts";
import { invalid } from "./fault.ts";
import { type LoopShape, type Node, type NodeOf, type NodeShape, nodeAt } from "./syntax/nodes.ts";
import type { Facts } from "./types/checker.ts";

/**
 * Rewrites what the original rewrites, since it shows: `x and true` is x whatever x is, `x in ["a"]` fails for numbers,
 * `first(filter(…))` ends with the first that holds.
 * @throws TerminalError EXPRESSION_INVALID for a division by zero
 */
export function optimize(source: string, root: Node, facts: Facts): Node {
  const sets = rewrite(root, facts, (node) => setOfConstants(node, facts));
  const folded = rewrite(sets, facts, (node) => fold(source, node));
  const ranges = rewrite(folded, facts, (node) => inRange(node, facts));
  return rewrite(ranges, facts, (node) => constantRange(node) ?? loop(node));
}

/** From below; `change` gives nothing where a node stays. */
function rewrite(node: Node, facts: Facts, change: (node: Node) => NodeShape | undefined): Node {
  const inner = withChildren(node, (child) => rewrite(child, facts, change));
  const same = inner === node ? node : keepFacts(node, nodeAt(node.at, inner), facts);
  const changed = change(same);
  return changed === undefined ? same : keepFacts(same, nodeAt(same.at, changed), facts);
}

function keepFacts(from: Node, to: Node, { types, patterns, aliases }: Facts): Node {
  if (types.has(from)) types.set(to, types.get(from));
  const pattern = patterns.get(from);
  if (pattern !== undefined) patterns.set(to, pattern);
  const alias = aliases.get(from);
  if (alias !== undefined) aliases.set(to, alias);
  return to;
}

type Change = (node: Node) => Node;

function withChildren(node: Node, change: Change): Node {
  switch (node.kind) {
    case "unary":
      return { ...node, operand: change(node.operand) };
    case "binary":
      return { ...node, left: change(node.left), right: change(node.right) };
    case "conditional":
      return {
        ...node,
        condition: change(node.condition),
        whenTrue: change(node.whenTrue),
        whenFalse: change(node.whenFalse),
      };
    case "let":
      return { ...node, value: change(node.value), body: change(node.body) };
    case "list":
      return { ...node, items: node.items.map(change) };
    case "map":
      return { ...node, pairs: node.pairs.map(({ key, value }) => ({ key: change(key), value: change(value) })) };
    case "chain":
      return { ...node, inner: change(node.inner) };
    case "member":
      return { ...node, base: change(node.base), property: change(node.property) };
    case "slice":
      return { ...node, base: change(node.base), from: node.from && change(node.from), to: node.to && change(node.to) };
    case "call":
      return { ...node, callee: change(node.callee), args: node.args.map(change) };
    case "builtin":
      return { ...node, args: node.args.map(change) };
    case "loop":
      return loopWithChildren(node, change);
    default:
      return node;
  }
}

function loopWithChildren(node: NodeOf<"loop">, change: Change): Node {
  const { initial, map } = node;
  return {
    ...node,
    list: change(node.list),
    closures: node.closures.map(change),
    ...(initial && { initial: change(initial) }),
    ...(map && { map: change(map) }),
  };
}

/** `x in ["a", "b"]`: a set, which takes a value of its own type only. */
function setOfConstants(node: Node, { types }: Facts): NodeShape | undefined {
  if (node.kind !== "binary" || node.operator !== "in" || node.right.kind !== "list") return undefined;
  const { items } = node.right;
  const texts = items.flatMap((item) => (item.kind === "string" ? [item.value] : []));
  const ints = items.flatMap((item) => (item.kind === "int" ? [item.value] : []));
  const isInt = types.get(node.left)?.kind === "int";
  const set =
    texts.length === items.length ? new Set(texts) : isInt && ints.length === items.length ? new Set(ints) : undefined;
  if (items.length === 0 || set === undefined) return undefined;
  return { ...node, right: nodeAt(node.right.at, { kind: "constant set", items: set }) };
}

function fold(source: string, node: Node): NodeShape | undefined {
  switch (node.kind) {
    case "unary":
      return foldUnary(node);
    case "binary":
      return foldLogic(node) ?? foldEquality(node) ?? foldText(node) ?? foldNumbers(source, node);
    case "list":
      return foldList(node);
    case "loop":
      return node.name === "filter" && node.list.kind === "loop" && node.list.name === "filter"
        ? { ...node, list: node.list.list, closures: [...node.list.closures, ...node.closures] }
        : undefined;
    default:
      return undefined;
  }
}

function foldUnary({ operator, operand }: NodeOf<"unary">): NodeShape | undefined {
  if (operator === "+" && (operand.kind === "int" || operand.kind === "float")) return operand;
  if (operator === "-" && operand.kind === "int") return { kind: "int", value: BigInt.asIntN(64, -operand.value) };
  if (operator === "-" && operand.kind === "float") return { kind: "float", value: -operand.value };
  const isNot = operator === "not" || operator === "!";
  return isNot && operand.kind === "bool" ? { kind: "bool", value: !operand.value } : undefined;
}

function foldLogic({ operator, left, right }: NodeOf<"binary">): NodeShape | undefined {
  const isAnd = operator === "and" || operator === "&&";
  if (!isAnd && operator !== "or" && operator !== "||") return undefined;
  if (left.kind === "bool") return left.value === isAnd ? right : left;
  if (right.kind === "bool") return right.value === isAnd ? left : right;
  return undefined;
}

function foldEquality({ operator, left, right }: NodeOf<"binary">): NodeShape | undefined {
  if (operator !== "==" || left.kind !== right.kind) return undefined;
  const isFolded = left.kind === "int" || left.kind === "string" || left.kind === "bool";
  return isFolded && "value" in right ? { kind: "bool", value: left.value === right.value } : undefined;
}

function foldText({ operator, left, right }: NodeOf<"binary">): NodeShape | undefined {
  if (operator !== "+" || left.kind !== "string" || right.kind !== "string") return undefined;
  return { kind: "string", value: left.value + right.value };
}

function foldNumbers(source: string, node: NodeOf<"binary">): NodeShape | undefined {
  const { operator, left, right } = node;
  if ((left.kind !== "int" && left.kind !== "float") || (right.kind !== "int" && right.kind !== "float"))
    return undefined;
  if (left.kind === "int" && right.kind === "int") {
    if (operator === "%" && right.value === 0n) throw invalid(source, node.at, "a division by zero");
    const value = foldInts(operator, left.value, right.value);
    if (value !== undefined) return { kind: "int", value: BigInt.asIntN(64, value) };
  }
  const value = foldFloats(operator, Number(left.value), Number(right.value));
  return value === undefined ? undefined : { kind: "float", value };
}

function foldInts(operator: string, left: bigint, right: bigint): bigint | undefined {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "%":
      return left % right;
    default:
      return undefined;
  }
}

function foldFloats(operator: string, left: number, right: number): number | undefined {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "**":
    case "^":
      return goPow(left, right);
    default:
      return undefined;
  }
}

function foldList({ items }: NodeOf<"list">): NodeShape | undefined {
  const values: (string | boolean | number | bigint)[] = [];
  for (const item of items) {
    if (item.kind !== "int" && item.kind !== "float" && item.kind !== "string" && item.kind !== "bool")
      return undefined;
    values.push(item.value);
  }
  return values.length > 0 ? { kind: "constant list", items: values } : undefined;
}

/** `n in 1..3` for an integer compares, and makes no list. */
function inRange(node: Node, { types }: Facts): NodeShape | undefined {
  if (node.kind !== "binary" || node.operator !== "in" || types.get(node.left)?.kind !== "int") return undefined;
  const { left, right } = node;
  if (right.kind !== "binary" || right.operator !== ".." || right.left.kind !== "int" || right.right.kind !== "int")
    return undefined;
  const from = nodeAt(node.at, { kind: "binary", operator: ">=", left, right: right.left });
  const to = nodeAt(node.at, { kind: "binary", operator: "<=", left, right: right.right });
  return { kind: "binary", operator: "and", left: from, right: to };
}

/** Larger ones count as memory that is used each time. */
const maxConstant = 1_000_000n;

function constantRange(node: Node): NodeShape | undefined {
  if (node.kind !== "binary" || node.operator !== "..") return undefined;
  const { left, right } = node;
  if (left.kind !== "int" || right.kind !== "int" || right.value - left.value + 1n > maxConstant) return undefined;
  return { kind: "constant range", from: left.value, to: right.value };
}

function loop(node: Node): NodeShape | undefined {
  switch (node.kind) {
    case "loop":
      return node.name === "map" ? mapOfFilter(node) : undefined;
    case "member":
      return itemOfFilter(node);
    case "builtin":
      return node.args.length === 1 && node.args[0] ? ofFilter(node.name, node.args[0]) : undefined;
    default:
      return undefined;
  }
}

/** `filter(…)[0]` and `filter(…)[-1]`. */
function itemOfFilter({ base, property, isOptional }: NodeOf<"member">): NodeShape | undefined {
  const filter = filterOf(base);
  if (filter === undefined || isOptional || property.kind !== "int") return undefined;
  if (property.value === 0n) return { ...filter, name: "find", throws: true };
  return property.value === -1n ? { ...filter, name: "findLast", throws: true } : undefined;
}

function ofFilter(name: string, list: Node): NodeShape | undefined {
  const filter = filterOf(list);
  switch (filter && name) {
    case "first":
      return filter && { ...filter, name: "find" };
    case "last":
      return filter && { ...filter, name: "findLast" };
    case "len":
      return filter && { kind: "loop", name: "count", list: filter.list, closures: filter.closures };
    default:
      return undefined;
  }
}

function filterOf(node: Node): LoopShape | undefined {
  return node.kind === "loop" && node.name === "filter" ? node : undefined;
}

function mapOfFilter(node: NodeOf<"loop">): NodeShape | undefined {
  const filter = filterOf(node.list);
  const [map] = node.closures;
  return filter === undefined || filter.map !== undefined || map === undefined ? undefined : { ...filter, map };
}

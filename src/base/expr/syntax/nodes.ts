/** An expression as a tree. `at` is where it stands in the source, `depth` how many nodes are below each other. */
export type Node = { readonly at: number; readonly depth: number } & NodeShape;

export type NodeShape =
  | { readonly kind: "nil" }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "constant list"; readonly items: readonly (string | boolean | number | bigint)[] }
  | { readonly kind: "constant range"; readonly from: bigint; readonly to: bigint }
  | { readonly kind: "constant set"; readonly items: ReadonlySet<string> | ReadonlySet<bigint> }
  | { readonly kind: "identifier"; readonly name: string }
  | { readonly kind: "pointer"; readonly name: string }
  | { readonly kind: "unary"; readonly operator: string; readonly operand: Node }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Node; readonly right: Node }
  | { readonly kind: "conditional"; readonly condition: Node; readonly whenTrue: Node; readonly whenFalse: Node }
  | { readonly kind: "let"; readonly name: string; readonly value: Node; readonly body: Node }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "map"; readonly pairs: readonly Pair[] }
  | { readonly kind: "chain"; readonly inner: Node }
  | { readonly kind: "member"; readonly base: Node; readonly property: Node; readonly isOptional: boolean }
  | { readonly kind: "slice"; readonly base: Node; readonly from: Node | undefined; readonly to: Node | undefined }
  | { readonly kind: "call"; readonly callee: Node; readonly args: readonly Node[] }
  | { readonly kind: "builtin"; readonly name: string; readonly args: readonly Node[] }
  | LoopShape;

/** A builtin with a closure over the items of a list. */
export interface LoopShape {
  readonly kind: "loop";
  readonly name: LoopName;
  readonly list: Node;
  /** More than one where filters were joined: all have to hold. */
  readonly closures: readonly Node[];
  /** The first value of `reduce`. */
  readonly initial?: Node;
  /** What is made of the items that were found: set by the optimizer only. */
  readonly map?: Node;
  /** Whether to fail when nothing is found: `filter(…)[0]`. */
  readonly throws?: boolean;
}

export interface Pair {
  readonly key: Node;
  readonly value: Node;
}

export const loopNames = [
  ...([
    "all",
    "none",
    "any",
    "one",
    "filter",
    "map",
    "count",
    "find",
    "findIndex",
    "findLast",
    "findLastIndex",
  ] as const),
  ...(["groupBy", "reduce"] as const),
] as const;

export type LoopName = (typeof loopNames)[number];
export type NodeOf<Kind extends Node["kind"]> = Extract<Node, { readonly kind: Kind }>;

const names: ReadonlySet<string> = new Set(loopNames);

export function isLoopName(name: string): name is LoopName {
  return names.has(name);
}

/** The nodes right below one. */
export function childrenOf(node: NodeShape): readonly Node[] {
  switch (node.kind) {
    case "unary":
      return [node.operand];
    case "binary":
      return [node.left, node.right];
    case "conditional":
      return [node.condition, node.whenTrue, node.whenFalse];
    case "let":
      return [node.value, node.body];
    case "list":
      return node.items;
    case "map":
      return node.pairs.flatMap(({ key, value }) => [key, value]);
    case "chain":
      return [node.inner];
    case "member":
      return [node.base, node.property];
    case "slice":
      return [node.base, ...(node.from ? [node.from] : []), ...(node.to ? [node.to] : [])];
    case "call":
      return [node.callee, ...node.args];
    case "builtin":
      return node.args;
    case "loop":
      return [node.list, ...node.closures, ...(node.initial ? [node.initial] : []), ...(node.map ? [node.map] : [])];
    default:
      return [];
  }
}

export function nodeAt(at: number, shape: NodeShape): Node {
  let depth = 0;
  for (const child of childrenOf(shape)) depth = Math.max(depth, child.depth);
  return { ...shape, at, depth: depth + 1 };
}

import type { Request } from "express";
import { objectsOf, textOf } from "../api/fields.ts";
import type { JsonObject } from "../base/json.ts";
import { textParameter } from "./application-query.ts";
import { wholeNumber } from "./questions.ts";

/** A part of a tree, of ours: `depth` levels (0: all) of it, or of what is below one object. */
export interface TreeLevels {
  readonly depth: number;
  /** The uid of the object; undefined: the whole tree. */
  readonly under: string | undefined;
}

/** `depth` and `under` of the query; undefined: the tree is asked for as the original has it. @throws EngineError USAGE */
export function levelsOf(request: Request): TreeLevels | undefined {
  const [depth, under] = [textParameter(request, "depth"), textParameter(request, "under")];
  if (depth === undefined && under === undefined) return undefined;
  return { depth: depth === undefined ? 0 : wholeNumber(depth, "depth"), under };
}

/**
 * The nodes of the levels, in their order, each with the number of its children as `childCount`: whoever shows a large tree
 * asks for the rest where somebody looks.
 */
export function nodesOf(nodes: readonly JsonObject[], { depth, under }: TreeLevels): readonly JsonObject[] {
  const children = new Map<string, JsonObject[]>();
  for (const node of nodes) {
    for (const uid of parentsOf(node)) {
      const known = children.get(uid);
      if (known === undefined) children.set(uid, [node]);
      else known.push(node); // one may have thousands
    }
  }
  const below = (node: JsonObject): readonly JsonObject[] => children.get(textOf(node.uid)) ?? [];
  let level = under === undefined ? nodes.filter((node) => parentsOf(node).length === 0) : (children.get(under) ?? []);
  const shown = new Set<JsonObject>();
  for (let at = 1; level.length > 0 && (depth === 0 || at <= depth); at++) {
    for (const node of level) shown.add(node);
    level = level.flatMap(below).filter((node) => !shown.has(node));
  }
  return nodes.filter((node) => shown.has(node)).map((node) => ({ ...node, childCount: below(node).length }));
}

function parentsOf({ parentRefs }: JsonObject): readonly string[] {
  return objectsOf(parentRefs).map(({ uid }) => textOf(uid));
}

import { objectOf, objectsOf, textOf } from "../../api/fields.ts";
import type { Instant } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { durationText } from "../../objects/table.ts";
import { table } from "../output.ts";
import { oneLine, resourcesOf } from "./application.ts";
import { keyOf, namedOf } from "./resource-states.ts";

/** A tree as lines: `├─ReplicaSet/web-1`, with what is known of each object beside it. */
export function treeText(tree: JsonObject, application: KubeObject, now: Instant, isDetailed: boolean): string {
  const nodes = objectsOf(tree.nodes);
  const states = new Map(resourcesOf(application).map((resource) => [keyOf(namedOf(resource)), resource]));
  const children = new Map<string, JsonObject[]>();
  const roots: JsonObject[] = [];
  for (const node of nodes) {
    const [parent] = objectsOf(node.parentRefs);
    if (parent === undefined) roots.push(node);
    else children.set(keyOf(namedOf(parent)), [...(children.get(keyOf(namedOf(parent))) ?? []), node]);
  }
  const rows: string[][] = [];
  const add = (node: JsonObject, prefix: string, branch: string): void => {
    const below = children.get(keyOf(namedOf(node))) ?? [];
    const hidden = Number(node.childCount ?? below.length) - below.length;
    const named = hidden > 0 ? { ...node, name: `${textOf(node.name)} (+${hidden})` } : node;
    rows.push(rowOf(named, `${prefix}${branch}`, states.get(keyOf(namedOf(node))), now, isDetailed));
    const next = branch === "" ? "" : branch.startsWith("└") ? "  " : "│ ";
    for (const [at, child] of below.entries()) {
      add(child, prefix + next, at === below.length - 1 ? "└─" : "├─");
    }
  };
  for (const root of roots) add(root, "", "");
  const headers = isDetailed
    ? ["KIND/NAME", "STATUS", "HEALTH", "AGE", "MESSAGE", "REASON"]
    : ["KIND/NAME", "STATUS", "HEALTH", "MESSAGE"];
  return table(headers, rows);
}

function rowOf(
  node: JsonObject,
  prefix: string,
  state: JsonObject | undefined,
  now: Instant,
  isDetailed: boolean,
): string[] {
  const health = objectOf(node.health);
  const message = oneLine(textOf(health.message));
  const cells = [`${prefix}${textOf(node.kind)}/${textOf(node.name)}`, textOf(state?.status), textOf(health.status)];
  if (!isDetailed) return [...cells, message];
  const created = Date.parse(textOf(node.createdAt));
  const reason = objectsOf(node.info).find(({ name }) => name === "Status Reason");
  return [...cells, Number.isNaN(created) ? "" : durationText(now - created), message, textOf(reason?.value)];
}

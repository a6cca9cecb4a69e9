import { isJsonObject, type JsonObject } from "../base/json.ts";
import { nearest } from "../base/nearest.ts";
import type { JsonSchema } from "../base/schema.ts";
import { completionsOf, synonymsOf } from "./likely-names.ts";

/** A place in a manifest while it is read: what the schema says there, and the levels above. */
export interface Level {
  readonly schema: JsonSchema;
  readonly path: string;
  /** The object that stands there; absent before it is known to be one. */
  readonly value?: JsonObject;
  /** The object around it; a list and its items are one level. */
  readonly up?: Level;
}

/** How deep below a level a key is looked for, and among how many schemas. */
const maxDepth = 3;
const maxSchemas = 500;

/**
 * What was likely meant by a key that the schema does not know here: another spelling, another word, or another place of
 * the same kind's schema. Exact keys elsewhere go before near ones here; undefined when nothing is likely.
 */
export function suggestPlace(key: string, level: Level): string | undefined {
  const known = Object.keys(level.schema.properties ?? {});
  const sameWord = known.filter((name) => name.toLowerCase() === key.toLowerCase());
  return (
    didYouMean(sameWord) ??
    didYouMean(synonymsOf(key, known)) ??
    placeAbove(key, level) ??
    placeBelow(key, level) ??
    didYouMean(nearest(key, known)) ??
    didYouMean(completionsOf(key, known))
  );
}

function didYouMean(names: readonly string[] | string = []): string | undefined {
  const list = typeof names === "string" ? [names] : names;
  return list.length === 0 ? undefined : `did you mean ${list.map((name) => `\`${name}\``).join(" or ")}?`;
}

function placeAbove(key: string, level: Level): string | undefined {
  let distance = 1;
  for (let up = level.up; up !== undefined; up = up.up, distance++) {
    if (!up.schema.properties || !Object.hasOwn(up.schema.properties, key)) continue;
    const where = distance === 1 ? "one level up" : `${distance} levels up`;
    return `belongs ${where}: \`${up.path}.${key}\``;
  }
  return undefined;
}

interface Below {
  readonly schema: JsonSchema;
  readonly path: string;
  readonly depth: number;
  /** Absent where the manifest has nothing. */
  readonly value?: JsonObject;
}

/** Blocks that the manifest has go before those that it lacks; of these only one may know the key. */
function placeBelow(key: string, { schema, path, value }: Level): string | undefined {
  const waiting: Below[] = childrenOf({ schema, path: "", depth: 0, ...(value ? { value } : {}) });
  const found: Below[] = [];
  for (const [index, below] of waiting.entries()) {
    if (index >= maxSchemas) break;
    if (below.schema.properties && Object.hasOwn(below.schema.properties, key)) found.push(below);
    else if (below.depth < maxDepth) waiting.push(...childrenOf(below));
  }
  const written = found.filter((below) => below.value !== undefined);
  const nearestDepth = Math.min(...found.map((below) => below.depth));
  const only = found.filter((below) => below.depth === nearestDepth);
  const place = written[0] ?? (only.length === 1 ? only[0] : undefined);
  return place && `belongs under \`${place.path.slice(1)}\`: \`${path}${place.path}.${key}\``;
}

/** Of lists the item: the first one that the manifest has. */
function childrenOf({ schema, path, depth, value }: Below): Below[] {
  return Object.entries(schema.properties ?? {}).map(([name, child]) => {
    const inner = value?.[name];
    const item = Array.isArray(inner) ? inner[0] : inner;
    return {
      schema: child.items ?? child,
      path: `${path}.${name}${child.items ? "[0]" : ""}`,
      depth: depth + 1,
      ...(isJsonObject(item) ? { value: item } : {}),
    };
  });
}

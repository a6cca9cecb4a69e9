import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";

/** One node of a CRD's `openAPIV3Schema`, read once. What it does not say allows everything. */
export interface Schema {
  readonly type: string | undefined;
  readonly nullable: boolean;
  readonly properties: ReadonlyMap<string, Schema>;
  readonly additional: Schema | undefined;
  readonly items: Schema | undefined;
  readonly required: readonly string[];
  readonly keepsUnknown: boolean;
  /** Also has `apiVersion`, `kind` and `metadata` of its own. */
  readonly isEmbedded: boolean;
  readonly intOrString: boolean;
  readonly fallback: JsonValue | undefined;
  /** As written, without what is below it: limits, enum, pattern, rules, how lists merge. */
  readonly node: JsonObject;
}

/** Deeper ones say nothing about what is below. */
const maxDepth = 64;

/** Parts that say the same are one object: of a thousand fields most are one of a few. */
export function readSchema(node: JsonObject): Schema {
  return new SchemaReader().read(node, 0).schema;
}

interface Known {
  readonly schema: Schema;
  readonly id: number;
}

class SchemaReader {
  /** By what they say, and the ids of what is below them. */
  readonly #known = new Map<string, Known>();

  read(node: JsonObject, depth: number): Known {
    const below = (value: JsonValue | undefined): Known | undefined =>
      isJsonObject(value) && depth < maxDepth ? this.read(value, depth + 1) : undefined;
    const properties = new Map<string, Known>();
    for (const [name, value] of Object.entries(isJsonObject(node.properties) ? node.properties : {})) {
      const property = below(value);
      if (property) properties.set(name, property);
    }
    const additional = below(node.additionalProperties);
    const items = below(node.items);
    const own = ownOf(node);
    const ids = [...properties].map(([name, { id }]) => [name, id]);
    const key = JSON.stringify([own, additional?.id, items?.id, ids]);
    const known = this.#known.get(key);
    if (known) return known;
    const schema = schemaOf(own, { properties, additional, items });
    const made = { schema, id: this.#known.size };
    this.#known.set(key, made);
    return made;
  }
}

/** What it says by itself, but for its description, which is shown from where the definition is stored. */
function ownOf({
  description: _,
  properties: _below,
  items: _items,
  additionalProperties,
  ...own
}: JsonObject): JsonObject {
  return typeof additionalProperties === "boolean" ? { ...own, additionalProperties } : own;
}

interface Below {
  readonly properties: ReadonlyMap<string, Known>;
  readonly additional: Known | undefined;
  readonly items: Known | undefined;
}

function schemaOf(own: JsonObject, { properties, additional, items }: Below): Schema {
  return {
    type: typeof own.type === "string" ? own.type : undefined,
    nullable: own.nullable === true,
    properties: properties.size === 0 ? none : new Map([...properties].map(([name, { schema }]) => [name, schema])),
    additional: additional?.schema,
    items: items?.schema,
    required: Array.isArray(own.required) ? own.required.map(String) : [],
    keepsUnknown: own["x-kubernetes-preserve-unknown-fields"] === true || own.additionalProperties === true,
    isEmbedded: own["x-kubernetes-embedded-resource"] === true,
    intOrString: own["x-kubernetes-int-or-string"] === true,
    fallback: own.default,
    node: own,
  };
}

const none: ReadonlyMap<string, Schema> = new Map();

const typeFields = ["apiVersion", "kind", "metadata"];

/** Whether the schema says nothing about the field but keeps it. */
export function isKept(schema: Schema, name: string, isRoot: boolean): boolean {
  return schema.keepsUnknown || ((isRoot || schema.isEmbedded) && typeFields.includes(name));
}

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
  /** As written: limits, enum, pattern, rules, how lists merge. */
  readonly node: JsonObject;
}

/** Deeper ones say nothing about what is below. */
const maxDepth = 64;

export function readSchema(node: JsonObject, depth = 0): Schema {
  const below = (value: JsonValue | undefined): Schema | undefined =>
    isJsonObject(value) && depth < maxDepth ? readSchema(value, depth + 1) : undefined;
  const properties = isJsonObject(node.properties) ? Object.entries(node.properties) : [];
  return {
    type: typeof node.type === "string" ? node.type : undefined,
    nullable: node.nullable === true,
    properties: new Map(
      properties.flatMap(([name, value]): [string, Schema][] => {
        const schema = below(value);
        return schema === undefined ? [] : [[name, schema]];
      }),
    ),
    additional: below(node.additionalProperties),
    items: below(node.items),
    required: Array.isArray(node.required) ? node.required.map(String) : [],
    keepsUnknown: node["x-kubernetes-preserve-unknown-fields"] === true || node.additionalProperties === true,
    isEmbedded: node["x-kubernetes-embedded-resource"] === true,
    intOrString: node["x-kubernetes-int-or-string"] === true,
    fallback: node.default,
    node,
  };
}

const typeFields = ["apiVersion", "kind", "metadata"];

/** Whether the schema says nothing about the field but keeps it. */
export function isKept(schema: Schema, name: string, isRoot: boolean): boolean {
  return schema.keepsUnknown || ((isRoot || schema.isEmbedded) && typeFields.includes(name));
}

import fc from "fast-check";
import { parseJson } from "../../src/base/json.ts";
import type { JsonSchema } from "../../src/base/schema.ts";

/** As a manifest holds it: integers beyond 2^53 with their digits. */
const jsonValue = fc.jsonValue({ maxDepth: 2 }).map((value) => parseJson(JSON.stringify(value)));

const anyObject: fc.Arbitrary<unknown> = fc.dictionary(fc.string(), jsonValue, {
  maxKeys: 3,
  noNullPrototype: true,
});

/** Values that the schema describes, with and without what is optional. `free` are those of free-form objects. */
export function arbitraryOf(schema: JsonSchema, free = anyObject): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema["x-kubernetes-int-or-string"]) return fc.oneof(fc.nat(), fc.string());
  switch (schema.type) {
    case "string":
      return fc
        .oneof(fc.string({ minLength: schema.minLength ?? 0 }), fc.constantFrom("a/b", "{{ a }}", "{{ .a }}"))
        .filter((text) => text.length >= (schema.minLength ?? 0) && fits(text, schema.pattern));
    case "integer":
      return fc.integer();
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(arbitraryOf(schema.items ?? {}, free), { maxLength: 3 });
    case "object":
      return objectOf(schema, free);
    default:
      return jsonValue;
  }
}

function fits(text: string, pattern: string | undefined): boolean {
  return pattern === undefined || new RegExp(pattern, "u").test(text);
}

function objectOf(schema: JsonSchema, free: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const { properties, additionalProperties, required = [] } = schema;
  if (properties) {
    const fields = Object.entries(properties).map(([name, field]) => [name, arbitraryOf(field, free)] as const);
    return fc.record(Object.fromEntries(fields), { requiredKeys: [...required], noNullPrototype: true });
  }
  if (typeof additionalProperties !== "object") return free;
  const entry = arbitraryOf(additionalProperties, free);
  return fc.dictionary(fc.string(), entry, { maxKeys: 3, noNullPrototype: true });
}

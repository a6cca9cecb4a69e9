import type { JsonSchema } from "../../base/schema.ts";

/** Parts of specs that several kinds have. */

export const metadataSchema = {
  type: "object",
  additionalProperties: { type: "string" },
  description: "Copied into each event's data.",
} as const satisfies JsonSchema;

export const filterSchema = {
  type: "object",
  properties: { expression: { type: "string", description: "Events for which it is false are not emitted." } },
} as const satisfies JsonSchema;

export function secretKeySchema(description: string): JsonSchema {
  return {
    type: "object",
    description,
    required: ["name", "key"],
    properties: { name: { type: "string", minLength: 1 }, key: { type: "string", minLength: 1 } },
  };
}
